"""What a store must be able to do, and what it may do besides.

`Storer` is gomatrix's six methods; any object that has them will do. A store that also has those of
`SyncStorer` takes each /sync answer in one transaction and keeps events until their listeners have run:
that is what makes a client lose nothing when its process is killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeGuard, runtime_checkable

from ..rooms import Room
from .records import Gap, InboxRow, SyncBatch

__all__ = ["MAX_TRIES", "Storer", "SyncStorer", "is_sync_storer"]

MAX_TRIES = 3
"""An event is set aside where the process, or the sync, ended this often while its listeners ran."""


@runtime_checkable
class Storer(Protocol):
    """gomatrix's Storer: filter id, sync token and rooms. A missing text is ""; a missing room is None.

    Rooms cannot be listed by these six, and account data is not among what they keep: a room shows none then.
    Receipts, typing and counts are what the `Room` holds that `save_room` was given.
    """

    def save_filter_id(self, user_id: str, filter_id: str) -> None:
        """Remember a filter id."""

    def load_filter_id(self, user_id: str) -> str:
        """Return the filter id, or ""."""

    def save_next_batch(self, user_id: str, next_batch: str) -> None:
        """Remember where the next sync starts."""

    def load_next_batch(self, user_id: str) -> str:
        """Return where the next sync starts, or ""."""

    def save_room(self, room: Room) -> None:
        """Remember a room with all its state."""

    def load_room(self, room_id: str) -> Room | None:
        """Return a room, or None."""


@runtime_checkable
class SyncStorer(Storer, Protocol):
    """A store that takes a /sync answer whole, and journals events until they are delivered."""

    def commit_sync(self, batch: SyncBatch) -> Sequence[InboxRow]:
        """Store all of a batch or nothing.

        Returns:
            The rows of its inbox that were new (an event id counts once per room), with their `seq`.

        Raises:
            StoreError: nothing was stored.

        A room loaded afterwards shows what `RoomDelta` says is kept, and our account data through
        `Room.account`; no receipt, whatever it holds, keeps a batch from being stored.
        """

    def undelivered(self) -> Sequence[InboxRow]:
        """Return the rows not yet marked, in order of `seq`, those set aside left out."""

    def begin_try(self, row: InboxRow) -> int:
        """Count one more delivery of a row, durably, and return how many that makes."""

    def mark_delivered(self, rows: Iterable[InboxRow]) -> None:
        """Take rows out of the journal; their event ids stay known."""

    def set_aside(self, row: InboxRow, reason: str) -> None:
        """Keep a row, but deliver it no more."""

    def quarantined(self) -> Sequence[InboxRow]:
        """Return the rows that were set aside, in order of `seq`, each with its `reason`."""

    def put_back(self, rows: Iterable[InboxRow]) -> None:
        """Let rows that were set aside be delivered again, in their old places; their tries begin anew."""

    def gaps(self, room_id: str | None = None) -> Sequence[Gap]:
        """Return the gaps of a room, or of all rooms."""

    def commit_gap(self, gap: Gap, rows: Sequence[InboxRow], rest: Gap | None) -> Sequence[InboxRow]:
        """Journal the events of a gap and replace it by what is left of it, in one transaction.

        Returns:
            The rows that were new.
        """

    def has_event(self, room_id: str, event_id: str) -> bool:
        """Tell whether this event came before."""

    def load_account_data(self, event_type: str, room_id: str = "") -> bytes | None:
        """Return a piece of account data as the JSON of its event, or None."""

    def room_ids(self, membership: str | None = None) -> Sequence[str]:
        """Return the ids of the known rooms to which we stand like that (None: of all)."""


def is_sync_storer(store: object) -> TypeGuard[SyncStorer]:
    """Tell whether a store takes whole syncs; unlike `isinstance`, it looks at each class once."""
    kind = type(store)
    answer = _answers.get(kind)
    if answer is None:
        answer = _answers[kind] = issubclass(kind, SyncStorer)
    return answer


_answers: dict[type, bool] = {}
