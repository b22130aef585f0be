"""Sending through the outbox of a client: now and later, echoes, other devices, encrypted rooms, long histories."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Event, InMemoryStore, RetryPolicy, SQLiteStore, Storer, TextMessage
from gomatrix_py.errors import (
    ConnectError,
    EncryptionRequired,
    LimitExceeded,
    OutboxFull,
    SendError,
    ServerError,
    UsageError,
)
from gomatrix_py.send.echoes import is_same_event
from gomatrix_py.store.outbox import OutboxState
from tests.kit.forgetful_server import FrozenClock
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

PUT = "/send/m.room.message/"
OOPS = Reply(502, b"oops")


@pytest.fixture
def make(server: ScriptedHomeserver) -> Iterator[Callable[..., Client]]:
    """Make clients of one device that wait for nothing between tries."""
    made: list[Client] = []

    def build(**options: Any) -> Client:
        options = {"retry": RetryPolicy(1, randomness=lambda: 0.0), "device_id": "DEV", "url": server.url, **options}
        made.append(Client(options.pop("url"), USER, "t0ken", **options))
        return made[-1]

    yield build
    for client in made:
        client.close()


def txn_ids(server: ScriptedHomeserver, part: str = PUT) -> list[str]:
    return [seen.path.rpartition("/")[2] for seen in server.asked(part, "PUT")]


def fail_once(server: ScriptedHomeserver, answer: Any = OOPS) -> None:
    """Let the first event be taken without an answer that says so."""
    answers = iter([answer])
    server.route("PUT", PUT, lambda seen: next(answers, {"event_id": "$" + seen.path.rpartition("/")[2]}))


# ------------------------------------------------------------------ later


def test_what_is_queued_is_sent_by_a_flush(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make()
    client.queue_text(ROOM, "one")
    client.queue_event(ROOM, "m.room.message", TextMessage("two"), txn_id="mine", ts=12)
    client.queue_redaction(ROOM, "$old", "spam")
    assert server.seen == []
    server.route("PUT", "/redact/", {"event_id": "$redaction"})
    assert client.outbox.flush()
    first, second, third = server.seen
    assert first.json == {"msgtype": "m.text", "body": "one", "m.mentions": {}}
    assert (second.path.rpartition("/")[2], second.query["ts"], second.json["body"]) == ("mine", "12", "two")
    assert (third.path.partition("/redact/")[2].split("/")[0], third.json) == ("$old", {"reason": "spam"})


def test_nothing_that_cannot_be_sent_is_queued(make: Callable[..., Client]) -> None:
    client = make()
    with pytest.raises(UsageError):
        client.queue_text(ROOM, "x" * 70_000)
    with pytest.raises(UsageError):
        client.queue_event(ROOM, "m.room.message", {"body": object()})
    client.outbox.max_waiting = 1
    client.queue_text(ROOM, "one")
    with pytest.raises(OutboxFull):
        client.queue_text(ROOM, "two")
    assert [json.loads(one.content)["body"] for one in client.outbox.pending()] == ["one"]


def test_a_message_may_grow_too_old(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    clock = FrozenClock()
    client = make(clock=clock)
    client.queue_text(ROOM, "breaking news", time_to_live=1000)
    client.queue_text(ROOM, "old news")
    clock.at_s += 2
    assert [one.last_error for one in client.outbox.flush().waiting] == ["it is too old to be worth sending"]
    assert [seen.json["body"] for seen in server.seen] == ["old news"]


def test_what_is_queued_goes_before_what_is_sent(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make()
    client.queue_text(ROOM, "one")
    client.send_text(ROOM, "two")
    assert [seen.json["body"] for seen in server.seen] == ["one", "two"]


def test_a_store_without_an_outbox_gets_one_for_the_life_of_the_process(
    any_store: Storer, make: Callable[..., Client]
) -> None:
    client = make(store=any_store)
    client.queue_text(ROOM, "one")
    assert client.outbox.flush()


def test_threads_get_one_outbox(make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch) -> None:
    client, start = make(), threading.Barrier(8)
    plain, made = client._new_outbox, []

    def slowly(rows: Any) -> Any:
        made.append(rows)
        threading.Event().wait(0.05)
        return plain(rows)

    monkeypatch.setattr(client, "_new_outbox", slowly)
    found = []

    def look() -> None:
        start.wait()
        found.append(client.outbox)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == len(made) == 1


# ------------------------------------------------------------------ failures


def test_a_lost_answer_is_settled_by_the_same_transaction_id(
    server: ScriptedHomeserver, make: Callable[..., Client]
) -> None:
    client = make()
    fail_once(server)
    with pytest.raises(ServerError):
        client.send_text(ROOM, "one", txn_id="t1")
    assert [one.state for one in client.outbox.pending()] == [OutboxState.PARKED]
    assert client.send_text(ROOM, "one", txn_id="t1").event_id == "$t1"
    assert client.send_text(ROOM, "one", txn_id="t1").event_id == "$t1"
    assert (txn_ids(server), client.outbox.pending()) == (["t1", "t1"], [])


def test_a_lost_answer_is_settled_by_its_echo(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make()
    fail_once(server)
    with pytest.raises(ServerError):
        client.send_text(ROOM, "one", txn_id="t1")
    others = message("$0", sender="@bob:scripted", unsigned={"transaction_id": "t1"})
    server.will_answer(sync_answer("s1", joined(others)))
    client.sync_once()
    assert len(client.outbox.pending()) == 1
    ours = message("$1", sender=USER, unsigned={"transaction_id": "t1"})
    server.will_answer(sync_answer("s2", joined(others, ours)))
    client.sync_once()
    assert client.outbox.pending() == []
    assert client.send_text(ROOM, "one", txn_id="t1").event_id == "$1"
    assert txn_ids(server) == ["t1"]


def test_an_answer_without_sense_is_a_lost_one(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make()
    fail_once(server, b"<html>")
    client.queue_text(ROOM, "one")
    assert client.outbox.flush()
    first, second = txn_ids(server)
    assert first == second


def test_a_server_that_is_not_there_leaves_all_in_order(make: Callable[..., Client]) -> None:
    client = make(url="http://127.0.0.1:1")
    for text in ("one", "two"):
        client.queue_text(ROOM, text)
    assert not client.outbox.flush(timeout_s=0.05)
    assert [(one.state, json.loads(one.content)["body"]) for one in client.outbox.pending()] == [
        (OutboxState.QUEUED, "one"),
        (OutboxState.QUEUED, "two"),
    ]
    assert "cannot connect to 127.0.0.1:1" in client.outbox.pending()[0].last_error
    with pytest.raises(ConnectError):
        client.send_text("!other:scripted", "three")
    assert len(client.outbox.pending()) == 2


def test_a_server_that_asks_us_to_wait_is_not_counted(
    server: ScriptedHomeserver, make: Callable[..., Client]
) -> None:
    client = make()
    slowly = Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "error": "slowly", "retry_after_ms": 1})
    answers = iter([slowly] * 20)
    server.route("PUT", PUT, lambda seen: next(answers, {"event_id": "$1"}))
    assert client.send_text(ROOM, "one").event_id == "$1"
    assert len(set(txn_ids(server))) == 1
    assert len(txn_ids(server)) == 21


def test_a_server_that_does_not_say_how_long_to_wait(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make()
    server.route("PUT", PUT, Reply(429, {"errcode": "M_LIMIT_EXCEEDED", "error": "slowly"}))
    with pytest.raises(LimitExceeded):
        client.send_text(ROOM, "one")
    assert client.outbox.pending() == []


def test_one_poisoned_room_does_not_block_the_others(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    """M9: a content that the server always fails at is given up after some tries, and said."""
    client = make()
    server.route("PUT", "!bad:scripted", Reply(500, {"errcode": "M_UNKNOWN", "error": "Internal server error"}))
    for room_id in ("!bad:scripted", ROOM, "!bad:scripted", ROOM):
        client.queue_text(room_id, "text")
    report = client.outbox.flush()
    assert [one.room_id for one in report.sent] == [ROOM, ROOM]
    assert [(one.state, one.tries, one.refusals) for one in report.waiting] == [(OutboxState.WEDGED, 8, 8)] * 2
    assert "Internal server error" in report.waiting[0].last_error


def test_the_token_is_refused_and_all_is_kept(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make()
    server.route("PUT", PUT, Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "who?"}))
    client.queue_text(ROOM, "one")
    with pytest.raises(Exception, match="who"):
        client.outbox.flush()
    assert [one.state for one in client.outbox.pending()] == [OutboxState.QUEUED]


# ------------------------------------------------------------------ restarts and other devices


def test_what_is_queued_survives_a_restart_in_order(
    server: ScriptedHomeserver, make: Callable[..., Client], tmp_path: Path
) -> None:
    for number in range(3):
        client = make(store=SQLiteStore(tmp_path / "store.db"))
        client.queue_text(ROOM, str(number))
        client.close()
    client = make(store=SQLiteStore(tmp_path / "store.db"))
    assert client.outbox.flush()
    assert [seen.json["body"] for seen in server.seen] == ["0", "1", "2"]


@pytest.mark.parametrize("changed", [{"device_id": "NEW"}, {"app_service_user_id": "@ghost:scripted"}])
def test_rows_of_another_device_are_not_sent_silently(
    server: ScriptedHomeserver, make: Callable[..., Client], tmp_path: Path, changed: dict[str, str]
) -> None:
    client = make(store=SQLiteStore(tmp_path / "store.db"))
    fail_once(server)
    with pytest.raises(ServerError):
        client.send_text(ROOM, "one", txn_id="t1")
    client.close()
    later = make(store=SQLiteStore(tmp_path / "store.db"), **changed)
    report = later.outbox.flush()
    assert (txn_ids(server), report.sent) == (["t1"], [])
    assert [one.state for one in report.waiting] == [OutboxState.WEDGED]
    assert "another one would send it twice" in report.waiting[0].last_error
    assert "'DEV'" in report.waiting[0].last_error
    assert later.send_text(ROOM, "two").event_id  # and they are in nobody's way


# ------------------------------------------------------------------ encrypted rooms


@pytest.fixture
def encrypted(server: ScriptedHomeserver, make: Callable[..., Client]) -> Client:
    """A client that queued a text before it learnt that the room is encrypted."""
    client = make()
    client.queue_text(ROOM, "for your eyes only")
    encryption = state("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
    server.will_answer(sync_answer("s1", joined(encryption)))
    client.sync_once()
    return client


def test_no_plain_text_leaves_for_an_encrypted_room(server: ScriptedHomeserver, encrypted: Client) -> None:
    report = encrypted.outbox.flush()
    assert [(one.state, "is encrypted" in one.last_error) for one in report.waiting] == [(OutboxState.WEDGED, True)]
    with pytest.raises(EncryptionRequired):
        encrypted.send_text(ROOM, "nor this")
    assert server.asked("/send/") == []
    assert encrypted.react("$1", "+", room_id=ROOM).event_id
    server.route("PUT", "/redact/", {"event_id": "$redaction"})
    assert encrypted.redact("$1", room_id=ROOM).event_id


def test_plain_text_may_leave_where_that_is_asked_for(server: ScriptedHomeserver, encrypted: Client) -> None:
    encrypted.allow_plaintext = True
    assert encrypted.outbox.flush()
    assert [seen.json["body"] for seen in server.asked(PUT)] == ["for your eyes only"]


# ------------------------------------------------------------------ what the server forgot


def event_of(txn_id: str, sender: str = USER) -> dict[str, Any]:
    return message(f"$of-{txn_id}", sender=sender, unsigned={"transaction_id": txn_id})


@pytest.fixture
def forgotten(server: ScriptedHomeserver, make: Callable[..., Client]) -> Client:
    """A client that does not know whether its event of yesterday was sent."""
    clock = FrozenClock()
    client = make(clock=clock)
    fail_once(server)
    with pytest.raises(ServerError):
        client.send_text(ROOM, "one", txn_id="t1")
    clock.at_s += 21 * 3600
    return client


def pages(server: ScriptedHomeserver, *chunks: list[dict[str, Any]], ends: bool = True) -> None:
    def page(seen: Seen) -> Any:
        number = int(seen.query.get("from", "0"))
        chunk = chunks[number] if number < len(chunks) else []
        is_last = ends and number + 1 >= len(chunks)
        return {"start": str(number), "chunk": chunk} | ({} if is_last else {"end": str(number + 1)})

    server.route("GET", "/messages", page)


def test_it_is_found_in_the_history(server: ScriptedHomeserver, forgotten: Client) -> None:
    pages(server, [event_of("t0"), event_of("t1", "@bob:scripted")], [event_of("t1")], [])
    assert [one.event_id for one in forgotten.outbox.flush().sent] == ["$of-t1"]
    assert (txn_ids(server), len(server.asked("/messages"))) == (["t1"], 2)


def test_it_is_sent_where_the_history_does_not_have_it(server: ScriptedHomeserver, forgotten: Client) -> None:
    pages(server, [event_of("t0")], [])
    assert [one.event_id for one in forgotten.outbox.flush().sent] == ["$t1"]
    assert txn_ids(server) == ["t1", "t1"]


def test_a_history_without_end_is_not_guessed_about(server: ScriptedHomeserver, forgotten: Client) -> None:
    pages(server, ends=False)
    report = forgotten.outbox.flush()
    assert [one.state for one in report.waiting] == [OutboxState.WEDGED]
    assert "last 10000 events" in report.waiting[0].last_error
    with pytest.raises(SendError, match="look there"):
        forgotten.send_text(ROOM, "one", txn_id="t1")
    assert txn_ids(server) == ["t1"]
    forgotten.outbox.forget(report.waiting[0].id)
    assert forgotten.send_text(ROOM, "one").event_id


# ------------------------------------------------------------------ echoes


def test_a_local_echo_is_the_event_that_comes_back(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make()
    shown: list[Event] = []
    client.on_local_echo(shown.append)
    row = client.queue_text(ROOM, "one")
    client.send_text(ROOM, "two")
    client.queue_redaction(ROOM, "$1")
    assert [(event.body, event.event_id, event.sender) for event in shown] == [("one", "", USER), ("two", "", USER)]
    heard: list[Event] = []
    client.syncer.on_event(heard.append)  # type: ignore[attr-defined]
    ours = message("$1", "one", USER, unsigned={"transaction_id": row.txn_id})
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(ours, message("$2", "one", "@bob:scripted"))))
    for _ in range(2):
        client.sync_once()
    assert [event.event_id for event in heard] == ["$1", "$2"]
    assert [is_same_event(shown[0], event) for event in heard] == [True, False]


def test_a_listener_of_local_echoes_that_raises_harms_nobody(
    server: ScriptedHomeserver, make: Callable[..., Client]
) -> None:
    client = make()

    @client.on_local_echo
    def broken(event: Event) -> None:
        client.send_text(event.room_id, "while it is being sent")

    assert client.send_text(ROOM, "one").event_id
    assert [seen.json["body"] for seen in server.seen] == ["one"]


def test_no_echo_is_looked_for_where_nothing_waits(
    server: ScriptedHomeserver, make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make()
    client.send_text(ROOM, "one", txn_id="t1")
    settled: list[Any] = []
    monkeypatch.setattr(client.outbox, "settle", lambda *args: settled.append(args))
    server.will_answer(sync_answer("s1", joined(event_of("t1"))))
    client.sync_once()
    assert settled == []


# ------------------------------------------------------------------ inside listeners


class ForgetsItsWork(InMemoryStore):
    """As a store whose process dies before what was handled is marked."""

    def mark_delivered(self, rows: Any) -> None:
        """Mark nothing."""


@pytest.mark.parametrize("is_control", [False, True])
def test_an_event_that_is_handled_again_is_answered_once(
    server: ScriptedHomeserver, make: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, is_control: bool
) -> None:
    client = make(store=ForgetsItsWork())
    if is_control:
        monkeypatch.setattr("gomatrix_py.client.outgoing.next_transaction_id", lambda device: None)

    @client.syncer.on_event_type("m.room.message")  # type: ignore[attr-defined, untyped-decorator]
    def answer(event: Event) -> None:
        client.reply(event, "first")
        client.send_text(event.room_id, "second")

    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))), sync_answer("s3"))
    for _ in range(3):
        client.sync_once()
    said = [seen.json["body"] for seen in server.asked(PUT)]
    assert said == ["first", "second"] * (2 if is_control else 1)


def test_two_listeners_of_one_name_are_both_heard(server: ScriptedHomeserver, make: Callable[..., Client]) -> None:
    client = make(store=ForgetsItsWork())
    for text in ("one", "two"):
        client.syncer.on_event_type(  # type: ignore[attr-defined]
            "m.room.message", lambda event, text=text: client.send_text(event.room_id, text)
        )
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))), sync_answer("s3"))
    for _ in range(3):
        client.sync_once()
    assert [seen.json["body"] for seen in server.asked(PUT)] == ["one", "two"]
