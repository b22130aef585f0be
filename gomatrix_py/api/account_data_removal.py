"""Account data that is deleted, and not only emptied. Proposal MSC3391."""

from __future__ import annotations

from ..http.endpoint import Empty, Endpoint
from .base import Api, carries_out

__all__ = ["AccountDataRemovalApi", "DeleteAccountData", "DeleteRoomAccountData"]

_USER = "/_matrix/client/unstable/org.matrix.msc3391/user/{user_id}"
_FEATURE = "org.matrix.msc3391"


class DeleteAccountData(Endpoint[Empty]):
    """Delete a piece of a user's account data. MSC3391: DELETE /user/{userId}/account_data/{type}."""

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "DELETE", _USER + "/account_data/{event_type}", 3391, _FEATURE
    user_id: str
    event_type: str


class DeleteRoomAccountData(Endpoint[Empty]):
    """Delete what a user keeps about a room. MSC3391: DELETE /user/{userId}/rooms/{roomId}/account_data/{type}."""

    METHOD, PATH = "DELETE", _USER + "/rooms/{room_id}/account_data/{event_type}"
    MSC, UNSTABLE_FEATURE = 3391, _FEATURE
    user_id: str
    room_id: str
    event_type: str


class AccountDataRemovalApi(Api):
    """Deleting account data of our own user (MSC3391)."""

    @carries_out(DeleteAccountData)
    def delete_account_data(self, event_type: str) -> None:
        """Delete a piece of our account data. MSC3391: DELETE /user/{userId}/account_data/{type}."""
        self.call(DeleteAccountData(self.own_user_id(), event_type))

    @carries_out(DeleteRoomAccountData)
    def delete_room_account_data(self, room_id: str, event_type: str) -> None:
        """Delete what we keep about a room. MSC3391: DELETE /user/{userId}/rooms/{roomId}/account_data/{type}."""
        self.call(DeleteRoomAccountData(self.own_user_id(), room_id, event_type))
