"""The sync loop with a syncer that says what to ask: sliding sync against a scripted homeserver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py import Client, SyncResponse
from gomatrix_py.api.sync import GetSync
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import HTTPError, RequestCancelled, SyncTokenRejected, UnsupportedByServer
from gomatrix_py.store import Storer
from gomatrix_py.sync import DefaultSyncer, SlidingSyncer
from gomatrix_py.sync.sliding_position import SlidingPosition
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import (
    ROOM,
    USER,
    Reply,
    ScriptedHomeserver,
    Seen,
    joined,
    message,
    sync_answer,
)
from tests.kit.sliding import PATH, own_member, sliding_answer, sliding_room

UNKNOWN_POS = Reply(400, {"errcode": "M_UNKNOWN_POS", "error": "Unknown position"})


class ImpatientSliding(SlidingSyncer):
    """Hardly waits after a failed sync."""

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        return min(super().on_failed_sync(response, error), 0.01)


@pytest.fixture
def sliding() -> ImpatientSliding:
    return ImpatientSliding()


@pytest.fixture
def sliding_client(server: ScriptedHomeserver, sliding: ImpatientSliding) -> Iterator[Client]:
    with make_client(server, syncer=sliding) as client:
        yield client


@pytest.fixture
def told(sliding: ImpatientSliding) -> Recorder:
    recorder = Recorder()
    sliding.on_event_type("m.room.message", recorder)
    return recorder


def first_answer(**parts: Any) -> dict[str, Any]:
    room = sliding_room(message("$0"), initial=True, required_state=[own_member()], prev_batch="t0", num_live=0)
    return sliding_answer("p1", room, **parts)


def asked_positions(server: ScriptedHomeserver) -> list[str]:
    return [seen.query.get("pos", "") for seen in server.asked(PATH)]


def test_the_loop_asks_as_the_syncer_says(server: ScriptedHomeserver, sliding_client: Client, told: Recorder) -> None:
    server.will_answer(first_answer(), sliding_answer("p2", sliding_room(message("$1"))))
    with sliding_client.start_sync():
        told.wait_until(lambda told: bool(told.events))
        server.wait_for(PATH, 3)
    assert told.ids == ["$1"]
    assert asked_positions(server) == ["", "p1", "p2"]
    assert server.filters == []  # it has no filter
    assert sliding_client.store.load_next_batch(USER) == ""


def test_sync_once_and_any_store(server: ScriptedHomeserver, any_store: Storer) -> None:
    server.will_answer(first_answer(to_device=("7", [])), sliding_answer("p2", sliding_room(message("$1"))))
    syncer, told = SlidingSyncer(), Recorder()
    syncer.on_event(told)
    with make_client(server, syncer=syncer, store=any_store) as client:
        client.sync_once()
        response = client.sync_once(1234)
        assert told.ids == ["$1"]
        assert any_store.load_next_batch(syncer.position_key(USER)) == response.next_batch
        assert any_store.load_room(ROOM) is not None
    last = server.asked(PATH)[-1]
    assert last.query == {"pos": "p1", "timeout": "1234"}
    assert last.json["extensions"]["to_device"] == {"enabled": True, "since": "7"}


@pytest.mark.parametrize("refusal", [UNKNOWN_POS, Reply(400, {"errcode": "M_UNKNOWN", "error": "Invalid token"})])
def test_a_forgotten_connection_is_made_anew(
    server: ScriptedHomeserver, sliding_client: Client, sliding: ImpatientSliding, told: Recorder, refusal: Reply
) -> None:
    again = sliding_room(
        message("$0"), message("$1"), initial=True, required_state=[own_member()], prev_batch="t1", num_live=0
    )
    server.will_answer(first_answer(to_device=("7", [])), refusal, sliding_answer("p9", again))
    sliding_client.sync_once()
    sliding_client.sync_once()
    assert asked_positions(server) == ["", "p1", ""]
    assert server.asked(PATH)[-1].json["extensions"]["to_device"]["since"] == "7"
    assert told.ids == ["$1"]
    saved = SlidingPosition.from_text(sliding_client.store.load_next_batch(sliding.position_key(USER)))
    assert (saved.pos, saved.to_device) == ("p9", "7")


def test_where_the_new_connection_fails_the_old_position_is_kept(
    server: ScriptedHomeserver, sliding_client: Client, sliding: ImpatientSliding
) -> None:
    """Else an interrupt in between would pass for a client that never synced."""
    server.will_answer(first_answer(), UNKNOWN_POS, Reply(502, b"oops"))
    sliding_client.sync_once()
    before = sliding_client.store.load_next_batch(sliding.position_key(USER))
    with pytest.raises(HTTPError):
        sliding_client.sync_once()
    assert sliding_client.store.load_next_batch(sliding.position_key(USER)) == before != ""


def test_a_server_that_refuses_new_connections_too(server: ScriptedHomeserver, sliding_client: Client) -> None:
    server.route("POST", PATH, UNKNOWN_POS)
    with pytest.raises(HTTPError) as failure:
        sliding_client.sync_once()
    assert failure.value.wrapped_error is not None
    assert failure.value.wrapped_error.errcode == "M_UNKNOWN_POS"


def test_refusals_of_another_kind_end_the_loop_in_the_end(
    server: ScriptedHomeserver, sliding_client: Client, sliding: ImpatientSliding
) -> None:
    server.will_answer(first_answer())
    sliding_client.sync_once()
    server.route("POST", PATH, Reply(400, {"errcode": "M_BAD_JSON", "error": "no"}))
    with pytest.raises(SyncTokenRejected, match="sliding-sync:gomatrix_py"):
        sliding_client.sync()


def test_a_server_without_sliding_sync_is_named(server: ScriptedHomeserver, sliding_client: Client) -> None:
    server.route("POST", PATH, Reply(404, {"errcode": "M_UNRECOGNIZED", "error": "what?"}))
    server.route("GET", "/versions", {"versions": ["v1.11"]})
    with pytest.raises(UnsupportedByServer, match="MSC4186"):
        sliding_client.sync()


def test_a_subscription_takes_effect_while_the_server_waits(
    server: ScriptedHomeserver, sliding_client: Client, sliding: ImpatientSliding, told: Recorder
) -> None:
    server.will_answer(first_answer())
    with sliding_client.start_sync(poll_ms=30_000):
        server.wait_for(PATH, 2)  # held
        sliding.set_subscription(ROOM, timeline_limit=3)
        server.wait_for(PATH, 3)
        server.will_answer(sliding_answer("p2", sliding_room(message("$1"))))
        server.will_answer(sliding_answer("p3", sliding_room(message("$1"), message("$2"))))
        told.wait_until(lambda told: "$2" in told.ids)
    assert [ROOM in seen.json.get("room_subscriptions", {}) for seen in server.asked(PATH)[:3]] == [
        False,
        False,
        True,
    ]
    assert told.ids in (["$1", "$2"], ["$2"])  # the held request may have taken the first answer with it


def test_stopping_ends_a_poll_at_once(server: ScriptedHomeserver, sliding_client: Client) -> None:
    server.will_answer(first_answer())
    with sliding_client.start_sync(poll_ms=60_000) as handle:
        server.wait_for(PATH, 2)
        handle.stop(10)
    assert not handle.is_running


# ------------------------------------------------------------------ gaps


def test_gaps_are_filled_before_they_are_processed(server: ScriptedHomeserver) -> None:
    syncer, told = SlidingSyncer(fill_gaps=100), Recorder()
    syncer.on_event_type("m.room.message", told)
    pages: list[Seen] = []

    def page(request: Seen) -> dict[str, Any]:
        pages.append(request)
        return {"start": "t2", "chunk": [message("$2"), message("$1"), message("$0")], "end": None}

    server.route("GET", "/messages", page)
    server.will_answer(
        first_answer(), sliding_answer("p2", sliding_room(message("$3"), limited=True, prev_batch="t2"))
    )
    with make_client(server, syncer=syncer) as client:
        client.sync_once()
        client.sync_once()
        assert client.gaps() == []
    assert told.ids == ["$1", "$2", "$3"]
    (asked,) = pages
    assert (asked.query["from"], asked.query["to"]) == ("t2", "t0")


def test_a_gap_whose_beginning_nobody_knows_is_paged_to_what_is_known(server: ScriptedHomeserver) -> None:
    syncer, told = SlidingSyncer(), Recorder()
    syncer.on_event_type("m.room.message", told)
    first = first_answer()
    del first["rooms"][ROOM]["prev_batch"]
    server.will_answer(first, sliding_answer("p2", sliding_room(message("$3"), limited=True, prev_batch="t2")))
    server.route("GET", "/messages", {"start": "t2", "chunk": [message("$2"), message("$0")], "end": None})
    with make_client(server, syncer=syncer) as client:
        client.sync_once()
        client.sync_once()
        (gap,) = client.gaps(ROOM)
        assert [event.event_id for event in client.fill_gap(gap)] == ["$2"]
    assert "to" not in server.asked("/messages")[0].query
    assert told.ids == ["$3", "$2"]


# ------------------------------------------------------------------ from one syncer to another


def test_positions_of_two_kinds_never_meet(server: ScriptedHomeserver) -> None:
    server.will_answer(sync_answer("s1", joined(message("$0"))), first_answer(), sync_answer("s2"))
    with make_client(server, syncer=DefaultSyncer()) as client:
        client.sync_once()
        client.syncer = SlidingSyncer()
        client.sync_once()
        client.syncer = DefaultSyncer()
        client.sync_once()
    sinces = [seen.query.get("since", seen.query.get("pos", "")) for seen in server.asked("/sync")]
    assert sinces == ["", "", "s1"]


class AsksForFullState(DefaultSyncer):
    """A syncer of three more methods: it asks /sync, but differently."""

    def position_key(self, user_id: str) -> str:
        return user_id

    def next_request(self, since: str, timeout_ms: int, outdated: CancelToken) -> GetSync:
        return GetSync(timeout_ms, since or None, full_state=True)

    def read_answer(self, answer: SyncResponse, since: str) -> SyncResponse:
        return answer

    def position_after(self, since: str, error: HTTPError) -> str | None:
        return None


def test_a_syncer_of_ones_own_may_ask_too(server: ScriptedHomeserver) -> None:
    syncer, told = AsksForFullState(), Recorder()
    syncer.on_event(told)
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    with make_client(server, syncer=syncer) as client:
        client.sync_once()
        client.sync_once()
        assert client.store.load_next_batch(USER) == "s2"
    assert [seen.query["full_state"] for seen in server.asked("/sync")] == ["true", "true"]
    assert told.ids == ["$1"]


def test_a_request_that_is_outdated_at_once_is_made_anew(server: ScriptedHomeserver) -> None:
    tries: list[CancelToken] = []

    class Hesitant(AsksForFullState):
        def next_request(self, since: str, timeout_ms: int, outdated: CancelToken) -> GetSync:
            tries.append(outdated)
            if len(tries) < 3:
                outdated.cancel()
            return super().next_request(since, timeout_ms, outdated)

    server.will_answer(sync_answer("s1"))
    with make_client(server, syncer=Hesitant()) as client:
        client.sync_once()
    assert len(tries) == 3
    assert len(server.asked("/sync")) == 1


def test_a_stop_is_no_reason_to_ask_anew(server: ScriptedHomeserver) -> None:
    server.will_answer(sync_answer("s1"))
    failures: list[BaseException] = []
    with make_client(server, syncer=AsksForFullState()) as client:
        client.sync_once()

        def work() -> None:
            try:
                client.sync_once(60_000)
            except RequestCancelled as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        server.wait_for("/sync", 2)
        client.stop_sync()
        thread.join(20)
        assert not thread.is_alive()
    assert len(failures) == 1
    assert len(server.asked("/sync")) == 2
