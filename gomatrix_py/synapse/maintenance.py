"""What administrators do again and again, each with a plan first (`dry_run`), progress, and an outcome per item.

Every function takes `max_workers`, `dry_run`, `on_progress`, `stop_on_error` and `cancel`: see
`gomatrix_py.synapse.bulk.bulk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from ..cancellation import CancelToken
from ..errors import NotFound
from ..ids import parse_mxc, server_name_of
from .accounts import UserRow
from .admin import SynapseAdmin
from .bulk import BulkReport
from .media_records import Media
from .moments import MomentRule, When, check_moment
from .room_records import RoomRow

__all__ = [
    "MediaToQuarantine",
    "deactivate_users",
    "delete_user_media",
    "purge_empty_rooms",
    "purge_histories",
    "purge_remote_media",
    "quarantine",
]


def deactivate_users(
    admin: SynapseAdmin,
    is_wanted: Callable[[UserRow], bool],
    *,
    erase: bool = False,
    filters: dict[str, Any] | None = None,
    **options: Any,
) -> BulkReport[UserRow]:
    """Close the accounts that a function chooses, for good; never our own.

    All accounts are read before the first is closed: the server's pages shift when one leaves them.

    Args:
        admin: the admin API.
        is_wanted: says of each account whether to close it.
        erase: mark their messages as to be forgotten too.
        filters: narrow the list that is read, as for `admin.users.list_users`.
        options: see `bulk`.

    Raises:
        TransportError, HTTPError, DecodeError: the accounts cannot be read; nothing was done.
    """
    own_user_id, _ = admin.own_ids()
    chosen = [
        user
        for user in admin.users.iter_users(**(filters or {}))
        if user.user_id != own_user_id and not user.is_deactivated and is_wanted(user)
    ]
    return admin.bulk(chosen, lambda user: admin.users.deactivate_user(user.user_id, erase=erase), **options)


def purge_empty_rooms(
    admin: SynapseAdmin,
    is_wanted: Callable[[RoomRow], bool] | None = None,
    *,
    block: bool = False,
    force_purge: bool | None = None,
    timeout_s: float | None = None,
    **options: Any,
) -> BulkReport[RoomRow]:
    """Remove the rooms in which nobody of this server is from its database, and wait until each is gone.

    Args:
        admin: the admin API.
        is_wanted: says of each such room whether to remove it; None for all.
        block: keep everybody of this server from joining them again.
        force_purge: see `admin.rooms.delete_room`.
        timeout_s: how long to wait for one room, in seconds.
        options: see `bulk`.

    Raises:
        TransportError, HTTPError, DecodeError: the rooms cannot be read; nothing was done.
    """
    empty = [
        room
        for room in admin.rooms.iter_rooms()
        if room.joined_local_members == 0 and (is_wanted is None or is_wanted(room))
    ]

    cancel = options.setdefault("cancel", CancelToken())

    def purge(room: RoomRow) -> Any:
        task = admin.rooms.delete_room(room.room_id, purge=True, block=block, force_purge=force_purge)
        return task.wait(timeout_s, cancel=cancel)

    return admin.bulk(empty, purge, **options)


def delete_user_media(
    admin: SynapseAdmin,
    user_id: str,
    is_wanted: Callable[[Media], bool] | None = None,
    **options: Any,
) -> BulkReport[Media]:
    """Delete what a user of this server uploaded, file by file.

    `admin.media.delete_all_user_media` is quicker where everything goes and no plan is wanted.

    Args:
        admin: the admin API.
        user_id: whose.
        is_wanted: says of each file whether to delete it; None for all.
        options: see `bulk`.

    Raises:
        UsageError: the user id names no server.
        NotFound: no such user.
        TransportError, HTTPError, DecodeError: the files cannot be listed; nothing was done.
    """
    server_name = server_name_of(user_id)
    files = [one for one in admin.media.iter_user_media(user_id) if is_wanted is None or is_wanted(one)]
    return admin.bulk(files, lambda one: admin.media.delete_media(server_name, one.media_id), **options)


@attrs.frozen
class MediaToQuarantine:
    """A file, or all files of a room or a user."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def quarantine(
    admin: SynapseAdmin,
    *,
    uris: Iterable[str] = (),
    room_ids: Iterable[str] = (),
    user_ids: Iterable[str] = (),
    **options: Any,
) -> BulkReport[MediaToQuarantine]:
    """Keep everybody from seeing files: single ones, those of rooms, and those that users uploaded.

    Protected files stay to be seen.

    Args:
        admin: the admin API.
        uris: of files, ``mxc://server/media-id``.
        room_ids: of rooms.
        user_ids: of users of this server.
        options: see `bulk`.

    Raises:
        UsageError: an address of a file is none; nothing was done.
    """
    actions: dict[str, Callable[[str], Any]] = {
        "file": admin.media.quarantine_uri,
        "room": admin.media.quarantine_room_media,
        "user": admin.media.quarantine_user_media,
    }
    named = {"file": [str(parse_mxc(uri)) for uri in uris], "room": list(room_ids), "user": list(user_ids)}
    todo = [MediaToQuarantine(kind, name) for kind, names in named.items() for name in names]
    return admin.bulk(todo, lambda one: actions[one.kind](one.name), **options)


def purge_histories(
    admin: SynapseAdmin,
    room_ids: Iterable[str],
    before: When,
    *,
    delete_local_events: bool = False,
    timeout_s: float | None = None,
    **options: Any,
) -> BulkReport[str]:
    """Remove what is older than a moment from the database, room by room, and wait until it is gone.

    A room in which nothing is older counts as done.

    Args:
        admin: the admin API.
        room_ids: of which rooms.
        before: the moment.
        delete_local_events: what users of this server sent goes too; it may exist nowhere else.
        timeout_s: how long to wait for one room, in seconds.
        options: see `bulk`.

    Raises:
        UsageError: the moment is none; nothing was done.
    """
    moment = check_moment(before, MomentRule.PAST, "before")
    cancel = options.setdefault("cancel", CancelToken())

    def purge(room_id: str) -> Any:
        try:
            task = admin.rooms.purge_history(room_id, moment, delete_local_events=delete_local_events)
        except NotFound as error:
            if "no event to be purged" not in str(error):
                raise
            return admin.rooms.get_room(room_id)  # so it says of a room that it does not know, too
        return task.wait(timeout_s, cancel=cancel)

    return admin.bulk(room_ids, purge, **options)


def purge_remote_media(admin: SynapseAdmin, before: When, **options: Any) -> BulkReport[int]:
    """Remove copies of other servers' files that nobody looked at since a moment; one call, which may take hours.

    Args:
        admin: the admin API.
        before: the moment; it is the item of the report, in milliseconds.
        options: see `bulk`.

    Raises:
        UsageError: the moment is none; nothing was done.
    """
    moment = check_moment(before, MomentRule.PAST, "before")
    return admin.bulk([moment], admin.media.purge_remote_media, **options)
