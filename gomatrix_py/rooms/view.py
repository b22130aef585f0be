"""All that can be said of a room by looking at it."""

from __future__ import annotations

from .access import AccessView
from .push import PushView
from .spaces import SpacesView
from .upgrades import UpgradesView

__all__ = ["RoomView"]


class RoomView(PushView, SpacesView, UpgradesView, AccessView):
    """The views of a room: names, members, power levels, access, upgrades, spaces, push rules, what was read.

    They are made from `RoomFacts` each time they are asked for. State may say anything: what is not as specified
    counts as not said, and no view raises for it.
    """

    __slots__ = ()
