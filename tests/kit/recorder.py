"""A listener that remembers what it was told, and lets a test wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gomatrix_py import Event

__all__ = ["Recorder"]


class Recorder:
    """Register one as a listener; threads may share it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    @property
    def bodies(self) -> list[str | None]:
        """The texts of the messages so far."""
        return [event.body for event in list(self.events) if event.type == "m.room.message"]

    @property
    def ids(self) -> list[str]:
        """The ids of the events so far."""
        return [event.event_id for event in list(self.events)]

    def wait_until(self, is_enough: Callable[[Recorder], bool], timeout_s: float = 30.0) -> None:
        """Block until the test has what it waits for; fails with what there is instead."""
        with self._changed:
            if not self._changed.wait_for(lambda: is_enough(self), timeout_s):
                raise AssertionError(f"waited {timeout_s:g} s in vain; there is {self.events}")

    def wait_for_bodies(self, *bodies: str) -> None:
        """Block until these messages came, in whatever order."""
        self.wait_until(lambda self: set(bodies) <= set(self.bodies))
