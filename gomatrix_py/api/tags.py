"""Tags a user puts on rooms, such as ``m.favourite``. Spec: "Room Tagging"."""

from __future__ import annotations

from ..events import TagContent
from ..http.endpoint import Empty, Endpoint
from .base import Api, carries_out

__all__ = ["AddTag", "GetTags", "RemoveTag", "TagsApi"]


class GetTags(Endpoint[TagContent]):
    """Read a user's tags of a room. Spec: GET /user/{userId}/rooms/{roomId}/tags."""

    METHOD, PATH = "GET", "/_matrix/client/v3/user/{user_id}/rooms/{room_id}/tags"
    user_id: str
    room_id: str


class AddTag(Endpoint[Empty]):
    """Tag a room. Spec: PUT /user/{userId}/rooms/{roomId}/tags/{tag}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/user/{user_id}/rooms/{room_id}/tags/{tag}"
    user_id: str
    room_id: str
    tag: str
    order: float | None = None


class RemoveTag(Endpoint[Empty]):
    """Take a tag off a room. Spec: DELETE /user/{userId}/rooms/{roomId}/tags/{tag}."""

    METHOD, PATH = "DELETE", "/_matrix/client/v3/user/{user_id}/rooms/{room_id}/tags/{tag}"
    user_id: str
    room_id: str
    tag: str


class TagsApi(Api):
    """Room tags of our own user."""

    @carries_out(GetTags)
    def get_tags(self, room_id: str) -> TagContent:
        """Read our tags of a room. Spec: GET /user/{userId}/rooms/{roomId}/tags."""
        return self.call(GetTags(self.own_user_id(), room_id))

    @carries_out(AddTag)
    def add_tag(self, room_id: str, tag: str, order: float | None = None) -> None:
        """Tag a room; `order`, from 0 to 1, sorts the rooms under the tag.

        Spec: PUT /user/{userId}/rooms/{roomId}/tags/{tag}.
        """
        self.call(AddTag(self.own_user_id(), room_id, tag, order))

    @carries_out(RemoveTag)
    def remove_tag(self, room_id: str, tag: str) -> None:
        """Take a tag off a room. Spec: DELETE /user/{userId}/rooms/{roomId}/tags/{tag}."""
        self.call(RemoveTag(self.own_user_id(), room_id, tag))
