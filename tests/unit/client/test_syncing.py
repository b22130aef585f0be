"""The sync loop against a scripted homeserver: failing, going on, stopping, one at a time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, Event, InMemoryStore, SQLiteStore, Storer, SyncResponse, UsageError
from gomatrix_py.client import SyncHandle
from gomatrix_py.errors import (
    ConnectError,
    DecodeError,
    Forbidden,
    HTTPError,
    ListenerFailed,
    MissingToken,
    RequestCancelled,
    ServerError,
    StoreError,
    StoreFull,
    SyncTokenRejected,
    TransportError,
    UnknownToken,
)
from gomatrix_py.http.retry import RetryPolicy
from gomatrix_py.store import Gap, InboxRow, SyncBatch
from gomatrix_py.sync import raise_listener_error
from tests.conformance.six_methods import SixMethodStore
from tests.kit.recorder import Recorder
from tests.kit.scripted_homeserver import (
    ROOM,
    USER,
    Reply,
    ScriptedHomeserver,
    Seen,
    joined,
    message,
    state,
    sync_answer,
)

PROMPTLY_S = 5.0


class Impatient(DefaultSyncer):
    """Hardly waits, and remembers what failed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.failures: list[tuple[SyncResponse | None, Exception]] = []

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        self.failures.append((response, error))
        return min(super().on_failed_sync(response, error), 0.01)


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    """A homeserver without a script yet."""
    with ScriptedHomeserver() as server:
        yield server


@pytest.fixture
def syncer() -> Impatient:
    """The syncer of the client."""
    return Impatient()


@pytest.fixture
def client(server: ScriptedHomeserver, syncer: Impatient) -> Iterator[Client]:
    """Its client, which keeps all in memory."""
    with make_client(server, syncer=syncer) as client:
        yield client


@pytest.fixture
def heard(syncer: Impatient) -> Recorder:
    """What its listener for messages hears."""
    recorder = Recorder()
    syncer.on_event_type("m.room.message", recorder)
    return recorder


def make_client(server: ScriptedHomeserver, **options: Any) -> Client:
    """Make a client of a scripted server that tries nothing twice by itself."""
    return Client(server.url, USER, "t0ken", retry=RetryPolicy.never(), **options)


def sinces(server: ScriptedHomeserver) -> list[str]:
    """Return the `since` of each /sync."""
    return [seen.query.get("since", "") for seen in server.asked("/sync")]


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


# ------------------------------------------------------------------ a handful of trouble, then good news

GZIP_CUT = bytes.fromhex("1f8b08000000000000ffab56ca4b2c29")

TROUBLE: dict[str, tuple[Any, type[Exception]]] = {
    "no JSON": (Reply(body=b"<html>welcome</html>"), DecodeError),
    "nothing": (Reply(body=b""), DecodeError),
    "half a document": (Reply(body=b'{"next_batch": "s9", "rooms": {"join": {'), DecodeError),
    "a list": (Reply(body=b"[]"), DecodeError),
    "null": (Reply(body=b"null"), DecodeError),
    "no position": ({}, DecodeError),
    "an empty position": ({"next_batch": ""}, DecodeError),
    "a position of the wrong type": ({"next_batch": 7}, DecodeError),
    "nested without end": (Reply(body=b'{"next_batch": "s9", "x": ' + b"[" * 100_000), DecodeError),
    "UTF-16": (Reply(body='{"next_batch": "s9"}'.encode("utf-16")), DecodeError),
    "gzip that breaks off": (Reply(body=GZIP_CUT, headers={"Content-Encoding": "gzip"}), TransportError),
    "gzip that is none": (Reply(body=b"plain", headers={"Content-Encoding": "gzip"}), TransportError),
    "too large": (Reply(headers={"Content-Length": str(600 * 1024 * 1024)}), TransportError),
    "a proxy's error page": (Reply(502, b"<html>bad gateway</html>"), ServerError),
    "an error without a code": (Reply(500, {}), ServerError),
    "an error that is no object": (Reply(400, b"[]"), HTTPError),
    "a limit": (Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1}), HTTPError),
    "forbidden": (Reply(403, {"errcode": "M_FORBIDDEN"}), Forbidden),
    "a redirect": (Reply(302, headers={"Location": "https://elsewhere.example/"}), TransportError),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_the_next_good_answer_is_processed(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder, trouble: str
) -> None:
    answer, kind = TROUBLE[trouble]
    server.will_answer(sync_answer("s1"), answer, answer, sync_answer("s2", joined(message("$1"))))
    with client.start_sync() as handle:
        heard.wait_for_bodies("$1")
        server.wait_for("/sync", 5)
        assert handle.is_healthy
    assert sinces(server)[1:] == ["s1", "s1", "s1", "s2"]
    assert [isinstance(error, kind) for _, error in syncer.failures] == [True, True]
    assert heard.bodies == ["$1"]


