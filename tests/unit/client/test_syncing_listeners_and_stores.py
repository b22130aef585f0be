"""The sync loop beside what may hold it up: a full disk, listeners that block or call the client."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gomatrix_py import Client, Event, InMemoryStore
from gomatrix_py.errors import (
    ListenerFailed,
    StoreError,
    StoreFull,
)
from gomatrix_py.store import Gap, InboxRow, SyncBatch
from gomatrix_py.sync import raise_listener_error
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import Impatient, make_client, sinces
from tests.kit.scripted_homeserver import (
    ROOM,
    USER,
    ScriptedHomeserver,
    joined,
    message,
    sync_answer,
)

# ------------------------------------------------------------------ a full disk


class FullAtTimes(InMemoryStore):
    """Has no room for a while."""

    def __init__(self, **times: int) -> None:
        super().__init__()
        self.times = times

    def _check(self, what: str) -> None:
        if self.times.get(what, 0) > 0:
            self.times[what] -= 1
            raise StoreFull(f"no room for {what}")

    def commit_sync(self, batch: SyncBatch) -> Any:
        self._check("commit_sync")
        return super().commit_sync(batch)

    def save_filter_id(self, user_id: str, filter_id: str) -> None:
        self._check("save_filter_id")
        super().save_filter_id(user_id, filter_id)

    def begin_try(self, row: InboxRow) -> int:
        self._check("begin_try")
        return super().begin_try(row)

    def mark_delivered(self, rows: Any) -> None:
        self._check("mark_delivered")
        super().mark_delivered(rows)


def test_a_full_disk_pauses_the_sync_and_nothing_is_lost(server: ScriptedHomeserver) -> None:
    store = FullAtTimes(commit_sync=2, save_filter_id=2)
    syncer = Impatient(deliver_initial=True)
    heard = Recorder()
    syncer.on_event_type("m.room.message", heard)
    server.will_answer(*[sync_answer("s1", joined(message("$1")))] * 3, sync_answer("s2", joined(message("$2"))))
    with make_client(server, store=store, syncer=syncer) as client, client.start_sync():
        heard.wait_for_bodies("$1", "$2")
    assert heard.bodies == ["$1", "$2"]
    assert sinces(server)[:4] == ["", "", "", "s1"]
    assert [type(error) for _, error in syncer.failures] == [StoreFull] * 4
    assert [response is None for response, _ in syncer.failures] == [True, True, False, False]


def test_a_full_disk_at_the_start_is_waited_out_too(server: ScriptedHomeserver) -> None:
    store = FullAtTimes()
    syncer = Impatient(listener_policy=raise_listener_error)
    heard: list[str | None] = []

    @syncer.on_event_type("m.room.message")
    def fails_at_first(event: Event) -> None:
        heard.append(event.body)
        if len(heard) == 1:
            raise LookupError

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    with make_client(server, store=store, syncer=syncer) as client:
        with pytest.raises(ListenerFailed):
            client.sync()
        store.times = {"begin_try": 2}
        with client.start_sync():
            server.wait_for("/sync", 3)
    assert heard == ["$1", "$1"]
    assert len(syncer.failures) == 2


def test_a_store_that_fails_otherwise_ends_the_loop(server: ScriptedHomeserver) -> None:
    class Broken(InMemoryStore):
        def commit_sync(self, batch: SyncBatch) -> Any:
            raise StoreError("the disk is on fire")

    server.will_answer(sync_answer("s1"))
    with make_client(server, store=Broken()) as client, pytest.raises(StoreError, match="on fire"):
        client.sync()


# ------------------------------------------------------------------ listeners that block or call the client


def test_a_listener_may_send(server: ScriptedHomeserver, client: Client, syncer: Impatient) -> None:
    @syncer.on_event_type("m.room.message")
    def answer(event: Event) -> None:
        client.send_text(event.room_id, f"you said {event.body}")
        client.fill_gap(Gap(event.room_id, "a", "b"))

    server.route("GET", "/messages", {"start": "b", "chunk": []})
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), message("$2"))))
    with client.start_sync():
        server.wait_for("/sync", 3)
    assert [seen.json["body"] for seen in server.asked("/send/")] == ["you said $1", "you said $2"]


def test_a_listener_that_blocks_blocks_nobody_else(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    blocks, go_on = threading.Event(), threading.Event()

    @syncer.on_event_type("m.room.message")
    def block(event: Event) -> None:
        blocks.set()
        assert go_on.wait(20)

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), message("$2"))))
    handle = client.start_sync()
    assert blocks.wait(20)
    assert client.send_text(ROOM, "meanwhile").event_id
    assert client.store.load_next_batch(USER) == "s2"
    with pytest.raises(TimeoutError):
        handle.stop(0.05)
    go_on.set()
    handle.stop(20)
    assert isinstance(client.store, InMemoryStore)
    assert client.store.undelivered() == []
