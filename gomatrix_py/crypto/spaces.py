"""Where each kind of record of the engine stands in the store."""

from __future__ import annotations

from ..errors import UsageError

__all__ = [
    "ACCOUNT",
    "ALL",
    "DEVICES",
    "INBOUND",
    "INDEXES",
    "OLM",
    "OLM_SEEN",
    "OUTBOUND",
    "QUEUE",
    "REQUESTS",
    "ROOMS",
    "SHARES",
    "TRACKED",
    "TRUST",
    "UNWEDGED",
    "WAITING",
    "WITHHELD",
    "is_sound_id",
    "place",
]

ACCOUNT = "account"
DEVICES = "devices"
TRACKED = "tracked"
TRUST = "trust"
OLM = "olm"
OLM_SEEN = "olm.seen"
UNWEDGED = "olm.unwedged"
INBOUND = "megolm.in"
INDEXES = "megolm.indexes"
OUTBOUND = "megolm.out"
SHARES = "megolm.shares"
WITHHELD = "megolm.withheld"
REQUESTS = "key_requests"
QUEUE = "to_device"
ROOMS = "rooms"
WAITING = "waiting"

ALL = (
    ACCOUNT,
    DEVICES,
    TRACKED,
    TRUST,
    OLM,
    OLM_SEEN,
    UNWEDGED,
    INBOUND,
    INDEXES,
    OUTBOUND,
    SHARES,
    WITHHELD,
    REQUESTS,
    QUEUE,
    ROOMS,
    WAITING,
)


def is_sound_id(text: object) -> bool:
    """Tell whether a name a server sent can be part of a place; blanks would let it pose as another."""
    return isinstance(text, str) and 0 < len(text) <= 255 and text.isprintable() and " " not in text


def place(*parts: str) -> str:
    """Return the key of a record, whose parts are ids.

    Raises:
        UsageError: one of them holds what would let it pose as another.
    """
    for part in parts:
        if not is_sound_id(part):
            raise UsageError(f"{part!r} cannot name a record")
    return " ".join(parts)
