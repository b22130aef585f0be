"""Collections of stickers and emoticons. Spec: module "Image packs" (MSC2545)."""

from __future__ import annotations

from typing import Any

from ...codec import Document
from ..messages import ImageInfo
from ..open_enum import OpenEnum

__all__ = ["ImagePackRoomsContent", "ImageUsage", "PackDetails", "PackImage", "RoomImagePackContent"]


class ImageUsage(OpenEnum):
    """What the images of a pack are for."""

    EMOTICON = "emoticon"
    STICKER = "sticker"


class PackImage(Document):
    """One image; `body` describes it."""

    url: str
    body: str | None = None
    info: ImageInfo | None = None


class PackDetails(Document):
    """What is said of the whole pack; `usage` not said is any."""

    display_name: str | None = None
    avatar_url: str | None = None
    usage: list[ImageUsage] | None = None
    attribution: str | None = None


class RoomImagePackContent(Document):
    """Content of ``m.room.image_pack``: images by shortcode."""

    images: dict[str, PackImage]
    pack: PackDetails | None = None


class ImagePackRoomsContent(Document):
    """Content of ``m.image_pack.rooms``: packs to use everywhere, by room id and state key."""

    rooms: dict[str, dict[str, dict[str, Any]]]
