"""A homeserver that takes uploads, both ways, for tests of what becomes of them."""

from __future__ import annotations

from typing import Any

from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver

__all__ = ["CREATE", "NOT_YET", "PLAIN", "POST", "PUT", "RESERVED", "TAKEN", "MediaServer"]

PLAIN, RESERVED = "mxc://server.example/plain", "mxc://server.example/reserved"
CREATE, PUT, POST = "/media/v1/create", "/media/v3/upload/server.example/reserved", "/media/v3/upload"
TAKEN = Reply(409, {"errcode": "M_CANNOT_OVERWRITE_MEDIA"})
NOT_YET = Reply(504, {"errcode": "M_NOT_YET_UPLOADED"})


class MediaServer(ScriptedHomeserver):
    """A homeserver that takes uploads both ways; `put` may say otherwise, one answer after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.put: list[Any] = []
        self.route("GET", "/media/config", {"m.upload.size": 1000})
        self.route("POST", POST, {"content_uri": PLAIN})
        self.route("POST", CREATE, {"content_uri": RESERVED})
        self.route("PUT", PUT, lambda seen: self.put.pop(0) if self.put else {})

    @property
    def roads(self) -> list[str]:
        """What was asked of the content repository, config left out."""
        asked = [one for one in self.seen if "/media/" in one.path and "config" not in one.path]
        return [f"{one.method} {one.path.partition('/media/')[2]}" for one in asked]

    @property
    def uploaded(self) -> list[bytes]:
        """The bodies of the uploads."""
        return [one.body for one in self.seen if "/upload" in one.path]