def test_an_answer_cut_short_is_asked_for_again(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder
) -> None:
    """Were its start taken for the whole, the rest would be lost for good."""
    from tests.kit.scripted_homeserver import Cut

    whole = sync_answer("s2", joined(message("$1"), message("$2")))
    server.will_answer(sync_answer("s1"), Cut(body=whole, missing=1), whole)
    with client.start_sync():
        heard.wait_for_bodies("$1", "$2")
    assert len(syncer.failures) == 1
    assert heard.bodies == ["$1", "$2"]


# ------------------------------------------------------------------ answers that are wrong in places

NAN = b'{"type":"m.room.message","event_id":"$nan","content":{"body":"x","n":NaN}}'
DEEP = b'{"type":"m.room.message","event_id":"$deep","content":{"x":' + b"[" * 900 + b"]" * 900 + b"}}"
TOO_DEEP = b'{"type":"m.room.message","event_id":"$deeper","content":{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}}"
SURROGATE = b'{"type":"m.room.message","event_id":"$surrogate","content":{"body":"\\ud800"}}'
HUGE_NUMBER = b'{"type":"m.room.message","event_id":"$huge","origin_server_ts":1' + b"0" * 30 + b',"content":{}}'
TWICE_A_KEY = b'{"type":"m.room.message","type":"m.room.message","event_id":"$twice","content":{}}'
NOT_UTF8 = b'{"type":"m.room.message","event_id":"$utf8","content":{"body":"\xff"}}'
OWN_JOIN = (
    b'{"type":"m.room.member","state_key":"@alice:scripted","event_id":"$own","sender":"@alice:scripted",'
    b'"content":{"membership":"join","reason":"\\ud800"}}'
)

DAMAGE: dict[str, bytes] = {
    "a number": b"7",
    "null": b"null",
    "a text": b'"$1"',
    "a list": b"[]",
    "an empty object": b"{}",
    "a type that is a number": b'{"type": 7, "event_id": "$7", "content": {}}',
    "a state key that is a list": b'{"type": "m.room.name", "state_key": [], "event_id": "$k", "content": {}}',
    "an id that is a number": b'{"type": "m.room.message", "event_id": 7, "content": {}}',
    "an empty id": b'{"type": "m.room.message", "event_id": "", "content": {}}',
    "an id of two dots": b'{"type": "m.room.message", "event_id": "..", "content": {}}',
    "an endless id": b'{"type": "m.room.message", "event_id": "$' + b"x" * 5000 + b'", "content": {}}',
    "content that is a list": b'{"type": "m.room.message", "event_id": "$c", "content": []}',
    "no content": b'{"type": "m.room.message", "event_id": "$n"}',
    "NaN": NAN,
    "deep nesting": DEEP,
    "nesting without end": TOO_DEEP,
    "a lone surrogate": SURROGATE,
    "a number past 2^63": HUGE_NUMBER,
    "a key twice": TWICE_A_KEY,
    "bytes that are not UTF-8": NOT_UTF8,
    "an own membership with a lone surrogate": OWN_JOIN,
}


