"""One owner per file: a lock that is free as soon as its process is gone, however it went."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

from ...errors import StoreLocked

try:
    import fcntl
except ImportError:  # no flock on Windows: the store's generation check still notices a second owner
    fcntl = None  # type: ignore[assignment]

__all__ = ["OwnerLock"]

_NOTES_AT = 32


class OwnerLock:
    """Holds ``<path>.lock`` until it is released, or the process ends.

    Args:
        path: of the file that is to have one owner.

    Raises:
        StoreLocked: another process, or another object of this one, holds it.
        OSError: the lock file cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(
            path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600
        )
        try:
            if fcntl is not None:
                self._take(path)
            os.pwrite(self._fd, str(os.getpid()).encode().ljust(_NOTES_AT), 0)
        except BaseException:
            self.release()
            raise
        _held.add(self)

    def _take(self, path: Path) -> None:
        if self._is_free():
            return
        owner = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
        pid = int(owner) if owner.isdigit() else 0
        if pid != os.getpid():
            raise StoreLocked(f"{path} is open in process {pid or 'unknown'}; a store has one owner", pid=pid)
        gc.collect()  # it may be held by a client that nobody has any more, as after a sign-in that failed
        if not self._is_free():
            raise StoreLocked(f"{path} is open in this process: close it first; a store has one owner", pid=pid)

    def _is_free(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write_note(self, place: int, note: bytes) -> None:
        """Write down, at a place in bytes, what the next owner may want to know; lost where it cannot be written.

        It outlives a killed process, but not the machine, and costs about a microsecond.
        """
        try:  # noqa: SIM105 - once per event: half the cost of suppress()
            os.pwrite(self._fd, note, _NOTES_AT + place)
        except OSError:  # a full disk; or a forked child, which has no lock any more
            pass

    def read_notes(self, length: int) -> bytes:
        """Return what was written down, zeros where nothing was."""
        try:
            return os.pread(self._fd, length, _NOTES_AT).ljust(length, b"\0")
        except OSError:
            return bytes(length)

    def release(self) -> None:
        """Give the file free; releasing twice does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):  # not where it could not even be made
            self.release()


_held: weakref.WeakSet[OwnerLock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """Close what a fork has copied: a child that outlives its killed parent must not hold the parent's lock."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
