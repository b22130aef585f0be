"""Before anything is said in a room that never came in a sync, the server is asked, once, whether it is encrypted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, SyncResponse
from gomatrix_py.api.room_events import SendMessageEvent
from gomatrix_py.client.outgoing import OutgoingMethods
from gomatrix_py.clock import SystemClock
from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.freshness import FRESH_FOR_S
from gomatrix_py.errors import EncryptionRequired, Forbidden, MatrixError, SendBlocked, TransportError
from gomatrix_py.store.key_values import Change, key_values_of
from gomatrix_py.store.outbox import OutboxState
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import ROOM, Cut, Reply, ScriptedHomeserver, Seen, joined, state, sync_answer

pytestmark = pytest.mark.usefixtures("asks_about_encryption")

QUESTION = "/state/m.room.encryption"
PLAIN = Reply(404, {"errcode": "M_NOT_FOUND", "error": "no such state"})
MEGOLM = {"algorithm": "m.megolm.v1.aes-sha2"}
OTHER = "!other:scripted"


class StillClock(SystemClock):
    """Stands still until it is moved."""

    seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as server:
        server.route("GET", QUESTION, PLAIN)
        yield server


@pytest.fixture
def client(server: ScriptedHomeserver) -> Iterator[Client]:
    with make_client(server, device_id="HERE") as client:
        yield client


def test_the_shortest_script_makes_one_request_more(server: ScriptedHomeserver, client: Client) -> None:
    client.send_text(ROOM, "hello")
    assert [(one.method, one.path.rpartition("/rooms/")[2].split("/")[1]) for one in server.seen] == [
        ("GET", "state"),
        ("PUT", "send"),
    ]


def test_the_answer_is_kept_for_the_life_of_the_client(server: ScriptedHomeserver, client: Client) -> None:
    for number in range(5):
        client.send_text(ROOM, str(number))
        client.send_text(OTHER, str(number))
        client.queue_text(ROOM, f"queued {number}")
    client.outbox.flush()
    assert len(server.asked(QUESTION)) == 2
    assert len(server.asked("/send/")) == 15


@pytest.mark.parametrize("content", [MEGOLM, {}, {"algorithm": None}, {"algorithm": "m.rot13"}])
def test_nothing_is_said_in_an_encrypted_room(
    content: Any, server: ScriptedHomeserver, client: Client, tmp_path: Path
) -> None:
    server.route("GET", QUESTION, content)
    notes = tmp_path / "notes.txt"
    notes.write_text("for your eyes only")
    client.queue_file(ROOM, notes)  # nobody is asked yet
    client.queue_text(ROOM, "for your eyes only")
    client.outbox.flush()
    for _ in range(2):
        with pytest.raises(EncryptionRequired):
            client.send_text(OTHER, "for your eyes only")
    for send in (client.send_file, client.queue_file):
        with pytest.raises(EncryptionRequired):
            send(OTHER, notes)
    assert {row.state for row in client.outbox.pending()} == {OutboxState.WEDGED}
    assert len(server.asked(QUESTION)) == 2  # once for each room
    assert not any(b"for your eyes only" in one.body for one in server.seen)


def test_the_control_a_client_that_does_not_ask_says_it(
    server: ScriptedHomeserver, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OutgoingMethods, "_ask_for_encryption", lambda *_: None)
    server.route("GET", QUESTION, MEGOLM)
    client.send_text(ROOM, "for your eyes only")
    assert any(b"for your eyes only" in one.body for one in server.seen)


def test_who_may_send_plain_text_is_not_asked(server: ScriptedHomeserver) -> None:
    server.route("GET", QUESTION, MEGOLM)
    with make_client(server, allow_plaintext=True) as client:
        client.send_text(ROOM, "hello")
    assert server.asked(QUESTION) == []


def test_what_is_never_encrypted_needs_no_question(server: ScriptedHomeserver, client: Client) -> None:
    client.send_message_event(ROOM, "m.reaction", {"m.relates_to": {}})
    server.route("PUT", "/redact/", {"event_id": "$redaction"})
    client.redact_event(ROOM, "$event")
    client.send_state_event(ROOM, "m.room.topic", "", {"topic": "t"})
    assert server.asked(QUESTION) == []


def test_a_room_that_came_in_a_sync_needs_no_question(server: ScriptedHomeserver, client: Client) -> None:
    encrypted = sync_answer("s1", joined(state={"events": [state("m.room.encryption", MEGOLM)]}))
    client.syncer.process_response(SyncResponse.from_json(json.dumps(encrypted).encode()), "")
    with pytest.raises(EncryptionRequired):
        client.send_text(ROOM, "hello")
    assert server.asked(QUESTION) == []


def test_a_sync_is_believed_before_an_older_answer(server: ScriptedHomeserver, client: Client) -> None:
    client.send_text(ROOM, "still plain")
    encrypted = sync_answer("s1", joined(state={"events": [state("m.room.encryption", MEGOLM)]}))
    client.syncer.process_response(SyncResponse.from_json(json.dumps(encrypted).encode()), "")
    with pytest.raises(EncryptionRequired):
        client.send_text(ROOM, "not any more")


# ------------------------------------------------------------------ where what the store says is old


def _stored(client: Client, *events: Any) -> None:
    answer = sync_answer("s1", joined(state={"events": list(events)}))
    client.syncer.process_response(SyncResponse.from_json(json.dumps(answer).encode()), "")


def _sync(server: ScriptedHomeserver, client: Client) -> None:
    server.route("GET", "/sync", sync_answer("s2", joined()))
    client.sync_once(0)


def test_a_job_that_does_not_sync_asks_about_a_stored_room_too(server: ScriptedHomeserver, client: Client) -> None:
    _stored(client, state("m.room.topic", {"topic": "as it was last year"}))
    server.route("GET", QUESTION, MEGOLM)
    with pytest.raises(EncryptionRequired):
        client.send_text(ROOM, "for your eyes only")
    assert server.asked("/send/") == []


def test_a_job_that_does_not_sync_asks_again_after_a_minute(server: ScriptedHomeserver, client: Client) -> None:
    client.clock = clock = StillClock()
    client.send_text(ROOM, "plain")
    server.route("GET", QUESTION, MEGOLM)
    clock.seconds += FRESH_FOR_S - 1
    client.send_text(ROOM, "plain as far as we know")
    clock.seconds += 1
    with pytest.raises(EncryptionRequired):
        client.send_text(ROOM, "for your eyes only")


def test_who_syncs_asks_nothing_of_its_rooms(server: ScriptedHomeserver, client: Client) -> None:
    client.clock = clock = StillClock()
    _sync(server, client)
    client.send_text(ROOM, "hello")
    assert server.asked(QUESTION) == []
    clock.seconds += FRESH_FOR_S  # the sync ended
    client.send_text(ROOM, "hello")
    assert len(server.asked(QUESTION)) == 1


def test_what_a_client_that_encrypts_noted_in_the_same_store_counts(
    server: ScriptedHomeserver, client: Client
) -> None:
    key_values = key_values_of(client.store)
    assert key_values is not None
    key_values.write([Change(spaces.ROOMS, spaces.place(ROOM), b"only that one can read it")])
    _sync(server, client)
    with pytest.raises(EncryptionRequired):
        client.send_text(ROOM, "for your eyes only")
    assert server.asked("/send/") == []


def test_who_turns_encryption_on_knows_it_at_once(server: ScriptedHomeserver, client: Client) -> None:
    _sync(server, client)
    server.route("PUT", QUESTION, Reply(403, {"errcode": "M_FORBIDDEN", "error": "not with your power"}))
    with pytest.raises(Forbidden):
        client.send_state_event(ROOM, "m.room.encryption", "", MEGOLM)
    client.send_text(ROOM, "still plain")
    server.route("PUT", QUESTION, {"event_id": "$encryption"})
    client.send_state_event(ROOM, "m.room.encryption", "", MEGOLM)
    with pytest.raises(EncryptionRequired):
        client.send_text(ROOM, "for your eyes only")


# ------------------------------------------------------------------ where the server does not say


def test_who_may_not_ask_may_not_send(server: ScriptedHomeserver, client: Client) -> None:
    server.route("GET", QUESTION, Reply(403, {"errcode": "M_FORBIDDEN", "error": "not in the room"}))
    with pytest.raises(Forbidden):
        client.send_text(ROOM, "hello")
    assert server.asked("/send/") == []
    assert list(client.outbox.pending()) == []
    server.route("GET", QUESTION, PLAIN)  # after it joined
    client.send_text(ROOM, "hello")


def test_without_an_answer_nothing_leaves_and_nothing_is_lost(server: ScriptedHomeserver, client: Client) -> None:
    server.route("GET", QUESTION, Cut(200, MEGOLM))
    with pytest.raises(TransportError) as caught:
        client.send_text(ROOM, "at once or never")
    assert caught.value.was_sent is False
    client.queue_text(ROOM, "whenever")
    with pytest.raises((SendBlocked, TransportError)):
        client.send_text(ROOM, "after it")
    assert server.asked("/send/") == []
    server.route("GET", QUESTION, PLAIN)
    client.outbox.flush()
    assert [one.json["body"] for one in server.asked("/send/")] == ["whenever"]


def test_a_question_goes_on_when_the_network_does(server: ScriptedHomeserver, client: Client) -> None:
    answers: list[Any] = [Reply(502, b"<html>"), Reply(500, {}), PLAIN]
    server.route("GET", QUESTION, lambda _: answers.pop(0))

    def attempt() -> bool:
        try:
            client.send_text(ROOM, "hello", txn_id="one")
        except MatrixError:
            return False
        return True

    assert [attempt() for _ in range(3)] == [False, False, True]
    assert len(server.asked("/send/")) == 1


def test_queueing_asks_nobody(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    def fails(_: Seen) -> Any:
        raise AssertionError("it works without a network")

    server.route("GET", "/", fails)
    notes = tmp_path / "notes.txt"
    notes.write_text("notes")
    client.queue_text(ROOM, "hello")
    client.queue_file(ROOM, notes)
    assert server.seen == []


def test_a_request_by_hand_is_refused_as_well(server: ScriptedHomeserver, client: Client) -> None:
    server.route("GET", QUESTION, MEGOLM)
    with pytest.raises(EncryptionRequired):
        client.call(SendMessageEvent(ROOM, "m.room.message", "one", {"body": "for your eyes only"}))
    client.call(SendMessageEvent(ROOM, "m.reaction", "two", {}))
    assert len(server.asked("/send/")) == 1
