"""From a /sync answer to room state, the journal and listeners.

`base` says what a syncer is; `planner` turns an answer into one batch for the store; `listeners` knows
who wants what; `storing_syncer` puts them together, and `default_syncer` (/sync) and `sliding_syncer`
(sliding sync) stand on it; `gaps` fills what an answer left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import RequestingSyncer, Syncer
from .default_syncer import DefaultSyncer
from .listeners import Listener, ListenerPolicy, log_listener_error, raise_listener_error
from .storing_syncer import StoringSyncer

if TYPE_CHECKING:
    from .sliding_syncer import SlidingSyncer

__all__ = [
    "DefaultSyncer",
    "Listener",
    "ListenerPolicy",
    "RequestingSyncer",
    "SlidingSyncer",
    "StoringSyncer",
    "Syncer",
    "log_listener_error",
    "raise_listener_error",
]


def __getattr__(name: str) -> Any:
    """Import the sliding syncer when it is first asked for: many scripts do without."""
    if name == "SlidingSyncer":
        from .sliding_syncer import SlidingSyncer

        return SlidingSyncer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
