"""Identifiers: their grammar, their parts, and the mapping of any text into a localpart."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import NamedTuple

from .errors import UsageError

__all__ = [
    "MAX_ID_BYTES",
    "EventId",
    "KeyId",
    "MxcUri",
    "RoomAlias",
    "RoomId",
    "ServerName",
    "UserId",
    "build_room_alias",
    "build_user_id",
    "check_id",
    "decode_user_localpart",
    "encode_user_localpart",
    "extract_user_localpart",
    "is_event_id",
    "is_namespaced_id",
    "is_opaque_id",
    "is_room_alias",
    "is_room_id",
    "is_server_name",
    "is_user_id",
    "parse_event_id",
    "parse_key_id",
    "parse_mxc",
    "parse_room_alias",
    "parse_room_id",
    "parse_server_name",
    "parse_user_id",
    "server_name_of",
]

MAX_ID_BYTES = 255

# Server names: a DNS name, an IPv4 literal or an IPv6 literal in brackets, and perhaps a port.
_SERVER_NAME = re.compile(r"(?=.{1,255}\Z)(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]+)(?::([0-9]{1,5}))?\Z")
_USER_LOCALPART = re.compile(r"[a-z0-9._=/+-]+\Z")
_OPAQUE = re.compile(r"[0-9A-Za-z._~-]{1,255}\Z")
_NAMESPACED = re.compile(r"[a-z][a-z0-9._-]{0,254}\Z")
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
    if not colon or not is_server_name(server):
        raise UsageError(f"{user_id_or_alias!r} names no valid server")
    return server


# ------------------------------------------------------------------ the kinds of ids


class ServerName(NamedTuple):
    """A server's host, an IPv6 address in its brackets, and its port where it names one."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


class UserId(NamedTuple):
    """The two parts of ``@localpart:server``."""

    localpart: str
    server_name: str

    @property
    def is_historical(self) -> bool:
        """Whether no server would make such a localpart today: upper case letters, other alphabets, nothing."""
        return not _USER_LOCALPART.match(self.localpart)

    def __str__(self) -> str:
        return f"@{self.localpart}:{self.server_name}"


class RoomAlias(NamedTuple):
    """The two parts of ``#localpart:server``."""

    localpart: str
    server_name: str

    def __str__(self) -> str:
        return f"#{self.localpart}:{self.server_name}"


class RoomId(NamedTuple):
    """The parts of ``!opaque:server``, or of ``!hash``, which is the whole id since room version 12."""

    opaque: str
    server_name: str = ""

    def __str__(self) -> str:
        return f"!{self.opaque}:{self.server_name}" if self.server_name else f"!{self.opaque}"


class EventId(NamedTuple):
    """The parts of ``$opaque:server``, or of ``$hash``, which is the whole id since room version 3."""

    opaque: str
    server_name: str = ""

    def __str__(self) -> str:
        return f"${self.opaque}:{self.server_name}" if self.server_name else f"${self.opaque}"


class KeyId(NamedTuple):
    """The two parts of ``algorithm:name``; the name of a device's key is the device's id."""

    algorithm: str
    name: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.name}"


def parse_server_name(text: str) -> ServerName:
    """Split a server name into host and port.

    Raises:
        UsageError: it breaks the grammar.

    Source: specification, appendices, "Server name".
    """
    found = _SERVER_NAME.match(text) if isinstance(text, str) else None
    if found is None or set(found[1]) <= {"."}:
        raise UsageError(f"{text!r} is no server name")
    host, port = found.groups()
    return ServerName(host, int(port) if port else None)


def parse_user_id(text: str) -> UserId:
    """Split a user id. Localparts of old are taken too, as a client has to: see `UserId.is_historical`.

    Raises:
        UsageError: not ``@localpart:server``, over 255 bytes, or with a NUL or a lone surrogate.

    Source: specification, appendices, "User Identifiers".
    """
    return UserId(*_split(text, "@", "user id"))


def parse_room_alias(text: str) -> RoomAlias:
    """Split a room alias.

    Raises:
        UsageError: not ``#localpart:server``, over 255 bytes, or with a NUL or a lone surrogate.

    Source: specification, appendices, "Room Aliases".
    """
    alias = RoomAlias(*_split(text, "#", "room alias"))
    if not alias.localpart:
        raise UsageError(f"{text!r} is no room alias: it names nothing")
    return alias


