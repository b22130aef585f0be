"""Where a client of sliding sync stands: one text for the store, so that its parts never come apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..codec import dumps, loads
from ..errors import DecodeError

__all__ = ["SlidingPosition"]


@attrs.frozen
class SlidingPosition:
    """Where to go on from.

    Attributes:
        pos: the token of the connection, "" where a new one is to be made.
        to_device: the token of the to-device messages, which outlive connections.
        windows: of each list that grows, how many of its rooms are asked for.
        is_growing: True while there are rooms that were not asked for yet.
        is_catching_up: True from when a connection was lost until all rooms have come again.
    """

    pos: str = ""
    to_device: str = ""
    windows: Mapping[str, int] = attrs.field(factory=dict)
    is_growing: bool = True
    is_catching_up: bool = False

    @classmethod
    def from_text(cls, text: str) -> SlidingPosition:
        """Read what `to_text` wrote; anything else stands for the beginning."""
        try:
            saved: Any = loads(text.encode()) if text else {}
        except (DecodeError, UnicodeEncodeError):
            saved = {}
        if not isinstance(saved, dict):
            return cls()
        pos, to_device, windows = saved.get("pos"), saved.get("to_device"), saved.get("windows")
        return cls(
            pos if isinstance(pos, str) else "",
            to_device if isinstance(to_device, str) else "",
            {name: size for name, size in windows.items() if type(size) is int} if isinstance(windows, dict) else {},
            saved.get("is_growing") is not False,
            saved.get("is_catching_up") is True,
        )

    def to_text(self) -> str:
        """Return this as the `next_batch` of an answer."""
        return dumps(attrs.asdict(self), ascii_only=True).decode()

    def without_connection(self) -> SlidingPosition:
        """Return where to begin a new connection; to-device messages go on where they were."""
        return SlidingPosition(to_device=self.to_device, is_catching_up=True)
