"""Places as events of their own. MSC3488; a place in a message is `RoomMessageLocation`."""

from __future__ import annotations

from ...codec import Document, field
from .extensible import AssetBlock, LocationBlock, TextBlock

__all__ = ["LocationContent", "UnstableLocationContent"]


class LocationContent(Document):
    """Content of ``m.location``; `ts` is when it was there."""

    location: LocationBlock = field(name="m.location")
    text: TextBlock | None = field(default=None, name="m.text")
    asset: AssetBlock | None = field(default=None, name="m.asset")
    ts: int | None = field(default=None, name="m.ts")


class UnstableLocationContent(LocationContent):
    """Content of ``org.matrix.msc3488.location``."""

    location: LocationBlock = field(name="org.matrix.msc3488.location")
    text: TextBlock | None = field(default=None, name="org.matrix.msc1767.text")
    asset: AssetBlock | None = field(default=None, name="org.matrix.msc3488.asset")
    ts: int | None = field(default=None, name="org.matrix.msc3488.ts")
