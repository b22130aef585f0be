"""Moving a room to another version. Spec: "Room Upgrades"."""

from __future__ import annotations

from ..http.endpoint import Call, Endpoint, Response
from .base import Api

__all__ = ["RespUpgradeRoom", "RoomUpgradesApi", "UpgradeRoom"]


class RespUpgradeRoom(Response):
    """The room that takes the old one's place."""

    replacement_room: str


class UpgradeRoom(Endpoint[RespUpgradeRoom]):
    """Replace a room by one of another version. Spec: POST /rooms/{roomId}/upgrade.

    `additional_creators` are for room versions in which creators stand above all power levels.
    """

    METHOD, PATH = "POST", "/_matrix/client/v3/rooms/{room_id}/upgrade"
    room_id: str
    new_version: str
    additional_creators: list[str] | None = None


class RoomUpgradesApi(Api):
    """Room upgrades."""

    upgrade_room = Call(UpgradeRoom)
