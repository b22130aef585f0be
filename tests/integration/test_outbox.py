"""The outbox on a real Synapse: every event once, in order, whatever becomes of answers, processes and devices."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import (
    Client,
    Crypto,
    CryptoClient,
    DefaultSyncer,
    Event,
    RetryPolicy,
    SQLiteStore,
)
from gomatrix_py.clock import SystemClock
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import EncryptionRequired, TransportError
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.send.echoes import is_same_event
from gomatrix_py.store.outbox import OutboxKind, OutboxRow, OutboxState
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy, Rule, reset_after
from tests.kit.encrypting import encrypted_room, heard, person, sync_until
from tests.kit.server_view import texts

ONCE = RetryPolicy(1, randomness=lambda: 0.0)
KEY = bytes(range(32))
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


def lost(client: Client, room_id: str, txn_id: str = "t1") -> OutboxRow:
    """Send a text whose answer is lost, and return what is left of it in the outbox."""
    with pytest.raises(TransportError):
        client.send_text(room_id, "once", txn_id=txn_id)
    (row,) = client.outbox.pending()
    assert row.state is OutboxState.PARKED
    return row


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
        attrs.evolve(client._event_row(room_id, "m.room.message", {"msgtype": "m.text", "body": "once"}, "t1", None))
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
            _answer_pings(bot, lambda event, name=name: heard_in.append(name))
            bot.sync_once()
    assert heard_in == ["first", "second", "third"]
    answers = [event for event in alice.messages_iter(room_id) if event.body == "pong"]
    assert len(answers) == (3 if is_control else 1)
    assert answers[0].relates_to == {"m.in_reply_to": {"event_id": asked}}


def _answer_pings(bot: Client, heard: Callable[[Event], None]) -> None:
    def answer(event: Event) -> None:
        if event.body == "ping":
            heard(event)
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


# ------------------------------------------------------------------ encrypted rooms


@pytest.fixture
def carol(matrix_server: DevServer, tmp_path: Path) -> Iterator[CryptoClient]:
    options = {"store": SQLiteStore(tmp_path / "carol.db"), "crypto": Crypto(key=KEY, trust=BlindTrust())}
    with person(matrix_server, "carol", **options) as client:
        yield client


@pytest.fixture
def dave(matrix_server: DevServer) -> Iterator[CryptoClient]:
    with person(matrix_server, "dave", crypto=Crypto(trust=BlindTrust())) as client:
        yield client


def test_a_plain_client_sends_nothing_into_an_encrypted_room(
    carol: CryptoClient, dave: CryptoClient, tmp_path: Path
) -> None:
    room_id = encrypted_room(carol, dave)
    path = tmp_path / "notes.txt"
    path.write_bytes(b"curiouser and curiouser")
    own_filter = DefaultSyncer(timeline_limit=7)  # Synapse answers the same first sync from a cache
    with Client(carol.homeserver_url, carol.user_id, carol.access_token, syncer=own_filter) as plain:
        plain.queue_file(room_id, path)  # it does not know yet
        plain.queue_text(room_id, "nor this")
        plain.sync_once()
        sent: list[HttpRequest] = []
        plain.on_request(sent.append)
        for refuse in (lambda: plain.send_text(room_id, "x"), lambda: plain.queue_file(room_id, path)):
            with pytest.raises(EncryptionRequired):
                refuse()
        report = plain.outbox.flush()
        assert sent == []
        assert [one.state for one in report.waiting] == [OutboxState.WEDGED] * 3
    assert not [
        event for event in carol.messages_iter(room_id) if event.type in ("m.room.message", "m.room.encrypted")
    ]


def test_what_is_queued_for_an_encrypted_room_is_encrypted_when_it_leaves(
    carol: CryptoClient, dave: CryptoClient
) -> None:
    room_id = encrypted_room(carol, dave)
    at_dave = heard(dave)
    row = carol.queue_text(room_id, "for your eyes only")
    assert json.loads(row.content)["body"] == "for your eyes only"
    assert carol.outbox.flush()
    sync_until(dave, lambda: at_dave)
    assert [(event.body, event.encryption is not None) for event in at_dave] == [("for your eyes only", True)]


def test_the_same_ciphertext_is_sent_again_after_a_lost_answer(
    carol: CryptoClient, dave: CryptoClient, tmp_path: Path
) -> None:
    room_id = encrypted_room(carol, dave)
    at_dave = heard(dave)
    carol.close()
    bodies: list[bytes] = []

    def reopened(url: str) -> CryptoClient:
        return CryptoClient(
            url,
            carol.user_id,
            carol.access_token,
            device_id=carol.device_id,
            store=SQLiteStore(tmp_path / "carol.db"),
            crypto=Crypto(key=KEY, trust=BlindTrust()),
            retry=ONCE,
        )

    rules = [Rule(reset_after(), method="PUT", path="/send/m.room", nth=(1, 2))]
    with FaultProxy(carol.homeserver_url, rules, keeps_bytes=True) as proxy:
        with reopened(proxy.url) as client:
            row = lost(client, room_id)
            assert (row.event_type, json.loads(row.content)["algorithm"]) == (
                "m.room.encrypted",
                "m.megolm.v1.aes-sha2",
            )
            assert not client.outbox.edit(row.id, b'{"msgtype": "m.text", "body": "plain"}')
        with reopened(proxy.url) as client:  # another process has the ciphertext, too
            assert client.outbox.flush()
            after = client.outbox.rows.get(row.id)
            assert after is not None
        bodies += [one.request.body for one in proxy.passed if "/send/m.room.encrypted/" in one.request.path]
        assert not [one for one in proxy.passed if "/send/m.room.message/" in one.request.path]
    assert len(bodies) == 3
    assert set(bodies) == {row.content}
    sync_until(dave, lambda: at_dave)
    assert [(event.body, event.event_id) for event in at_dave] == [("once", after.event_id)]


def test_a_client_that_learns_its_device_late_sends_what_it_queued(
    carol: CryptoClient, dave: CryptoClient, tmp_path: Path
) -> None:
    """Of a token alone nobody knows the device; rows that are kept before it is asked for are ours all the same."""
    room_id = encrypted_room(carol, dave)
    carol.close()
    with CryptoClient(
        carol.homeserver_url,
        carol.user_id,
        carol.access_token,
        store=SQLiteStore(tmp_path / "carol.db"),
        crypto=Crypto(key=KEY, trust=BlindTrust()),
    ) as client:
        for text in ("one", "two", "three"):
            client.queue_text(room_id, text)
        assert {row.device_id for row in client.outbox.pending()} == {""}
        report = client.outbox.flush()
        assert [row.last_error for row in report.waiting] == []
        assert client.device_id == carol.device_id
    at_dave = heard(dave)
    sync_until(dave, lambda: len(at_dave) > 2)
    assert [event.body for event in at_dave] == ["one", "two", "three"]
