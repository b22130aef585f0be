"""Identifiers: their grammar, their parts, and the mapping of any text into a localpart."""

from __future__ import annotations

import re
import string
from typing import NamedTuple

from .errors import UsageError

__all__ = [
    "MAX_ID_BYTES",
    "MxcUri",
    "check_id",
    "decode_user_localpart",
    "encode_user_localpart",
    "extract_user_localpart",
    "parse_mxc",
    "server_name_of",
]

MAX_ID_BYTES = 255

# Server names: a DNS name, an IPv4 literal or an IPv6 literal in brackets, and perhaps a port.
_SERVER_NAME = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::[0-9]{1,5})?\Z")
_MEDIA_ID = re.compile(r"[A-Za-z0-9_-]+\Z")
_PLAIN = frozenset((string.ascii_lowercase + string.digits + "-.").encode())
_UPPER = frozenset(string.ascii_uppercase.encode())
_HEX = re.compile(rb"[0-9a-f]{2}\Z")


def check_id(value: object, what: str = "id") -> str:
    """Return `value` if it can stand as one identifier, whatever its grammar.

    Ids are opaque: only what no server could take is refused.

    Args:
        value: the id.
        what: its name in the error message.

    Raises:
        UsageError: not a string, empty, over 255 bytes, or not encodable as UTF-8.

    Source: specification, appendices, "Common identifier format".
    """
    if not isinstance(value, str):
        raise UsageError(f"{what} must be a string, not {type(value).__name__}")
    if not value:
        raise UsageError(f"{what} is empty")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise UsageError(f"{what} holds a lone surrogate and cannot be sent") from None
    if size > MAX_ID_BYTES:
        raise UsageError(f"{what} is {size} bytes long; Matrix allows {MAX_ID_BYTES}")
    return value


def encode_user_localpart(text: str) -> str:
    """Return a localpart of ``a-z0-9._=-`` that stands for any text.

    Upper case letters become ``_`` and the lower case letter, ``_`` becomes ``__``, every other byte
    of the UTF-8 form becomes ``=`` and two lower case hex digits.

    Source: specification, appendices, "Mapping from other character sets"; gomatrix EncodeUserLocalpart.
    """
    out: list[str] = []
    for byte in text.encode("utf-8", "surrogatepass"):
        if byte in _PLAIN:
            out.append(chr(byte))
        elif byte in _UPPER:
            out.append("_" + chr(byte + 0x20))
        elif byte == 0x5F:
            out.append("__")
        else:
            out.append(f"={byte:02x}")
    return "".join(out)


def decode_user_localpart(localpart: str) -> str:
    """Return the text that `encode_user_localpart` made this localpart from.

    Raises:
        UsageError: a character or an escape that the encoding never makes.

    Source: as `encode_user_localpart`.
    """
    source = localpart.encode("utf-8", "surrogatepass")
    out = bytearray()
    at = 0
    while at < len(source):
        byte = source[at]
        if byte in _PLAIN:
            out.append(byte)
            at += 1
        elif byte == 0x5F:
            follower = source[at + 1 : at + 2]
            if follower == b"_":
                out.append(0x5F)
            elif follower and 0x61 <= follower[0] <= 0x7A:
                out.append(follower[0] - 0x20)
            else:
                raise UsageError(f"position {at}: '_' must be followed by a-z or '_'")
            at += 2
        elif byte == 0x3D:
            digits = source[at + 1 : at + 3]
            if not _HEX.match(digits):
                raise UsageError(f"position {at}: '=' must be followed by two lower case hex digits")
            out.append(int(digits, 16))
            at += 3
        else:
            raise UsageError(f"position {at}: a localpart holds a-z, 0-9, '.', '_', '=' and '-' only")
    try:
        return out.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise UsageError("the decoded bytes are not UTF-8") from None


def extract_user_localpart(user_id: str) -> str:
    """Return the part of a user id between ``@`` and the first ``:``.

    Raises:
        UsageError: the id does not start with ``@``.

    Source: specification, appendices, "User identifiers"; gomatrix ExtractUserLocalpart.
    """
    if not user_id.startswith("@"):
        raise UsageError(f"{user_id!r} is not a user id: it must start with '@'")
    return user_id[1:].split(":", 1)[0]


def server_name_of(user_id_or_alias: str) -> str:
    """Return the server name of a user id or room alias.

    Raises:
        UsageError: there is none, or it breaks the grammar of server names.

    Source: specification, appendices, "Server name".
    """
    _, colon, server = user_id_or_alias.partition(":")
    if not colon or not _SERVER_NAME.match(server):
        raise UsageError(f"{user_id_or_alias!r} names no valid server")
    return server


class MxcUri(NamedTuple):
    """The two parts of an ``mxc://`` address."""

    server_name: str
    media_id: str

    def __str__(self) -> str:
        return f"mxc://{self.server_name}/{self.media_id}"


def parse_mxc(uri: str) -> MxcUri:
    """Split an ``mxc://server/media`` address, refusing anything that could leave its path.

    Raises:
        UsageError: anything but a valid server name and one media id of ``A-Za-z0-9_-``.

    Source: specification, content repository, "Matrix Content (mxc://) URIs"; CVE-2024-50336.
    """
    if not isinstance(uri, str) or not uri.startswith("mxc://"):
        raise UsageError("a media address starts with mxc://")
    server, slash, media = uri[6:].partition("/")
    if not slash or not _SERVER_NAME.match(server) or not _MEDIA_ID.match(media) or set(server) <= {"."}:
        raise UsageError(f"{uri!r} is not mxc://server/media-id")
    if len(media) > MAX_ID_BYTES:
        raise UsageError("the media id is over 255 bytes long")
    return MxcUri(server, media)
