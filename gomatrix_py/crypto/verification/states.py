"""The states of a verification, and what may happen in each: the whole protocol as one table.

What the table does not name is a message out of order, which ends the verification. Any running verification can
also end as CANCELLED: by a message that is wrong, by either side, or by the clock. Nothing leads out of DONE and
CANCELLED.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

__all__ = ["FINISHED", "TABLE", "Action", "Message", "State", "is_allowed"]


class State(Enum):
    """How far a verification has come."""

    REQUESTED = "requested"
    """We asked; no device has answered."""

    OFFERED = "offered"
    """They asked; our side has not said whether it wants to."""

    READY = "ready"
    """Both want to; either may start."""

    STARTED = "started"
    """We started; they have not answered."""

    ASKED = "asked"
    """They started without having asked, as older clients do; our side has not said whether it wants to."""

    ACCEPTED = "accepted"
    """They started, and we committed to our key; theirs comes next."""

    KEY_SENT = "key_sent"
    """We started, they committed to their key and we sent ours; theirs comes next."""

    COMPARING = "comparing"
    """The short strings can be compared."""

    CONFIRMED = "confirmed"
    """Our side said that they are the same; the other has not."""

    MAC_RECEIVED = "mac_received"
    """The other side said that they are the same; ours has not."""

    AWAITING_DONE = "awaiting_done"
    """Both said so and all keys fit; the other side has not said that it is done."""

    DONE = "done"
    """The other device is verified."""

    CANCELLED = "cancelled"
    """It ended without success."""


class Message(Enum):
    """What a device can send."""

    REQUEST = "m.key.verification.request"
    READY = "m.key.verification.ready"
    START = "m.key.verification.start"
    ACCEPT = "m.key.verification.accept"
    KEY = "m.key.verification.key"
    MAC = "m.key.verification.mac"
    DONE = "m.key.verification.done"
    CANCEL = "m.key.verification.cancel"


class Action(Enum):
    """What our own side can do."""

    ACCEPT = "accept"
    START = "start"
    CONFIRM = "confirm"
    MISMATCH = "mismatch"


FINISHED = frozenset({State.DONE, State.CANCELLED})

_VERIFIED = (State.AWAITING_DONE, State.DONE)

TABLE: Mapping[State, Mapping[Message | Action, tuple[State, ...]]] = {
    State.REQUESTED: {Message.READY: (State.READY,)},
    State.OFFERED: {Action.ACCEPT: (State.READY,)},
    State.READY: {Message.START: (State.ACCEPTED,), Action.START: (State.STARTED,)},
    State.STARTED: {
        Message.ACCEPT: (State.KEY_SENT,),
        Message.START: (State.STARTED, State.ACCEPTED),  # both started: the smaller id wins
        Action.START: (State.STARTED,),
    },
    State.ASKED: {Action.ACCEPT: (State.ACCEPTED,)},
    State.ACCEPTED: {Message.KEY: (State.COMPARING,), Action.START: (State.ACCEPTED,)},
    State.KEY_SENT: {Message.KEY: (State.COMPARING,), Action.START: (State.KEY_SENT,)},
    State.COMPARING: {
        Message.MAC: (State.MAC_RECEIVED,),
        Action.CONFIRM: (State.CONFIRMED,),
        Action.MISMATCH: (State.CANCELLED,),
        Action.START: (State.COMPARING,),
    },
    State.CONFIRMED: {Message.MAC: _VERIFIED},
    State.MAC_RECEIVED: {Action.CONFIRM: _VERIFIED, Action.MISMATCH: (State.CANCELLED,)},
    State.AWAITING_DONE: {Message.DONE: (State.DONE,)},
    State.DONE: {},
    State.CANCELLED: {},
}


def is_allowed(state: State, event: Message | Action) -> bool:
    """Tell whether the table knows what to do."""
    return event in TABLE[state]
