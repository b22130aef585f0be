"""How far a transfer is: file objects that tell while they are read or written."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, Protocol

from ..errors import AnswerTooLarge

__all__ = ["Progress", "ProgressBar", "WatchedSink", "WatchedSource"]


class ProgressBar(Protocol):
    """What tqdm's bars can do, and others like them."""

    def update(self, n: int = 1) -> Any:
        """Go on by so many bytes; back where the number is negative, as a try began again."""


Progress = Callable[[int, "int | None"], Any] | ProgressBar
"""Told of each piece: a function of (bytes done, all bytes or None), or a bar with `update` such as tqdm's.

What it raises ends the transfer and goes to the caller.
"""


class _Teller:
    """Tells a function or a bar where a transfer stands."""

    def __init__(self, progress: Any, total: int | None) -> None:
        self._progress = progress
        self._total = total
        self._told = 0
        self._is_bar = progress is not None and not callable(progress)
        if self._is_bar and total is not None and getattr(progress, "total", 0) is None:
            progress.total = total  # a bar that was made before anybody knew

    def tell(self, done: int) -> None:
        if self._is_bar:
            self._progress.update(done - self._told)
        elif self._progress is not None:
            self._progress(done, self._total)
        self._told = done


class WatchedSource:
    """A seekable binary file that tells how much of it was read.

    Args:
        stream: the file, at the position where the transfer begins.
        length: how many bytes will be read.
        progress: whom to tell.

    Attributes:
        was_wound_back: True once it was set back: the transfer was tried again.
    """

    def __init__(self, stream: IO[bytes], length: int, progress: Progress | None = None) -> None:
        self.was_wound_back = False
        self._stream = stream
        self._start = stream.tell()
        self._at = self._start
        self._teller = _Teller(progress, length)

    def read(self, size: int = -1) -> bytes:
        """Read, and tell."""
        data = self._stream.read(size)
        self._at += len(data)
        if data:
            self._teller.tell(self._at - self._start)
        return data

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the file."""
        return self._at

    def seek(self, position: int) -> int:
        """Go to a position, counted from the front."""
        self._at = self._stream.seek(position)
        self.was_wound_back = True
        self._teller.tell(self._at - self._start)
        return self._at

    def begin_again(self) -> None:
        """Go back to where the transfer began, where it is not there."""
        if self._at != self._start:
            self.seek(self._start)


class WatchedSink:
    """A binary file that tells how much was written to it, and takes no more than it may.

    Args:
        stream: the file; it needs no more than `write`, and to be written again it must `seek`.
        progress: whom to tell.
        total: how many bytes are expected, None where nobody knows.
        max_bytes: how many it takes, None for any number.
    """

    def __init__(
        self,
        stream: IO[bytes],
        progress: Progress | None = None,
        total: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self._stream = stream
        self._teller = _Teller(progress, total)
        self._max_bytes = max_bytes
        self._done = 0

    def write(self, data: bytes) -> int:
        """Write, and tell.

        Raises:
            AnswerTooLarge: it is more than may be taken.
        """
        if self._max_bytes is not None and self._done + len(data) > self._max_bytes:
            raise AnswerTooLarge(f"the file has more than {self._max_bytes} bytes; no more are taken")
        taken = self._stream.write(data)
        taken = len(data) if taken is None else taken
        self._done += taken
        self._teller.tell(self._done)
        return taken

    def seekable(self) -> bool:
        """Tell whether it can be written again from where it stands."""
        return self._stream.seekable()

    def tell(self) -> int:
        """Return the position in the file."""
        return self._stream.tell()

    def seek(self, position: int) -> int:
        """Go to a position, counted from the front."""
        before = self._stream.tell()
        after = self._stream.seek(position)
        self._done += after - before
        self._teller.tell(self._done)
        return after

    def truncate(self) -> int:
        """Cut the file off where it stands."""
        return self._stream.truncate()
