"""Direct chats and ignored users: what other clients wrote stays, and threads get one room."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import HTTPError, UsageError
from tests.kit.scripted_homeserver import ROOM, USER, Reply, ScriptedHomeserver, Seen

BOB = "@bob:scripted"
MISSING = Reply(404, {"errcode": "M_NOT_FOUND"})


class Account:
    """Account data and rooms, as a homeserver keeps them."""

    def __init__(self, server: ScriptedHomeserver, **data: Any) -> None:
        self.data: dict[str, Any] = dict(data)
        self.members: dict[str, str] = {}
        self.made: list[Any] = []
        self.refuses_data = False
        server.route("GET", "/account_data/", lambda seen: self.data.get(self._kind(seen), MISSING))
        server.route("PUT", "/account_data/", self._put)
        server.route("GET", "/state/m.room.member/", self._member)
        server.route("GET", "/joined_rooms", lambda _: {"joined_rooms": list(self.members)})
        server.route("POST", "/createRoom", self._create)

    def _kind(self, seen: Seen) -> str:
        return seen.path.rpartition("/")[2].removeprefix("m.")

    def _put(self, seen: Seen) -> Any:
        if self.refuses_data:
            return Reply(403, {"errcode": "M_FORBIDDEN"})
        self.data[self._kind(seen)] = seen.json
        return {}

    def _member(self, seen: Seen) -> Any:
        membership = next((how for room_id, how in self.members.items() if room_id in seen.path), "")
        return {"membership": membership} if membership else MISSING

    def _create(self, seen: Seen) -> Any:
        self.made.append(seen.json)
        room_id = f"!made{len(self.made)}"
        self.members[room_id] = "invite"
        return {"room_id": room_id}


# ------------------------------------------------------------------ direct chats


def test_a_new_direct_chat_is_made_and_kept(client: Client, server: ScriptedHomeserver) -> None:
    account = Account(server)
    room = client.direct_room(BOB, create=True, name="Tea")
    assert room is not None
    assert account.made == [
        {"preset": "trusted_private_chat", "is_direct": True, "invite": [BOB], "name": "Tea"},
    ]
    assert account.data["direct"] == {BOB: [room.id]}
    assert client.direct_room(BOB, create=True) == room
    assert len(account.made) == 1


def test_without_create_nothing_is_made(client: Client, server: ScriptedHomeserver) -> None:
    account = Account(server)
    assert client.direct_room(BOB) is None
    assert (account.made, account.data) == ([], {})


@pytest.mark.parametrize(
    ("listed", "stands", "expected"),
    [
        (["!a", "!b"], {"!a": "join", "!b": "join"}, "!b"),
        (["!a", "!b"], {"!a": "join", "!b": "invite"}, "!a"),
        (["!a", "!b"], {"!a": "invite", "!b": "invite"}, "!b"),
        (["!a", "!b"], {"!a": "invite", "!b": "leave"}, "!a"),
        (["!a", "!b"], {"!a": "ban", "!b": ""}, None),
        (["!not joined by us"], {"!a": "join"}, None),
        ([5, None, "!a", []], {"!a": "join"}, "!a"),
        ("!a", {"!a": "join"}, None),
        ([], {"!a": "join"}, None),
    ],
)
def test_the_best_direct_chat_is_found(
    listed: Any, stands: dict[str, str], expected: str | None, client: Client, server: ScriptedHomeserver
) -> None:
    account = Account(server, direct={BOB: listed})
    account.members = stands
    found = client.direct_room(BOB)
    assert (None if found is None else found.id) == expected
    assert account.made == []


def test_threads_that_ask_at_once_get_one_room(client: Client, server: ScriptedHomeserver) -> None:
    account = Account(server)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(client.direct_room(BOB, create=True))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(found), len(set(found)), len(account.made)) == (6, 1, 1)


def test_a_room_that_could_not_be_kept_is_taken_at_the_next_try(client: Client, server: ScriptedHomeserver) -> None:
    account = Account(server)
    account.refuses_data = True
    with pytest.raises(HTTPError):
        client.direct_room(BOB, create=True)
    account.refuses_data = False
    room = client.direct_room(BOB, create=True)
    assert room is not None
    assert (room.id, len(account.made)) == ("!made1", 1)
    assert account.data["direct"] == {BOB: ["!made1"]}


def test_a_chat_with_oneself_invites_nobody(client: Client, server: ScriptedHomeserver) -> None:
    account = Account(server)
    assert client.direct_room(USER, create=True) is not None
    assert "invite" not in account.made[0]


@pytest.mark.parametrize(
    ("before", "user_id", "after"),
    [
        ({}, BOB, {BOB: [ROOM]}),
        ({BOB: ["!x"]}, BOB, {BOB: ["!x", ROOM]}),
        ({BOB: [ROOM, "!x"]}, BOB, {BOB: ["!x", ROOM]}),
        ({BOB: 5, "@c:d": "odd"}, BOB, {BOB: [ROOM], "@c:d": "odd"}),
        ({"@c:d": [ROOM, "!y"], "@e:f": [ROOM]}, BOB, {"@c:d": ["!y"], BOB: [ROOM]}),
        ({BOB: [ROOM], "@c:d": ["!y", 7]}, None, {"@c:d": ["!y", 7]}),
        ({"@c:d": []}, BOB, {"@c:d": [], BOB: [ROOM]}),
    ],
)
def test_other_entries_stay(
    before: dict[str, Any], user_id: str | None, after: dict[str, Any], client: Client, server: ScriptedHomeserver
) -> None:
    account = Account(server, direct=before)
    client.set_direct(ROOM, user_id)
    assert account.data["direct"] == after


def test_what_is_as_it_should_be_is_not_sent(client: Client, server: ScriptedHomeserver) -> None:
    Account(server, direct={BOB: [ROOM]}, ignored_user_list={"ignored_users": {BOB: {}}})
    client.set_direct(ROOM, BOB)
    client.set_direct("!other", None)
    client.ignore_user(BOB)
    client.unignore_user("@c:d")
    assert server.asked("/account_data/", "PUT") == []


# ------------------------------------------------------------------ whom we ignore


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"ignored_users": {BOB: {}}}),
        (
            {"ignored_users": {"@c:d": {"since": 1}}, "x": 1},
            {"ignored_users": {"@c:d": {"since": 1}, BOB: {}}, "x": 1},
        ),
        ({"ignored_users": 5}, {"ignored_users": {BOB: {}}}),
    ],
)
def test_a_user_is_ignored(before: Any, after: Any, client: Client, server: ScriptedHomeserver) -> None:
    account = Account(server, **({} if before is None else {"ignored_user_list": before}))
    client.ignore_user(BOB)
    assert account.data["ignored_user_list"] == after
    assert BOB in client.get_ignored_users()
    client.unignore_user(BOB)
    assert BOB not in client.get_ignored_users()


def test_lists_changed_by_many_threads_lose_nothing(client: Client, server: ScriptedHomeserver) -> None:
    Account(server)
    users = [f"@u{number}:x" for number in range(8)]
    threads = [threading.Thread(target=client.ignore_user, args=(user_id,)) for user_id in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(client.get_ignored_users()) == users


@pytest.mark.parametrize("wrong", ["", "bob", "#bob:scripted", "@bob"])
def test_what_is_no_user_is_refused(wrong: str, client: Client, server: ScriptedHomeserver) -> None:
    for call in (client.ignore_user, client.direct_room, lambda one: client.set_direct(ROOM, one)):
        with pytest.raises(UsageError, match="user id"):
            call(wrong)
    with pytest.raises(UsageError, match="oneself"):
        client.ignore_user(USER)
    assert server.seen == []
