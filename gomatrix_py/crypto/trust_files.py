"""Levels of trust in a plain text file, a device a line, in the manner of known_hosts.

A line is ``user device matrix-ed25519 fingerprint level``; matrix-nio keeps the first four in a file per level.
Trust hangs on the fingerprint: the device's id is there for people to read.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

import attrs

from ..errors import UsageError
from ..ids import is_user_id
from ..media.arrival import appearing_whole
from . import spaces
from .devices import Devices
from .steps import Step
from .trust import level_of, set_level

__all__ = ["TrustConflict", "TrustReport", "export_trust", "import_trust"]

_ALGORITHM = "matrix-ed25519"
_NO_DEVICE = "-"
_KEY_BYTES = 32
_LINE_LETTERS = 2000
_HEADER = "# user device algorithm fingerprint level\n"


@attrs.frozen
class TrustConflict:
    """A fingerprint that has another level than the file says.

    Attributes:
        user_id, device_id, ed25519: whose; the device as the file says.
        level: what it has.
        offered: what the file says.
    """

    user_id: str
    device_id: str
    ed25519: str
    level: str
    offered: str


@attrs.frozen
class TrustReport:
    """What came of a file of trust.

    Attributes:
        changed: how many fingerprints were given a level.
        same: how many had it already.
        conflicts: those that had another one; they were left alone unless overwriting was asked for.
    """

    changed: int = 0
    same: int = 0
    conflicts: tuple[TrustConflict, ...] = ()


@attrs.frozen
class _Line:
    user_id: str
    device_id: str
    ed25519: str
    level: str


# ------------------------------------------------------------------ to a file


def export_trust(
    step: Step, devices: Devices, to: str | os.PathLike[str] | IO[bytes], levels: Collection[str] | None = None
) -> int:
    """Write the levels of trust to a text file, and return how many.

    Args:
        step: to read with.
        devices: for the devices' ids.
        to: a path, which appears when it is whole; or a binary file object.
        levels: those to write, such as ``["verified"]``; all where it is left out.

    Raises:
        OSError: the file cannot be written; nothing changed at the path.
    """
    lines = list(_written(step, devices, levels))
    text = (_HEADER + "".join(lines)).encode()
    if isinstance(to, (str, os.PathLike)):
        with appearing_whole(Path(to)) as file:
            file.write(text)
    else:
        to.write(text)
    return len(lines)


def _written(step: Step, devices: Devices, levels: Collection[str] | None) -> Iterator[str]:
    for place, record in step.records(spaces.TRUST):
        user_id, ed25519 = place.split(" ")
        level = str(record.get("level", ""))
        if not level or (levels is not None and level not in levels):
            continue
        named = [one.device_id for one in devices.of_user(step, user_id) if one.ed25519 == ed25519]
        yield f"{user_id} {named[0] if named else _NO_DEVICE} {_ALGORITHM} {ed25519} {_as_word(level)}\n"


def _as_word(level: str) -> str:
    if spaces.is_sound_id(level) and "%" not in level:
        return level
    return quote(level, safe="")


# ------------------------------------------------------------------ from a file


def import_trust(
    step: Step,
    source: str | os.PathLike[str] | IO[bytes],
    *,
    level: str | None = None,
    overwrite: bool = False,
) -> TrustReport:
    """Take in levels of trust from a text file: all of it, or nothing.

    Args:
        step: to change.
        source: a path, or a binary file object.
        level: for lines that tell none, as in matrix-nio's files: ``"verified"`` for its `.trusted_devices`.
        overwrite: True replaces levels that were set before; otherwise those stay.

    Raises:
        UsageError: a line is none; its number is named, and nothing was changed.
        OSError: the file cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            lines = list(_lines(file, level))
    else:
        lines = list(_lines(source, level))
    changed = same = 0
    conflicts = []
    for line in lines:
        known = level_of(step, line.user_id, line.ed25519)
        if known == line.level:
            same += 1
            continue
        if known:
            conflicts.append(TrustConflict(line.user_id, line.device_id, line.ed25519, known, line.level))
        if not known or overwrite:
            set_level(step, line.user_id, line.ed25519, line.level)
            changed += 1
    return TrustReport(changed, same, tuple(conflicts))


def _lines(file: IO[bytes], level: str | None) -> Iterator[_Line]:
    found: dict[tuple[str, str], _Line] = {}
    for number, text in enumerate(_texts(file), 1):
        if not text or text.startswith("#"):
            continue
        line = _line(text, number, level)
        before = found.setdefault((line.user_id, line.ed25519), line)
        if before.level != line.level:
            raise UsageError(f"line {number}: this fingerprint had another level above")
    return iter(found.values())


def _texts(file: IO[bytes]) -> Iterator[str]:
    for number, raw in enumerate(iter(lambda: file.readline(_LINE_LETTERS + 1), b""), 1):
        if len(raw) > _LINE_LETTERS:
            raise UsageError(f"line {number}: it is too long")
        try:
            yield raw.decode().strip(" \t\r\n")
        except UnicodeDecodeError:
            raise UsageError(f"line {number}: it is no text in UTF-8") from None


def _line(text: str, number: int, level: str | None) -> _Line:
    words = text.split()
    if len(words) == 4 and level is not None:
        words.append(_as_word(level))
    if len(words) != 5:
        raise UsageError(f"line {number}: it takes user, device, algorithm, fingerprint and level")
    user_id, device_id, algorithm, ed25519, word = words
    if not is_user_id(user_id) or not spaces.is_sound_id(user_id):
        raise UsageError(f"line {number}: {user_id!r} is no user id")
    if not spaces.is_sound_id(device_id):
        raise UsageError(f"line {number}: {device_id!r} is no device id")
    if algorithm != _ALGORITHM:
        raise UsageError(f"line {number}: there is no algorithm {algorithm!r}; there is {_ALGORITHM!r}")
    if not _is_fingerprint(ed25519):
        raise UsageError(f"line {number}: {ed25519!r} is no fingerprint")
    try:
        return _Line(user_id, device_id, ed25519, unquote(word, errors="strict"))
    except UnicodeDecodeError:
        raise UsageError(f"line {number}: {word!r} is no level") from None


def _is_fingerprint(text: str) -> bool:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(data) == _KEY_BYTES and base64.b64encode(data).decode().rstrip("=") == text
