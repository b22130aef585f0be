"""Reading state that may say anything: every value is looked at before it is believed."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from ..events import Event
from ..ids import parse_mxc, server_name_of
from .facts import RoomFacts

__all__ = ["StateReading", "count_in", "media_address", "texts_in", "via_of"]

_MAX_COUNT = 2**53 - 1


class StateReading(RoomFacts):
    """What every view of a room starts from."""

    __slots__ = ()

    def _state_event(self, event_type: str, state_key: str = "") -> Event | None:
        return self.state.event(event_type, state_key)

    def _content(self, event_type: str, state_key: str = "") -> dict[str, Any]:
        event = self.state.event(event_type, state_key)
        return event.content if event is not None else {}

    def _text(self, event_type: str, name: str) -> str | None:
        value = self._content(event_type).get(name)
        return value if isinstance(value, str) and value else None


def texts_in(value: Any) -> list[str]:
    """Return the strings of a list that are not empty, each once; [] where it is no list."""
    found = (one for one in value if isinstance(one, str) and one) if isinstance(value, list) else ()
    return list(dict.fromkeys(found))


def count_in(value: Any) -> int | None:
    """Return how many something says there are, None where that is no count."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_COUNT
    return value if is_count else None


def media_address(value: Any) -> str | None:
    """Return an ``mxc://`` address, None where it is something else."""
    if not isinstance(value, str):
        return None
    try:
        return str(parse_mxc(value))
    except UsageError:
        return None


def via_of(sender: str) -> list[str]:
    """Return the server of a user id, to join a room through that the user names; [] where there is none."""
    try:
        return [server_name_of(sender)]
    except UsageError:
        return []
