"""The outbox on a real Synapse: every event once, in order, whatever becomes of answers, processes and devices."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import (
    Client,
    Event,
    SQLiteStore,
)
from gomatrix_py.clock import SystemClock
from gomatrix_py.errors import TransportError
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.send.echoes import is_same_event
from gomatrix_py.store.outbox import OutboxKind, OutboxState
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy, Rule, reset_after
from tests.kit.lost_answers import ONCE, lost
from tests.kit.server_view import texts

Same = Callable[..., Client]


@pytest.fixture
def same(alice: Client) -> Iterator[Same]:
    """Make further clients of Alice's very device, as later processes of hers."""
    with ExitStack() as clients:

        def build(**options: Any) -> Client:
            options = {"url": alice.homeserver_url, "device_id": alice.device_id, "retry": ONCE, **options}
            made = options.pop("client_class", Client)
            return clients.enter_context(made(options.pop("url"), alice.user_id, alice.access_token, **options))  # type: ignore[no-any-return]

        yield build


@pytest.fixture
def proxy(matrix_server: DevServer) -> Iterator[FaultProxy]:
    """A road to the server on which the answer to the first event is lost."""
    rules = [Rule(reset_after(), method="PUT", path="/send/|/redact/", nth=(1,))]
    with FaultProxy(matrix_server.url, rules, keeps_bytes=True) as proxy:
        yield proxy


def puts(client: Client) -> list[HttpRequest]:
    """Return a list that every request to send something is put into from now on."""
    found: list[HttpRequest] = []

    @client.on_request
    def note(request: HttpRequest) -> None:
        if request.method == "PUT":
            found.append(request)

    return found


# ------------------------------------------------------------------ offline, and restarts


def test_a_queue_outlives_server_and_process_in_order(tmp_path: Path) -> None:
    with DevServer() as server:
        alice = server.register("alice", "secret")
        rooms = [alice.create_room(f"Room {number}").room_id for number in range(2)]
        server.kill()
        for run in range(2):
            with Client(
                server.url,
                alice.user_id,
                alice.access_token,
                device_id=alice.device_id,
                store=SQLiteStore(tmp_path / "store.db"),
            ) as client:
                for number in range(5):
                    client.queue_text(rooms[number % 2], f"{run}-{number}")
                report = client.outbox.flush(timeout_s=0.1)
                assert (report.sent, len(report.waiting)) == ([], 5 * (run + 1))
                assert "cannot connect" in report.waiting[0].last_error
        server.start()
        with Client(
            server.url,
            alice.user_id,
            alice.access_token,
            device_id=alice.device_id,
            store=SQLiteStore(tmp_path / "store.db"),
        ) as client:
            assert client.outbox.flush()
            assert client.outbox.flush()  # nothing is left to be sent twice
        assert texts(alice, rooms[0]) == ["0-0", "0-2", "0-4", "1-0", "1-2", "1-4"]
        assert texts(alice, rooms[1]) == ["0-1", "0-3", "1-1", "1-3"]


# ------------------------------------------------------------------ lost answers


@pytest.mark.parametrize("way", ["echo", "transaction id", "flush", "another process"])
def test_a_lost_answer_is_settled_and_there_is_one_event(
    alice: Client, room_id: str, same: Same, proxy: FaultProxy, tmp_path: Path, way: str
) -> None:
    client = same(url=proxy.url, store=SQLiteStore(tmp_path / "store.db"))
    row = lost(client, room_id)
    if way == "another process":
        client.close()
        client = same(url=proxy.url, store=SQLiteStore(tmp_path / "store.db"))
    sent = puts(client)
    if way == "echo":
        client.sync_once()
    elif way == "transaction id":
        client.send_text(room_id, "once", txn_id="t1")
    else:
        assert client.outbox.flush()
    assert len([request for request in sent if "/send/" in request.url]) == (0 if way == "echo" else 1)
    assert client.outbox.pending() == []
    settled = client.outbox.rows.get(row.id)
    assert settled is not None
    assert alice.get_event(room_id, settled.event_id).body == "once"
    assert texts(alice, room_id) == ["once"]


def test_the_control_another_transaction_id_is_another_event(
    alice: Client, room_id: str, same: Same, proxy: FaultProxy
) -> None:
    client = same(url=proxy.url)
    lost(client, room_id)
    client.send_text(room_id, "once", txn_id="t2")
    assert texts(alice, room_id) == ["once", "once"]


