"""Entering and finding rooms, and reading their state, with gomatrix's names."""

from __future__ import annotations

from typing import Any

from ..api.base import carries_out
from ..api.directory import QueryPublicRooms, RespPublicRooms
from ..api.room_events import GetStateEvent
from ..api.room_membership import JoinRoom, RespJoinRoom
from ..codec import structure, unstructure
from ..errors import UsageError
from .base import BaseClient

__all__ = ["RoomCallMethods"]


class RoomCallMethods(BaseClient):
    """Calls about rooms whose arguments are gomatrix's."""

    @carries_out(JoinRoom)
    def join_room(
        self, room_id_or_alias: str, server_name: str | list[str] = "", content: Any = None
    ) -> RespJoinRoom:
        """Join a room.

        Args:
            room_id_or_alias: which room.
            server_name: a server, or servers, that can help to join; for ids the server does not know.
            content: further members of the request, such as ``{"reason": "…"}``.

        Spec: POST /join/{roomIdOrAlias}; gomatrix JoinRoom.
        """
        if isinstance(server_name, str):
            server_name = [server_name] if server_name else []
        further = unstructure(content)
        if further is not None and not isinstance(further, dict):
            raise UsageError("the content of a join is a JSON object")
        # `server_name` is the older name of `via`; servers before 1.12 know no other
        return self.call(
            JoinRoom(
                room_id_or_alias,
                via=server_name or None,
                server_name=server_name or None,
                extra_content=further,
            )
        )

    def state_event(self, room_id: str, event_type: str, state_key: str = "", response_type: Any = None) -> Any:
        """Read the content of a piece of state.

        Args:
            room_id: of the room.
            event_type: such as ``m.room.name``.
            state_key: "" for most types.
            response_type: the class of the content; None returns a dict.

        Raises:
            NotFound: the room has no such state.

        Spec: GET /rooms/{roomId}/state/{eventType}/{stateKey}; gomatrix StateEvent.
        """
        content = self.call(GetStateEvent(room_id, event_type, state_key))
        return content if response_type is None else structure(content, response_type)

    def public_rooms_filtered(
        self, limit: int | None = None, since: str | None = None, server: str | None = None, filter: str = ""
    ) -> RespPublicRooms:
        """Search a server's room directory for a text. Spec: POST /publicRooms."""
        wanted = {"generic_search_term": filter} if filter else None
        return self.call(QueryPublicRooms(limit, since, server, wanted))
