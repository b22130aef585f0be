"""A file for later: two rows, sent one after the other; offline, refused, gone, in encrypted rooms, and twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Event, InMemoryStore, RetryPolicy
from gomatrix_py.errors import EncryptionRequired, OutboxFull, UsageError
from gomatrix_py.send.row_sender import pending_uri
from gomatrix_py.store.outbox import OutboxKind, OutboxState
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

MXC = "mxc://scripted/abc"


class ForgetsItsWork(InMemoryStore):
    """As a store whose process dies before what was handled is marked."""

    def mark_delivered(self, rows: Any) -> None:
        """Mark nothing."""


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def client(server: ScriptedHomeserver, clock: FrozenClock) -> Iterator[Client]:
    """A client whose server takes uploads in one step."""
    server.route("POST", "/media/v3/upload", {"content_uri": MXC})
    policy = RetryPolicy(1, randomness=lambda: 0.0)
    with Client(server.url, USER, "t0ken", retry=policy, clock=clock, store=ForgetsItsWork()) as client:
        yield client


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"curiouser and curiouser")
    return path


def uploads(server: ScriptedHomeserver) -> list[bytes]:
    return [seen.body for seen in server.asked("/upload", "POST")]


def messages(server: ScriptedHomeserver) -> list[Any]:
    return [seen.json for seen in server.asked("/send/", "PUT")]


def test_a_file_is_uploaded_and_then_told_of(server: ScriptedHomeserver, client: Client, notes: Path) -> None:
    row = client.queue_file(ROOM, notes, caption="Chapter 2")
    client.queue_text(ROOM, "that was it")
    assert server.seen == []  # it works without a network
    assert [one.kind for one in client.outbox.pending()] == [OutboxKind.UPLOAD, OutboxKind.EVENT, OutboxKind.EVENT]
    assert row.id == client.outbox.pending()[1].id
    assert client.outbox.flush()
    told, text = messages(server)
    assert uploads(server) == [notes.read_bytes()]
    assert told == {
        "msgtype": "m.file",
        "body": "Chapter 2",
        "filename": "notes.txt",
        "url": MXC,
        "info": {"mimetype": "text/plain", "size": 23},
        "m.mentions": {},
    }
    assert text["body"] == "that was it"


def test_name_and_kind_may_be_said(server: ScriptedHomeserver, client: Client, notes: Path) -> None:
    client.queue_file(ROOM, str(notes), filename="song.ogg", mimetype="audio/ogg")
    assert client.outbox.flush()
    (told,) = messages(server)
    assert (told["msgtype"], told["body"], told["filename"]) == ("m.audio", "song.ogg", "song.ogg")
    (upload,) = server.asked("/upload", "POST")
    assert (upload.headers["content-type"], upload.query["filename"]) == ("audio/ogg", "song.ogg")


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_bytes(b"another"), lambda path: path.rename(path.parent / "x")]
)
def test_a_file_that_is_gone_is_given_up_with_its_message(
    server: ScriptedHomeserver, client: Client, notes: Path, spoil: Any
) -> None:
    before = notes.read_bytes()
    client.queue_file(ROOM, notes)
    client.queue_text(ROOM, "after it")
    spoil(notes)
    report = client.outbox.flush()
    assert [one["body"] for one in messages(server)] == ["after it"]
    assert [(one.state, one.last_error) for one in report.waiting] == [
        (OutboxState.WEDGED, f"{notes} is gone, or not the file that was to be sent"),
        (OutboxState.WEDGED, "what it needs was not sent"),
    ]
    notes.write_bytes(before)
    assert client.outbox.retry(report.waiting[1].id)  # the message, and with it the file
    assert client.outbox.flush()
    assert messages(server)[1]["url"] == MXC


def test_an_upload_that_fails_for_now_keeps_its_place(
    server: ScriptedHomeserver, client: Client, notes: Path
) -> None:
    answers = iter([Reply(503, b"later")])
    server.route("POST", "/media/v3/upload", lambda seen: next(answers, {"content_uri": MXC}))
    client.queue_file(ROOM, notes)
    client.queue_text(ROOM, "after it")
    assert client.outbox.flush()
    assert len(uploads(server)) == 2
    assert [one["body"] for one in messages(server)] == ["notes.txt", "after it"]


def test_a_file_too_large_for_the_server_is_given_up(server: ScriptedHomeserver, client: Client, notes: Path) -> None:
    server.route("GET", "/config", {"m.upload.size": 10})
    client.queue_file(ROOM, notes)
    report = client.outbox.flush()
    assert [one.state for one in report.waiting] == [OutboxState.WEDGED] * 2
    assert "23 bytes" in report.waiting[0].last_error
    assert uploads(server) == []


def test_there_must_be_a_file(client: Client, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(UsageError):
            client.queue_file(ROOM, path)
    assert client.outbox.pending() == []


def test_both_rows_are_kept_or_none(client: Client, notes: Path) -> None:
    client.outbox.max_waiting = 1
    with pytest.raises(OutboxFull):
        client.queue_file(ROOM, notes)
    assert client.outbox.pending() == []


def test_both_rows_grow_too_old(server: ScriptedHomeserver, client: Client, notes: Path, clock: FrozenClock) -> None:
    client.queue_file(ROOM, notes, time_to_live=timedelta(minutes=1))
    clock.at_s += 61
    report = client.outbox.flush()
    assert [one.last_error for one in report.waiting] == ["it is too old to be worth sending"] * 2
    assert server.seen == []


def test_an_upload_of_yesterday_is_simply_made_again(
    server: ScriptedHomeserver, client: Client, notes: Path, clock: FrozenClock
) -> None:
    """No history tells whether a file was uploaded, and twice does no harm."""

    def later(seen: Seen) -> Reply:
        clock.at_s += 100
        return Reply(503, b"later")

    server.route("POST", "/media/v3/upload", later)
    client.queue_file(ROOM, notes)
    assert not client.outbox.flush(timeout_s=60)
    server.route("POST", "/media/v3/upload", {"content_uri": MXC})
    clock.at_s += 24 * 3600
    assert client.outbox.flush()
    assert server.asked("/messages") == []
    assert [one["url"] for one in messages(server)] == [MXC]


def test_what_a_flush_sends_between_the_two_rows_is_told_of_all_the_same(
    server: ScriptedHomeserver, client: Client, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = client.outbox.queue

    def flushing(row: Any) -> Any:
        kept = plain(row)
        if kept.kind is OutboxKind.UPLOAD:
            assert client.outbox.flush()
        return kept

    monkeypatch.setattr(client.outbox, "queue", flushing)
    client.queue_file(ROOM, notes)
    assert client.outbox.flush()
    assert [one["url"] for one in messages(server)] == [MXC]


def test_a_listener_that_is_run_again_sends_its_file_once(
    server: ScriptedHomeserver, client: Client, notes: Path
) -> None:
    client.syncer.on_event_type(  # type: ignore[attr-defined]
        "m.room.message", lambda event: client.queue_file(event.room_id, notes)
    )
    server.will_answer(sync_answer("s1"), sync_answer("s2", joined(message("$1"))), sync_answer("s3"))
    for _ in range(3):
        client.sync_once()
        client.outbox.flush()
    assert (len(uploads(server)), len(messages(server))) == (1, 1)


def learn_that_it_is_encrypted(server: ScriptedHomeserver, client: Client) -> None:
    encryption = state("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"})
    server.will_answer(sync_answer("s1", joined(encryption)))
    client.sync_once()


def test_no_plain_file_is_queued_for_an_encrypted_room(
    server: ScriptedHomeserver, client: Client, notes: Path
) -> None:
    learn_that_it_is_encrypted(server, client)
    with pytest.raises(EncryptionRequired, match="send_file"):
        client.queue_file(ROOM, notes)
    assert client.outbox.pending() == []
    client.allow_plaintext = True
    assert client.queue_file(ROOM, notes)


def test_no_plain_file_leaves_for_a_room_that_was_encrypted_meanwhile(
    server: ScriptedHomeserver, client: Client, notes: Path
) -> None:
    client.queue_file(ROOM, notes)
    learn_that_it_is_encrypted(server, client)
    report = client.outbox.flush()
    assert (uploads(server), messages(server)) == ([], [])
    assert [one.state for one in report.waiting] == [OutboxState.WEDGED] * 2


def test_a_file_of_another_device_is_not_sent_silently(
    server: ScriptedHomeserver, client: Client, notes: Path
) -> None:
    client.queue_file(ROOM, notes)
    client.device_id = "NEW"
    assert not client.outbox.flush()
    assert (uploads(server), messages(server)) == ([], [])


def test_the_local_echo_waits_for_its_address(client: Client, notes: Path) -> None:
    shown: list[Event] = []
    client.on_local_echo(shown.append)
    client.queue_file(ROOM, notes)
    upload, _ = client.outbox.pending()
    assert [event.content["url"] for event in shown] == [pending_uri(upload.txn_id)]
    assert json.loads(upload.content)["path"] == str(notes)
