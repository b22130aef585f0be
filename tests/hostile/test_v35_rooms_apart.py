"""V35: rooms are told apart by their ids alone, whatever these look like, and an invitation is not more than one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Event, InMemoryStore, SQLiteStore
from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.store import SyncStorer
from gomatrix_py.store.sqlite import rows as sqlite_rows
from gomatrix_py.sync import planner
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver, message, state

V12 = "!dDWi1W0vGXMkjUOkCPqXUXQBe6gLDKgaVkZlEyLNpzk"
OTHER_V12 = "!" + "A" * 43
OLD = "!old:scripted"
ROOMS = (
    V12,
    OTHER_V12,
    OLD,
    "!dDWi1W0vGXMkjUOkCPqXUXQBe6gLDKgaVkZlEyLNpzk:scripted",
    "!a/b:scripted",
    "!:",
    "!ünïcode",
)
EVE = "@eve:scripted"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SyncStorer]:
    if request.param == "memory":
        yield InMemoryStore()
    else:
        with SQLiteStore(tmp_path / "store") as store:
            yield store


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as server:
        yield server


@pytest.fixture
def client(server: ScriptedHomeserver, store: SyncStorer) -> Iterator[Client]:
    with make_client(server, store=store) as client:
        yield client


def take(client: Client, since: str, **rooms: Any) -> None:
    answer = {"next_batch": f"{since}+", "rooms": rooms}
    client.syncer.process_response(SyncResponse.from_json(json.dumps(answer).encode()), since)


# ------------------------------------------------------------------ one id in many rooms


def heard_of_twins(client: Client) -> list[tuple[str, str]]:
    """Send an event of the same id, and state of the same kind, to every room; return what was heard where."""
    heard: list[tuple[str, str]] = []

    def listen(event: Event) -> None:
        heard.append((event.room_id, str(event.content["body"])))

    client.syncer.on_event_type("m.room.message", listen)  # type: ignore[attr-defined]
    joined = {
        room_id: {
            "timeline": {
                "events": [
                    message("$same", f"in {room_id}", room_id=OLD),  # what an event says of its room does not count
                    state("m.room.name", {"name": f"name of {room_id}"}, event_id="$name"),
                ]
            }
        }
        for room_id in ROOMS
    }
    take(client, "s1", join=joined)
    take(client, "s2", join=joined)  # and once more, as after a lost answer
    return heard


def test_an_event_id_counts_once_in_each_room(client: Client) -> None:
    assert sorted(heard_of_twins(client)) == sorted((room_id, f"in {room_id}") for room_id in ROOMS)
    for room_id in ROOMS:
        room = client.store.load_room(room_id)
        assert room is not None
        assert room.name == f"name of {room_id}"


def test_the_control_ids_without_their_room_hide_each_other(
    client: Client, monkeypatch: pytest.MonkeyPatch, store: SyncStorer
) -> None:
    if isinstance(store, SQLiteStore):
        careless = sqlite_rows._PUT_SEEN.replace("VALUES (?, ?, ?)", "SELECT '', ?2, ?3")
        monkeypatch.setattr(sqlite_rows, "_PUT_SEEN", careless)
    else:
        seen: set[str] = set()
        monkeypatch.setattr(store, "commit_sync", _once(store, seen))
    assert len(heard_of_twins(client)) < len(ROOMS)


def _once(store: SyncStorer, seen: set[str]) -> Any:
    plain = store.commit_sync

    def commit(batch: Any) -> Any:
        batch.inbox = [row for row in batch.inbox if row.event_id not in seen and not seen.add(row.event_id)]  # type: ignore[func-returns-value]
        return plain(batch)

    return commit


@pytest.mark.parametrize("room_id", ROOMS)
def test_a_room_of_any_id_can_be_spoken_in(room_id: str, client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/event/", message("$e", room_id=OLD))
    client.send_text(room_id, "hello")
    assert client.get_event(room_id, "$e").room_id == room_id
    assert {one.path.split("/rooms/")[1][: len(room_id)] for one in server.seen} == {room_id}


# ------------------------------------------------------------------ invitations

PRETENCE = [
    state("m.room.member", {"membership": "join"}, USER),
    state("m.room.create", {"creator": USER, "room_version": "12"}),
    state("m.room.power_levels", {"users": {USER: 100}}),
    state("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
    state("m.room.name", {"name": "Your own room"}),
    message("$said", "read me"),
]


def test_an_invitation_that_pretends_to_be_more_is_one(client: Client, server: ScriptedHomeserver) -> None:
    said: list[str] = []
    client.syncer.on_event_type("m.room.message", lambda event: said.append(event.event_id))  # type: ignore[attr-defined]
    take(client, "s1", invite={V12: {"invite_state": {"events": PRETENCE}}})
    room = client.store.load_room(V12)
    assert room is not None
    assert room.membership == "invite"
    assert V12 not in client.store.room_ids("join")  # type: ignore[attr-defined]
    assert not [one for one in server.seen if "/join" in one.path]


def after_joining(client: Client) -> dict[str, str]:
    """Be invited with state that is made up, join, and return the room's state as the client knows it."""
    take(client, "s1", invite={V12: {"invite_state": {"events": PRETENCE}}})
    invited = client.store.load_room(V12)
    assert invited is not None
    assert invited.name == "Your own room"
    genuine = [state("m.room.create", {}), state("m.room.member", {"membership": "join"}, USER)]
    later = [state("m.room.topic", {"topic": "t"})]
    take(client, "s2", join={V12: {"state": {"events": genuine}, "timeline": {"events": later}}})
    take(client, "s3", join={V12: {"timeline": {"events": [state("m.room.avatar", {"url": "mxc://a/b"})]}}})
    room = client.store.load_room(V12)
    assert room is not None
    assert room.membership == "join"
    return {f"{kind} {key}": event.sender for kind in room.state for key, event in room.state[kind].items()}


