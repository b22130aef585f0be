"""Forgetting a user: whatever is kept under their name."""

from __future__ import annotations

from . import spaces
from .devices import Devices
from .olm import OlmMachine
from .outbound import Outbound
from .steps import Step

__all__ = ["forget_user"]

_BY_USER = ((spaces.DEVICES, ""), (spaces.TRUST, ""), (spaces.UNWEDGED, ""), (spaces.REQUESTS, "in "))


def forget_user(step: Step, devices: Devices, olm: OlmMachine, outbound: Outbound, user_id: str) -> None:
    """Forget a user's devices, levels of trust, sessions and requests.

    Rooms whose key they were given get a new one with the next message: that they were is forgotten, too, and they
    must not read on once they have left.

    Args:
        step: to change.
        devices, olm, outbound: the engine's parts.
        user_id: whom.
    """
    for device in devices.of_user(step, user_id):
        olm.drop_sessions(step, device)
    for space, prefix in _BY_USER:
        for key, _ in list(step.scan(space, f"{prefix}{user_id} ")):
            step.remove(space, key)
    for room_id, record in list(step.records(spaces.OUTBOUND)):
        if any(True for _ in step.scan(spaces.SHARES, f"{record['session_id']} {user_id} ")):
            outbound.invalidate(step, room_id)
    step.remove(spaces.TRACKED, user_id)
