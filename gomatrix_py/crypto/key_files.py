"""Room keys to a file and back, in the format of Element and matrix-nio; of any size, in constant memory.

Spec: "Key exports".
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

import attrs

from ..codec import dumps, loads
from ..errors import BadKey, BadPickle, DecodeError, KeyFileError
from ..media.arrival import appearing_whole
from . import spaces
from .account import unpickled
from .array_entries import array_entries
from .backend import backend_of_pickle
from .exported_keys import ExportedKey, forwarders_of, taken
from .inbound import Inbound, KeySource, RoomKey
from .key_file_format import ROUNDS, KeyFileWriter, opened_key_file
from .steps import Step
from .vault import Vault

__all__ = ["FilePlace", "ImportReport", "KeyKeeper", "KeyProgress", "export_keys", "import_keys"]

log = logging.getLogger("gomatrix_py.crypto")

FilePlace = str | os.PathLike[str] | IO[bytes]
"""A path, or a binary file object."""

KeyProgress = Callable[[int, "int | None"], Any]
"""Told of (keys done, keys in all) now and then; the second is None where nobody knows."""

_PER_STEP = 500
_FAULTS_TOLD = 20


class KeyKeeper(Protocol):
    """What of the engine is needed here."""

    @property
    def vault(self) -> Vault:
        """Where records are."""

    @property
    def inbound(self) -> Inbound:
        """What keeps room keys."""

    def step(self) -> contextlib.AbstractContextManager[Step]:
        """Make changes together."""


@attrs.frozen
class ImportReport:
    """What came of a file of room keys.

    Attributes:
        taken: how many keys are new, or better than what was there.
        known: how many were there already.
        refused: how many are none.
        faults: what is wrong with the first refused ones.
        new_keys: the keys for which events wait, known ones included, as (room id, session id).
    """

    taken: int = 0
    known: int = 0
    refused: int = 0
    faults: tuple[str, ...] = ()
    new_keys: tuple[tuple[str, str], ...] = ()

    @property
    def total(self) -> int:
        """How many keys the file holds."""
        return self.taken + self.known + self.refused


# ------------------------------------------------------------------ to a file


def export_keys(
    engine: KeyKeeper,
    to: FilePlace,
    passphrase: str,
    rooms: Collection[str] | None = None,
    *,
    progress: KeyProgress | None = None,
    rounds: int = ROUNDS,
) -> int:
    """Write room keys to an encrypted file, and return how many.

    Args:
        engine: whose keys.
        to: a path, which appears when it is whole and only its owner may read; or a binary file object.
        passphrase: whoever knows it can read every message of these rooms.
        rooms: their ids; all rooms where it is left out.
        progress: told of (keys done, keys in all or None).
        rounds: how long a guess at the passphrase takes: 500,000 is a fifth of a second.

    Raises:
        UsageError: the passphrase is empty, or the rounds are too few.
        CryptoUnavailable: a library is not installed.
        OSError: the file cannot be written; nothing changed at the path.
        StoreError: the store cannot be read.

    Spec: "Key exports".
    """
    if isinstance(to, (str, os.PathLike)):
        with appearing_whole(Path(to)) as file:
            return _write(engine, file, passphrase, rooms, progress, rounds)
    return _write(engine, to, passphrase, rooms, progress, rounds)


def _write(
    engine: KeyKeeper,
    file: IO[bytes],
    passphrase: str,
    rooms: Collection[str] | None,
    progress: KeyProgress | None,
    rounds: int,
) -> int:
    writer = KeyFileWriter(file, passphrase, rounds)
    total = engine.vault.key_values.count(spaces.INBOUND) if rooms is None else None
    count = 0
    writer.write(b"[")
    for exported in _kept(engine, rooms):
        writer.write((b"," if count else b"") + dumps(exported.as_entry(), ascii_only=True))
        count += 1
        if progress is not None and not count % _PER_STEP:
            progress(count, total)
    writer.write(b"]")
    writer.finish()
    if progress is not None:
        progress(count, count)
    return count


def _kept(engine: KeyKeeper, rooms: Collection[str] | None) -> Iterator[ExportedKey]:
    """Return the keys that are kept; a damaged one does not hold up the others."""
    rooms = [rooms] if isinstance(rooms, str) else rooms
    prefixes = [""] if rooms is None else [f"{room_id} " for room_id in dict.fromkeys(rooms)]
    for prefix in prefixes:
        for place, stored in engine.vault.key_values.scan(spaces.INBOUND, prefix):
            try:
                exported = _opened(engine, place, stored)
            except BadPickle:
                log.error("the room key of %s is damaged, and left out of the file", place)
                continue
            if exported is not None:
                yield exported


def _opened(engine: KeyKeeper, place: str, stored: bytes) -> ExportedKey | None:
    try:
        record = loads(engine.vault.opened(spaces.INBOUND, place, stored))
        key = RoomKey(**{field.name: record[field.name] for field in attrs.fields(RoomKey)})
        name, pickle = backend_of_pickle(record["pickle"])
    except (DecodeError, KeyError, TypeError):
        raise BadPickle(f"what is stored under {spaces.INBOUND} is no record") from None
    session = unpickled(engine.inbound.backend, "inbound_group", name, pickle, engine.vault.pickle_key)
    session_key = session.export_at(session.first_known_index)
    return None if session_key is None else ExportedKey(key, session_key, forwarders_of(record))


# ------------------------------------------------------------------ from a file


def import_keys(
    engine: KeyKeeper, source: FilePlace, passphrase: str, *, progress: KeyProgress | None = None
) -> ImportReport:
    """Take in the room keys of an encrypted file; what is kept already and better stays.

    The whole file is checked before the first key is taken; then they are stored some hundreds at a time.

    Args:
        engine: who takes them.
        source: a path, or a binary file object that is read from where it stands.
        passphrase: it was encrypted under.
        progress: told of (keys done, keys in all).

    Raises:
        KeyFileError: it is no such file, it is damaged, or the passphrase is wrong; nothing was imported.
        CryptoUnavailable: a library is not installed.
        OSError: the file cannot be read.
        StoreError: the store cannot be written; what was taken before stays.

    Spec: "Key exports".
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return _read(engine, file, passphrase, progress)
    return _read(engine, source, passphrase, progress)


