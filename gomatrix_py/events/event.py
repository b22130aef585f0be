"""One event, whatever its type."""

from __future__ import annotations

import builtins
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, TypeVar

import attrs

from ..codec import (
    BadJSON,
    Document,
    RawJSON,
    Shape,
    as_bytes,
    dumps,
    loads,
    loads_tolerant,
    register_type,
    shape_decoder,
    structure,
)
from ..errors import DecodeError
from .encryption_info import EncryptionInfo
from .registry import Content, parse_content

D = TypeVar("D", bound=Document)

__all__ = ["Event", "EventHead", "EventSource"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NOTHING = RawJSON(b"{}")


class EventSource(Enum):
    """Which part of a /sync answer an event came in."""

    STATE = "state"
    TIMELINE = "timeline"
    EPHEMERAL = "ephemeral"
    ACCOUNT_DATA = "account_data"
    PRESENCE = "presence"
    TO_DEVICE = "to_device"
    INVITE = "invite"
    KNOCK = "knock"
    LEAVE = "leave"

    __hash__ = object.__hash__  # members are looked up for every event; Enum's own is written in Python


class EventHead(Shape, gc=False):
    """The envelope of an event, with content and unsigned still bytes."""

    type: str
    state_key: str | None = None
    event_id: str = ""
    sender: str = ""
    origin_server_ts: int = 0
    room_id: str = ""
    content: RawJSON = _NOTHING
    unsigned: RawJSON = _NOTHING


_decode_head = shape_decoder(EventHead)


@attrs.define(slots=True, eq=False, repr=False)
class Event:
    """An event as the specification defines it; `content` and `unsigned` are decoded at the first look.

    Attributes:
        type: such as ``m.room.message``.
        content: the event's own data, a dict whatever the server sent.
        event_id: "" where the kind of event has none.
        sender: the user id.
        origin_server_ts: milliseconds since the epoch, as the sender's server claims.
        state_key: None where this is not a state event; "" is a state key.
        room_id: "" outside of rooms.
        unsigned: what the server added.
        source: the part of a /sync answer it came in, None from elsewhere.
        encryption: how it was encrypted, None where it was not, or where this client does not encrypt.

    Source: specification, client-server API, "Room event format".
    """

    type: str
    _content: dict[str, Any] | bytes = attrs.field(factory=dict)
    event_id: str = ""
    sender: str = ""
    origin_server_ts: int = 0
    state_key: str | None = None
    room_id: str = ""
    _unsigned: dict[str, Any] | bytes = attrs.field(factory=dict)
    source: EventSource | None = None
    _json: bytes | None = attrs.field(default=None, alias="json")
    encryption: EncryptionInfo | None = attrs.field(default=None, kw_only=True)
    _typed: Content | None = attrs.field(default=None, init=False)

    # ------------------------------------------------------------ reading

    @classmethod
    def from_json(cls, data: bytes | RawJSON, room_id: str = "", source: EventSource | None = None) -> Event:
        """Make an event from its JSON; a member of the wrong type takes its default.

        Args:
            data: the JSON object.
            room_id: the room it came in; it counts more than what the event says.
            source: the part of a /sync answer it came in.

        Raises:
            DecodeError: not a JSON object, no usable type, or holding what is not JSON.
        """
        kept = data if isinstance(data, bytes) else as_bytes(data)
        try:
            head: EventHead = _decode_head(kept)
        except DecodeError:
            return cls.from_dict(loads_tolerant(kept), room_id, source)
        return cls(
            head.type,
            as_bytes(head.content),
            head.event_id,
            head.sender,
            head.origin_server_ts,
            head.state_key,
            room_id or head.room_id,
            as_bytes(head.unsigned),
            source,
            kept,
        )

    @classmethod
    def from_dict(cls, event: Any, room_id: str = "", source: EventSource | None = None) -> Event:
        """Make an event from a decoded JSON object; see `from_json`.

        Raises:
            DecodeError: not an object, no usable type, or holding what is not JSON.
        """
        if not isinstance(event, dict):
            raise DecodeError("an event is a JSON object")
        try:
            kept = dumps(event, ascii_only=True)
        except ValueError:
            raise DecodeError("the event holds something that is not JSON") from None
        event_type = event.get("type")
        if not isinstance(event_type, str) or not _is_text(event_type):
            raise DecodeError("the event has no usable type")
        state_key = event.get("state_key")
        if isinstance(state_key, str) and not _is_text(state_key):
            raise DecodeError("the event has no usable state key")
        stamp = event.get("origin_server_ts")
        return cls(
            event_type,
            _object(event.get("content")),
            _text(event.get("event_id")),
            _text(event.get("sender")),
            stamp if isinstance(stamp, int) and not isinstance(stamp, bool) else 0,
            state_key if isinstance(state_key, str) else None,
            room_id or _text(event.get("room_id")),
            _object(event.get("unsigned")),
            source,
            kept,
        )

    @property
    def content(self) -> dict[str, Any]:
        """The event's own data."""
        if isinstance(self._content, bytes):
            self._content = _object(_lazily(self._content))
        return self._content

    @property
    def unsigned(self) -> dict[str, Any]:
        """What the server added and nobody signed."""
        if isinstance(self._unsigned, bytes):
            self._unsigned = _object(_lazily(self._unsigned))
        return self._unsigned

    @property
    def typed(self) -> Content:
        """The content as an object of the class for this type of event, made at the first look.

        `UnknownContent` where there is no class, `BadContent` where the content is not as specified:
        reading never raises.
        """
        if self._typed is None:
            is_redacted = "redacted_because" in self.unsigned
            self._typed = parse_content(self.type, self.content, is_state=self.is_state, is_redacted=is_redacted)
        return self._typed

    def content_as(self, content_class: builtins.type[D]) -> D:
        """Return the content as an object of a class.

        Args:
            content_class: such as `TextMessage`.

        Raises:
            DecodeError: a required member is missing or of the wrong type.
        """
        return structure(self.content, content_class)

    def opened(self, event_type: str, content: dict[str, Any], encryption: EncryptionInfo) -> Event:
        """Return what an encrypted event says: never state, whatever its type."""
        return Event(
            event_type,
            content,
            self.event_id,
            self.sender,
            self.origin_server_ts,
            room_id=self.room_id,
            unsigned=self.unsigned,
            source=self.source,
            encryption=encryption,
        )

    @property
    def raw(self) -> dict[str, Any]:
        """The whole event as a JSON object, members this class does not know included."""
        if self._json is not None:
            return _object(_lazily(self._json))
        plain: dict[str, Any] = {"type": self.type, "content": self.content}
        for name in ("event_id", "sender", "origin_server_ts", "room_id", "unsigned"):
            value = getattr(self, name)
            if value:
                plain[name] = value
        if self.state_key is not None:
            plain["state_key"] = self.state_key
        return plain

    @property
    def json(self) -> bytes:
        """The event as JSON bytes: as received, where it was received."""
        return self._json if self._json is not None else dumps(self.raw, ascii_only=True)

    # ------------------------------------------------------------ what people ask

    @property
    def body(self) -> str | None:
        """The text of a message: `content["body"]` where it is a string."""
        value = self.content.get("body")
        return value if isinstance(value, str) else None

    @property
    def message_type(self) -> str | None:
        """The kind of a message: `content["msgtype"]` where it is a string."""
        value = self.content.get("msgtype")
        return value if isinstance(value, str) else None

    @property
    def is_state(self) -> bool:
        """True for a state event."""
        return self.state_key is not None

    @property
    def relates_to(self) -> dict[str, Any]:
        """What this event relates to: `content["m.relates_to"]`, {} where there is none."""
        return _object(self.content.get("m.relates_to"))

    @property
    def redacts(self) -> str | None:
        """The id of the event that this one redacts."""
        value = self.raw.get("redacts", self.content.get("redacts"))
        return value if isinstance(value, str) else None

    @property
    def prev_content(self) -> dict[str, Any]:
        """What a state event replaced, where the server says so; {} otherwise."""
        return _object(self.unsigned.get("prev_content", self.raw.get("prev_content")))

    @property
    def transaction_id(self) -> str | None:
        """The transaction id, where this device sent the event itself."""
        value = self.unsigned.get("transaction_id")
        return value if isinstance(value, str) else None

    @property
    def sent_at(self) -> datetime | None:
        """When the sender's server says it was sent; None where that is no moment in time."""
        try:
            return _EPOCH + timedelta(milliseconds=self.origin_server_ts)
        except OverflowError:
            return None

    def __repr__(self) -> str:
        place = f" in {self.room_id}" if self.room_id else ""
        key = "" if self.state_key is None else f" [{self.state_key!r}]"
        return f"<Event {self.type}{key} {self.event_id or 'without id'} from {self.sender}{place}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return (self.room_id, self.raw) == (other.room_id, other.raw)

    def __hash__(self) -> int:
        return hash((self.room_id, self.type, self.event_id, self.state_key))


def _lazily(data: bytes) -> Any:
    """Decode what was only skimmed before; it is known to be JSON, but perhaps not UTF-8 or too large."""
    try:
        return loads(data)
    except DecodeError:
        pass
    try:
        return _without_bad(loads_tolerant(data))
    except DecodeError:
        return None


def _without_bad(value: Any) -> Any:
    """Put None for what is not JSON, in place; without recursion, as a value may be nested almost too deeply."""
    whole = [value]
    todo: list[Any] = [whole]
    while todo:
        container = todo.pop()
        for key, member in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if isinstance(member, BadJSON):
                container[key] = None
            elif isinstance(member, (dict, list)):
                todo.append(member)
    return whole[0]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_text(value: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) and _is_text(value) else ""


register_type(Event, load=Event.from_dict, dump=lambda event: event.raw)
