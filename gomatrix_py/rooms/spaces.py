"""Spaces, the rooms in them, and the spaces a room is in. Spec: module "Spaces"."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..events.contents.spaces import SpaceChildContent
from .power import PowerView
from .reading import texts_in

__all__ = ["SpaceChild", "SpaceParent", "SpacesView"]

_CHILD, _PARENT = "m.space.child", "m.space.parent"


@attrs.frozen
class SpaceChild:
    """A room in a space.

    Attributes:
        room_id: of the room.
        via: servers to join it through.
        order: where it stands among the others, None where nothing valid is said.
        is_suggested: True where members of the space are told of it.
        added_ts: when it was added, in milliseconds since the epoch.
    """

    room_id: str
    via: list[str]
    order: str | None
    is_suggested: bool
    added_ts: int


@attrs.frozen
class SpaceParent:
    """A space that a room says it is in.

    Attributes:
        room_id: of the space.
        via: servers to join it through.
        is_canonical: True where the room calls it the main one.
        sender: who said so.
    """

    room_id: str
    via: list[str]
    is_canonical: bool
    sender: str


class SpacesView(PowerView):
    """The rooms in a space, and the spaces a room is in."""

    __slots__ = ()

    @property
    def children(self) -> list[SpaceChild]:
        """The rooms in this space, in the order to show them; none where this is no space."""
        if not self.is_space:
            return []
        found = []
        for room_id, event in self.state.of_type(_CHILD).items():
            via = texts_in(event.content.get("via"))
            if via and room_id:
                order = event.content.get("order")
                valid = SpaceChildContent(order=order).sort_key if isinstance(order, str) else None
                is_suggested = event.content.get("suggested") is True
                found.append(SpaceChild(room_id, via, valid, is_suggested, event.origin_server_ts))
        return sorted(found, key=lambda one: (one.order is None, one.order or "", one.added_ts, one.room_id))

    @property
    def stated_parents(self) -> list[SpaceParent]:
        """The spaces this room says it is in, by id; see `parents`."""
        found = []
        for room_id, event in sorted(self.state.of_type(_PARENT).items()):
            via = texts_in(event.content.get("via"))
            if via and room_id and room_id != self.id:
                found.append(SpaceParent(room_id, via, event.content.get("canonical") is True, event.sender))
        return found

    def parents(self, lookup: Callable[[str], SpacesView | None]) -> list[SpaceParent]:
        """Return the spaces this room is in: they say so too, or who says it may change the space.

        Args:
            lookup: gives the room of an id, None where it is not known; such as ``client.rooms.get``.
        """
        return [one for one in self.stated_parents if self._is_in_space(one, lookup(one.room_id))]

    def canonical_parent(self, lookup: Callable[[str], SpacesView | None]) -> SpaceParent | None:
        """Return the main space this room is in, the one with the lowest id where there are several.

        Args:
            lookup: as for `parents`.
        """
        return next((one for one in self.parents(lookup) if one.is_canonical), None)

    def _is_in_space(self, stated: SpaceParent, space: SpacesView | None) -> bool:
        if space is None or not space.is_space:
            return False
        is_named_there = any(child.room_id == self.id for child in space.children)
        return is_named_there or space.may_change_state(stated.sender, _CHILD, self.id)
