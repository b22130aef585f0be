"""Stickers. Spec: module "Sticker Messages"."""

from __future__ import annotations

from ...codec import Document, field
from ..messages import ImageInfo
from .encrypted_file import EncryptedFile
from .relations import RelatesTo

__all__ = ["StickerContent"]


class StickerContent(Document):
    """Content of ``m.sticker``; in encrypted rooms some clients give `file` in place of `url`."""

    body: str
    info: ImageInfo
    url: str | None = None
    file: EncryptedFile | None = field(default=None, kw_only=True)
    relates_to: RelatesTo | None = field(default=None, name="m.relates_to", kw_only=True)

    @property
    def mxc(self) -> str | None:
        """Where the image is, encrypted or not."""
        return self.file.url if self.file is not None else self.url
