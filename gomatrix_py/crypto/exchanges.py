"""What the engine of encryption is told of a sync, what came of it, and what it wants sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ..events import Event
from ..http.endpoint import Endpoint
from ..store.key_values import Change
from .arrivals import Arrival
from .waiting import WaitingEvent

__all__ = ["OutgoingRequest", "SyncChanges", "SyncStep"]


@attrs.frozen
class OutgoingRequest:
    """Something the engine wants sent.

    Attributes:
        id: for `mark_request_as_sent`.
        request: what to send.
        purpose: what must wait for it; see `QueuedMessages`.
    """

    id: str
    request: Endpoint[Any] = attrs.field(repr=False)
    purpose: str = ""


@attrs.define
class SyncChanges:
    """What a sync says to the engine.

    Attributes:
        to_device: events, in order.
        changed, left: users whose devices changed, and with whom we share no encrypted room any more.
        counts: how many one-time keys the server has; None where the answer does not say.
        unused_fallback_types: the algorithms of unused fallback keys, None where the answer does not say.
    """

    to_device: Sequence[Event] = ()
    changed: Sequence[str] = ()
    left: Sequence[str] = ()
    counts: Mapping[str, int] | None = None
    unused_fallback_types: Sequence[str] | None = None


@attrs.define
class SyncStep:
    """What came of a sync: to be stored with it.

    Attributes:
        arrivals: the to-device events, opened.
        readable: events that waited for a key that came now.
        changes: what to store, together with the sync.
    """

    arrivals: list[Arrival] = attrs.field(factory=list)
    readable: list[WaitingEvent] = attrs.field(factory=list)
    changes: list[Change] = attrs.field(factory=list)
