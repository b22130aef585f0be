"""Lists that a user keeps in account data, changed without losing what other clients put there.

Spec: modules "Direct Messaging", "Ignoring Users".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..api import ClientServerApi
from ..errors import Forbidden, NotFound, UsageError
from ..ids import is_user_id
from .base import BaseClient

__all__ = ["PersonalListMethods"]

_DIRECT, _IGNORED = "m.direct", "m.ignored_user_list"
_THERE = ("join", "invite")
_TURNS = 64


class PersonalListMethods(BaseClient, ClientServerApi):
    """Which rooms are direct chats with whom, and whom we ignore; threads may change them at once."""

    def _set_up(self) -> None:
        super()._set_up()
        self._lists_lock = threading.RLock()
        self._made_direct: dict[str, str] = {}
        self._turns = tuple(threading.Lock() for _ in range(_TURNS))

    def one_at_a_time(self, key: str) -> threading.Lock:
        """Return a lock to hold while doing what one thread is to do for all, such as loading a room's members."""
        return self._turns[hash(key) % _TURNS]

    # ------------------------------------------------------------ direct chats

    def set_direct(self, room_id: str, user_id: str | None) -> None:
        """Keep a room as a direct chat with a user, and with nobody else; None: as no direct chat.

        Raises:
            UsageError: no user id.
            TransportError, HTTPError, DecodeError: see `Client.call`.

        Spec: module "Direct Messaging".
        """
        if user_id is not None:
            _check_user_id(user_id)

        def changed(direct: dict[str, Any]) -> dict[str, Any]:
            kept = {user: _without(room_id, rooms) for user, rooms in direct.items()}
            if user_id is not None:
                known = kept.get(user_id)
                kept[user_id] = [*(known if isinstance(known, list) else []), room_id]
            return {user: rooms for user, rooms in kept.items() if rooms != [] or direct.get(user) == []}

        self._change_list(_DIRECT, changed)

    def get_direct_room_id(self, user_id: str) -> str | None:
        """Ask the server for the direct chat with a user that we both are in, or the user is invited to.

        Of several it is the one the user is in, and of those the one that became a direct chat last.

        Raises:
            UsageError: no user id.
            TransportError, HTTPError, DecodeError: see `Client.call`.
        """
        _check_user_id(user_id)
        listed = self._read_list(_DIRECT).get(user_id)
        rooms = [room_id for room_id in listed if isinstance(room_id, str)] if isinstance(listed, list) else []
        if not rooms:
            return None
        joined = set(self.joined_rooms().joined_rooms)
        invited: str | None = None
        for room_id in reversed(rooms):
            stands = self._membership_in(room_id, user_id) if room_id in joined else "leave"
            if stands == "join":
                return room_id
            if stands in _THERE and invited is None:
                invited = room_id
        return invited

    def _get_or_make_direct_room(self, user_id: str, options: dict[str, Any]) -> str:
        """Return the direct chat with a user; threads that ask at once get the same one."""
        with self._lists_lock:
            found = self.get_direct_room_id(user_id)
            if found is not None:
                return found
            # one that was made, but could not be put on the list
            room_id = self._made_direct.get(user_id)
            if room_id is None or self._membership_in(room_id, user_id) not in _THERE:
                invited = [user_id] if user_id != self.own_user_id() else None
                wanted = {"preset": "trusted_private_chat", "is_direct": True, "invite": invited, **options}
                room_id = self._made_direct[user_id] = self.create_room(**wanted).room_id
            self.set_direct(room_id, user_id)
            del self._made_direct[user_id]
            return room_id

    def _membership_in(self, room_id: str, user_id: str) -> str:
        try:
            content = self.get_state_content(room_id, "m.room.member", user_id)
        except (NotFound, Forbidden):
            return "leave"
        value = content.get("membership")
        return value if isinstance(value, str) else "leave"

    # ------------------------------------------------------------ whom we ignore

    def ignore_user(self, user_id: str) -> None:
        """Hide what a user sends and their invites, in all our clients.

        Raises:
            UsageError: no user id, or our own.
            TransportError, HTTPError, DecodeError: see `Client.call`.

        Spec: module "Ignoring Users".
        """
        _check_user_id(user_id)
        if user_id == self.own_user_id():
            raise UsageError("one cannot ignore oneself")
        self._change_list(_IGNORED, lambda known: {**known, "ignored_users": {**_ignored(known), user_id: {}}})

    def unignore_user(self, user_id: str) -> None:
        """Show again what a user sends; see `ignore_user`."""

        def changed(known: dict[str, Any]) -> dict[str, Any]:
            return {**known, "ignored_users": {one: why for one, why in _ignored(known).items() if one != user_id}}

        self._change_list(_IGNORED, changed)

    def get_ignored_users(self) -> list[str]:
        """Ask the server for the ids of the users we ignore."""
        return list(_ignored(self._read_list(_IGNORED)))

    # ------------------------------------------------------------ below

    def _change_list(self, event_type: str, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        with self._lists_lock:
            before = self._read_list(event_type)
            after = changed(before)
            if after != before:
                self.set_account_data(event_type, after)

    def _read_list(self, event_type: str) -> dict[str, Any]:
        try:
            return self.get_account_data(event_type)
        except NotFound:
            return {}


def _ignored(content: dict[str, Any]) -> dict[str, Any]:
    users = content.get("ignored_users")
    return users if isinstance(users, dict) else {}


def _without(room_id: str, rooms: Any) -> Any:
    return [one for one in rooms if one != room_id] if isinstance(rooms, list) else rooms


def _check_user_id(user_id: str) -> None:
    if not is_user_id(user_id):
        raise UsageError(f"{user_id!r} is no user id")
