"""A device as others see it."""

from __future__ import annotations

from typing import Any

import attrs

from ..events import encryption_info

__all__ = ["DeviceInfo", "Trust"]

Trust = encryption_info.Trust  # it stands where events can tell of it


@attrs.frozen
class DeviceInfo:
    """A device whose keys we know.

    Attributes:
        user_id, device_id: whose, and which.
        ed25519: its fingerprint; what it signs is checked with this, and trust hangs on it.
        curve25519: its identity key for sessions.
        algorithms: what it understands.
        display_name: what its owner or server calls it; nobody signed that.
        is_active: False once its owner's list no longer holds it; it is kept, so that old messages have a sender.
        level: the level of trust that was set for its fingerprint, "" for none.
        has_changed_keys: True where the server has tried to give it other keys; those were refused.
        first_seen_ts: when it first appeared, in milliseconds.
        signed_keys: its keys as it signed them.
    """

    user_id: str
    device_id: str
    ed25519: str
    curve25519: str
    algorithms: tuple[str, ...] = ()
    display_name: str = ""
    is_active: bool = True
    level: str = ""
    has_changed_keys: bool = False
    first_seen_ts: int = 0
    signed_keys: dict[str, Any] = attrs.field(factory=dict, repr=False, eq=False, hash=False)

    @property
    def fingerprint(self) -> str:
        """The fingerprint in groups of four, for people to compare."""
        return " ".join(self.ed25519[at : at + 4] for at in range(0, len(self.ed25519), 4))

    @property
    def can_megolm(self) -> bool:
        """True where it says that it understands encrypted rooms."""
        return "m.megolm.v1.aes-sha2" in self.algorithms

    def as_record(self) -> dict[str, Any]:
        """Return what is stored of it; the level stands elsewhere, by fingerprint."""
        record: dict[str, Any] = attrs.asdict(self, recurse=False)
        del record["level"]
        record["algorithms"] = list(self.algorithms)
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any], level: str = "") -> DeviceInfo:
        """Return what was stored."""
        return cls(**{**record, "algorithms": tuple(record["algorithms"]), "level": level})
