"""Tags of rooms. Spec: module "Room tagging"."""

from __future__ import annotations

from ...codec import Document, field

__all__ = ["TagContent", "TagProperties"]


class TagProperties(Document):
    """What a room tag carries: `order` in [0, 1] sorts rooms under the tag."""

    order: float | None = None


class TagContent(Document):
    """Content of ``m.tag``: the tags of a room, by name."""

    tags: dict[str, TagProperties] = field(factory=dict)
