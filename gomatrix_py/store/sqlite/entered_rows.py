"""What a store's owner was doing when it ended: which rows were with their listeners, in notes beside the lock.

They cost no commit and outlive a killed process; after a power cut they may be missing or old. Nothing is lost
then: they only tell an event that keeps ending the process from those that were in its way.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .lock import OwnerLock

__all__ = ["EnteredRows"]

_PLACES = 256
_NUMBER = struct.Struct("<q")
_AGE = struct.Struct("<q8s")
_BEGIN = _AGE.size
_LENGTH = _BEGIN + _PLACES * _NUMBER.size


class EnteredRows:
    """Notes on who is with their listeners, one place for each that handles something at the same time.

    Args:
        lock: of the store's file.
    """

    def __init__(self, lock: OwnerLock) -> None:
        self._write_note = lock.write_note
        notes = lock.read_notes(_LENGTH)
        self._noted_generation, self._noted_store = _AGE.unpack_from(notes)
        self._interrupted = [seq for (seq,) in _NUMBER.iter_unpack(notes[_BEGIN:]) if seq]

    def enter(self, place: int, seq: int) -> None:
        """Note that the listeners of a row begin."""
        if place < _PLACES:
            self._write_note(_BEGIN + place * 8, _NUMBER.pack(seq))

    def leave(self, place: int) -> None:
        """Note that nobody's listeners run at this place."""
        self.enter(place, 0)

    def interrupted(self) -> Sequence[int]:
        """Return the rows, by `seq`, that were with their listeners when an earlier process ended."""
        return self._interrupted

    def forget_interrupted(self) -> None:
        """Forget those, once they are counted."""
        self._interrupted = []
        self._write_note(_BEGIN, bytes(_PLACES * _NUMBER.size))

    def generation_of(self, store_id: str) -> int:
        """Return the last generation of a store that was open at this place, 0 where another one was."""
        return int(self._noted_generation) if self._noted_store == _short(store_id) else 0

    def note_generation(self, store_id: str, generation: int) -> None:
        """Note which store is open, and its generation."""
        self._write_note(0, _AGE.pack(generation, _short(store_id)))


def _short(store_id: str) -> bytes:
    return store_id.encode()[:8].ljust(8, b"\0")
