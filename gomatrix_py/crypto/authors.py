"""Which device wrote something, and what the policy makes of it."""

from __future__ import annotations

import logging

import attrs

from ..clock import Clock
from . import spaces
from .account import OwnKeys
from .device_info import DeviceInfo, Trust
from .devices import Devices
from .memo import Memo
from .steps import Step
from .trust import TrustPolicy, grounds_of, level_of

__all__ = ["Author", "Authors"]

log = logging.getLogger("gomatrix_py.crypto")

AUTHORS_IN_MIND = 2000


@attrs.frozen
class Author:
    """Who wrote something.

    Attributes:
        device: that did, None where the user has none with this identity key that we know.
        level: the level of trust of its fingerprint, "" for none.
        trust: what the policy makes of it; TRUSTED only where the device is known, and proven to have written it.
    """

    device: DeviceInfo | None
    level: str
    trust: Trust


@attrs.define
class _Known:
    """What records say of an author, and what the policy made of that last."""

    device: DeviceInfo
    of_user: frozenset[DeviceInfo]
    is_known: bool
    author: Author | None = None
    grounds: tuple[object, ...] = ()


class Authors:
    """Finds out who wrote what; for the next message of the same author, it need not look again.

    Args:
        devices: what we know of them.
        policy: what to make of them.
        clock: for stamps.
    """

    def __init__(self, devices: Devices, policy: TrustPolicy, clock: Clock) -> None:
        self.devices = devices
        self.policy = policy
        self.clock = clock
        self._known: Memo[_Known] = Memo(spaces.DEVICES, spaces.TRUST, at_most=AUTHORS_IN_MIND)

    def of(self, step: Step, own: OwnKeys, sender: tuple[str, str, str], *, is_authentic: bool) -> Author:
        """Return who wrote something.

        Args:
            step: to read with.
            own: our keys: what our own device wrote is trusted.
            sender: user id, identity key, and fingerprint as the giver of the key says.
            is_authentic: whether the key proves that this device wrote it.
        """
        known = self._known.of(step, (sender, is_authentic), lambda: self._looked_up(step, *sender))
        grounds = grounds_of(self.policy)
        if known.author is None or not grounds or grounds != known.grounds:
            is_own = is_authentic and sender[:2] == (own.user_id, own.curve25519)
            trust = Trust.TRUSTED if is_own else self._judged(known, known.is_known and is_authentic)
            device = known.device if known.is_known else None
            known.author, known.grounds = Author(device, known.device.level, trust), grounds
        return known.author

    def _looked_up(self, step: Step, user_id: str, curve25519: str, ed25519: str) -> _Known:
        of_user = frozenset(self.devices.of_user(step, user_id))
        found = self.devices.by_curve25519(step, user_id, curve25519, ed25519)
        if found is not None:
            return _Known(found, of_user, True)
        is_sound = spaces.is_sound_id(user_id) and spaces.is_sound_id(ed25519)
        level = level_of(step, user_id, ed25519) if is_sound else ""
        now_ms = self.clock.now_ms()
        unknown = DeviceInfo(user_id, "", ed25519, curve25519, is_active=False, level=level, first_seen_ts=now_ms)
        return _Known(unknown, of_user, False)

    def _judged(self, known: _Known, is_proven: bool) -> Trust:
        try:
            trust = Trust(self.policy.evaluate(known.device, known.of_user))
        except Exception:  # a message is not lost over this, but nobody has vouched for it either
            log.exception("the trust policy raised over the author of a message, who is distrusted therefore")
            return Trust.DISTRUSTED
        return Trust.UNDECIDED if trust is Trust.TRUSTED and not is_proven else trust
