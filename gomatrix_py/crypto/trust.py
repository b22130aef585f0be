"""Who may read what we send: levels of trust by fingerprint, and policies that make sense of them.

A level is any text. Trust hangs on the identity key, not on the device's name, which a server can give away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..errors import MatrixError, TrustDecisionFailed
from . import spaces
from .device_info import DeviceInfo, Trust
from .steps import Step

__all__ = [
    "BLACKLISTED",
    "IGNORED",
    "REFUSED",
    "VERIFIED",
    "BlindTrust",
    "BlindTrustBeforeVerification",
    "ManualTrust",
    "TrustOnFirstUse",
    "TrustPolicy",
    "VerifiedOnly",
    "grounds_of",
    "levels_decided",
    "level_of",
    "set_level",
]

VERIFIED, BLACKLISTED, IGNORED = "verified", "blacklisted", "ignored"
REFUSED = frozenset({BLACKLISTED, "blocked", "distrusted"})
"""The levels that every ready-made policy distrusts."""
_TRUSTED = frozenset({VERIFIED, IGNORED, "trusted", "tofu"})


class TrustPolicy(Protocol):
    """Decides which devices may read what we send."""

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Say what a device is to us now; called at each use, and must not block.

        Args:
            device: in question.
            of_user: all devices of its user that were ever seen; see `DeviceInfo.is_active`.
        """

    def decide(self, undecided: frozenset[DeviceInfo], context: object) -> Mapping[str, str]:
        """Choose a level for devices that `evaluate` leaves undecided; called once for all when sending.

        Args:
            undecided: in question.
            context: what the caller of the sending gave to `CryptoHandle.deciding`, None where it gave nothing.

        Returns:
            A level by fingerprint (`ed25519`); those left out stay undecided.
        """


class _Policy:
    """What the ready-made policies share: set levels count, and nobody is asked."""

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Say what a device is to us now."""
        if device.level in REFUSED:
            return Trust.DISTRUSTED
        if device.level in _TRUSTED:
            return Trust.TRUSTED
        return self.unset(device, of_user)

    def unset(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Say what a device without a level is to us."""
        raise NotImplementedError

    def decide(self, undecided: frozenset[DeviceInfo], context: object) -> Mapping[str, str]:
        """Leave all undecided."""
        return {}


class BlindTrust(_Policy):
    """Trusts every device that is not blacklisted."""

    def unset(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Trust it."""
        return Trust.TRUSTED


class TrustOnFirstUse(_Policy):
    """Trusts the devices a user has when we first meet them; later ones must be decided on.

    Args:
        within_ms: devices that appear this long after a user's first one still belong to the first meeting.
    """

    def __init__(self, within_ms: int = 60_000) -> None:
        self.within_ms = within_ms

    def unset(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Trust it where it was there from the start."""
        first_ts = min((one.first_seen_ts for one in of_user), default=device.first_seen_ts)
        return Trust.TRUSTED if device.first_seen_ts - first_ts <= self.within_ms else Trust.UNDECIDED


class BlindTrustBeforeVerification(_Policy):
    """Trusts every device of a user until one of theirs was verified; from then on each must be decided on."""

    def unset(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Trust it where none of the user's devices is verified."""
        return Trust.UNDECIDED if any(one.level == VERIFIED for one in of_user) else Trust.TRUSTED


class VerifiedOnly(_Policy):
    """Trusts devices of level "verified" only; all others get nothing, whatever their level, and nobody is asked."""

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Trust it where it is verified."""
        return Trust.TRUSTED if device.level == VERIFIED else self.unset(device, of_user)

    def unset(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Distrust it."""
        return Trust.DISTRUSTED


class ManualTrust(_Policy):
    """Leaves every device undecided until somebody sets its level, as matrix-nio does."""

    def unset(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        """Leave it undecided."""
        return Trust.UNDECIDED


_STEADY = (BlindTrust, BlindTrustBeforeVerification, ManualTrust, TrustOnFirstUse, VerifiedOnly)


def grounds_of(policy: TrustPolicy) -> tuple[object, ...]:
    """Return all that a policy goes by beside the devices: where that is the same, so is what it makes of them.

    () where nobody knows: any but the ready-made policies, and what is made of these, must be asked each time.
    """
    return (policy, *vars(policy).items()) if type(policy) in _STEADY else ()


def levels_decided(policy: TrustPolicy, undecided: frozenset[DeviceInfo], context: object) -> dict[str, str]:
    """Ask a policy about devices, and return its levels by fingerprint.

    Raises:
        TrustDecisionFailed: it raised, or what it returned are none.
    """
    try:
        levels = policy.decide(undecided, context)
    except MatrixError:
        raise
    except Exception as error:
        raise TrustDecisionFailed(f"the trust policy raised {type(error).__name__} when it was asked") from error
    if not isinstance(levels, Mapping) or not all(isinstance(level, str) for level in levels.values()):
        raise TrustDecisionFailed("the trust policy answered no levels: they are texts by fingerprint")
    return dict(levels)


def level_of(step: Step, user_id: str, ed25519: str) -> str:
    """Return the level that was set for a fingerprint, "" for none."""
    record = step.record(spaces.TRUST, spaces.place(user_id, ed25519))
    level: Any = record.get("level") if record is not None else ""
    return level if isinstance(level, str) else ""


def set_level(step: Step, user_id: str, ed25519: str, level: str) -> None:
    """Set the level of a fingerprint; "" removes it."""
    key = spaces.place(user_id, ed25519)
    if level:
        step.put_record(spaces.TRUST, key, {"level": level})
    else:
        step.remove(spaces.TRUST, key)