@pytest.fixture(params=["memory", "sqlite", "six methods"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Storer:
    """A store of each kind."""
    if request.param == "sqlite":
        return SQLiteStore(tmp_path / "store.sqlite3")
    return InMemoryStore() if request.param == "memory" else SixMethodStore()


@pytest.mark.parametrize("place", ["timeline", "state", "ephemeral", "account_data"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_event_keeps_nothing_else_back(
    server: ScriptedHomeserver, any_store: Storer, damage: str, place: str
) -> None:
    if not isinstance(any_store, InMemoryStore) and place != "timeline":
        any_store = InMemoryStore()  # the stores differ in what a timeline does to them
    before, after = state("m.room.topic", {"topic": "before"}), state("m.room.name", {"name": "after"})
    if place == "ephemeral":
        before, after = {"type": "m.typing", "content": {}}, {"type": "m.receipt", "content": {}}
    answer = sync_answer(
        "s2", joined(message("$1"), prev_batch="p", **{place: {"events": [before, "DAMAGE", after]}})
    )
    if place == "timeline":
        answer = sync_answer("s2", joined(message("$1"), before, "DAMAGE", after, message("$2")))  # type: ignore[arg-type]
    body = _json(answer).replace(b'"DAMAGE"', DAMAGE[damage])
    server.will_answer(sync_answer("s1"), body, sync_answer("s3", joined(message("$3"))))
    heard = Recorder()
    syncer = Impatient()
    syncer.on_event(heard)
    with make_client(server, store=any_store, syncer=syncer) as client:
        for _ in range(3):
            client.sync_once()
        assert client.store.load_next_batch(USER) == "s3"
        types = [event.type for event in heard.events]
        assert types.count(str(before["type"])) == types.count(str(after["type"])) == 1
        expected = {"$1", "$3"} | ({"$2"} if place == "timeline" else set())
        assert expected <= set(heard.ids)
        if place in ("timeline", "state"):
            assert client.load_room(ROOM).topic == "before"
            assert client.load_room(ROOM).name == "after"


def _json(document: Any) -> bytes:
    import json

    return json.dumps(document).encode()


WRONG_PLACES: dict[str, Any] = {
    "rooms": {"rooms": []},
    "join": {"rooms": {"join": 7}},
    "a room": {"rooms": {"join": {ROOM: [], "!good:scripted": joined(message("$good"))}}},
    "a timeline": {"rooms": {"join": {ROOM: {"timeline": "x"}, "!good:scripted": joined(message("$good"))}}},
    "events": {"rooms": {"join": {ROOM: {"timeline": {"events": {}}}, "!good:scripted": joined(message("$good"))}}},
    "limited": {"rooms": {"join": {ROOM: {"timeline": {"limited": "yes", "prev_batch": 7, "events": []}}}}},
    "a summary": {"rooms": {"join": {ROOM: {"summary": "x", "unread_notifications": 7}}}},
    "an invite": {"rooms": {"invite": {ROOM: {"invite_state": {"events": 7}}}}},
    "presence": {"presence": [], "to_device": {"events": "x"}, "account_data": 7},
    "devices": {"device_lists": {"changed": 7}, "device_one_time_keys_count": [], "x": {"unknown": 1}},
}


@pytest.mark.parametrize("place", WRONG_PLACES)
def test_wrong_types_leave_out_what_they_spoil(
    server: ScriptedHomeserver, client: Client, heard: Recorder, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"next_batch": "s2", **WRONG_PLACES[place]}
    server.will_answer(sync_answer("s1"), wrong, sync_answer("s3", joined(message("$3"))))
    for _ in range(3):
        client.sync_once()
    assert client.store.load_next_batch(USER) == "s3"
    assert heard.bodies == (["$good", "$3"] if "$good" in str(wrong) else ["$3"])


def test_ids_of_any_kind_are_only_names(server: ScriptedHomeserver, any_store: Storer) -> None:
    odd = ["!", "..", "!a/b?c#d%e:x", "!" + "y" * 300, "!ü☕", "'; DROP TABLE room; --", "!no-domain"]
    rooms = {room_id: joined(message(f"${number}", room_id)) for number, room_id in enumerate(odd)}
    server.will_answer(sync_answer("s1"), {"next_batch": "s2", "rooms": {"join": rooms}}, sync_answer("s3"))
    heard = Recorder()
    syncer = Impatient()
    syncer.on_event_type("m.room.message", heard)
    with make_client(server, store=any_store, syncer=syncer) as client:
        for _ in range(3):
            client.sync_once()
        assert [event.room_id for event in heard.events] == odd
        assert [client.load_room(room_id).membership for room_id in odd] == ["join"] * len(odd)


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
            assert server.filters[int(used[1:]) - 1] == {"room": {"timeline": {"limit": 2}}}
            client.sync_once()


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


# ------------------------------------------------------------------ one at a time


def _interrupt_main_when(event: threading.Event) -> threading.Thread:
    def interrupt() -> None:
        assert event.wait(20)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="only the main thread can be interrupted"
)
def test_a_sync_interrupted_while_it_waits_for_the_one_before_leaves_nothing_behind(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    blocks, go_on, waits = threading.Event(), threading.Event(), threading.Event()

    @syncer.on_event_type("m.room.message")
    def block(event: Event) -> None:
        blocks.set()
        assert go_on.wait(20)

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    handle = client.start_sync()
    assert blocks.wait(20)
    handle._run.cancel.on_cancel(waits.set).__enter__()  # thrown by the sync that wants its place
    interrupter = _interrupt_main_when(waits)
    with pytest.raises(KeyboardInterrupt):
        client.sync()
    interrupter.join()
    go_on.set()
    handle.join(20)
    server.will_answer(sync_answer("s3"))
    assert client.sync_once().next_batch == "s3"


def test_a_handle_can_be_stopped_the_moment_it_is_there(server: ScriptedHomeserver, client: Client) -> None:
    for _ in range(20):
        handle = client.start_sync()
        client.stop_sync()
        handle.join(PROMPTLY_S)
        client.start_sync().stop(PROMPTLY_S)


def test_the_thread_that_started_a_handle_may_sync_itself(server: ScriptedHomeserver, client: Client) -> None:
    for number in range(20):
        handle = client.start_sync()
        server.will_answer(sync_answer(f"s{number}"))
        client.sync_once(1000)  # retires the handle, whether its thread runs by now or not
        handle.join(PROMPTLY_S)
        assert handle.error is None


def test_of_many_syncs_begun_at_once_only_one_is_left(
    server: ScriptedHomeserver, client: Client, heard: Recorder
) -> None:
    at_once: list[int] = []
    in_flight: list[int] = []

    def answer(seen: Seen) -> Any:
        in_flight.append(1)
        at_once.append(len(in_flight))
        in_flight.pop()
        return sync_answer(f"s{len(at_once)}", joined(message(f"${len(at_once)}")))

    server.will_answer(*[answer] * 12)
    handles: list[SyncHandle] = [client.start_sync() for _ in range(8)]
    heard.wait_until(lambda heard: len(heard.events) >= 6)
    for handle in handles[:-1]:
        handle.join(PROMPTLY_S)
    assert handles[-1].is_running
    handles[-1].stop()
    assert set(at_once) == {1}
    assert len(set(heard.ids)) == len(heard.ids)


def test_closing_the_client_ends_the_sync_first(server: ScriptedHomeserver, tmp_path: Path) -> None:
    for number in range(5):
        client = make_client(server, store=SQLiteStore(tmp_path / f"{number}.sqlite3"), syncer=Impatient())
        asked = len(server.asked("/sync"))
        server.will_answer(*[sync_answer(f"s{n}", joined(message(f"${n}"))) for n in range(5)])
        handle = client.start_sync()
        server.wait_for("/sync", asked + 2)
        client.close()
        handle.join(PROMPTLY_S)  # raises what the thread died of, a closed store for one
        assert not handle.is_running


def test_a_client_may_be_closed_by_its_own_listener(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    closed = threading.Event()

    @syncer.on_event_type("m.room.message")
    def close(event: Event) -> None:
        client.close()
        closed.set()

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))))
    handle = client.start_sync()
    assert closed.wait(PROMPTLY_S)
    handle.join(PROMPTLY_S)


# ------------------------------------------------------------------ stopping, wherever it is


@pytest.mark.parametrize("where", ["/sync", "/filter", "/messages"])
def test_stop_ends_whatever_request_is_under_way(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, where: str
) -> None:
    answered = threading.Event()

    def hold(seen: Seen) -> Any:
        answered.wait(20)
        return {}

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), limited=True, prev_batch="p1")))
    syncer.fill_gaps = 10
    server.route("POST" if where == "/filter" else "GET", where, hold)
    handle = client.start_sync()
    server.wait_for(where, 1)
    handle.stop(PROMPTLY_S)
    answered.set()
    assert handle.error is None
    assert client.store.load_next_batch(USER) == ("s1" if where == "/messages" else "")


