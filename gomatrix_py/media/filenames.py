"""Names for files that come from somebody else: a name and nothing else, never a path."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

__all__ = ["MAX_NAME_BYTES", "numbered_names", "safe_filename"]

MAX_NAME_BYTES: Final = 200
"""File systems take 255; the rest is for a number, and for what other programs put behind a name."""

_MAX_SUFFIX_BYTES = 20
_MAX_NUMBER = 10_000
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])\Z", re.IGNORECASE)
_JOINERS = "\u200c\u200d"  # words of some languages, and emoji, are not the same without them
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def safe_filename(name: object, default: str = "file") -> str:
    """Return a name under which a file can be kept in a directory, whatever a stranger called it.

    Of a path the last part is left. Control characters, those that change the direction or show nothing,
    and lone surrogates go; what some system refuses in a name becomes ``_``; a name of a device gets a
    ``_`` in front; dots and blanks go at both ends; the end of a long name goes before its suffix does.

    Args:
        name: as the sender or the server gave it.
        default: the name where nothing is left of it; it must be safe itself.

    Returns:
        One to 200 bytes of UTF-8. A safe name comes back as it is.
    """
    if not isinstance(name, str):
        return default
    shown = unicodedata.normalize("NFC", "".join(char for char in name[:10_000] if _is_kept(char)))
    part = _FORBIDDEN.sub("_", re.split(r"[/\\]", shown)[-1])
    part = _trimmed(_shortened(_trimmed(part)))
    if part.startswith("-"):  # no program is to take it for an option
        part = "_" + part[1:]
    if _DEVICE.match(part.partition(".")[0].strip()):
        part = _trimmed(_shortened("_" + part))
    return part or default


def numbered_names(name: str) -> Iterator[str]:
    """Give a name, and then ``name (1).ext``, ``name (2).ext`` and so on, ten thousand of them."""
    yield name
    stem, suffix = _split(name)
    for number in range(1, _MAX_NUMBER):
        yield f"{stem} ({number}){suffix}"


def _is_kept(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char) not in _DROPPED


def _trimmed(name: str) -> str:
    return name.strip(". \t" + _JOINERS).strip().strip(".")


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    if not stem or not suffix or len(suffix.encode()) > _MAX_SUFFIX_BYTES:
        return name, ""
    return stem, dot + suffix


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, suffix = _split(name)
    return stem.encode()[: MAX_NAME_BYTES - len(suffix.encode())].decode(errors="ignore") + suffix
