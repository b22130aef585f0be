"""Stores to test with: batches that touch everything, and all that a store shows, as plain values."""

from __future__ import annotations

from typing import Any

from gomatrix_py.events import EventSource
from gomatrix_py.rooms import Room
from gomatrix_py.store import AccountDataRow, Gap, InboxRow, RoomDelta, SyncBatch, SyncStorer
from gomatrix_py.testing.conformance.room_news import receipts_json
from gomatrix_py.testing.conformance.specimens import event_json

__all__ = ["OTHER", "OWN", "ROOM", "full_batch", "inbox_row", "room_of", "snapshot"]

OWN, ROOM, OTHER = "@own:example.org", "!room:example.org", "!other:example.org"


def inbox_row(event_id: str, room_id: str = ROOM) -> InboxRow:
    """Return a new row of a room's timeline."""
    return InboxRow(room_id, event_id, EventSource.TIMELINE, event_json(event_id))


def full_batch(number: int) -> SyncBatch:
    """Return a batch that writes to every table; each number has other texts."""
    name = event_json(f"$name{number}", "m.room.name", state_key="", content={"name": f"name {number}"})
    topic = event_json(f"$topic{number}", "m.room.topic", state_key="", content={"topic": f"topic {number}"})
    rooms = [
        RoomDelta(
            room_id,
            "join" if number % 2 else "leave",
            base_state=b"[" + topic + b"]",
            state=[("m.room.name", "", name), ("m.room.member", f"@{number}", name)],
            seen=[f"$seen{number}"],
            summary=b'{"number":%d}' % number,
            notification_count=number,
            highlight_count=number,
            prev_batch=f"t{number}",
            thread_counts=b'{"$root":{"notification_count":%d}}' % number,
            ephemeral=receipts_json({f"$read{number}": {"m.read": {OWN: {"ts": number}, f"@{number}": {"ts": 1}}}}),
            has_all_members=number % 3 == 0,
        )
        for room_id in (ROOM, OTHER)
    ]
    return SyncBatch(
        OWN,
        f"s{number}",
        rooms,
        [inbox_row(f"$a{number}"), inbox_row(f"$b{number}"), inbox_row(f"$a{number}", OTHER), inbox_row("", "")],
        [AccountDataRow("", "m.direct", b'{"number":%d}' % number), AccountDataRow(ROOM, "m.tag", b"%d" % number)],
        [Gap(ROOM, f"s{number - 1}", f"t{number}")],
    )


def room_of(store: SyncStorer, room_id: str = ROOM) -> Room:
    """Return a room that must be there."""
    room = store.load_room(room_id)
    assert room is not None
    return room


def snapshot(store: SyncStorer) -> dict[str, Any]:
    """Return all that can be seen of a store; ids and places that only order things are left out."""
    return {
        "next_batch": store.load_next_batch(OWN),
        "filter_id": store.load_filter_id(OWN),
        "rooms": {room_id: _room_snapshot(room_of(store, room_id)) for room_id in sorted(store.room_ids())},
        "undelivered": [_row_snapshot(row) for row in store.undelivered()],
        "quarantined": [_row_snapshot(row) for row in store.quarantined()],
        "gaps": [(gap.room_id, gap.since, gap.prev_batch) for gap in store.gaps()],
        "account_data": [store.load_account_data("m.direct"), store.load_account_data("m.tag", ROOM)],
    }


def _room_snapshot(room: Room) -> dict[str, Any]:
    return {
        "membership": room.membership,
        "summary": room.summary,
        "counts": (room.notification_count, room.highlight_count),
        "prev_batch": room.prev_batch,
        "thread_counts": dict(room.thread_counts),
        "has_all_members": room.has_all_members,
        "receipts": set(room.receipts.all()),
        "state": {
            kind: {key: event.json for key, event in sorted(room.state.of_type(kind).items())}
            for kind in sorted(room.state)
        },
    }


def _row_snapshot(row: InboxRow) -> tuple[Any, ...]:
    return (row.room_id, row.event_id, row.source, row.json, row.tries)