def test_stop_ends_the_wait_after_a_failure(server: ScriptedHomeserver) -> None:
    waiting = threading.Event()

    class Patient(DefaultSyncer):
        def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
            waiting.set()
            return 60.0

    server.will_answer(Reply(502, b""))
    with make_client(server, syncer=Patient()) as client:
        handle = client.start_sync()
        assert waiting.wait(20)
        assert not handle.is_healthy
        handle.stop(PROMPTLY_S)


def test_stopping_a_single_sync(server: ScriptedHomeserver, client: Client) -> None:
    ended: list[BaseException] = []

    def once() -> None:
        try:
            client.sync_once(30_000)
        except RequestCancelled as error:
            ended.append(error)

    thread = threading.Thread(target=once)
    thread.start()
    server.wait_for("/sync", 1)
    client.stop_sync()
    thread.join(PROMPTLY_S)
    assert len(ended) == 1


def test_stopping_what_does_not_run_does_nothing(server: ScriptedHomeserver, client: Client) -> None:
    client.stop_sync()
    server.will_answer(sync_answer("s1"))
    assert client.sync_once().next_batch == "s1"


# ------------------------------------------------------------------ gaps that fill themselves


def _page(*events: dict[str, Any], end: str | None = None) -> dict[str, Any]:
    return {"start": "p1", "chunk": list(events), **({"end": end} if end else {})}