GENUINE = {"m.room.create ", f"m.room.member {USER}", "m.room.topic ", "m.room.avatar "}


def test_what_an_invitation_said_is_no_state_of_the_room_once_we_are_in(client: Client) -> None:
    assert set(after_joining(client)) == GENUINE


def test_it_is_none_after_a_restart_either(server: ScriptedHomeserver, tmp_path: Path) -> None:
    with make_client(server, store=SQLiteStore(tmp_path / "again")) as client:
        after_joining(client)
    with SQLiteStore(tmp_path / "again") as store:
        room = store.load_room(V12)
        assert room is not None
        assert {f"{kind} {key}" for kind in room.state for key in room.state[kind]} == GENUINE


def test_the_control_who_keeps_it_believes_strangers(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "_STRIPPED", ())
    assert set(after_joining(client)) > GENUINE


def test_an_invitation_does_not_undo_what_is_known_of_a_room(client: Client) -> None:
    known = [
        state("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
        state("m.room.name", {"name": "ours"}),
    ]
    take(client, "s1", join={OLD: {"state": {"events": known}, "timeline": {"events": []}}})
    forged = [state("m.room.encryption", {}), state("m.room.name", {"name": "theirs"})]
    take(client, "s2", invite={V12: {"invite_state": {"events": [{**one, "room_id": OLD} for one in forged]}}})
    room = client.store.load_room(OLD)
    assert room is not None
    assert (room.membership, room.name) == ("join", "ours")
    encryption = room.get_state_event("m.room.encryption")
    assert encryption is not None
    assert encryption.content["algorithm"] == "m.megolm.v1.aes-sha2"


def test_the_control_who_believes_the_invitation_is_in(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = planner._Plan._stripped

    def credulous(self: Any, room_id: str, stripped: Any, _: str, source: Any) -> None:
        plain(self, room_id, stripped, "join", source)

    monkeypatch.setattr(planner._Plan, "_stripped", credulous)
    take(client, "s1", invite={V12: {"invite_state": {"events": PRETENCE}}})
    room = client.store.load_room(V12)
    assert room is not None
    assert room.membership == "join"


def test_nobody_is_where_the_server_does_not_answer(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/joined_members", Reply(403, {"errcode": "M_FORBIDDEN"}))
    take(client, "s1", leave={V12: {"timeline": {"events": [state("m.room.member", {"membership": "join"}, USER)]}}})
    room = client.store.load_room(V12)
    assert room is not None
    assert room.membership == "leave"