def parse_room_id(text: str) -> RoomId:
    """Split a room id; since room version 12 there is no server in it.

    Raises:
        UsageError: it does not start with ``!``, is over 255 bytes, or holds a NUL or a lone surrogate.

    Source: specification, appendices, "Room IDs".
    """
    return RoomId(*_split(text, "!", "room id", needs_server=False))


def parse_event_id(text: str) -> EventId:
    """Split an event id; since room version 3 there is no server in it.

    Raises:
        UsageError: it does not start with ``$``, is over 255 bytes, or holds a NUL or a lone surrogate.

    Source: specification, appendices, "Event IDs".
    """
    return EventId(*_split(text, "$", "event id", needs_server=False))


def _split(text: str, sigil: str, what: str, *, needs_server: bool = True) -> tuple[str, str]:
    check_id(text, what)
    if text[0] != sigil or "\0" in text:
        raise UsageError(f"{text!r} is no {what}: it must start with {sigil!r} and hold no NUL")
    opaque, colon, server = text[1:].partition(":")
    if (colon or needs_server) and not is_server_name(server):
        raise UsageError(f"{text!r} is no {what}: it names no valid server")
    if not opaque and not needs_server:
        raise UsageError(f"{text!r} is no {what}: it names nothing")
    return opaque, server


def parse_key_id(text: str) -> KeyId:
    """Split the id of a key, such as ``ed25519:DEVICE``; device ids have no grammar.

    Raises:
        UsageError: not ``algorithm:name``.

    Source: specification, client-server API, "Key algorithms".
    """
    check_id(text, "key id")
    algorithm, _, name = text.partition(":")
    if not _NAMESPACED.match(algorithm) or not name:
        raise UsageError(f"{text!r} is no key id: it must look like ed25519:NAME")
    return KeyId(algorithm, name)


def build_user_id(localpart: str, server_name: str) -> str:
    """Return the user id of a localpart that servers make today; see `encode_user_localpart` for other text.

    Raises:
        UsageError: the localpart or the server name breaks the grammar, or the id is over 255 bytes.
    """
    if not isinstance(localpart, str) or not _USER_LOCALPART.match(localpart):
        raise UsageError(f"{localpart!r} is no localpart: it holds a-z, 0-9, '.', '_', '=', '-', '/' and '+' only")
    return str(parse_user_id(f"@{localpart}:{server_name}"))


def build_room_alias(localpart: str, server_name: str) -> str:
    """Return the alias of this name on a server.

    Raises:
        UsageError: the name is empty or holds ``:``, the server name breaks the grammar, or the alias is over
            255 bytes.
    """
    if ":" in localpart:
        raise UsageError("the name of an alias holds no ':'")
    return str(parse_room_alias(f"#{localpart}:{server_name}"))


def is_server_name(text: object) -> bool:
    """Tell whether this is a server name."""
    return _is(parse_server_name, text)


def is_user_id(text: object) -> bool:
    """Tell whether this is a user id, be it one of old."""
    return _is(parse_user_id, text)


def is_room_alias(text: object) -> bool:
    """Tell whether this is a room alias."""
    return _is(parse_room_alias, text)


def is_room_id(text: object) -> bool:
    """Tell whether this is a room id of any room version."""
    return _is(parse_room_id, text)


def is_event_id(text: object) -> bool:
    """Tell whether this is an event id of any room version."""
    return _is(parse_event_id, text)


def is_opaque_id(text: object) -> bool:
    """Tell whether this keeps the grammar of opaque ids. Source: appendices, "Opaque Identifiers"."""
    return isinstance(text, str) and _OPAQUE.match(text) is not None


def is_namespaced_id(text: object) -> bool:
    """Tell whether this is a name as ``m.room.name`` is. Source: "Common Namespaced Identifier Grammar"."""
    return isinstance(text, str) and _NAMESPACED.match(text) is not None


def _is(parse: Callable[[str], object], text: object) -> bool:
    try:
        parse(text)  # type: ignore[arg-type]
    except UsageError:
        return False
    return True


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
    if not slash or not is_server_name(server) or not _MEDIA_ID.match(media):
        raise UsageError(f"{uri!r} is not mxc://server/media-id")
    if len(media) > MAX_ID_BYTES:
        raise UsageError("the media id is over 255 bytes long")
    return MxcUri(server, media)