def _read(engine: KeyKeeper, source: IO[bytes], passphrase: str, progress: KeyProgress | None) -> ImportReport:
    with opened_key_file(source, passphrase) as plaintext:
        try:
            total = sum(1 for _ in _entries(plaintext()))
        except DecodeError as error:
            raise KeyFileError(f"the file was made by something that cannot write one: {error}") from None
        report = ImportReport()
        entries = enumerate(_entries(plaintext()), 1)
        while batch := list(islice(entries, _PER_STEP)):
            with engine.step() as step:
                report = _take(step, engine.inbound, batch, report)
            if progress is not None:
                progress(report.total, total)
    return report


def _entries(plaintext: Iterable[bytes]) -> Iterator[Any]:
    return map(loads, array_entries(plaintext))


def _take(step: Step, inbound: Inbound, batch: list[tuple[int, Any]], before: ImportReport) -> ImportReport:
    count, refused = 0, []
    awaited: list[tuple[str, str]] = []
    for number, entry in batch:
        try:
            exported = ExportedKey.from_entry(entry, KeySource.IMPORTED)
            count += taken(step, inbound, exported)
        except BadKey as error:
            refused.append(f"key {number}: {error}")
            continue
        # also where it is known: an earlier import may have ended before what waited was delivered
        place = (exported.key.room_id, exported.key.session_id)
        if _is_awaited(step, *place):
            awaited.append(place)
    return ImportReport(
        before.taken + count,
        before.known + len(batch) - count - len(refused),
        before.refused + len(refused),
        (*before.faults, *refused)[:_FAULTS_TOLD],
        (*before.new_keys, *awaited),
    )


def _is_awaited(step: Step, room_id: str, session_id: str) -> bool:
    """Tell whether events wait for a key; asked of the store itself, which no step of this import changes."""
    found = step.vault.key_values.scan(spaces.WAITING, f"{room_id} {session_id} ")
    return next(iter(found), None) is not None