def test_redactions_are_settled_as_well(alice: Client, room_id: str, same: Same, proxy: FaultProxy) -> None:
    events = [alice.send_text(room_id, text).event_id for text in ("one", "two")]
    client = same(url=proxy.url)
    with pytest.raises(TransportError):
        client.redact(events[0], room_id=room_id, txn_id="r1")
    client.queue_redaction(room_id, events[1], "spam")
    assert client.outbox.flush()
    assert [alice.get_event(room_id, one).content for one in events] == [{}, {}]
    redactions = [event for event in alice.messages_iter(room_id) if event.type == "m.room.redaction"]
    assert sorted(event.content.get("reason", "") for event in redactions) == ["", "spam"]


class Later(SystemClock):
    """The time of day, some hours ahead."""

    hours = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.hours * 3_600_000


def test_what_the_server_may_have_forgotten_is_looked_for(
    alice: Client, room_id: str, same: Same, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Later()
    client = same(url=proxy.url, clock=clock)
    row = lost(client, room_id)
    for number in range(10):
        alice.send_text(room_id, str(number))
    monkeypatch.setattr("gomatrix_py.client.outgoing._PAGE", 3)
    clock.hours = 21
    sent = puts(client)
    (settled,) = client.outbox.flush().sent
    assert (settled.id, sent) == (row.id, [])
    assert alice.get_event(room_id, settled.event_id).body == "once"
    assert texts(alice, room_id).count("once") == 1


def test_what_never_arrived_is_sent_after_looking(alice: Client, room_id: str, same: Same) -> None:
    clock = Later()
    client = same(clock=clock)
    row, _ = client.outbox.rows.add(
        client._event_row(room_id, "m.room.message", {"msgtype": "m.text", "body": "once"}, "t1", None)
    )
    row.state, row.first_tried_ts = OutboxState.SENDING, clock.now_ms()  # as one that a crash left
    client.outbox.rows.update([row])
    clock.hours = 21
    assert client.outbox.flush()
    assert texts(alice, room_id) == ["once"]


# ------------------------------------------------------------------ echoes


def test_local_and_remote_echo_are_the_same_event(alice: Client, bob: Client, room_id: str) -> None:
    alice.sync_once()
    shown: list[Event] = []
    came: list[Event] = []
    alice.on_local_echo(shown.append)
    alice.syncer.on_event_type("m.room.message", came.append)  # type: ignore[attr-defined]
    alice.queue_text(room_id, "hello")
    alice.queue_text(room_id, "hello")
    bob.send_text(room_id, "hello")
    assert [(event.body, event.event_id) for event in shown] == [("hello", "")] * 2
    assert alice.outbox.flush()
    alice.sync_once()
    found = [[is_same_event(local, remote) for remote in came] for local in shown]
    assert found == [[False, True, False], [False, False, True]]
    at_bob = bob.get_event(room_id, came[1].event_id)
    assert not is_same_event(shown[0], at_bob)  # only our own device is told the transaction id
    assert is_same_event(came[1], at_bob)


# ------------------------------------------------------------------ inside listeners


class DiesBeforeMarking(SQLiteStore):
    """As a store whose process is killed when a listener has returned."""

    dies = True

    def mark_delivered(self, rows: Any) -> None:
        if not self.dies:
            super().mark_delivered(rows)


@pytest.mark.parametrize("is_control", [False, True])
def test_a_bot_that_handles_an_event_again_answers_once(
    alice: Client,
    bob: Client,
    room_id: str,
    same: Same,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_control: bool,
) -> None:
    if is_control:
        monkeypatch.setattr("gomatrix_py.client.outgoing.next_transaction_id", lambda device: None)
    with same(store=SQLiteStore(tmp_path / "store.db")) as first:
        first.sync_once()
    asked = bob.send_text(room_id, "ping").event_id
    heard_in: list[str] = []
    for name in ("first", "second", "third"):
        store = DiesBeforeMarking(tmp_path / "store.db")
        store.dies = name != "third"
        with same(store=store) as bot:
            _answer_pings(bot, name, heard_in)
            bot.sync_once()
    assert heard_in == ["first", "second", "third"]
    answers = [event for event in alice.messages_iter(room_id) if event.body == "pong"]
    assert len(answers) == (3 if is_control else 1)
    assert answers[0].relates_to == {"m.in_reply_to": {"event_id": asked}}


def _answer_pings(bot: Client, name: str, heard_in: list[str]) -> None:
    def answer(event: Event) -> None:
        if event.body == "ping":
            heard_in.append(name)
            bot.reply(event, "pong")

    bot.syncer.on_event_type("m.room.message", answer)  # type: ignore[attr-defined]


def test_two_plugins_of_one_class_both_answer(alice: Client, bob: Client, room_id: str) -> None:
    """They have the same name; neither answer may be taken for a repetition of the other."""

    class Plugin:
        def __init__(self, says: str) -> None:
            self.says = says

        def on_message(self, event: Event) -> None:
            if event.body == "ping":
                alice.reply(event, self.says)

    alice.sync_once()
    for says in ("one", "two"):
        alice.syncer.on_event_type("m.room.message", Plugin(says).on_message)  # type: ignore[attr-defined]
    bob.send_text(room_id, "ping")
    alice.sync_once()
    assert texts(bob, room_id) == ["ping", "one", "two"]


# ------------------------------------------------------------------ files


def test_a_queued_file_arrives(alice: Client, bob: Client, room_id: str, same: Same, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"curiouser and curiouser")
    with same(store=SQLiteStore(tmp_path / "store.db")) as client:
        client.queue_text(room_id, "see:")
        client.queue_file(room_id, path, caption="Chapter 2")
        client.queue_text(room_id, "that was it")
    client = same(store=SQLiteStore(tmp_path / "store.db"))
    assert [one.kind for one in client.outbox.pending()] == [
        OutboxKind.EVENT,
        OutboxKind.UPLOAD,
        OutboxKind.EVENT,
        OutboxKind.EVENT,
    ]
    assert client.outbox.flush()
    assert texts(bob, room_id) == ["see:", "Chapter 2", "that was it"]
    (event,) = [event for event in bob.messages_iter(room_id) if event.body == "Chapter 2"]
    assert bob.download(event.content["url"]).content == path.read_bytes()


def test_a_file_that_is_gone_takes_its_message_with_it(
    alice: Client, room_id: str, same: Same, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"curiouser and curiouser")
    client = same()
    client.queue_file(room_id, path)
    client.queue_text(room_id, "after it")
    path.unlink()
    assert not client.outbox.flush()
    assert [(one.state, one.last_error) for one in client.outbox.pending()] == [
        (OutboxState.WEDGED, f"{path} is gone, or not the file that was to be sent"),
        (OutboxState.WEDGED, "what it needs was not sent"),
    ]
    assert texts(alice, room_id) == ["after it"]


# ------------------------------------------------------------------ what the server refuses


def test_a_room_we_are_banned_from_does_not_block_others(alice: Client, bob: Client, room_id: str) -> None:
    other = alice.create_room("Open", invite=[bob.user_id]).room_id
    bob.join_room(other)
    alice.ban_user(room_id, bob.user_id, "spam")
    for text in ("one", "two"):
        bob.queue_text(room_id, text)
        bob.queue_text(other, text)
    report = bob.outbox.flush()
    assert texts(alice, other) == ["one", "two"]
    assert [one.room_id for one in report.waiting] == [room_id] * 2
    assert all(one.state is OutboxState.WEDGED and "M_FORBIDDEN" in one.last_error for one in bob.outbox.pending())
    alice.unban_user(room_id, bob.user_id)
    alice.invite_user(room_id, bob.user_id)
    bob.join_room(room_id)
    for row in bob.outbox.pending():
        assert bob.outbox.retry(row.id)
    assert bob.outbox.flush()
    assert texts(alice, room_id) == ["one", "two"]


def test_another_device_does_not_send_what_was_left(
    alice: Client, matrix_server: DevServer, matrix_user: Any, tmp_path: Path
) -> None:
    name = f"carol-{secrets.token_hex(4)}"
    with matrix_server.register(name, "secret") as carol:
        room_id = carol.create_room().room_id
        rules = [Rule(reset_after(), method="PUT", path="/send/", nth=(1,))]
        with (
            FaultProxy(matrix_server.url, rules) as proxy,
            Client(
                proxy.url,
                carol.user_id,
                carol.access_token,
                device_id=carol.device_id,
                retry=ONCE,
                store=SQLiteStore(tmp_path / "store.db"),
            ) as client,
        ):
            lost(client, room_id)
            client.queue_text(room_id, "never tried")
        with matrix_server.login(name, "secret", store=SQLiteStore(tmp_path / "store.db")) as again:
            assert again.device_id != carol.device_id
            report = again.outbox.flush()
            assert [one.state for one in report.waiting] == [OutboxState.WEDGED] * 2
            assert all(repr(carol.device_id) in one.last_error for one in report.waiting)
        assert texts(carol, room_id) == ["once"]
