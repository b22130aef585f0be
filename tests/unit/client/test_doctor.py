"""The check-up: what is wrong is said in words and as data, and never raised."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import Client, EventSource, SQLiteStore, Storer
from gomatrix_py.client import store_checkup
from gomatrix_py.client.diagnosis import Diagnosis, Finding, Level
from gomatrix_py.errors import StoreError
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.http.transport import RequestsTransport
from gomatrix_py.store import Gap, InboxRow, SyncBatch, is_sync_storer
from gomatrix_py.store.outbox import OutboxState
from tests.conformance.six_methods import SixMethodStore
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000


@attrs.define
class SetClock:
    """A clock that shows what it was set to."""

    ms: int = NOW_MS

    def monotonic(self) -> float:
        return self.ms / 1000

    def now_ms(self) -> int:
        return self.ms


class Dated(RequestsTransport):
    """Lets every answer say what time it is."""

    def __init__(self, date: str) -> None:
        super().__init__()
        self.date = date

    def send(self, request: HttpRequest) -> HttpResponse:
        answer = super().send(request)
        return attrs.evolve(answer, headers={**answer.headers, "date": self.date})


VERSIONS = {"versions": ["r0.6.1", "v1.11", "v1.9"], "unstable_features": {"a": True, "b": False}}


@pytest.fixture
def healthy(server: ScriptedHomeserver) -> ScriptedHomeserver:
    """A homeserver with which nothing is wrong."""
    server.route("GET", "/versions", VERSIONS)
    server.route("GET", "/whoami", {"user_id": USER, "device_id": "DEVICE"})
    server.route("GET", "/media/config", {"m.upload.size": 1000})
    return server


def examine(server: ScriptedHomeserver, **options: Any) -> Diagnosis:
    """Return what the doctor says of a client."""
    transport = Dated(formatdate(NOW_MS / 1000, usegmt=True))
    with make_client(
        server, **{"device_id": "DEVICE", "clock": SetClock(), "transport": transport, **options}
    ) as client:
        return client.doctor()


def levels(diagnosis: Diagnosis, topic: str) -> list[Level]:
    """Return how bad what was found of a topic is."""
    return [one.level for one in diagnosis.about(topic)]


# ------------------------------------------------------------------ a healthy client


def test_nothing_is_wrong_with_a_healthy_client(healthy: ScriptedHomeserver, any_store: Storer) -> None:
    diagnosis = examine(healthy, store=any_store)
    assert (diagnosis.problems, diagnosis.is_offline, bool(diagnosis)) == ([], False, True)
    assert len(diagnosis.warnings) == (0 if is_sync_storer(any_store) else 1)
    topics = {one.topic for one in diagnosis.findings}
    assert topics >= {"session", "server", "clock", "media", "sync", "store", "outbox"}
    assert "speaks up to v1.11, with 1 unstable" in str(diagnosis)
    assert "t0ken" not in str(diagnosis) + repr(diagnosis)


def test_it_is_data_too(healthy: ScriptedHomeserver) -> None:
    diagnosis = examine(healthy)
    data = json.loads(json.dumps(diagnosis.as_dict()))
    assert [one["topic"] for one in data["findings"]] == [one.topic for one in diagnosis.findings]
    assert set(data["findings"][0]) == {"level", "topic", "what", "advice"}
    assert data["is_offline"] is False


def test_a_finding_reads_as_words() -> None:
    assert str(Finding(Level.OK, "clock", "fine")) == "ok       clock: fine"
    assert str(Finding(Level.PROBLEM, "clock", "bad", "set it")).splitlines()[1].strip() == "-> set it"


# ------------------------------------------------------------------ the server


def test_without_a_network_what_is_here_is_checked(tmp_path: Path) -> None:
    with ScriptedHomeserver() as gone:
        url = gone.url
    with SQLiteStore(tmp_path / "store") as store, Client(url, USER, "t0ken", store=store) as client:
        diagnosis = client.doctor()
    assert diagnosis.is_offline
    assert levels(diagnosis, "server") == [Level.PROBLEM]
    assert "offline" in diagnosis.about("server")[0].what
    assert Level.OK in levels(diagnosis, "store")


@pytest.mark.parametrize(
    "answer",
    [Reply(502, b"<html>bad gateway</html>"), Reply(404, {"errcode": "M_UNRECOGNIZED"}), Reply(200, b"<html>")],
)
def test_what_does_not_answer_as_a_homeserver(healthy: ScriptedHomeserver, answer: Reply) -> None:
    healthy.route("GET", "/versions", answer)
    diagnosis = examine(healthy)
    assert Level.PROBLEM in levels(diagnosis, "server")
    assert not diagnosis.is_offline


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "gone"}), "sign in anew"),
        (Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "gone", "soft_logout": True}), "same device"),
        (Reply(401, {"errcode": "M_USER_LOCKED", "error": "locked", "soft_logout": True}), "whoever runs"),
        ({"user_id": "@eve:scripted", "device_id": "DEVICE"}, "user id that belongs"),
        ({"user_id": USER, "device_id": "OTHER"}, "device id that belongs"),
        (Reply(500, b"oops"), "could not be checked"),
        (b"not json", "could not be checked"),
    ],
)
def test_what_is_wrong_with_a_session(healthy: ScriptedHomeserver, answer: Any, says: str) -> None:
    healthy.route("GET", "/whoami", answer)
    diagnosis = examine(healthy)
    (problem,) = [one for one in diagnosis.about("session") if one.level is Level.PROBLEM]
    assert says in f"{problem.what} {problem.advice}"


def test_nobody_and_nothing_known_of_the_device(healthy: ScriptedHomeserver) -> None:
    assert levels(examine(healthy, device_id=""), "session") == [Level.OK, Level.WARNING, Level.OK]
    with Client(healthy.url) as client:
        assert levels(client.doctor(), "session") == [Level.WARNING]


@pytest.mark.parametrize(
    ("off_ms", "level"),
    [(0, Level.OK), (20_000, Level.OK), (-60_000, Level.WARNING), (60_000, Level.WARNING)]
    + [(sign * days * DAY_MS, Level.PROBLEM) for sign in (-1, 1) for days in (1, 365)],
)
def test_a_clock_that_is_off(healthy: ScriptedHomeserver, off_ms: int, level: Level) -> None:
    diagnosis = examine(healthy, clock=SetClock(NOW_MS + off_ms))
    assert levels(diagnosis, "clock") == [level]
    if level is not Level.OK:
        assert ("ahead" in diagnosis.about("clock")[0].what) == (off_ms > 0)


@pytest.mark.parametrize("now_ms", [0, -5, 10**15])
def test_a_clock_that_cannot_be_right(healthy: ScriptedHomeserver, now_ms: int) -> None:
    assert levels(examine(healthy, clock=SetClock(now_ms)), "clock") == [Level.PROBLEM]


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Foo 2020 00:00:00 GMT", "\xff"])
def test_a_server_that_does_not_know_the_time(healthy: ScriptedHomeserver, date: str) -> None:
    assert levels(examine(healthy, transport=Dated(date)), "clock") == [Level.OK]


# ------------------------------------------------------------------ what is kept


def row(event_id: str) -> InboxRow:
    """Return a row of the room."""
    return InboxRow(ROOM, event_id, EventSource.TIMELINE, b"{}")


def test_a_journal_with_troubles(healthy: ScriptedHomeserver, tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store")
    gaps = [Gap(ROOM, "a", "b"), Gap("!other", "a", "b")]
    store.commit_sync(SyncBatch(USER, "s1", inbox=[row(f"${number}") for number in range(4)], gaps=gaps))
    rows = store.undelivered()
    store.begin_try(rows[0])
    store.set_aside(rows[1], "it bit me")
    diagnosis = examine(healthy, store=store)
    assert levels(diagnosis, "journal") == [Level.WARNING, Level.WARNING]
    assert "1 of 3" in diagnosis.about("journal")[0].what
    assert "$1: it bit me" in diagnosis.about("journal")[1].what
    assert "2 times, in 2 rooms" in diagnosis.about("gaps")[0].what


def test_a_long_queue(healthy: ScriptedHomeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_checkup, "MANY", 2)
    store = SQLiteStore(tmp_path / "store")
    store.commit_sync(SyncBatch(USER, "s1", inbox=[row(f"${number}") for number in range(3)]))
    assert levels(examine(healthy, store=store), "journal") == [Level.WARNING]


def test_a_damaged_file(healthy: ScriptedHomeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteStore, "verify", lambda store: ["page 7 is torn"])
    diagnosis = examine(healthy, store=SQLiteStore(tmp_path / "store"))
    assert "page 7 is torn" in str(diagnosis.problems[0])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_file_that_is_overwritten_while_in_use(place: int, healthy: ScriptedHomeserver, tmp_path: Path) -> None:
    """What `verify` raises, rather than returns, is said in plain words as well."""
    store = SQLiteStore(tmp_path / "store")
    for number in range(50):
        store.commit_sync(SyncBatch(USER, f"s{number}", inbox=[row(f"${number}")]))
    store.compact()
    with open(tmp_path / "store", "r+b") as file:
        file.seek(place * 4096 + 100 * (place == 0))
        file.write(b"\xff" * 4000)
    diagnosis = examine(healthy, store=store)
    (said,) = [one for one in diagnosis.problems if one.topic == "store"]
    assert "damaged" in said.what
    assert "backup" in said.advice
    assert "Traceback" not in str(diagnosis)


def test_a_store_that_cannot_be_read(healthy: ScriptedHomeserver, tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store")
    store.close()
    with Client(healthy.url, store=store) as client:
        diagnosis = client.doctor()
    assert {one.topic for one in diagnosis.problems} == {"store", "journal", "outbox"}
    assert all("could not be checked" in one.what for one in diagnosis.problems)


def test_a_store_that_has_no_place_yet(healthy: ScriptedHomeserver) -> None:
    with Client(healthy.url, store=SQLiteStore()) as client:
        assert "no path yet" in str(client.doctor())


def test_an_older_copy(healthy: ScriptedHomeserver, tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store") as store:
        store.backup(tmp_path / "backup")
    shutil.copy(tmp_path / "backup", tmp_path / "store")
    diagnosis = examine(healthy, store=SQLiteStore(tmp_path / "store"))
    assert ["older copy" in one.what for one in diagnosis.warnings] == [True]


def test_somebody_elses_store(healthy: ScriptedHomeserver) -> None:
    store = SixMethodStore()
    store.own_user_id = "@eve:scripted"  # type: ignore[attr-defined]
    assert "@eve:scripted" in str(examine(healthy, store=store).problems[0])


Change = Callable[[Client], None]


def _wedge(client: Client) -> None:
    _set_state(client, OutboxState.WEDGED)


def _park(client: Client) -> None:
    _set_state(client, OutboxState.PARKED)


def _set_state(client: Client, state: OutboxState) -> None:
    (waiting,) = client.outbox.pending()
    waiting.state, waiting.last_error = state, "the server said no"
    client.outbox.rows.update([waiting])


def _grow_old(client: Client) -> None:
    assert isinstance(client.clock, SetClock)
    client.clock.ms += 2 * 3600 * 1000


def _become_another(client: Client) -> None:
    client.device_id = "OTHER"


def _leave_it(client: Client) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("change", "level", "says"),
    [
        (_leave_it, Level.OK, "1 messages wait"),
        (_wedge, Level.PROBLEM, "the server said no"),
        (_park, Level.WARNING, "may have been sent"),
        (_grow_old, Level.WARNING, "more than an hour"),
        (_become_another, Level.PROBLEM, "another device"),
    ],
)
def test_what_waits_to_be_sent(healthy: ScriptedHomeserver, change: Change, level: Level, says: str) -> None:
    with make_client(healthy, device_id="DEVICE", clock=SetClock()) as client:
        client.queue_text(ROOM, "hello")
        change(client)
        (finding,) = client.doctor().about("outbox")
    assert (finding.level, says in finding.what) == (level, True)


def test_what_encryption_has_to_say_is_said(healthy: ScriptedHomeserver) -> None:
    class Broken(Client):
        def _encryption_findings(self) -> list[Finding]:
            raise StoreError("no keys")

    with Broken(healthy.url, USER, "t0ken") as client:
        assert "no keys" in client.doctor().about("encryption")[0].what
