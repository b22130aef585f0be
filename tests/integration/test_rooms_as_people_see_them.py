"""Rooms as people see them, on a real homeserver: receipts, typing, tags, counts, direct chats, members, upgrades."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, SQLiteStore
from gomatrix_py.client.room_handle import RoomHandle
from gomatrix_py.errors import Forbidden, NotFound, UsageError
from gomatrix_py.rooms import UnreadCounts
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.waiting import wait_until


class CountsThreads(DefaultSyncer):
    """Asks the server to count threads apart."""

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        wanted = super().get_filter_json(user_id)
        wanted["room"]["timeline"]["unread_thread_notifications"] = True
        return wanted


def after_sync(client: Client, found: Callable[[], Any]) -> None:
    """Sync until something is there."""

    def look() -> bool:
        client.sync_once(500)
        return bool(found())

    wait_until(look, "what a sync should bring")


@pytest.fixture
def wonderland(alice: Client, bob: Client, room_id: str) -> RoomHandle:
    """Alice's view of the room, both being up to date."""
    alice.sync_once()
    bob.sync_once()
    return alice.room(room_id)


# ------------------------------------------------------------------ what was read, who types


def test_receipts_public_private_and_of_threads(alice: Client, bob: Client, wonderland: RoomHandle) -> None:
    root = wonderland.send_text("root").event_id
    reply = wonderland.send_text("in the thread", thread=root).event_id
    last = wonderland.send_text("last").event_id
    theirs = bob.room(wonderland.id)
    theirs.mark_read(root)
    theirs.mark_read(reply, thread_id=root)
    theirs.mark_read(last, thread_id="main", is_private=True)
    after_sync(bob, lambda: len(theirs.receipts.all()) >= 3)
    receipts = [one for one in theirs.receipts.all() if one.user_id == bob.user_id]
    own = {(one.event_id, one.thread_id, one.is_private) for one in receipts}
    assert own == {(root, "", False), (reply, root, False), (last, "main", True)}
    after_sync(alice, lambda: wonderland.receipts.of(bob.user_id, root))
    seen = [one for one in wonderland.receipts.all() if one.user_id == bob.user_id]
    assert {(one.event_id, one.thread_id) for one in seen} == {(root, ""), (reply, root)}, "the private one shows"
    assert all(one.ts > 1_600_000_000_000 for one in seen)
    assert wonderland.read_by(root) == [bob.user_id]


def test_receipts_outlive_a_restart(matrix_user: MatrixUser, bob: Client, tmp_path: Path) -> None:
    carol = matrix_user("carol", store=SQLiteStore(tmp_path / "store"))
    made = carol.create_room(invite=[bob.user_id]).room_id
    bob.join_room(made)
    event_id = carol.send_text(made, "read me").event_id
    bob.room(made).mark_read(event_id)
    after_sync(carol, lambda: carol.room(made).receipts.of(bob.user_id))
    carol.close()
    with SQLiteStore(tmp_path / "store") as store:
        room = store.load_room(made)
        assert room is not None
        receipt = room.receipts.of(bob.user_id)
        assert receipt is not None
        assert (receipt.event_id, room.own_user_id) == (event_id, carol.user_id)


def test_typing_comes_and_goes(alice: Client, bob: Client, wonderland: RoomHandle) -> None:
    theirs = bob.room(wonderland.id)
    theirs.set_typing(True, 20_000)
    after_sync(alice, lambda: list(wonderland.typing) == [bob.user_id])
    theirs.set_typing(False)
    after_sync(alice, lambda: list(wonderland.typing) == [])


def test_unread_counts_with_threads_apart(alice: Client, matrix_user: MatrixUser) -> None:
    reader = matrix_user("reader", syncer=CountsThreads())
    made = alice.create_room(invite=[reader.user_id]).room_id
    reader.join_room(made)
    reader.sync_once()
    theirs, ours = reader.room(made), alice.room(made)
    root = ours.send_text("root").event_id
    theirs.mark_read(root)
    replies = [ours.send_text(f"reply {number}", thread=root).event_id for number in range(2)]
    last = ours.send_text("outside", mentions=[reader.user_id]).event_id
    after_sync(reader, lambda: root in theirs.thread_counts and theirs.notification_count)
    assert theirs.thread_counts == {root: UnreadCounts(2, 0)}
    assert (theirs.notification_count, theirs.highlight_count) == (1, 1)
    assert (theirs.unread_notifications, theirs.is_unread) == (3, True)
    theirs.mark_read(replies[-1], thread_id=root)
    after_sync(reader, lambda: not theirs.thread_counts)
    assert theirs.notification_count == 1
    theirs.mark_read(last)
    after_sync(reader, lambda: theirs.notification_count == 0)


