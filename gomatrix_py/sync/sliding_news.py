"""What of an answer of sliding sync is news: rooms come whole again where a connection begins anew."""

from __future__ import annotations

from ..errors import DecodeError
from ..events import Event, EventSource
from ..events.skim import skim
from ..rooms import Room
from ..store.base import Storer, is_sync_storer
from ..store.records import InboxRow, SyncBatch
from .sliding_translation import SlidingResponse

__all__ = ["leave_out_what_is_known"]


def leave_out_what_is_known(
    batch: SyncBatch, response: SlidingResponse, store: Storer | None, *, is_first: bool, is_new_connection: bool
) -> None:
    """Take from a batch the events that are no news; history is noted as seen, so that it never becomes any.

    Args:
        batch: as it was planned; it is changed in place.
        response: what it was planned from.
        store: what is known, from before the batch.
        is_first: nothing came before, so that account data sets the scene.
        is_new_connection: the server does not know what it told us before.
    """
    _News(batch, response, store, is_first=is_first, is_new_connection=is_new_connection).sift()


class _News:
    """One batch being sifted."""

    def __init__(
        self,
        batch: SyncBatch,
        response: SlidingResponse,
        store: Storer | None,
        *,
        is_first: bool,
        is_new_connection: bool,
    ) -> None:
        self.batch = batch
        self.response = response
        self.store = store
        self.is_first = is_first
        self.is_new_connection = is_new_connection
        self.unchanged = self._unchanged_account_data()
        self.timelines: dict[str, dict[str, bool]] = {}

    def sift(self) -> None:
        seen: dict[str, list[str]] = {}
        kept: list[InboxRow] = []
        for row in self.batch.inbox:
            if self._is_news(row):
                kept.append(row)
            elif self._is_in_timeline(row):
                seen.setdefault(row.room_id, []).append(row.event_id)
        self.batch.inbox = kept
        for delta in self.batch.rooms:
            delta.seen += seen.get(delta.room_id, ())

    def _is_news(self, row: InboxRow) -> bool:
        is_scene = row.room_id in self.response.scenes
        if row.source is EventSource.ACCOUNT_DATA:
            return self._is_new_data(row, is_scene=is_scene)
        if not is_scene:
            return True
        if row.source is EventSource.EPHEMERAL:
            return False
        if self._is_in_timeline(row):
            return self.timelines[row.room_id][row.event_id]
        return self._is_new_state(row)

    def _is_in_timeline(self, row: InboxRow) -> bool:
        """Tell whether an event stands in the timeline of a room that came whole."""
        room_id = row.room_id
        if room_id not in self.response.scenes:
            return False
        if room_id not in self.timelines:
            rooms = self.response.rooms
            room = rooms.join.get(room_id) or rooms.leave.get(room_id)
            heads = skim(room.timeline.array) if room is not None and room.timeline is not None else []
            history = self.response.scenes[room_id]
            self.timelines[room_id] = {head.event_id: number >= history for number, (head, _) in enumerate(heads)}
        return bool(row.event_id) and row.event_id in self.timelines[room_id]

    def _is_new_state(self, row: InboxRow) -> bool:
        """State is news where it differs from what is known; in a room we just came into, invitations alone are."""
        known = self.store.load_room(row.room_id) if self.store is not None else None
        is_stripped = row.source in (EventSource.INVITE, EventSource.KNOCK)
        if known is None or known.membership not in ("join", "invite", "knock"):
            return is_stripped
        if known.membership != "join" and not is_stripped:
            return False
        return not _is_known(known, row)

    def _is_new_data(self, row: InboxRow, *, is_scene: bool) -> bool:
        if row.room_id:
            is_first = is_scene and not self._was_joined(row.room_id)
        else:
            is_first = self.is_first
        return not is_first and (row.room_id, row.json) not in self.unchanged

    def _was_joined(self, room_id: str) -> bool:
        known = self.store.load_room(room_id) if self.store is not None else None
        return known is not None and known.membership == "join"

    def _unchanged_account_data(self) -> set[tuple[str, bytes]]:
        """Return account data that came again because the server does not know that we have it."""
        store = self.store
        if not is_sync_storer(store):
            return set()
        return {
            (data.room_id, data.json)
            for data in self.batch.account_data
            if (data.room_id in self.response.scenes if data.room_id else self.is_new_connection)
            and store.load_account_data(data.type, data.room_id) == data.json
        }


def _is_known(room: Room, row: InboxRow) -> bool:
    try:
        event = Event.from_json(row.json)
    except DecodeError:
        return True  # nobody could be told of it
    before = room.state.event(event.type, event.state_key or "")
    if before is None:
        return False
    return before.json == row.json or bool(event.event_id and event.event_id == before.event_id)
