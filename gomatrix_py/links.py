"""Links to users, rooms and events: ``matrix:`` URIs and matrix.to. Spec: appendices, "URIs"."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from .errors import UsageError
from .ids import is_event_id, is_room_alias, is_room_id, is_server_name, is_user_id

__all__ = ["MatrixLink", "build_matrix_link", "parse_matrix_link"]

MAX_LINK_CHARS = 8192
"""Longer text is no link: three ids of 255 bytes, each byte escaped, leave room for dozens of servers."""

_MATRIX_TO = re.compile(r"https?://matrix\.to/#/", re.IGNORECASE)
_MATRIX = re.compile(r"matrix:(?!//)", re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_A_LINK = re.compile(r"[\x00-\x20\x7f\ud800-\udfff\\]")
# the words of before the scheme was registered are understood, and never written
_SIGILS = {"u": "@", "user": "@", "r": "#", "room": "#", "roomid": "!"}
_WORDS = {"@": "u", "#": "r", "!": "roomid"}
_EVENT_WORDS = ("e", "event")
_ACTIONS = {"join": ("room", "alias", "event"), "chat": ("user",)}


class MatrixLink(NamedTuple):
    """What a link points to; make one with `build_matrix_link` or `parse_matrix_link`.

    Attributes:
        target: a user id, a room id or a room alias.
        event_id: of an event in the room, "" for the room itself.
        via: servers that can help to reach the room.
        action: what to do there, once the user agrees: "join", "chat", or "" to show it only.
    """

    target: str
    event_id: str = ""
    via: tuple[str, ...] = ()
    action: str = ""

    @property
    def kind(self) -> str:
        """What it points to: "user", "room", "alias" or "event"."""
        if self.event_id:
            return "event"
        return {"@": "user", "#": "alias", "!": "room"}[self.target[0]]

    def to_uri(self) -> str:
        """Return it as a ``matrix:`` URI."""
        path = f"{_WORDS[self.target[0]]}/{_quoted(self.target[1:], ':')}"
        if self.event_id:
            path += f"/e/{_quoted(self.event_id[1:], ':')}"
        return f"matrix:{path}{_query(self.via, self.action)}"

    def to_matrix_to(self) -> str:
        """Return it as a matrix.to link, which knows no action."""
        path = _quoted(self.target, "!")
        if self.event_id:
            path += f"/{_quoted(self.event_id)}"
        return f"https://matrix.to/#/{path}{_query(self.via)}"


def build_matrix_link(
    target: str, event_id: str = "", *, via: tuple[str, ...] | list[str] = (), action: str = ""
) -> MatrixLink:
    """Return a link to a user, a room or an event.

    Args:
        target: a user id, a room id or a room alias.
        event_id: of an event in the room.
        via: servers that can help to reach the room; a link to a room id should name about three.
        action: "join" for rooms, "chat" for users.

    Raises:
        UsageError: an id or a server name breaks its grammar, or they do not go together.

    Source: specification, appendices, "URIs".
    """
    if not (is_user_id(target) or is_room_id(target) or is_room_alias(target)):
        raise UsageError(f"{target!r} is no user id, room id or room alias")
    if event_id and (target[0] == "@" or not is_event_id(event_id)):
        raise UsageError(f"{event_id!r} is no event of {target!r}")
    for server in via:
        if not is_server_name(server):
            raise UsageError(f"{server!r} is no server name")
    link = MatrixLink(target, event_id, tuple(dict.fromkeys(via)), action)
    if action and link.kind not in _ACTIONS.get(action, ()):
        raise UsageError(f"{action!r} is nothing to do with a link to a {link.kind}")
    return link


def parse_matrix_link(text: str) -> MatrixLink:
    """Return what a ``matrix:`` URI or a matrix.to link points to.

    Older forms are understood: links that were not escaped, event ids with slashes, the words ``user``,
    ``room`` and ``event``. An action that does not fit, and parameters of others, are passed over.

    Args:
        text: the link, from wherever it came.

    Raises:
        UsageError: it is no such link, or one that breaks its grammar.

    Source: specification, appendices, "URIs".
    """
    if not isinstance(text, str) or len(text) > MAX_LINK_CHARS or _NOT_IN_A_LINK.search(text):
        raise UsageError("this is no Matrix link")
    prefix = _MATRIX.match(text) or _MATRIX_TO.match(text)
    if prefix is None:
        raise UsageError("a Matrix link starts with matrix: or https://matrix.to/#/")
    is_uri = prefix.group()[-1] == ":"
    rest = text[prefix.end() :].partition("#")[0] if is_uri else text[prefix.end() :]
    path, _, query = rest.partition("?")
    target, event_id = _ids_of_uri(path) if is_uri else _ids_of_matrix_to(path)
    via, action = _read_query(query)
    link = build_matrix_link(target, event_id, via=via)
    return link._replace(action=action) if link.kind in _ACTIONS.get(action, ()) else link


def _ids_of_uri(path: str) -> tuple[str, str]:
    pieces = path.split("/")
    if len(pieces) not in (2, 4) or pieces[0] not in _SIGILS or (len(pieces) == 4 and pieces[2] not in _EVENT_WORDS):
        raise UsageError(f"{path!r} leads to no user, room or event")
    return _SIGILS[pieces[0]] + _decoded(pieces[1]), "$" + _decoded(pieces[3]) if len(pieces) == 4 else ""


def _ids_of_matrix_to(path: str) -> tuple[str, str]:
    first, slash, rest = path.partition("/")
    target, event_id = _decoded(first), _decoded(rest)
    if target.startswith("#") and slash and not event_id.startswith("$"):  # an alias with a slash, not escaped
        name, found, event = _decoded(path).partition("/$")
        return name, f"${event}" if found else ""
    return target, event_id


def _read_query(query: str) -> tuple[list[str], str]:
    via: list[str] = []
    action = ""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name == "via":
            via.append(_decoded(value))
        elif name == "action":
            action = action or _decoded(value)
    return via, action


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise UsageError(f"{text!r} holds a '%' that begins no escape")
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{text!r} is not UTF-8 behind its escapes") from None


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=safe)


def _query(via: tuple[str, ...], action: str = "") -> str:
    pairs = [f"via={_quoted(server, ':')}" for server in via]
    if action:
        pairs.append(f"action={action}")
    return f"?{'&'.join(pairs)}" if pairs else ""