LIMITED = sync_answer("s2", joined(message("$9"), limited=True, prev_batch="p1"))


@pytest.mark.parametrize(
    "history",
    [
        Reply(403, {"errcode": "M_FORBIDDEN"}),
        Reply(500, {"errcode": "M_UNKNOWN"}),
        Reply(body=b"not json"),
        {"chunk": "not a list", "start": "x"},
    ],
)
def test_history_the_server_does_not_give_keeps_nothing_back(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder, history: Any
) -> None:
    syncer.fill_gaps = 10
    server.route("GET", "/messages", history)
    server.will_answer(sync_answer("s1"), LIMITED)
    client.sync_once()
    client.sync_once()
    assert heard.bodies == ["$9"]
    (gap,) = client.gaps()
    assert (gap.since, gap.prev_batch) == ("s1", "p1")
    server.route("GET", "/messages", _page(message("$8"), message("$7")))
    assert [event.event_id for event in client.fill_gap(gap)] == ["$7", "$8"]


def test_a_connection_that_breaks_while_a_gap_is_filled_leaves_nothing_half_done(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder
) -> None:
    from tests.kit.scripted_homeserver import Cut

    pages = [_page(message("$8"), end="p2"), Cut(), _page(message("$8"), end="p2"), _page(message("$7"))]
    syncer.fill_gaps = 10
    server.route("GET", "/messages", lambda seen: pages.pop(0))
    server.will_answer(sync_answer("s1"), LIMITED, LIMITED)
    with client.start_sync():
        heard.wait_for_bodies("$9")
    assert heard.bodies == ["$7", "$8", "$9"]
    assert client.gaps() == []
    assert sinces(server)[:3] == ["", "s1", "s1"]


def test_a_token_that_ends_while_a_gap_is_filled_ends_the_loop(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    syncer.fill_gaps = 10
    server.route("GET", "/messages", Reply(401, {"errcode": "M_UNKNOWN_TOKEN"}))
    server.will_answer(sync_answer("s1"), LIMITED)
    with pytest.raises(UnknownToken):
        client.sync()
    assert client.store.load_next_batch(USER) == "s1"


def test_filling_by_hand_reports_what_went_wrong_and_keeps_the_gap(
    server: ScriptedHomeserver, client: Client, heard: Recorder
) -> None:
    server.will_answer(sync_answer("s1"), LIMITED)
    client.sync_once()
    client.sync_once()
    (gap,) = client.gaps()
    server.route("GET", "/messages", Reply(502, b""))
    with pytest.raises(ServerError):
        client.fill_gap(gap)
    assert client.gaps() == [gap]
    assert heard.bodies == ["$9"]


def test_a_store_without_gaps_says_so(server: ScriptedHomeserver) -> None:
    with make_client(server, store=SixMethodStore()) as client:
        assert client.gaps() == []
        with pytest.raises(UsageError):
            client.fill_gap(Gap(ROOM, "s1", "p1"))
