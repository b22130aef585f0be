"""From a /sync answer to room state, the journal and listeners.

`base` says what a syncer is; `planner` turns an answer into one batch for the store; `listeners` knows
who wants what; `default_syncer` puts them together; `gaps` fills what an answer left out.
"""

from .base import Syncer
from .default_syncer import DefaultSyncer
from .listeners import Listener, ListenerPolicy, log_listener_error, raise_listener_error

__all__ = [
    "DefaultSyncer",
    "Listener",
    "ListenerPolicy",
    "Syncer",
    "log_listener_error",
    "raise_listener_error",
]
