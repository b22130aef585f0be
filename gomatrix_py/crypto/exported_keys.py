"""Room keys as they leave a device: in files, in backups, and in messages to other devices of ours."""

from __future__ import annotations

from typing import Any

import attrs

from ..errors import BadKey
from . import spaces
from .inbound import MEGOLM, Inbound, RoomKey
from .steps import Step

__all__ = ["ExportedKey", "forwarders_of", "taken"]

_MOST_FORWARDERS = 100
_SHARED = ("shared_history", "org.matrix.msc3061.shared_history")
_FORWARDERS = "forwarders"


@attrs.frozen
class ExportedKey:
    """A room key outside of a store.

    Attributes:
        key: what is known of it.
        session_key: as exported. A secret.
        forwarders: the identity keys of the devices that handed it on, the first one first.
    """

    key: RoomKey
    session_key: str = attrs.field(repr=False)
    forwarders: tuple[str, ...] = ()

    @classmethod
    def from_entry(cls, entry: Any, source: str) -> ExportedKey:
        """Read what a file or a message says; whether the key is one is found out by `taken`.

        Args:
            entry: decoded.
            source: see `KeySource`.

        Raises:
            BadKey: it is incomplete, or for another algorithm.
        """
        if not isinstance(entry, dict):
            raise BadKey("it is no JSON object")
        if entry.get("algorithm") != MEGOLM:
            raise BadKey("it is for an algorithm we do not know")
        room_id, session_id, session_key = (entry.get(name) for name in ("room_id", "session_id", "session_key"))
        if not spaces.is_sound_id(room_id) or not spaces.is_sound_id(session_id) or not isinstance(session_key, str):
            raise BadKey("it is incomplete")
        claimed = entry.get("sender_claimed_keys")
        ed25519 = claimed.get("ed25519") if isinstance(claimed, dict) else entry.get("sender_claimed_ed25519_key")
        chain = entry.get("forwarding_curve25519_key_chain")
        key = RoomKey(
            str(room_id),
            str(session_id),
            "",
            _name(entry.get("sender_key")),
            _name(ed25519),
            source,
            shared_history=any(entry.get(name) is True for name in _SHARED),
        )
        forwarders = tuple(filter(None, map(_name, chain))) if isinstance(chain, list) else ()
        return cls(key, session_key, forwarders[:_MOST_FORWARDERS])

    def as_entry(self) -> dict[str, Any]:
        """Return what a file says of it. A secret."""
        return {
            **self._common(),
            "sender_claimed_keys": {"ed25519": self.key.ed25519} if self.key.ed25519 else {},
        }

    def as_forwarded(self) -> dict[str, Any]:
        """Return the content of ``m.forwarded_room_key``. A secret."""
        return {**self._common(), "sender_claimed_ed25519_key": self.key.ed25519}

    def _common(self) -> dict[str, Any]:
        return {
            "algorithm": MEGOLM,
            "room_id": self.key.room_id,
            "session_id": self.key.session_id,
            "session_key": self.session_key,
            "sender_key": self.key.sender_key,
            "forwarding_curve25519_key_chain": list(self.forwarders),
            **dict.fromkeys(_SHARED, self.key.shared_history),
        }


def taken(step: Step, inbound: Inbound, exported: ExportedKey) -> bool:
    """Keep a key, unless a better one is kept already; return whether it was taken.

    Raises:
        BadKey: it is none, or of another session.
    """
    if not inbound.add(step, exported.key, exported.session_key):
        return False
    if exported.forwarders:
        place = spaces.place(exported.key.room_id, exported.key.session_id)
        record = step.record(spaces.INBOUND, place) or {}
        step.put_record(spaces.INBOUND, place, {**record, _FORWARDERS: list(exported.forwarders)})
    return True


def forwarders_of(record: dict[str, Any] | None) -> tuple[str, ...]:
    """Return who handed on a key, by the record it is kept in."""
    return tuple((record or {}).get(_FORWARDERS) or ())


def _name(value: Any) -> str:
    return value if isinstance(value, str) and spaces.is_sound_id(value) else ""
