"""Finding people, and the rooms we share with them. Spec: "User Directory", "Mutual Rooms"."""

from __future__ import annotations

from ..codec import Document
from ..http.endpoint import Call, Endpoint, Response, query
from .base import Api

__all__ = [
    "DirectoryUser",
    "GetMutualRooms",
    "RespMutualRooms",
    "RespSearchUserDirectory",
    "SearchUserDirectory",
    "UsersApi",
]


class DirectoryUser(Document):
    """A user the directory found."""

    user_id: str
    display_name: str | None = None
    avatar_url: str | None = None


class RespSearchUserDirectory(Response):
    """Found users, best first; `limited` tells that there are more."""

    results: list[DirectoryUser]
    limited: bool


class SearchUserDirectory(Endpoint[RespSearchUserDirectory]):
    """Search users by name or id. Spec: POST /user_directory/search."""

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/user_directory/search", True
    search_term: str
    limit: int | None = None


class RespMutualRooms(Response):
    """One page of the rooms both are in, of `count` in all; `next_batch` is None at the end."""

    joined: list[str]
    count: int
    next_batch: str | None = None


class GetMutualRooms(Endpoint[RespMutualRooms]):
    """List the rooms that we and another user are both in. Spec: GET /mutual_rooms."""

    METHOD, PATH, RATE_LIMITED = "GET", "/_matrix/client/v1/mutual_rooms", True
    user_id: str
    from_: str | None = query(default=None, name="from")


class UsersApi(Api):
    """Other people."""

    search_user_directory = Call(SearchUserDirectory)
    get_mutual_rooms = Call(GetMutualRooms)
