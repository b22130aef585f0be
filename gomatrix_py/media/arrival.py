"""Files that appear whole: written under a temporary name beside their place, and renamed at the end."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import UsageError
from .filenames import numbered_names

__all__ = ["Arrival", "appearing_whole", "arriving"]


class Arrival:
    """A file that is being written and has no name of its own yet.

    Attributes:
        file: what to write to.
    """

    def __init__(self, directory: Path, file: IO[bytes]) -> None:
        self.file = file
        self._directory = directory
        self._path = file.name

    def keep_as(self, name: str, *, overwrite: bool = False) -> Path:
        """Give the file its name; call it once, when it is whole.

        Args:
            name: a safe one, see `safe_filename`.
            overwrite: True replaces a file of this name; otherwise the first free of ``name (1).ext``,
                ``name (2).ext`` is taken. Nothing that was there before is touched, nor a link followed.

        Returns:
            Where it is.

        Raises:
            UsageError: ten thousand of these names are taken.
            OSError: the file system refuses.
        """
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        if overwrite:
            place = self._directory / name
            os.replace(self._path, place)
            return place
        for candidate in numbered_names(name):
            place = self._directory / candidate
            if self._takes(place):
                return place
        raise UsageError(f"there are ten thousand files named like {name!r}")

    def _takes(self, place: Path) -> bool:
        try:
            os.link(self._path, place)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links: hold the place, then fill it
            try:
                os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                return False
            os.replace(self._path, place)
            return True
        os.unlink(self._path)
        return True


@contextlib.contextmanager
def arriving(directory: Path, label: str = "") -> Iterator[Arrival]:
    """Open a temporary file in a directory; it is gone after the block unless it was kept.

    Args:
        directory: where the file shall be.
        label: a part of the temporary name.

    Raises:
        OSError: the directory is not there, or may not be written.
    """
    file: Any = tempfile.NamedTemporaryFile(dir=directory, prefix=f".{label[:50]}.", delete=False)  # noqa: SIM115
    with file:
        try:
            yield Arrival(directory, file)
        finally:
            file.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file.name)


@contextlib.contextmanager
def appearing_whole(path: Path) -> Iterator[IO[bytes]]:
    """Write what becomes the file at `path` where the block ends well; otherwise nothing changes there.

    Raises:
        OSError: the directory is not there, or may not be written.
    """
    with arriving(path.parent, path.name) as arrival:
        yield arrival.file
        arrival.keep_as(path.name, overwrite=True)
