"""Stores with something in every table, the outbox and the small values of encryption included, and all they show."""

from __future__ import annotations

from typing import Any, Protocol

import attrs

from gomatrix_py.store import SyncStorer
from gomatrix_py.store.key_values import Change, KeyValueStorer
from gomatrix_py.store.outbox import OutboxKind, OutboxRow, OutboxState, OutboxStorer
from tests.kit.stores import OTHER, OWN, ROOM, full_batch, snapshot

__all__ = ["WholeStore", "fill", "outbox_row", "whole_batch", "whole_snapshot"]

SPACES = ("olm", "megolm")


class WholeStore(SyncStorer, Protocol):
    """A store that keeps everything a client may give it."""

    @property
    def outbox(self) -> OutboxStorer:
        """What waits to be sent."""

    @property
    def key_values(self) -> KeyValueStorer:
        """Small values."""


def outbox_row(txn_id: str, room_id: str = ROOM, **more: Any) -> OutboxRow:
    """Return a new row of the outbox."""
    return OutboxRow(room_id, "m.room.message", b'{"body":"%b"}' % txn_id.encode(), txn_id, "DEVICE", **more)


def whole_batch(number: int) -> Any:
    """Return a batch that writes to every table a sync writes to, small values included."""
    changes = [Change("olm", "account", b"account %d" % number), Change("megolm", f"s{number}", b"\0\xff")]
    return attrs.evolve(full_batch(number), changes=changes)


def fill(store: WholeStore) -> None:
    """Put something into every table."""
    store.save_filter_id(OWN, "f1")
    store.commit_sync(whole_batch(1))
    for number, state in enumerate(OutboxState):
        row, _ = store.outbox.add(outbox_row(f"t{number}", (ROOM, OTHER)[number % 2], created_ts=number))
        store.outbox.update([attrs.evolve(row, state=state, tries=number, event_id=f"$e{number}")])
    store.outbox.add(outbox_row("upload", kind=OutboxKind.UPLOAD, expires_ts=5))
    store.key_values.write([Change("megolm", "gone", b"1"), Change("megolm", "kept", b"2")])
    store.set_aside(store.undelivered()[0], "why")


def whole_snapshot(store: WholeStore) -> dict[str, Any]:
    """Return all that can be seen of a store."""
    return {
        **snapshot(store),
        "outbox": [attrs.asdict(row) for row in store.outbox.waiting()],
        "sent": [
            attrs.asdict(row)
            for number in range(10)
            for room_id in (ROOM, OTHER)
            if (row := store.outbox.find(room_id, "DEVICE", f"t{number}")) is not None
        ],
        "values": {space: dict(store.key_values.scan(space)) for space in SPACES},
    }
