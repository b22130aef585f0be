"""Telling of devices that come, go, or get another level of trust: once it is stored, and in that order."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

import attrs

from ..errors import CryptoError
from . import spaces
from .device_info import DeviceInfo
from .devices import Devices
from .steps import Step

__all__ = ["DeviceChange", "DeviceListener", "DeviceWatch"]

log = logging.getLogger("gomatrix_py.crypto")


@attrs.frozen
class DeviceChange:
    """Something that makes a device worth more or less trust than before; as text, in plain words.

    Attributes:
        device: as it is now; as it was, where it was forgotten.
        before: as it was, None where nobody had seen it.
        is_forgotten: True where nothing is kept of it any more.
    """

    device: DeviceInfo
    before: DeviceInfo | None = None
    is_forgotten: bool = False

    @property
    def is_new(self) -> bool:
        """True where the device had never been seen: also for those of a user whom we meet."""
        return self.before is None

    @property
    def has_other_level(self) -> bool:
        """True where it has another level than before; that of a new one may come from a file."""
        return self.device.level != self._level_before

    @property
    def _level_before(self) -> str:
        return self.before.level if self.before is not None else ""

    def __str__(self) -> str:
        now, before = self.device, self.before
        said = ["is forgotten"] if self.is_forgotten else ["is new"] if before is None else []
        if before is not None and before.is_active != now.is_active:
            said.append("is back" if now.is_active else "is gone")
        if self.has_other_level:
            said.append(f"has the level {_quoted(now.level)} (before: {_quoted(self._level_before)})")
        if before is not None and now.has_changed_keys and not before.has_changed_keys:
            said.append("was given other keys by the server, which are refused")
        return f"device {now.device_id} of {now.user_id} {', '.join(said)}"


def _quoted(level: str) -> str:
    return repr(level) if level else "none"


DeviceListener = Callable[[DeviceChange], object]
"""Called with each change, never by two threads at once; what it raises is logged."""


class DeviceWatch:
    """Notes what steps change of devices, and tells listeners of it.

    Args:
        devices: to read them.
    """

    def __init__(self, devices: Devices) -> None:
        self.devices = devices
        self.listeners: list[DeviceListener] = []
        self._untold: deque[DeviceChange] = deque()
        self._telling = threading.Lock()

    def changes(self, step: Step) -> list[DeviceChange]:
        """Return what a step is about to change; nothing where nobody listens."""
        if not self.listeners:
            return []
        try:
            return list(self._compared(step))
        except CryptoError:
            log.exception("nobody is told what changed about devices: what is stored of them is damaged")
            return []

    def note(self, changes: list[DeviceChange]) -> None:
        """Note changes that were stored, to tell of them."""
        self._untold.extend(changes)

    def tell(self) -> None:
        """Call the listeners with what was noted; neither within a step nor while anything else is held.

        Where another thread is at it, or a listener of this one, it goes on with what came meanwhile.
        """
        while self._untold and self._telling.acquire(blocking=False):
            try:
                with suppress(IndexError):  # others may note more meanwhile
                    while True:
                        self._call(self._untold.popleft())
            finally:
                self._telling.release()

    def _call(self, change: DeviceChange) -> None:
        for listener in list(self.listeners):
            try:
                listener(change)
            except Exception:
                log.exception("an on_device_change callback raised")

    def _compared(self, step: Step) -> Iterator[DeviceChange]:
        stored = Step(step.vault)
        for user_id, device_id in self._touched(step):
            before, now = (self.devices.device(one, user_id, device_id) for one in (stored, step))
            device = now or before
            if device is not None and _weighed(before) != _weighed(now):
                yield DeviceChange(device, before, is_forgotten=now is None)

    def _touched(self, step: Step) -> list[tuple[str, str]]:
        """Return the devices about which a step changed something, as (user id, device id)."""
        names = dict.fromkeys(_pair(key) for key in step.changed_keys(spaces.DEVICES))
        for user_id, ed25519 in map(_pair, step.changed_keys(spaces.TRUST)):
            of_user = self.devices.of_user(step, user_id)
            names.update(dict.fromkeys((user_id, one.device_id) for one in of_user if one.ed25519 == ed25519))
        return list(names)


def _pair(key: str) -> tuple[str, str]:
    first, _, second = key.partition(" ")
    return first, second


def _weighed(device: DeviceInfo | None) -> tuple[object, ...] | None:
    """Return what counts of a device; its name, for instance, does not: nobody signed that."""
    return None if device is None else (device.ed25519, device.is_active, device.level, device.has_changed_keys)
