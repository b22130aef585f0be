"""Devices that gave us no one-time key: they are asked for one again after a while, and ever later."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ..clock import Clock
from .device_info import DeviceInfo
from .pacing import Pace

__all__ = ["Unreached"]

ASK_EVERY_S, ASK_AT_LEAST_EVERY_S = 60.0, 3600.0
DEVICES_IN_MIND = 10_000
"""Those that failed the longest ago are forgotten first, and so asked again: whoever adds devices fills no memory."""


class Unreached:
    """Remembers with which devices no session could be started; nothing of this outlives the process.

    Args:
        clock: by whose monotonic time.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._failed: OrderedDict[str, tuple[DeviceInfo, Pace, str]] = OrderedDict()  # by identity key

    def note(self, device: DeviceInfo, why: str) -> None:
        """Note that no session with a device could be started, and why."""
        known = self._failed.pop(device.curve25519, None)
        pace = known[1] if known is not None else Pace(self.clock, ASK_EVERY_S, ASK_AT_LEAST_EVERY_S)
        if pace.may_go():  # asked by several threads at once, it failed once
            pace.went()
        self._failed[device.curve25519] = device, pace, why
        while len(self._failed) > DEVICES_IN_MIND:
            self._failed.popitem(last=False)

    def forget(self, curve25519: str) -> None:
        """Take in that there is a session with the device of this identity key, or that it may be asked anew."""
        self._failed.pop(curve25519, None)

    def forget_users(self, user_ids: Iterable[str]) -> None:
        """Take in that something about the devices of these users has changed: they may be asked at once."""
        wanted = set(user_ids)
        for key in [key for key, (device, _, _) in self._failed.items() if device.user_id in wanted]:
            del self._failed[key]

    def clear(self) -> None:
        """Let all be asked at once."""
        self._failed.clear()

    def due(self, devices: Iterable[DeviceInfo]) -> list[DeviceInfo]:
        """Return those of these devices that may be asked for a key now."""
        return [one for one in devices if self._may_be_asked(one)]

    def _may_be_asked(self, device: DeviceInfo) -> bool:
        known = self._failed.get(device.curve25519)
        return known is None or known[1].may_go()

    def why(self, device: DeviceInfo) -> str:
        """Say in plain words why there is no session with a device."""
        known = self._failed.get(device.curve25519)
        return known[2] if known is not None else "no session with it could be started"

    def __len__(self) -> int:
        return len(self._failed)