def test_read_marker_and_mark_as_unread(alice: Client, wonderland: RoomHandle) -> None:
    event_id = wonderland.send_text("up to here").event_id
    wonderland.set_fully_read(event_id)
    wonderland.mark_unread()
    after_sync(alice, lambda: wonderland.is_marked_unread and wonderland.fully_read_event_id == event_id)
    wonderland.mark_unread(False)
    after_sync(alice, lambda: not wonderland.is_marked_unread)


# ------------------------------------------------------------------ tags, direct chats, whom we ignore


def test_tags(alice: Client, wonderland: RoomHandle) -> None:
    wonderland.set_favourite(order=0.25)
    wonderland.add_tag("u.tea")
    after_sync(alice, lambda: wonderland.tags == {"m.favourite": 0.25, "u.tea": None})
    assert wonderland.is_favourite
    wonderland.set_favourite(False)
    wonderland.set_low_priority()
    after_sync(alice, lambda: set(wonderland.tags) == {"m.lowpriority", "u.tea"})
    assert wonderland.is_low_priority


def test_one_direct_chat_for_all_threads(alice: Client, bob: Client) -> None:
    assert alice.direct_room(bob.user_id) is None
    alice.set_account_data("m.direct", {"@other:localhost": ["!kept"], "odd": 5})
    found: list[RoomHandle | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(alice.direct_room(bob.user_id, create=True))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (chat,) = set(found)
    assert chat is not None
    direct = alice.get_account_data("m.direct")
    assert direct == {"@other:localhost": ["!kept"], "odd": 5, bob.user_id: [chat.id]}
    bob.sync_once()
    (invite,) = bob.invites
    assert (invite.room_id, invite.inviter, invite.is_direct) == (chat.id, alice.user_id, True)
    theirs = invite.accept()
    assert bob.get_account_data("m.direct") == {alice.user_id: [chat.id]}
    assert bob.direct_room(alice.user_id) == theirs
    after_sync(bob, lambda: theirs.membership == "join" and theirs.is_direct)
    assert theirs.direct_partner == alice.user_id
    assert bob.invites == []


def test_a_direct_chat_the_other_left_is_none(alice: Client, bob: Client) -> None:
    first = alice.direct_room(bob.user_id, create=True)
    assert first is not None
    bob.join_room(first.id)
    bob.leave_room(first.id)
    assert alice.direct_room(bob.user_id) is None
    second = alice.direct_room(bob.user_id, create=True, name="Again")
    assert second is not None
    assert second != first
    assert alice.state_event(second.id, "m.room.name") == {"name": "Again"}
    assert alice.get_account_data("m.direct")[bob.user_id] == [first.id, second.id]
    first.set_direct(None)
    assert alice.get_account_data("m.direct")[bob.user_id] == [second.id]


def test_an_invite_that_is_declined(alice: Client, bob: Client) -> None:
    made = alice.create_room("Croquet", invite=[bob.user_id]).room_id
    bob.sync_once()
    (invite,) = bob.invites
    assert (invite.name, invite.is_direct, list(bob.rooms_with("invite"))) == ("Croquet", False, [made])
    invite.reject("off with her head")
    assert alice.state_event(made, "m.room.member", bob.user_id)["membership"] == "leave"
    after_sync(bob, lambda: not bob.invites)


def test_ignored_users(alice: Client, bob: Client, wonderland: RoomHandle) -> None:
    alice.ignore_user(bob.user_id)
    alice.ignore_user("@spam:localhost")
    assert alice.get_ignored_users() == [bob.user_id, "@spam:localhost"]
    after_sync(alice, lambda: wonderland.is_ignored(bob.user_id))
    alice.unignore_user(bob.user_id)
    assert alice.get_ignored_users() == ["@spam:localhost"]
    after_sync(alice, lambda: not wonderland.is_ignored(bob.user_id))


# ------------------------------------------------------------------ members, lazily


def test_members_are_loaded_when_they_are_asked_for(alice: Client, matrix_user: MatrixUser, tmp_path: Path) -> None:
    people = [matrix_user(f"guest{number}") for number in range(5)]
    made = alice.create_room(preset="public_chat").room_id
    for guest in people:
        guest.join_room(made)
    syncer = DefaultSyncer(lazy_load_members=True, timeline_limit=1)
    lazy = matrix_user("lazy", store=SQLiteStore(tmp_path / "store"), syncer=syncer)
    lazy.join_room(made)
    alice.send_text(made, "hello")
    lazy.sync_once()
    room = lazy.room(made)
    everybody = {client.user_id for client in (alice, lazy, *people)}
    before = {one.user_id for one in room.joined}
    assert not lazy.room(made).has_all_members
    assert before < everybody, "the control: the server did leave members out"
    assert room.joined_count == len(everybody)
    room.load_members()
    assert room.has_all_members
    assert {one.user_id for one in room.joined} == everybody
    people[0].leave_room(made)
    after_sync(lazy, lambda: {one.user_id for one in room.joined} == everybody - {people[0].user_id})
    assert room.has_all_members
    for number in range(5):  # more than a timeline of one holds: a gap
        alice.send_text(made, f"noise {number}")
    people[1].leave_room(made)
    alice.send_text(made, "and a last word")
    after_sync(lazy, lambda: not room.has_all_members)
    room.load_members()
    expected = everybody - {people[0].user_id, people[1].user_id}
    assert {one.user_id for one in room.joined} == expected
    lazy.close()
    with SQLiteStore(tmp_path / "store") as store:
        kept = store.load_room(made)
        assert kept is not None
        assert kept.has_all_members
        assert set(kept.joined_members) == expected


def test_members_of_a_room_we_are_not_in(alice: Client, bob: Client) -> None:
    made = alice.create_room().room_id
    with pytest.raises(UsageError, match="sync"):
        bob.room(made).load_members()
    alice.invite_user(made, bob.user_id)
    bob.sync_once()
    with pytest.raises(UsageError, match="invite"):
        bob.room(made).load_members()


# ------------------------------------------------------------------ finding rooms, and doing things in them


def test_rooms_are_found_by_id_alias_and_link(alice: Client) -> None:
    name = f"garden-{secrets.token_hex(4)}"
    made = alice.create_room("Garden", room_alias_name=name).room_id
    alias = f"#{name}:localhost"
    assert not alice.room(made).is_known
    assert alice.room(made).send_text("before any sync").event_id
    with pytest.raises(UsageError, match="sync"):
        assert alice.room(made).name
    alice.sync_once()
    for wanted in (made, alias, f"https://matrix.to/#/{alias}", f"matrix:r/{alias[1:]}"):
        assert (alice.room(wanted).id, alice.room(wanted).name) == (made, "Garden")
    assert dict(alice.rooms) == {made: alice.room(made)}
    assert (made in alice.rooms, "!nowhere" in alice.rooms, len(alice.rooms_with("leave"))) == (True, False, 0)
    with pytest.raises(NotFound):
        alice.room("#nowhere:localhost")
    for wrong in ("", "garden", alice.user_id, "matrix:u/alice:localhost"):
        with pytest.raises(UsageError):
            alice.room(wrong)


def test_what_is_set_in_a_room_is_seen_in_it(alice: Client, bob: Client, wonderland: RoomHandle) -> None:
    alias = f"#queen-{secrets.token_hex(4)}:localhost"
    wonderland.set_name("Court")
    wonderland.set_topic("Tarts")
    wonderland.set_avatar_url("mxc://localhost/queen")
    wonderland.add_alias(alias)
    wonderland.set_canonical_alias(alias)
    wonderland.set_join_rule("knock")
    wonderland.set_history_visibility("joined")
    wonderland.set_guest_access("forbidden")
    wonderland.set_power_level(bob.user_id, 50)
    pinned = wonderland.send_markdown("**trial**").event_id
    wonderland.pin(pinned)
    wonderland.pin(wonderland.get_event(wonderland.send_notice("another").event_id))
    wonderland.unpin(pinned)
    after_sync(alice, lambda: len(wonderland.pinned_event_ids) == 1 and wonderland.pinned_event_ids != [pinned])
    assert (wonderland.name, wonderland.topic, wonderland.canonical_alias) == ("Court", "Tarts", alias)
    assert wonderland.display_avatar_url == "mxc://localhost/queen"
    assert (wonderland.join_rule.value, wonderland.is_knockable) == ("knock", True)
    assert (wonderland.history_visibility.value, wonderland.guest_access.value) == ("joined", "forbidden")
    assert wonderland.power_level(bob.user_id) == 50
    assert wonderland.get_aliases().aliases == [alias]
    wonderland.set_avatar_url("")
    after_sync(alice, lambda: wonderland.room_avatar_url is None)
    with pytest.raises(UsageError):
        wonderland.set_avatar_url("https://example.org/queen.png")


def test_talking_in_a_room(bob: Client, wonderland: RoomHandle) -> None:
    question = wonderland.send_text("Who stole the tarts?").event_id
    answer = wonderland.reply(question, "The knave").event_id
    theirs = bob.room(wonderland.id)
    theirs.react(answer, "🃏")
    wonderland.edit(wonderland.get_event(answer), "The Knave")
    assert list(wonderland.reactions(answer)) == ["🃏"]
    assert wonderland.latest_version(answer).content["body"].endswith("The Knave")
    gone = wonderland.send_html("<b>nonsense</b>").event_id
    wonderland.redact(gone, "nonsense")
    assert wonderland.get_event(gone).content == {}
    texts = [event.event_id for event in wonderland.messages_iter(limit=10)]
    assert {question, answer} <= set(texts)
    assert wonderland.messages(limit=1).chunk


def test_who_is_let_in_and_out(alice: Client, wonderland: RoomHandle, matrix_user: MatrixUser) -> None:
    carol = matrix_user("carol")

    def stands() -> str:
        return str(alice.state_event(wonderland.id, "m.room.member", carol.user_id)["membership"])

    wonderland.invite(carol.user_id)
    theirs = carol.room(wonderland.id)
    theirs.join()
    wonderland.kick(carol.user_id, "too tall")
    assert stands() == "leave"
    wonderland.ban(carol.user_id)
    with pytest.raises(Forbidden):
        theirs.join()
    wonderland.unban(carol.user_id)
    wonderland.set_join_rule("knock")
    theirs.knock("may I?")
    assert stands() == "knock"
    wonderland.invite(carol.user_id)
    theirs.join()
    theirs.leave("bye")
    theirs.forget()
    assert stands() == "leave"


# ------------------------------------------------------------------ spaces and upgrades


def test_a_space_and_the_rooms_in_it(alice: Client, wonderland: RoomHandle) -> None:
    made = alice.create_room("Books", creation_content={"type": "m.space"}).room_id
    space = alice.room(made)
    space.add_child(wonderland.id, ["localhost"], order="a", is_suggested=True)
    wonderland.send_state_event("m.space.parent", made, {"via": ["localhost"], "canonical": True})
    after_sync(alice, lambda: space.is_known and space.children and wonderland.stated_parents)
    (child,) = space.children
    assert (child.room_id, child.is_suggested) == (wonderland.id, True)
    assert [one.room_id for one in wonderland.parents(alice.rooms.get)] == [made]
    assert [room.room_id for room in space.hierarchy_iter()][1:] == [wonderland.id]
    space.remove_child(wonderland.id)
    after_sync(alice, lambda: not space.children)


def test_an_upgrade_is_followed(alice: Client, bob: Client, wonderland: RoomHandle) -> None:
    new = wonderland.upgrade("11").replacement_room
    after_sync(alice, lambda: wonderland.is_tombstoned and alice.room(new).is_known)
    assert alice.current_room(wonderland.id).id == new
    assert alice.current_room(alice.room(new)).id == new
    bob.sync_once()
    theirs = bob.current_room(wonderland.id)
    assert theirs.id == wonderland.id, "nothing is joined by itself"
    assert new not in bob.joined_rooms().joined_rooms
