"""What the account keeps for itself: decoded once for as long as it stays the same."""

from __future__ import annotations

from typing import Any, Protocol

from ..errors import DecodeError
from ..events import Event

__all__ = ["AccountContents", "AccountSource"]

TYPES_KEPT = 64


class AccountSource(Protocol):
    """Where a room finds what its account keeps; stores are one."""

    @property
    def own_user_id(self) -> str:
        """Whose account it is, "" where nobody said."""

    def account_content(self, event_type: str, room_id: str = "") -> dict[str, Any]:
        """Return the content of a piece of account data, {} where there is none; not to be changed."""


class AccountContents:
    """The contents of account data that a store was asked for; threads may share it."""

    __slots__ = ("_decoded",)

    def __init__(self) -> None:
        self._decoded: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def of(self, data: bytes | None, event_type: str, room_id: str = "") -> dict[str, Any]:
        """Return the content of a piece of account data, given as the JSON of its event.

        Push rules are large and asked for at every message; what belongs to one room is not kept.
        """
        if data is None:
            return {}
        if room_id:
            return _content(data)
        known = self._decoded.get(event_type)
        if known is None or known[0] != data:
            known = (data, _content(data))
            if event_type in self._decoded or len(self._decoded) < TYPES_KEPT:
                self._decoded[event_type] = known
        return known[1]


def _content(data: bytes) -> dict[str, Any]:
    try:
        return Event.from_json(data).content
    except DecodeError:
        return {}
