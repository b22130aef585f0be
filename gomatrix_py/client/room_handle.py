"""A room by its id: what the store says of it now, and what can be done in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..api.room_events import GetMembers
from ..errors import HTTPError, UsageError
from ..rooms import Receipts, Room, RoomState, UnreadCounts
from .personal_lists import PersonalListMethods
from .room_actions import RoomActions

__all__ = ["RoomHandle"]

_BAD_REQUEST = 400
_OUTSIDE = ("invite", "knock")


class RoomHandle(RoomActions):
    """A room of a client, from ``client.room(…)``; threads may share it.

    What it says is what the store knows at that moment, so a handle never goes stale; what it does, the client
    does at once. Where the store does not know the room, only the actions work.

    Args:
        client: who acts and remembers.
        room_id: of the room.
    """

    __slots__ = ("_client", "_id")

    def __init__(self, client: PersonalListMethods, room_id: str) -> None:
        self._client = client
        self._id = room_id

    @property
    def client(self) -> PersonalListMethods:
        """The client that acts."""
        return self._client

    @property
    def is_known(self) -> bool:
        """True where the store knows the room."""
        return self._client.store.load_room(self._id) is not None

    @property
    def _room(self) -> Room:
        room = self._client.store.load_room(self._id)
        if room is None:
            raise UsageError(f"the store does not know {self._id}: join it, and sync (client.sync_once())")
        return room

    # ------------------------------------------------------------ facts

    @property
    def id(self) -> str:
        """The room's id."""
        return self._id

    @property
    def own_user_id(self) -> str:
        """Whose view of the room this is."""
        return self._client.user_id

    @property
    def membership(self) -> str:
        """How we stand to the room."""
        return self._room.membership

    @property
    def state(self) -> RoomState:
        """The current state, as ``room.state[type][state_key]``."""
        return self._room.state

    @property
    def summary(self) -> dict[str, Any]:
        """Heroes and member counts, as the server last sent them."""
        return self._room.summary

    @property
    def has_all_members(self) -> bool:
        """True where every member is known; `load_members` sees to it."""
        return self._room.has_all_members

    @property
    def notification_count(self) -> int:
        """Unread messages that notify, outside of threads where the server counts threads apart."""
        return self._room.notification_count

    @property
    def highlight_count(self) -> int:
        """Unread messages that stand out, outside of threads where the server counts threads apart."""
        return self._room.highlight_count

    @property
    def thread_counts(self) -> Mapping[str, UnreadCounts]:
        """What is unread in each thread, by the id of its root event."""
        return self._room.thread_counts

    @property
    def receipts(self) -> Receipts:
        """Who has read how far."""
        return self._room.receipts

    @property
    def typing(self) -> Sequence[str]:
        """The ids of the users who are typing."""
        return self._room.typing

    @property
    def prev_batch(self) -> str:
        """Where paging back from the newest known event starts, "" if unknown."""
        return self._room.prev_batch

    def account_data(self, event_type: str) -> dict[str, Any]:
        """Return the content of our own data about this room, {} where there is none."""
        return self._room.account_data(event_type)

    def user_account_data(self, event_type: str) -> dict[str, Any]:
        """Return the content of our own data about everything, {} where there is none."""
        return self._room.user_account_data(event_type)

    # ------------------------------------------------------------ members

    def load_members(self, *, again: bool = False) -> None:
        """Ask the server for all members, unless they are known; threads that want the same wait for one answer.

        A sync loads members lazily: those who said something. What a sync says in the meantime is newer than the
        answer, and stays.

        Args:
            again: ask even where all members are thought to be known.

        Raises:
            UsageError: the store does not know the room, or we are not in it yet.
            Forbidden: we may not see its members.
            TransportError, HTTPError, DecodeError: see `Client.call`.
            StoreError: the members could not be stored.

        Spec: GET /rooms/{roomId}/members; "Lazy-loading room members".
        """
        with self._client.one_at_a_time(self._id):
            room = self._room
            if room.has_all_members and not again:
                return
            if room.membership in _OUTSIDE:
                raise UsageError(
                    f"the members of {self._id} are not ours to see: our membership is {room.membership}"
                )
            known, resets = room.state.of_type("m.room.member"), room.member_resets
            position = self._client.store.load_next_batch(self._client.user_id)
            try:
                answer = self._client.call(GetMembers(self._id, position or None))
            except HTTPError as error:
                if error.code != _BAD_REQUEST or not position:
                    raise
                # a position of another kind of sync; then as things stand now
                answer = self._client.call(GetMembers(self._id))
            room.add_members(answer.chunk, known, resets)
            self._client.store.save_room(room)

    # ------------------------------------------------------------ itself

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RoomHandle):
            return NotImplemented
        return self._id == other._id and self._client is other._client

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        return f"<RoomHandle {self._id}>"
