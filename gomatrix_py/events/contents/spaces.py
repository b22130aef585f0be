"""Which rooms belong to which spaces. Spec: module "Spaces"."""

from __future__ import annotations

import re

from ...codec import Document

__all__ = ["SpaceChildContent", "SpaceParentContent"]

_ORDER = re.compile(r"[\x20-\x7e]{1,50}\Z")


class SpaceChildContent(Document):
    """Content of ``m.space.child``: the room whose id is the state key belongs to this space.

    Attributes:
        via: servers to join it through; where they are not said, it does not belong to the space.
        order: where it stands among the others; see `sort_key`.
        suggested: True where members of the space are told of it.
    """

    via: list[str] | None = None
    order: str | None = None
    suggested: bool | None = None

    @property
    def sort_key(self) -> str | None:
        """`order` where it is as the specification wants it, None otherwise."""
        return self.order if self.order is not None and _ORDER.match(self.order) else None


class SpaceParentContent(Document):
    """Content of ``m.space.parent``: this room belongs to the space whose id is the state key.

    It counts only if the space says so too, or if its sender may change the space.
    """

    via: list[str] | None = None
    canonical: bool | None = None
