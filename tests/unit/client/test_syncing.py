"""The sync loop against a scripted homeserver: what it asks, what it makes of refusals, its filter."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, InMemoryStore, SyncResponse
from gomatrix_py.errors import (
    ConnectError,
    HTTPError,
    ListenerFailed,
    MissingToken,
    ServerError,
    SyncTokenRejected,
    UnknownToken,
)
from gomatrix_py.sync import raise_listener_error
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import Impatient, make_client, sinces
from tests.kit.scripted_homeserver import (
    USER,
    Reply,
    ScriptedHomeserver,
    joined,
    message,
    sync_answer,
)

# ------------------------------------------------------------------ what is asked


def test_what_a_sync_asks_for(server: ScriptedHomeserver, client: Client) -> None:
    server.will_answer(sync_answer("s1"), sync_answer("s2"))
    client.sync_once()
    client.sync_once(1234)
    assert server.filters == [client.syncer.get_filter_json(USER)]
    first, second = (seen.query for seen in server.asked("/sync"))
    assert first == {"timeout": "0", "filter": "f1", "use_state_after": "true"}
    assert second == {"timeout": "1234", "since": "s1", "filter": "f1", "use_state_after": "true"}
    assert client.store.load_next_batch(USER) == "s2"


def test_what_gomatrix_calls_optional(server: ScriptedHomeserver, client: Client, heard: Recorder) -> None:
    """Its example "sync": filter id and position are known already and put into the store."""
    client.store.save_filter_id(USER, "2")
    client.store.save_next_batch(USER, "111_222_333_444")
    server.will_answer(sync_answer("s1", joined(message("$1"))))
    client.sync_once()
    (asked,) = server.asked("/sync")
    assert (asked.query["filter"], asked.query["since"]) == ("2", "111_222_333_444")
    assert server.filters == []
    assert heard.bodies == ["$1"]


def test_the_loop_holds_its_polls(server: ScriptedHomeserver, client: Client) -> None:
    server.will_answer(sync_answer("s1"))
    with client.start_sync(poll_ms=7000) as handle:
        server.wait_for("/sync", 2)
        assert handle.last_sync_at is not None
    assert [seen.query["timeout"] for seen in server.asked("/sync")] == ["7000", "7000"]


def test_an_answer_that_goes_nowhere_is_processed_and_the_loop_goes_on(
    server: ScriptedHomeserver, client: Client, heard: Recorder
) -> None:
    """A server may answer with the position it was asked from; what it brings counts all the same."""
    server.will_answer(sync_answer("s1"), sync_answer("s1", joined(message("$1"))), sync_answer("s1"))
    server.will_answer(sync_answer("s2", joined(message("$2"))))
    with client.start_sync():
        heard.wait_until(lambda heard: len(heard.events) == 2)
    assert heard.bodies == ["$1", "$2"]


# ------------------------------------------------------------------ what failures do


def test_what_on_failed_sync_raises_ends_the_loop(server: ScriptedHomeserver) -> None:
    class Strict(DefaultSyncer):
        def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
            raise LookupError("enough") from error

    server.will_answer(Reply(502, b""))
    with make_client(server, syncer=Strict()) as client, pytest.raises(LookupError, match="enough"):
        client.sync()


@pytest.mark.parametrize(("errcode", "kind"), [("M_UNKNOWN_TOKEN", UnknownToken), ("M_MISSING_TOKEN", MissingToken)])
def test_a_token_that_is_no_longer_good_ends_the_loop(
    server: ScriptedHomeserver, client: Client, errcode: str, kind: type[HTTPError]
) -> None:
    server.will_answer(sync_answer("s1"), Reply(401, {"errcode": errcode, "soft_logout": True}))
    with pytest.raises(kind) as failure:
        client.sync()
    assert client.store.load_next_batch(USER) == "s1"
    if isinstance(failure.value, UnknownToken):
        assert failure.value.soft_logout


def test_a_server_that_is_not_there_is_tried_again(syncer: Impatient, heard: Recorder) -> None:
    with ScriptedHomeserver() as gone:
        url = gone.url
    with Client(url, USER, "t0ken", syncer=syncer) as client, client.start_sync() as handle:
        tried = threading.Event()
        syncer_failed = syncer.failures
        for _ in range(500):
            if len(syncer_failed) >= 3:
                break
            tried.wait(0.01)
        assert [type(error) for _, error in syncer_failed[:3]] == [ConnectError] * 3
        assert handle.is_running
        assert handle.error is None


def test_what_process_response_raises_ends_the_loop_whatever_it_is(server: ScriptedHomeserver) -> None:
    """Even an error that a failed request would be forgiven: it was the syncer's, not the server's."""

    class Broken(Impatient):
        def process_response(self, response: SyncResponse, since: str) -> None:
            raise ServerError("from the syncer", code=500)

    server.will_answer(sync_answer("s1"), sync_answer("s1"))
    with make_client(server, syncer=Broken()) as client:
        with pytest.raises(ServerError, match="from the syncer"):
            client.sync()
        assert client.store.load_next_batch(USER) == ""
    assert len(server.asked("/sync")) == 1


def test_a_response_listener_that_raises_stops_nobody(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    @syncer.on_response
    def broken(response: SyncResponse, since: str) -> None:
        raise LookupError("in the response listener")

    syncer.on_response(lambda response, since: told.append(response.next_batch))
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    client.sync_once()
    client.sync_once()
    assert (told, heard.bodies) == (["s1", "s2"], ["$1"])
    assert "in the response listener" in caplog.text
    syncer.listener_policy = raise_listener_error
    server.will_answer(sync_answer("s3"))
    with pytest.raises(ListenerFailed):
        client.sync()
    assert client.store.load_next_batch(USER) == "s3"


# ------------------------------------------------------------------ a position the server refuses

REFUSED = Reply(400, {"errcode": "M_UNKNOWN", "error": "Invalid stream token"})


def test_five_times_the_same_refusal_is_an_answer(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    client.store.save_next_batch(USER, "garbage")
    server.will_answer(*[REFUSED] * 9)
    with pytest.raises(SyncTokenRejected) as failure:
        client.sync()
    assert isinstance(failure.value.__cause__, HTTPError)
    assert sinces(server) == ["garbage"] * 5
    assert client.store.load_next_batch(USER) == "garbage"


def test_refusals_that_are_interrupted_are_no_answer(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder
) -> None:
    other = Reply(400, {"errcode": "M_UNKNOWN", "error": "something else"})
    client.store.save_next_batch(USER, "s0")
    for interruption in (Reply(502, b""), other, sync_answer("s0")):
        server.will_answer(*[REFUSED] * 4, interruption)
    server.will_answer(*[REFUSED] * 4, sync_answer("s1", joined(message("$1"))))
    with client.start_sync():
        heard.wait_for_bodies("$1")


def test_a_first_sync_that_is_refused_is_no_matter_of_the_position(
    server: ScriptedHomeserver, client: Client, heard: Recorder
) -> None:
    server.will_answer(*[REFUSED] * 8, sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    with client.start_sync():
        heard.wait_for_bodies("$1")


# ------------------------------------------------------------------ the filter

UNKNOWN_FILTER = Reply(400, {"errcode": "M_INVALID_PARAM", "error": "No such filter"})


@pytest.mark.parametrize("answer", [UNKNOWN_FILTER, Reply(404, {"errcode": "M_NOT_FOUND"})])
def test_a_lost_filter_is_uploaded_again_once(server: ScriptedHomeserver, client: Client, answer: Reply) -> None:
    server.will_answer(sync_answer("s1"), answer, sync_answer("s2"), sync_answer("s3"))
    for _ in range(3):
        client.sync_once()
    assert [seen.query["filter"] for seen in server.asked("/sync")] == ["f1", "f1", "f2", "f2"]


def test_a_server_that_knows_no_filter_at_all_is_not_asked_in_a_circle(
    server: ScriptedHomeserver, client: Client
) -> None:
    server.will_answer(*[UNKNOWN_FILTER] * 4)
    with pytest.raises(HTTPError):
        client.sync_once()
    assert len(server.asked("/sync")) == 2


def test_a_filter_that_changes_in_place_is_noticed(server: ScriptedHomeserver) -> None:
    class Own(Impatient):
        wanted: dict[str, Any] = {"room": {"timeline": {"limit": 1}}}  # noqa: RUF012 - changed on purpose

        def get_filter_json(self, user_id: str) -> dict[str, Any]:
            return self.wanted

    server.will_answer(sync_answer("s1"), sync_answer("s2"), sync_answer("s3"))
    with make_client(server, syncer=Own()) as client:
        client.sync_once()
        Own.wanted["room"]["timeline"]["limit"] = 2
        client.sync_once()
        client.sync_once()
    assert [one["room"]["timeline"]["limit"] for one in server.filters] == [1, 2]


def test_a_filter_is_never_taken_for_another_after_a_crash(server: ScriptedHomeserver) -> None:
    """The filter changes, and the process dies between the writes that remember the new one."""

    class Dies(InMemoryStore):
        writes_left = 100

        def save_filter_id(self, user_id: str, filter_id: str) -> None:
            if self.writes_left == 0:
                raise KeyboardInterrupt
            self.writes_left -= 1
            super().save_filter_id(user_id, filter_id)

    for writes in range(3):
        store = Dies()
        syncer = Impatient(timeline_limit=1)
        server.will_answer(*[sync_answer(f"s{n}") for n in range(3)])
        with make_client(server, store=store, syncer=syncer) as client:
            client.sync_once()
            syncer.timeline_limit = 2
            store.writes_left = writes
            with pytest.raises(KeyboardInterrupt):
                client.sync_once()
            store.writes_left = 100
            client.sync_once()
            used = server.asked("/sync")[-1].query["filter"]
            assert server.filters[int(used[1:]) - 1] == {
                "room": {"timeline": {"limit": 2, "unread_thread_notifications": True}}
            }
            client.sync_once()


def test_a_locked_account_pauses_the_sync_and_keeps_the_session(
    server: ScriptedHomeserver, client: Client, heard: Recorder
) -> None:
    locked = Reply(401, {"errcode": "M_USER_LOCKED", "error": "locked", "soft_logout": True})
    server.will_answer(sync_answer("s1"), locked, locked, locked, sync_answer("s2", joined(message("$1"))))
    with client.start_sync() as handle:
        heard.wait_for_bodies("$1")
        assert handle.is_running
    assert (client.user_id, client.access_token) == (USER, "t0ken")
    assert [seen.query.get("since") for seen in server.asked("/sync")][:5] == [None, "s1", "s1", "s1", "s1"]
