"""The rooms of a client: found by id or alias, listed, invited to, and direct chats."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import UsageError
from ..events.stripped import InviteState
from ..ids import is_room_alias, is_room_id, is_user_id
from ..links import parse_matrix_link
from ..rooms import Room
from ..rooms.upgrades import current_version_of
from ..store import is_sync_storer
from .personal_lists import PersonalListMethods
from .room_handle import RoomHandle

__all__ = ["Invite", "RoomMethods", "RoomsByMembership"]

ALIASES_KEPT = 1000


class RoomMethods(PersonalListMethods):
    """`room`, `rooms`, `invites`, `direct_room`, and what belongs to them."""

    def _set_up(self) -> None:
        super()._set_up()
        self._aliases: dict[str, str] = {}

    # ------------------------------------------------------------ one room

    def room(self, room: str) -> RoomHandle:
        """Return a handle of a room, whether the store knows it or not; see `RoomHandle`.

        Args:
            room: its id, an alias (the server is asked once for what it stands for), or a link to it.

        Raises:
            UsageError: it is none of these.
            NotFound: there is no such alias.
            TransportError, HTTPError, DecodeError: the alias could not be resolved.
        """
        room_id = _target_of(room)
        if is_room_alias(room_id):
            room_id = self._resolved(room_id)
        return RoomHandle(self, room_id)

    def _resolved(self, alias: str) -> str:
        known = self._aliases.get(alias)
        if known is None:
            known = self.resolve_room_alias(alias).room_id
            if len(self._aliases) < ALIASES_KEPT:
                self._aliases[alias] = known
        return known

    def load_room(self, room_id: str) -> Room:
        """Return what the store knows of a room.

        Raises:
            UsageError: the store does not know it; sync first.
        """
        room = self.store.load_room(room_id)
        if room is None:
            raise UsageError(f"the store does not know {room_id}: join it and sync")
        return room

    def current_room(self, room: str | RoomHandle) -> RoomHandle:
        """Return the room in use today that a room was upgraded to, itself where it was not.

        Only links that both rooms state are followed, and only to rooms that the store knows; nothing is joined.

        Raises:
            UsageError: the store does not know the room; or as `room`.
        """
        handle = self.room(room) if isinstance(room, str) else room
        return current_version_of(handle, self._known_room)

    def _known_room(self, room_id: str) -> RoomHandle | None:
        handle = RoomHandle(self, room_id)
        return handle if handle.is_known else None

    # ------------------------------------------------------------ many rooms

    @property
    def rooms(self) -> RoomsByMembership:
        """The rooms we are in, by id, as the store knows them."""
        return self.rooms_with("join")

    def rooms_with(self, membership: str) -> RoomsByMembership:
        """Return the rooms to which we stand like that: "join", "invite", "knock" or "leave"."""
        return RoomsByMembership(self, membership)

    @property
    def invites(self) -> list[Invite]:
        """The invites that wait for an answer, as the store knows them.

        Raises:
            UsageError: the store cannot list rooms.
        """
        return [Invite(self, room_id) for room_id in self.rooms_with("invite")]

    # ------------------------------------------------------------ direct chats

    def direct_room(self, user_id: str, *, create: bool = False, **options: Any) -> RoomHandle | None:
        """Return the direct chat with a user, or make one; threads that ask at once get the same.

        Of several it is the one the user is in rather than invited to, and of those the one that became a direct
        chat last.

        Args:
            user_id: with whom.
            create: True to make one where there is none, invite the user, and keep it as a direct chat.
            options: what else `create_room` takes, for a new one.

        Returns:
            The room; None where there is none and none was to be made.

        Raises:
            UsageError: no user id.
            TransportError, HTTPError, DecodeError: see `Client.call`.

        Spec: module "Direct Messaging".
        """
        if create:
            return RoomHandle(self, self._get_or_make_direct_room(user_id, options))
        room_id = self.get_direct_room_id(user_id)
        return None if room_id is None else RoomHandle(self, room_id)


class RoomsByMembership(Mapping[str, RoomHandle]):
    """Rooms by id: a view of the store, asked anew each time; handles are made when they are asked for."""

    __slots__ = ("_client", "_membership")

    def __init__(self, client: RoomMethods, membership: str) -> None:
        self._client = client
        self._membership = membership

    def _ids(self) -> Sequence[str]:
        store = self._client.store
        if not is_sync_storer(store):
            raise UsageError(f"{type(store).__name__} cannot list rooms: ask the server (client.joined_rooms())")
        return store.room_ids(self._membership)

    def __getitem__(self, room_id: str) -> RoomHandle:
        room = self._client.store.load_room(room_id)
        if room is None or room.membership != self._membership:
            raise KeyError(room_id)
        return RoomHandle(self._client, room_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids())

    def __len__(self) -> int:
        return len(self._ids())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._membership!r}>"


class Invite:
    """An invite to a room, with what it tells of the room; some server said it, and nobody signed it.

    Attributes:
        room: what the store knows; its display name is the name to show.
        state: what the invite tells.
    """

    __slots__ = ("_client", "room", "state")

    def __init__(self, client: RoomMethods, room_id: str) -> None:
        self._client = client
        self.room = RoomHandle(client, room_id)
        state = self.room.state
        events = [event for kind in state for event in state.of_type(kind).values()]
        self.state = InviteState(events, client.user_id)

    @property
    def room_id(self) -> str:
        """The room's id."""
        return self.room.id

    @property
    def inviter(self) -> str | None:
        """The id of the user who invited us."""
        return self.state.inviter

    @property
    def name(self) -> str:
        """The name to show for the room."""
        return self.room.display_name

    @property
    def is_direct(self) -> bool:
        """True where the invite is to a direct chat."""
        return self.state.is_direct

    @property
    def reason(self) -> str | None:
        """Why, in words of the inviter; better not shown at once, as it may be spam."""
        return self.state.reason

    def accept(self) -> RoomHandle:
        """Join the room; a direct chat is kept as one.

        Raises:
            Forbidden: the invite was taken back.
            TransportError, HTTPError, DecodeError: see `Client.call`.
        """
        self.room.join(self._inviters_server())
        if self.is_direct and self.inviter:
            self._client.set_direct(self.room_id, self.inviter)
        return self.room

    def reject(self, reason: str | None = None) -> None:
        """Decline the invite.

        Raises:
            TransportError, HTTPError, DecodeError: see `Client.call`.
        """
        self.room.leave(reason)

    def _inviters_server(self) -> str:
        """Return the server that can help to join: room ids need not name one."""
        return self.inviter.partition(":")[2] if self.inviter is not None and is_user_id(self.inviter) else ""

    def __repr__(self) -> str:
        return f"<Invite to {self.room_id} from {self.inviter}>"


def _target_of(text: str) -> str:
    if is_room_id(text) or is_room_alias(text):
        return text
    with contextlib.suppress(UsageError):
        link = parse_matrix_link(text)
        if not is_user_id(link.target):
            return link.target
    raise UsageError(f"{text!r} is no room id, room alias, or link to a room")
