"""What waits, what was set aside, and giving it another chance; workers in a sync of the client."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from gomatrix_py import Client, DefaultSyncer, Event, Storer, SyncResponse
from gomatrix_py.errors import ListenerFailed, UsageError
from gomatrix_py.sync import raise_listener_error
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import Impatient, make_client
from tests.kit.scripted_homeserver import ROOM, ScriptedHomeserver, joined, message, sync_answer

PROMPTLY_S = 10.0


class Moody:
    """A listener that raises on one event while it is in the mood."""

    def __init__(self) -> None:
        self.is_broken = True
        self.heard: list[str] = []

    def __call__(self, event: Event) -> None:
        self.heard.append(event.event_id)
        if self.is_broken and event.event_id == "$2":
            raise LookupError(event.event_id)


@pytest.fixture
def moody() -> Moody:
    """The listener."""
    return Moody()


def with_one_set_aside(server: ScriptedHomeserver, store: Storer, moody: Moody) -> Client:
    """Return a client whose journal has set one of three events aside."""
    syncer = Impatient(listener_policy=raise_listener_error)
    syncer.on_event_type("m.room.message", moody)
    client = make_client(server, store=store, syncer=syncer)
    messages = [message(f"${number}") for number in (1, 2, 3)]
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(*messages)), sync_answer("s3"))
    client.sync_once()
    for _ in range(3):
        with pytest.raises(ListenerFailed):
            client.sync_once()
    client.sync_once()
    return client


def test_what_was_set_aside_is_listed_and_comes_again(
    server: ScriptedHomeserver, any_store: Storer, moody: Moody
) -> None:
    with with_one_set_aside(server, any_store, moody) as client:
        (row,) = client.quarantine()
        assert (row.room_id, row.event_id, "again and again" in row.reason) == (ROOM, "$2", True)
        assert client.journal() == []
        moody.is_broken = False
        before = len(moody.heard)
        assert [one.event_id for one in client.retry_quarantined()] == ["$2"]
        assert moody.heard[before:] == ["$2"]
        assert (client.quarantine(), client.journal(), client.retry_quarantined()) == ([], [], [])


def test_what_fails_again_waits_for_the_next_sync(
    server: ScriptedHomeserver, any_store: Storer, moody: Moody
) -> None:
    with with_one_set_aside(server, any_store, moody) as client:
        with pytest.raises(ListenerFailed):
            client.retry_quarantined(client.quarantine()[0])
        assert [(row.event_id, row.tries, row.reason) for row in client.journal()] == [("$2", 1, "")]
        moody.is_broken = False
        server.will_answer(sync_answer("s4"))
        client.sync_once()
        assert client.journal() == []


def test_what_was_set_aside_can_be_forgotten(server: ScriptedHomeserver, any_store: Storer, moody: Moody) -> None:
    with with_one_set_aside(server, any_store, moody) as client:
        assert client.forget_quarantined(client.quarantine()) == 1
        assert (client.quarantine(), client.journal(), client.forget_quarantined()) == ([], [], 0)


def test_a_syncer_of_ones_own_is_handed_nothing(server: ScriptedHomeserver) -> None:
    class Own:
        def process_response(self, response: SyncResponse, since: str) -> None: ...

        def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
            return 0

        def get_filter_json(self, user_id: str) -> dict[str, object]:
            return {}

    with make_client(server, syncer=Own()) as client, pytest.raises(UsageError):
        client.retry_quarantined()


# ------------------------------------------------------------------ workers in a sync of the client


def test_one_sync_returns_when_its_events_are_handled(server: ScriptedHomeserver, any_store: Storer) -> None:
    heard = Recorder()
    syncer = Impatient(workers=3)
    syncer.on_event_type("m.room.message", heard)
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), message("$2"))))
    with make_client(server, store=any_store, syncer=syncer) as client:
        client.sync_once()
        client.sync_once()
        assert (heard.ids, client.journal()) == (["$1", "$2"], [])


def test_a_stop_finishes_what_runs_and_keeps_what_waits(server: ScriptedHomeserver, any_store: Storer) -> None:
    inside, go_on, heard = threading.Event(), threading.Event(), Recorder()
    syncer = Impatient(workers=1)

    @syncer.on_event_type("m.room.message")
    def slow(event: Event) -> None:
        inside.set()
        assert go_on.wait(20)
        heard(event)

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), message("$2"))))
    with make_client(server, store=any_store, syncer=syncer) as client:
        handle = client.start_sync()
        assert inside.wait(20)
        client.stop_sync()
        assert handle.is_running, "it did not wait"
        go_on.set()
        handle.join(PROMPTLY_S)
        assert (heard.ids, [row.event_id for row in client.journal()]) == (["$1"], ["$2"])
        with client.start_sync():
            heard.wait_until(lambda heard: heard.ids == ["$1", "$2"])
        assert client.journal() == []


def test_closing_waits_for_a_worker(server: ScriptedHomeserver) -> None:
    inside, go_on, heard = threading.Event(), threading.Event(), Recorder()
    syncer = DefaultSyncer(workers=1)

    @syncer.on_event_type("m.room.message")
    def slow(event: Event) -> None:
        inside.set()
        assert go_on.wait(20)
        heard(event)

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    client = make_client(server, syncer=syncer)
    client.start_sync()
    assert inside.wait(20)
    threading.Timer(0.1, go_on.set).start()
    client.close()
    assert heard.ids == ["$1"]


def test_a_listener_that_fails_ends_a_sync_that_waits_for_news(server: ScriptedHomeserver) -> None:
    syncer = DefaultSyncer(workers=2, listener_policy=raise_listener_error)

    @syncer.on_event_type("m.room.message")
    def fails(event: Event) -> None:
        raise LookupError(event.event_id)

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    with make_client(server, syncer=syncer) as client:
        with pytest.raises(ListenerFailed, match=r"\$1"):
            client.sync(poll_ms=60_000)
        assert [row.event_id for row in client.journal()] == ["$1"]


def test_a_worker_may_send_retry_and_stop(server: ScriptedHomeserver) -> None:
    syncer = DefaultSyncer(workers=2)
    with make_client(server, syncer=syncer) as client:

        @syncer.on_event_type("m.room.message")
        def busy(event: Event) -> None:
            client.send_text(event.room_id, "hello")
            client.retry_quarantined()
            client.stop_sync()

        server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
        client.sync(poll_ms=60_000)
        assert client.journal() == []
    assert len(server.asked("/send/")) == 1


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="only the main thread can be interrupted"
)
@pytest.mark.timeout(60)
def test_ctrl_c_finishes_what_runs(server: ScriptedHomeserver) -> None:
    inside, go_on, heard = threading.Event(), threading.Event(), Recorder()
    syncer = DefaultSyncer(workers=1)

    @syncer.on_event_type("m.room.message")
    def slow(event: Event) -> None:
        inside.set()
        assert go_on.wait(20)
        heard(event)

    def press() -> None:
        assert inside.wait(20)
        server.wait_for("/sync", 3)  # the main thread waits for news
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(0.1)  # were it not waiting for the listener, it would be through by now
        go_on.set()

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), message("$2"))))
    with make_client(server, syncer=syncer) as client:
        presser = threading.Thread(target=press)
        presser.start()
        with pytest.raises(KeyboardInterrupt):
            client.sync(poll_ms=60_000)
        presser.join()
        assert (heard.ids, [row.event_id for row in client.journal()]) == (["$1"], ["$2"])
        assert [row.tries for row in client.journal()] == [0]
