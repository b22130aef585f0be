"""What a user keeps on the server for their own clients. Spec: "Client Config"."""

from __future__ import annotations

from typing import Any

from ..http.endpoint import Empty, Endpoint, body
from .base import Api, carries_out

__all__ = ["AccountDataApi", "GetAccountData", "GetRoomAccountData", "SetAccountData", "SetRoomAccountData"]


class GetAccountData(Endpoint[dict[str, Any]]):
    """Read a piece of a user's account data. Spec: GET /user/{userId}/account_data/{type}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/user/{user_id}/account_data/{event_type}"
    user_id: str
    event_type: str


class SetAccountData(Endpoint[Empty]):
    """Replace a piece of a user's account data. Spec: PUT /user/{userId}/account_data/{type}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/user/{user_id}/account_data/{event_type}"
    user_id: str
    event_type: str
    content: Any = body()


class GetRoomAccountData(Endpoint[dict[str, Any]]):
    """Read what a user keeps about a room. Spec: GET /user/{userId}/rooms/{roomId}/account_data/{type}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/user/{user_id}/rooms/{room_id}/account_data/{event_type}"
    user_id: str
    room_id: str
    event_type: str


class SetRoomAccountData(Endpoint[Empty]):
    """Replace what a user keeps about a room. Spec: PUT /user/{userId}/rooms/{roomId}/account_data/{type}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/user/{user_id}/rooms/{room_id}/account_data/{event_type}"
    user_id: str
    room_id: str
    event_type: str
    content: Any = body()


class AccountDataApi(Api):
    """Account data of our own user."""

    @carries_out(GetAccountData)
    def get_account_data(self, event_type: str) -> dict[str, Any]:
        """Read a piece of our account data, such as ``m.direct``.

        Raises:
            NotFound: there is none of this type.

        Spec: GET /user/{userId}/account_data/{type}.
        """
        return self.call(GetAccountData(self.own_user_id(), event_type))

    @carries_out(SetAccountData)
    def set_account_data(self, event_type: str, content: Any) -> None:
        """Replace a piece of our account data. Spec: PUT /user/{userId}/account_data/{type}."""
        self.call(SetAccountData(self.own_user_id(), event_type, content))

    @carries_out(GetRoomAccountData)
    def get_room_account_data(self, room_id: str, event_type: str) -> dict[str, Any]:
        """Read what we keep about a room.

        Raises:
            NotFound: there is none of this type.

        Spec: GET /user/{userId}/rooms/{roomId}/account_data/{type}.
        """
        return self.call(GetRoomAccountData(self.own_user_id(), room_id, event_type))

    @carries_out(SetRoomAccountData)
    def set_room_account_data(self, room_id: str, event_type: str, content: Any) -> None:
        """Replace what we keep about a room. Spec: PUT /user/{userId}/rooms/{roomId}/account_data/{type}."""
        self.call(SetRoomAccountData(self.own_user_id(), room_id, event_type, content))
