"""What is true of a room for the moment: who types, and who has read how far. Read when somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from ..codec import DECODE_FAILURES, RawJSON, Shape, fast_decoder, loads_tolerant
from ..errors import DecodeError
from ..events.skim import NO_EVENTS
from .receipts import Receipt, Receipts

__all__ = ["Ephemera", "EphemeraSource", "RoomEphemera", "read_ephemera"]

MAX_UNREAD = 64
_RECEIPT, _TYPING = b"m.receipt", b"m.typing"
_MOST = 2**53 - 1
_PRIVATE = {"m.read": False, "m.read.private": True}


class Ephemera(NamedTuple):
    """What a list of ephemeral events says; `typing` is None where it says nothing of that."""

    receipts: list[Receipt]
    typing: tuple[str, ...] | None


class EphemeraSource(Protocol):
    """Where the receipts of a room can be read that are not in memory yet, and who types in it."""

    def receipts_of(self, room_id: str) -> Iterable[Receipt]:
        """Return the receipts of a room."""

    def typing_in(self, room_id: str) -> Sequence[str]:
        """Return the ids of those who type; called under a lock of the room, so it may wait for no other room."""


class RoomEphemera:
    """The receipts and the typing of one room.

    Args:
        room_id: of the room.
        source: where they are read at the first look; None where all there is has been put in.
    """

    __slots__ = ("_lock", "_receipts", "_room_id", "_source", "_typing", "_unread", "_unread_typing")

    def __init__(self, room_id: str, source: EphemeraSource | None = None) -> None:
        self._room_id = room_id
        self._source = source
        self._receipts: Receipts | None = None
        self._typing: tuple[str, ...] = ()
        self._unread: list[bytes] = []
        self._unread_typing: bytes | None = None  # came after all of those
        self._lock = threading.Lock()

    def put_unread(self, array: bytes) -> None:
        """Take in a JSON array of ephemeral events; its source, where there is one, has it already."""
        with self._lock:
            if self._source is not None and self._receipts is None:
                return  # the first look finds it there
            if _RECEIPT not in array and b"\\" not in array:
                if _TYPING in array:  # most are of this kind, and the last one counts
                    self._unread_typing = array
                return
            if self._unread_typing is not None:
                self._unread.append(self._unread_typing)
                self._unread_typing = None
            self._unread.append(array)
            if len(self._unread) > MAX_UNREAD:
                self._read()

    def nobody_types(self) -> None:
        """Forget who types: we are no longer there to be told when they stop."""
        with self._lock:
            if self._unread:
                self._read()
            self._typing, self._unread_typing = (), None

    def read_again(self) -> None:
        """Forget all that the source knows as well."""
        with self._lock:
            if self._source is not None:
                self._receipts, self._unread, self._unread_typing = None, [], None

    @property
    def receipts(self) -> Receipts:
        """Who has read how far."""
        with self._lock:
            return self._read()

    @property
    def typing(self) -> tuple[str, ...]:
        """The ids of those who type."""
        with self._lock:
            self._read()
            return self._typing

    def _read(self) -> Receipts:
        receipts = self._receipts
        if receipts is None:
            receipts = Receipts()
            if self._source is not None:
                receipts = Receipts(self._source.receipts_of(self._room_id))
                self._typing = tuple(self._source.typing_in(self._room_id))
            self._receipts = receipts
        if self._unread_typing is not None:
            self._unread.append(self._unread_typing)
            self._unread_typing = None
        for array in self._unread:
            news = read_ephemera(array)
            for receipt in news.receipts:
                receipts.put(receipt)
            if news.typing is not None:
                self._typing = news.typing
        self._unread = []
        return receipts


# ------------------------------------------------------------------ reading


class _Head(Shape, gc=False):
    type: str
    content: RawJSON = RawJSON(b"{}")


class _ReceiptData(Shape, gc=False):
    ts: int = 0
    thread_id: str | None = None


class _TypingData(Shape, gc=False):
    user_ids: list[str]


_heads = fast_decoder(list[_Head])
_receipts = fast_decoder(dict[str, dict[str, dict[str, _ReceiptData]]])
_typing = fast_decoder(_TypingData)


def read_ephemera(array: bytes) -> Ephemera:
    """Return what a JSON array of ephemeral events says; what is not as specified is left out.

    Of two receipts of a user for the same thread the one with the later stamp comes last, so that it counts.
    """
    if array == NO_EVENTS:
        return Ephemera([], None)
    try:
        return _read_strictly(array)
    except DECODE_FAILURES:
        return _read_tolerantly(array)


def _read_strictly(array: bytes) -> Ephemera:
    receipts: list[Receipt] = []
    typing: tuple[str, ...] | None = None
    for head in _heads(array):
        if head.type == "m.receipt":
            receipts += [
                _receipt(user_id, event_id, data.ts, data.thread_id, is_private=_PRIVATE[kind])
                for event_id, by_kind in _receipts(head.content).items()
                for kind, by_user in by_kind.items()
                if kind in _PRIVATE
                for user_id, data in by_user.items()
            ]
        elif head.type == "m.typing":
            typing = tuple(_typing(head.content).user_ids)
    return Ephemera(_in_order(receipts), typing)


def _read_tolerantly(array: bytes) -> Ephemera:
    try:
        events = loads_tolerant(array)
    except DecodeError:
        return Ephemera([], None)
    receipts: list[Receipt] = []
    typing: tuple[str, ...] | None = None
    for event in events if isinstance(events, list) else ():
        content = event.get("content") if isinstance(event, dict) else None
        if not isinstance(content, dict):
            continue
        if event.get("type") == "m.receipt":
            receipts += _sound_receipts(content)
        elif event.get("type") == "m.typing" and isinstance(content.get("user_ids"), list):
            typing = tuple(user_id for user_id in content["user_ids"] if _is_text(user_id))
    return Ephemera(_in_order(receipts), typing)


def _sound_receipts(content: dict[str, Any]) -> Iterator[Receipt]:
    for event_id, by_kind in content.items():
        for kind, is_private in _PRIVATE.items():
            by_user = by_kind.get(kind) if isinstance(by_kind, dict) else None
            for user_id, data in by_user.items() if isinstance(by_user, dict) else ():
                if not (_is_text(event_id) and _is_text(user_id) and isinstance(data, dict)):
                    continue
                thread_id = data.get("thread_id")
                if thread_id is None or _is_text(thread_id):
                    yield _receipt(user_id, event_id, data.get("ts"), thread_id, is_private=is_private)


def _receipt(user_id: str, event_id: str, ts: Any, thread_id: str | None, *, is_private: bool) -> Receipt:
    is_stamp = isinstance(ts, int) and not isinstance(ts, bool) and 0 <= ts <= _MOST
    return Receipt(user_id, event_id, ts if is_stamp else 0, thread_id or "", is_private)


def _in_order(receipts: list[Receipt]) -> list[Receipt]:
    return receipts if len(receipts) < 2 else sorted(receipts, key=lambda one: one.ts)


def _is_text(value: Any) -> bool:
    """Tell whether this is a text with a byte form, which one with lone surrogates has not."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)
