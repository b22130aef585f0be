"""Rooms of a client: found, listed, invited to; handles that never go stale; all members, asked for once."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, InMemoryStore, SQLiteStore
from gomatrix_py.client.room_handle import RoomHandle
from gomatrix_py.codec import dumps
from gomatrix_py.errors import Forbidden, NotFound, UsageError
from gomatrix_py.events import Event
from gomatrix_py.rooms.facts import RoomFacts
from gomatrix_py.rooms.view import RoomView
from gomatrix_py.store import AccountDataRow, RoomDelta, Storer, SyncBatch, SyncStorer, is_sync_storer
from gomatrix_py.testing.conformance.room_news import receipts_json, typing_json
from tests.conformance.six_methods import SixMethodStore
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver, Seen

BOB = "@bob:scripted"
OTHER = "!other:scripted"


def event(event_type: str, state_key: str, event_id: str = "", sender: str = BOB, **content: Any) -> dict[str, Any]:
    return {
        "type": event_type,
        "state_key": state_key,
        "event_id": event_id,
        "sender": sender,
        "content": content,
        "origin_server_ts": 1,
    }


def piece(*args: Any, **content: Any) -> tuple[str, str, bytes]:
    found = event(*args, **content)
    return found["type"], found["state_key"], dumps(found)


def commit(client: Client, *deltas: RoomDelta, **more: Any) -> None:
    assert is_sync_storer(client.store)
    client.store.commit_sync(SyncBatch(USER, "s1", list(deltas), **more))


# ------------------------------------------------------------------ finding a room


def test_a_room_is_found_by_id_and_link_without_asking(client: Client, server: ScriptedHomeserver) -> None:
    for wanted in (ROOM, f"https://matrix.to/#/{ROOM}", f"matrix:roomid/{ROOM[1:]}?via=scripted"):
        assert client.room(wanted) == client.room(ROOM)
    assert server.seen == []


def test_an_alias_is_resolved_once(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/directory/room/", {"room_id": ROOM, "servers": ["scripted"]})
    for wanted in ("#tea:scripted", "https://matrix.to/#/%23tea:scripted", "#tea:scripted"):
        assert client.room(wanted).id == ROOM
    assert len(server.asked("/directory/room/")) == 1


def test_an_alias_of_nothing_is_asked_for_again(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/directory/room/", Reply(404, {"errcode": "M_NOT_FOUND"}))
    for _ in range(2):
        with pytest.raises(NotFound):
            client.room("#tea:scripted")
    assert len(server.asked("/directory/room/")) == 2


@pytest.mark.parametrize("wrong", ["", "tea", "@bob:scripted", "https://matrix.to/#/@bob:scripted", "http://x", "!"])
def test_what_is_no_room_is_refused(wrong: str, client: Client) -> None:
    with pytest.raises(UsageError, match="no room id"):
        client.room(wrong)


# ------------------------------------------------------------------ handles


def test_a_handle_of_an_unknown_room_acts_but_says_nothing(client: Client, server: ScriptedHomeserver) -> None:
    room = client.room(ROOM)
    assert not room.is_known
    assert room.send_text("hello").event_id
    assert server.asked("/send/m.room.message")
    with pytest.raises(UsageError, match="sync_once"):
        assert room.name
    assert repr(room) == f"<RoomHandle {ROOM}>"


def test_a_handle_never_goes_stale(any_store: Storer, server: ScriptedHomeserver) -> None:
    with make_client(server, store=any_store) as client:
        room = client.room(ROOM)
        for name in ("first", "second"):
            server.will_answer(
                {
                    "next_batch": name,
                    "rooms": {"join": {ROOM: {"timeline": {"events": [event("m.room.name", "", name=name)]}}}},
                }
            )
            client.sync_once()
            assert (room.name, room.membership, room.is_known) == (name, "join", True)


def test_every_fact_is_passed_on(client: Client) -> None:
    delta = RoomDelta(
        ROOM,
        "join",
        state=[piece("m.room.name", "", name="Tea")],
        summary=b'{"m.joined_member_count":2}',
        notification_count=3,
        highlight_count=1,
        prev_batch="t",
        thread_counts=b'{"$r":{"notification_count":2}}',
        ephemeral=b"[" + typing_json(BOB) + b"," + receipts_json({"$1": {"m.read": {BOB: {"ts": 1}}}})[1:],
        has_all_members=True,
    )
    rows = [AccountDataRow(one, "m.x", dumps({"type": "m.x", "content": {"of": one}})) for one in ("", ROOM)]
    commit(client, delta, account_data=rows)
    handle, room = client.room(ROOM), client.load_room(ROOM)
    facts = [name for name, one in vars(RoomFacts).items() if isinstance(one, property)]
    assert len(facts) >= 11
    for name in facts:
        assert getattr(handle, name) == getattr(room, name), name
        assert getattr(handle, name) not in (None, "", 0, False, (), {}), name
    assert (handle.account_data("m.x"), handle.user_account_data("m.x")) == ({"of": ROOM}, {"of": ""})
    assert handle.prev_batch == "t"


def test_no_action_hides_a_view() -> None:
    views = {name for name in dir(RoomView) if not name.startswith("_")}
    facts = {name for name in vars(RoomFacts) if not name.startswith("_")}
    hidden = {
        name
        for cls in RoomHandle.__mro__[: RoomHandle.__mro__.index(RoomView)]
        for name in vars(cls)
        if name in views - facts
    }
    assert hidden == set()


def test_an_action_has_the_parameters_of_the_clients_method(client: Client) -> None:
    kick = client.room(ROOM).kick
    assert list(inspect.signature(kick).parameters) == ["user_id", "reason"]
    assert "Client.kick_user" in (kick.__doc__ or "")


def test_a_handle_acts_as_a_subclass_of_the_client_does(server: ScriptedHomeserver) -> None:
    sent = []

    class Loud(Client):
        def send_text(self, room_id: str, text: str, **more: Any) -> Any:
            sent.append((room_id, text))
            return super().send_text(room_id, text.upper(), **more)

    with Loud(server.url, USER, "t0ken") as client:
        client.room(ROOM).send_text("hush")
    assert sent == [(ROOM, "hush")]
    assert server.asked("/send/")[0].json["body"] == "HUSH"


Act = Callable[[RoomHandle], Any]


@pytest.mark.parametrize(
    ("act", "method", "path", "body"),
    [
        (lambda room: room.set_name("Tea"), "PUT", "/state/m.room.name", {"name": "Tea"}),
        (lambda room: room.set_topic("x"), "PUT", "/state/m.room.topic", {"topic": "x"}),
        (lambda room: room.set_avatar_url("mxc://a/b"), "PUT", "/state/m.room.avatar", {"url": "mxc://a/b"}),
        (lambda room: room.set_avatar_url(""), "PUT", "/state/m.room.avatar", {}),
        (
            lambda room: room.set_canonical_alias("#a:b", ["#c:d"]),
            "PUT",
            "/state/m.room.canonical_alias",
            {"alias": "#a:b", "alt_aliases": ["#c:d"]},
        ),
        (
            lambda room: room.set_join_rule("restricted", ["!s"]),
            "PUT",
            "/state/m.room.join_rules",
            {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": "!s"}]},
        ),
        (lambda room: room.set_join_rule("public"), "PUT", "/state/m.room.join_rules", {"join_rule": "public"}),
        (
            lambda room: room.enable_encryption(),
            "PUT",
            "/state/m.room.encryption",
            {"algorithm": "m.megolm.v1.aes-sha2"},
        ),
        (lambda room: room.set_power_levels({"ban": 1}), "PUT", "/state/m.room.power_levels", {"ban": 1}),
        (
            lambda room: room.add_child("!c", ["s"], order="a"),
            "PUT",
            "/state/m.space.child/!c",
            {"via": ["s"], "suggested": False, "order": "a"},
        ),
        (lambda room: room.remove_child("!c"), "PUT", "/state/m.space.child/!c", {}),
        (lambda room: room.add_alias("#a:b"), "PUT", "/directory/room/#a:b", {"room_id": ROOM}),
        (lambda room: room.set_favourite(order=0.5), "PUT", "/tags/m.favourite", {"order": 0.5}),
        (lambda room: room.set_low_priority(), "PUT", "/tags/m.lowpriority", {}),
        (lambda room: room.mark_read("$1"), "POST", "/receipt/m.read/$1", {}),
        (
            lambda room: room.mark_read("$1", thread_id="main", is_private=True),
            "POST",
            "/receipt/m.read.private/$1",
            {"thread_id": "main"},
        ),
        (lambda room: room.set_fully_read("$1"), "POST", "/read_markers", {"m.fully_read": "$1"}),
        (lambda room: room.mark_unread(), "PUT", "/account_data/m.marked_unread", {"unread": True}),
        (lambda room: room.set_typing(False), "PUT", f"/typing/{USER}", {"typing": False}),
        (lambda room: room.invite(BOB, "why"), "POST", "/invite", {"user_id": BOB, "reason": "why"}),
        (lambda room: room.upgrade("12"), "POST", "/upgrade", {"new_version": "12"}),
        (lambda room: room.report("spam"), "POST", "/report", {"reason": "spam"}),
    ],
)
def test_what_an_action_sends(act: Act, method: str, path: str, body: Any, server: ScriptedHomeserver) -> None:
    server.route("PUT", path, {"event_id": "$sent"})
    server.route("POST", path, {"replacement_room": "!new"})
    with make_client(server) as client:
        act(client.room(ROOM))
    (seen,) = server.asked(path, method)
    assert seen.json == body
    assert ROOM in seen.path or "/directory/" in seen.path


def test_pins_are_changed_where_the_server_has_them(client: Client, server: ScriptedHomeserver) -> None:
    pinned: list[Any] = ["$1", 5, "$2"]
    server.route("GET", "/state/m.room.pinned_events", lambda _: {"pinned": pinned})
    room = client.room(ROOM)
    room.pin("$3")
    room.unpin(Event("m.room.message", event_id="$1"))
    room.pin("$2")
    room.unpin("$9")
    bodies = [one.json["pinned"] for one in server.asked("/state/m.room.pinned_events", "PUT")]
    assert bodies == [["$1", "$2", "$3"], ["$2"]]
    with pytest.raises(UsageError, match="no id"):
        room.pin(Event("m.room.message"))


def test_the_first_pin(client: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/state/m.room.pinned_events", Reply(404, {"errcode": "M_NOT_FOUND"}))
    client.room(ROOM).pin("$1")
    assert server.asked("/state/m.room.pinned_events", "PUT")[0].json == {"pinned": ["$1"]}


# ------------------------------------------------------------------ many rooms


def test_rooms_are_a_mapping_of_what_the_store_knows(client: Client) -> None:
    commit(client, RoomDelta(ROOM, "join"), RoomDelta(OTHER, "invite"), RoomDelta("!left", "leave"))
    assert dict(client.rooms) == {ROOM: client.room(ROOM)}
    assert [list(client.rooms_with(one)) for one in ("invite", "leave", "knock")] == [[OTHER], ["!left"], []]
    rooms = client.rooms
    assert (len(rooms), ROOM in rooms, OTHER in rooms, rooms.get(OTHER)) == (1, True, False, None)
    with pytest.raises(KeyError):
        rooms["!nowhere"]
    commit(client, RoomDelta(OTHER, "join"))
    assert set(rooms) == {ROOM, OTHER}, "the mapping is a view"


def test_ten_thousand_rooms_are_listed_without_being_read(
    server: ScriptedHomeserver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_client(server, store=SQLiteStore(tmp_path / "store")) as client:
        commit(client, *(RoomDelta(f"!{number}", "join") for number in range(10_000)))
        monkeypatch.setattr(client.store, "load_room", lambda _: pytest.fail("a room was read"))
        assert len(client.rooms) == len(list(client.rooms)) == 10_000


def test_a_store_that_cannot_list_rooms_says_so(server: ScriptedHomeserver) -> None:
    with make_client(server, store=SixMethodStore()) as client, pytest.raises(UsageError, match="joined_rooms"):
        list(client.rooms)


# ------------------------------------------------------------------ invites


def invited(client: Client, *, is_direct: bool | None = None, sender: str = BOB) -> None:
    own = event("m.room.member", USER, sender=sender, membership="invite", is_direct=is_direct, reason="tea")
    state = [("m.room.member", USER, dumps(own)), piece("m.room.name", "", name="Tea")]
    commit(client, RoomDelta(ROOM, "invite", state=state))


def test_an_invite_says_who_and_where(client: Client, server: ScriptedHomeserver) -> None:
    invited(client)
    (invite,) = client.invites
    assert (invite.room_id, invite.inviter, invite.name, invite.reason) == (ROOM, BOB, "Tea", "tea")
    assert not invite.is_direct
    server.route("POST", "/join/", {"room_id": ROOM})
    assert invite.accept() == client.room(ROOM)
    assert server.asked("/join/")[0].query["via"] == "scripted"
    assert server.asked("/account_data/") == []


def test_a_direct_chat_that_is_accepted_is_kept_as_one(client: Client, server: ScriptedHomeserver) -> None:
    invited(client, is_direct=True)
    server.route("POST", "/join/", {"room_id": ROOM})
    server.route("GET", "/account_data/m.direct", Reply(404, {"errcode": "M_NOT_FOUND"}))
    server.route("PUT", "/account_data/m.direct", {})
    (invite,) = client.invites
    invite.accept()
    assert server.asked("/account_data/m.direct", "PUT")[0].json == {BOB: [ROOM]}


def test_an_invite_is_declined(client: Client, server: ScriptedHomeserver) -> None:
    invited(client)
    server.route("POST", "/leave", {})
    client.invites[0].reject("no")
    assert server.asked("/leave")[0].json == {"reason": "no"}


def test_an_invite_without_a_sound_event_is_from_nobody(client: Client, server: ScriptedHomeserver) -> None:
    commit(client, RoomDelta(ROOM, "invite", state=[("m.room.member", USER, b"not json")]))
    server.route("POST", "/join/", {"room_id": ROOM})
    (invite,) = client.invites
    assert (invite.inviter, invite.is_direct, invite.reason) == (None, False, None)
    invite.accept()
    assert "via" not in server.asked("/join/")[0].query


# ------------------------------------------------------------------ all members


def members_answer(*members: dict[str, Any]) -> dict[str, Any]:
    return {"chunk": list(members)}


def member(user_id: str, event_id: str, membership: str = "join") -> dict[str, Any]:
    return event("m.room.member", user_id, event_id, user_id, membership=membership)


def test_members_are_asked_for_once_by_all_threads(any_store: Storer, server: ScriptedHomeserver) -> None:
    with make_client(server, store=any_store, syncer=DefaultSyncer(lazy_load_members=True)) as client:
        server.will_answer({"next_batch": "s1", "rooms": {"join": {ROOM: {}}}})
        client.sync_once()
        server.route("GET", "/members", members_answer(member(BOB, "$1"), member(USER, "$2")))
        room = client.room(ROOM)
        threads = [threading.Thread(target=room.load_members) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        (seen,) = server.asked("/members")
        assert seen.query == {"at": "s1"}
        assert {one.user_id for one in room.joined} == {BOB, USER}
        assert room.has_all_members
        room.load_members(again=True)
        assert len(server.asked("/members")) == 2


def test_members_that_a_sync_brought_are_not_asked_for(client: Client, server: ScriptedHomeserver) -> None:
    server.will_answer({"next_batch": "s1", "rooms": {"join": {ROOM: {"state": {"events": [member(BOB, "$1")]}}}}})
    client.sync_once()
    client.room(ROOM).load_members()
    assert server.asked("/members") == []


def test_a_sync_while_members_are_on_their_way_is_newer(server: ScriptedHomeserver, tmp_path: Path) -> None:
    with make_client(server, store=SQLiteStore(tmp_path / "store")) as client:
        commit(client, RoomDelta(ROOM, "join", state=[("m.room.member", BOB, dumps(member(BOB, "$1")))]))

        def answer(_: Seen) -> dict[str, Any]:
            left = dumps(member(BOB, "$2", "leave"))
            gap = RoomDelta(ROOM, "join", state=[("m.room.member", BOB, left)], has_all_members=False)
            commit(client, gap)
            return members_answer(member(BOB, "$1"), member("@carol:x", "$3"))

        server.route("GET", "/members", answer)
        room = client.room(ROOM)
        room.load_members()
        assert (room.membership_of(BOB), room.membership_of("@carol:x")) == ("leave", "join")
        assert not room.has_all_members, "the sync had a gap, in which members may have come"
    with SQLiteStore(tmp_path / "store") as store:
        kept = store.load_room(ROOM)
        assert kept is not None
        assert set(kept.joined_members) == {"@carol:x"}


def test_a_position_the_server_does_not_take_is_left_out(client: Client, server: ScriptedHomeserver) -> None:
    commit(client, RoomDelta(ROOM, "join"))
    refused = Reply(400, {"errcode": "M_UNKNOWN", "error": "Invalid stream token"})
    server.route("GET", "/members", lambda seen: refused if seen.query else members_answer(member(BOB, "$1")))
    client.room(ROOM).load_members()
    assert [one.query for one in server.asked("/members")] == [{"at": "s1"}, {}]
    assert client.room(ROOM).has_all_members


def test_members_that_cannot_be_read_are_not_known(client: Client, server: ScriptedHomeserver) -> None:
    commit(client, RoomDelta(ROOM, "join"))
    server.route("GET", "/members", Reply(403, {"errcode": "M_FORBIDDEN"}))
    with pytest.raises(Forbidden):
        client.room(ROOM).load_members()
    assert not client.room(ROOM).has_all_members


@pytest.mark.parametrize("membership", ["invite", "knock"])
def test_members_are_not_asked_for_from_outside(membership: str, client: Client, server: ScriptedHomeserver) -> None:
    commit(client, RoomDelta(ROOM, membership))
    with pytest.raises(UsageError, match=membership):
        client.room(ROOM).load_members()
    assert server.asked("/members") == []


# ------------------------------------------------------------------ upgrades


def upgraded(client: Client, old: str, new: str, back: str | None) -> None:
    tombstone = piece("m.room.tombstone", "", replacement_room=new)
    created = piece("m.room.create", "", **({} if back is None else {"predecessor": {"room_id": back}}))
    commit(client, RoomDelta(old, "join", state=[tombstone]), RoomDelta(new, "join", state=[created]))


def test_an_upgrade_is_followed_where_both_rooms_state_it(client: Client) -> None:
    upgraded(client, ROOM, OTHER, ROOM)
    assert client.current_room(ROOM).id == client.current_room(client.room(ROOM)).id == OTHER
    assert client.current_room(OTHER).id == OTHER


@pytest.mark.parametrize("back", [None, "!third"])
def test_a_room_cannot_be_taken_over(back: str | None, client: Client) -> None:
    upgraded(client, ROOM, OTHER, back)
    assert client.current_room(ROOM).id == ROOM


def test_the_store_in_memory_is_a_sync_storer() -> None:
    store: SyncStorer = InMemoryStore()
    assert is_sync_storer(store)
