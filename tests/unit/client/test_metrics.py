"""Measurements: what is told, what is added up, and that nobody pays where nobody listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from gomatrix_py import Client, InMemoryStore, SQLiteStore
from gomatrix_py.client.metrics import Counters, Metric
from gomatrix_py.errors import HTTPError
from tests.kit.scripted_client import Impatient, make_client
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver, joined, message, sync_answer


@pytest.fixture
def told(client: Client) -> list[Metric]:
    """What the client measures."""
    told: list[Metric] = []
    client.on_metric(told.append)
    return told


def named(told: list[Metric], name: str) -> list[Metric]:
    """Return the measurements of one name."""
    return [one for one in told if one.name == name]


def test_requests_are_measured_by_route_and_status(
    server: ScriptedHomeserver, client: Client, told: list[Metric]
) -> None:
    server.route("GET", "/versions", {"versions": ["v1.11"]})
    server.route("GET", "/joined_members", Reply(403, {"errcode": "M_FORBIDDEN"}))
    client.server_features()
    with pytest.raises(HTTPError):
        client.joined_members(ROOM)
    requests = named(told, "request_seconds")
    assert [dict(one.labels) for one in requests] == [
        {"route": "GET /_matrix/client/versions", "status": "200"},
        {"route": "GET /_matrix/client/v3/rooms/{room_id}/joined_members", "status": "403"},
    ]
    assert all(0 < one.value < 60 for one in requests)
    assert ROOM not in str(told)


def test_requests_by_hand_are_one_route_whatever_ids_they_hold(
    server: ScriptedHomeserver, client: Client, told: list[Metric]
) -> None:
    server.route("GET", "/thing/", {})
    server.route("POST", "/thing/", {})
    for number in range(20):
        client.make_request("GET", client.build_url("thing", f"!room{number}:scripted"))
        client.make_request("POST", client.build_url("thing", f"@user{number}:scripted"), {})
    requests = named(told, "request_seconds")
    assert len(requests) == 40
    assert {one.labels["route"] for one in requests} == {"GET (by hand)", "POST (by hand)"}


def test_what_brought_no_answer_is_measured_too() -> None:
    with ScriptedHomeserver() as gone:
        client = make_client(gone)
    told: list[Metric] = []
    client.on_metric(told.append)
    with client, pytest.raises(Exception, match="cannot connect"):
        client.server_features()
    assert told[0].labels["status"] == "ConnectError"


def test_syncs_are_measured(
    server: ScriptedHomeserver, client: Client, told: list[Metric], syncer: Impatient
) -> None:
    syncer.on_event(lambda event: None)
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"), message("$2"))))
    client.sync_once()
    client.sync_once()
    assert [one.value for one in named(told, "sync_events")] == [0, 2]
    small, large = (one.value for one in named(told, "sync_bytes"))
    assert large > small + 100
    for name in ("sync_plan_seconds", "sync_commit_seconds", "sync_deliver_seconds"):
        assert [0 <= one.value < 60 for one in named(told, name)] == [True, True]
    assert [one.value for one in named(told, "in_flight")] == [0, 0]


def test_a_syncer_that_comes_later_is_measured_too(
    server: ScriptedHomeserver, client: Client, told: list[Metric]
) -> None:
    client.syncer = Impatient()
    server.will_answer(sync_answer("s1"))
    client.sync_once()
    assert len(named(told, "sync_bytes")) == 1


def test_what_is_sent_is_measured(server: ScriptedHomeserver, client: Client, told: list[Metric]) -> None:
    client.send_text(ROOM, "now")
    client.queue_text(ROOM, "later")
    client.outbox.flush()
    server.route("PUT", "/send/", Reply(403, {"errcode": "M_FORBIDDEN"}))
    client.queue_text(ROOM, "never")
    client.outbox.flush(0.5)
    states = [one.labels["state"] for one in named(told, "outbox_rows")]
    assert states == ["queued", "sent", "queued", "sent", "queued", "wedged"]


def test_the_outbox_of_a_store_that_comes_later_is_measured_too(
    server: ScriptedHomeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path))
    told: list[Metric] = []
    with Client(server.url, store=SQLiteStore()) as client:
        client.on_metric(told.append)
        client.set_credentials(USER, "t0ken", "DEVICE")
        client.send_text(ROOM, "now")
    assert [one.labels["state"] for one in named(told, "outbox_rows")] == ["queued", "sent"]
    with Client(server.url, USER, "t0ken") as client:
        client.on_metric(told.append)
        client.store = InMemoryStore()
        server.will_answer(sync_answer("s1"))
        client.sync_once()
        client.send_text(ROOM, "now")
    assert len(named(told, "outbox_rows")) == 4


def test_nothing_is_measured_for_nobody(client: Client, syncer: Impatient) -> None:
    assert client._exchange.response_hooks == []
    assert syncer.on_processed is None
    assert client._made_outbox is None


def test_counters_add_up(server: ScriptedHomeserver, client: Client) -> None:
    counters = Counters()
    assert client.on_metric(counters) is counters
    for _ in range(3):
        client.send_text(ROOM, "hello")
    totals = counters.totals()
    sent = totals["outbox_rows", (("state", "sent"),)]
    assert (sent.count, sent.total, sent.last) == (3, 3, 1)
    (requests,) = (total for (name, _), total in totals.items() if name == "request_seconds")
    assert requests.count == 3
    assert 0 < requests.last < requests.total
    sent.count = 99
    assert counters.totals()["outbox_rows", (("state", "sent"),)].count == 3


def test_a_callback_that_raises_disturbs_nobody(
    server: ScriptedHomeserver, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    @client.on_metric
    def broken(metric: Metric) -> None:
        raise LookupError(metric.name)

    counters = client.on_metric(Counters())
    client.send_text(ROOM, "hello")
    server.will_answer(sync_answer("s1"))
    client.sync_once()
    assert isinstance(counters, Counters)
    assert len(counters.totals()) >= 8
    assert "LookupError" in caplog.text
