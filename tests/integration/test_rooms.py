"""Rooms on a real homeserver: making them, coming and going, the directory."""

from __future__ import annotations

import secrets

import pytest

from gomatrix_py import Client, Event
from gomatrix_py.errors import Forbidden, HTTPError, NotFound
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.waiting import wait_until


def _membership(client: Client, room_id: str, user_id: str) -> str:
    return str(client.state_event(room_id, "m.room.member", user_id)["membership"])


def test_create_room_with_everything(alice: Client, bob: Client) -> None:
    alias = f"tea-{secrets.token_hex(4)}"
    room_id = alice.create_room(
        "Tea party",
        "All mad here",
        preset="private_chat",
        room_alias_name=alias,
        invite=[bob.user_id],
        is_direct=True,
        creation_content={"m.federate": False},
        initial_state=[
            {"type": "com.example.seat", "state_key": "1", "content": {"taken": True}},
            Event("com.example.seat", {"taken": False}, state_key="2"),
        ],
        power_level_content_override={"users": {bob.user_id: 10}, "events": {"m.room.topic": 10}},
    ).room_id
    state = {(event.type, event.state_key): event for event in alice.get_room_state(room_id)}
    assert state["m.room.name", ""].content["name"] == "Tea party"
    assert state["m.room.topic", ""].content["topic"] == "All mad here"
    assert state["m.room.canonical_alias", ""].content["alias"] == f"#{alias}:localhost"
    assert state["m.room.create", ""].content["m.federate"] is False
    assert state["m.room.join_rules", ""].content["join_rule"] == "invite"
    assert [state["com.example.seat", key].content["taken"] for key in ("1", "2")] == [True, False]
    assert state["m.room.power_levels", ""].content["users"][bob.user_id] == 10
    invite = state["m.room.member", bob.user_id]
    assert (invite.content["membership"], invite.content["is_direct"]) == ("invite", True)
    bob.join_room(room_id)
    bob.send_state_event(room_id, "m.room.topic", "", {"topic": "by Bob"})  # 10 is enough, as overridden
    with pytest.raises(Forbidden):
        bob.send_state_event(room_id, "m.room.name", "", {"name": "by Bob"})


def test_create_room_in_an_older_version(alice: Client) -> None:
    room_id = alice.create_room(room_version="10").room_id
    assert room_id.endswith(":localhost")
    assert alice.state_event(room_id, "m.room.create")["room_version"] == "10"


def test_a_taken_alias_is_refused(alice: Client) -> None:
    alias = f"once-{secrets.token_hex(4)}"
    alice.create_room(room_alias_name=alias)
    with pytest.raises(HTTPError) as failure:
        alice.create_room(room_alias_name=alias)
    assert failure.value.errcode == "M_ROOM_IN_USE"


def test_join_by_id_alias_and_helping_server(alice: Client, matrix_user: MatrixUser) -> None:
    alias = f"open-{secrets.token_hex(4)}"
    room_id = alice.create_room(preset="public_chat", room_alias_name=alias).room_id
    by_id, by_alias, by_server, by_the_other_call = (matrix_user("guest") for _ in range(4))
    assert by_id.join_room(room_id).room_id == room_id
    assert by_alias.join_room(f"#{alias}:localhost").room_id == room_id
    assert by_server.join_room(room_id, "localhost", {"reason": "curiouser"}).room_id == room_id
    assert by_the_other_call.join_room_by_id(room_id, "and curiouser").room_id == room_id
    assert alice.state_event(room_id, "m.room.member", by_server.user_id)["reason"] == "curiouser"
    assert alice.state_event(room_id, "m.room.member", by_the_other_call.user_id)["reason"] == "and curiouser"
    joined = set(alice.joined_members(room_id).joined)
    assert joined == {one.user_id for one in (alice, by_id, by_alias, by_server, by_the_other_call)}


def test_nobody_joins_where_they_may_not(alice: Client, bob: Client) -> None:
    room_id = alice.create_room(preset="private_chat").room_id
    with pytest.raises(Forbidden):
        bob.join_room(room_id)
    with pytest.raises(NotFound):
        bob.join_room(f"#nowhere-{secrets.token_hex(4)}:localhost")


def test_leave_with_a_reason_then_forget(alice: Client, bob: Client, room_id: str) -> None:
    assert room_id in bob.joined_rooms().joined_rooms
    with pytest.raises(HTTPError):  # not before leaving
        bob.forget_room(room_id)
    bob.leave_room(room_id, "too mad")
    content = alice.state_event(room_id, "m.room.member", bob.user_id)
    assert (content["membership"], content["reason"]) == ("leave", "too mad")
    assert bob.joined_rooms().joined_rooms == []
    bob.forget_room(room_id)
    with pytest.raises(Forbidden):
        bob.messages(room_id)


def test_invite_and_decline(alice: Client, bob: Client) -> None:
    room_id = alice.create_room(preset="private_chat").room_id
    alice.invite_user(room_id, bob.user_id, "come in")
    content = alice.state_event(room_id, "m.room.member", bob.user_id)
    assert (content["membership"], content["reason"]) == ("invite", "come in")
    bob.leave_room(room_id)
    assert _membership(alice, room_id, bob.user_id) == "leave"


def test_invite_of_a_member_is_forbidden(alice: Client, bob: Client, room_id: str) -> None:
    with pytest.raises(Forbidden):
        alice.invite_user(room_id, bob.user_id)


def test_invite_by_third_party_needs_an_identity_server_token(alice: Client) -> None:
    """Synapse has no identity server of its own; it understands the call and says what is missing."""
    room_id = alice.create_room().room_id
    with pytest.raises(HTTPError) as failure:
        alice.invite_user_by_third_party(room_id, "localhost", "email", "hatter@example.org")
    assert failure.value.errcode == "M_MISSING_PARAM"


def test_kick_ban_and_unban(alice: Client, bob: Client, room_id: str) -> None:
    alice.kick_user(room_id, bob.user_id, "off")
    kicked = alice.state_event(room_id, "m.room.member", bob.user_id)
    assert (kicked["membership"], kicked["reason"]) == ("leave", "off")
    alice.ban_user(room_id, bob.user_id, "with his head")
    banned = alice.state_event(room_id, "m.room.member", bob.user_id)
    assert (banned["membership"], banned["reason"]) == ("ban", "with his head")
    with pytest.raises(Forbidden):
        bob.join_room(room_id)
    alice.unban_user(room_id, bob.user_id, "mercy")
    assert _membership(alice, room_id, bob.user_id) == "leave"


def test_members_who_have_no_power_kick_nobody(alice: Client, bob: Client, room_id: str) -> None:
    with pytest.raises(Forbidden):
        bob.kick_user(room_id, alice.user_id)


def test_members_can_be_filtered(alice: Client, bob: Client, room_id: str, matrix_user: MatrixUser) -> None:
    carol, dave = matrix_user("carol"), matrix_user("dave")
    alice.invite_user(room_id, carol.user_id)
    alice.invite_user(room_id, dave.user_id)
    dave.leave_room(room_id)

    def users(**filters: str) -> set[str | None]:
        return {event.state_key for event in alice.members(room_id, **filters).chunk}

    everybody = {one.user_id for one in (alice, bob, carol, dave)}
    assert users() == everybody
    assert users(membership="join") == {alice.user_id, bob.user_id}
    assert users(membership="invite") == {carol.user_id}
    assert users(not_membership="leave") == everybody - {dave.user_id}


def test_members_as_they_were(alice: Client, bob: Client, room_id: str, matrix_user: MatrixUser) -> None:
    before = alice.sync_request().next_batch
    carol = matrix_user("carol")
    alice.invite_user(room_id, carol.user_id)
    then = {event.state_key for event in alice.members(room_id, before).chunk}
    assert then == {alice.user_id, bob.user_id}


def test_joined_members_show_their_names(alice: Client, bob: Client, room_id: str) -> None:
    alice.set_display_name("Alice Liddell")  # Synapse tells its rooms a moment later
    wait_until(
        lambda: alice.joined_members(room_id).joined[alice.user_id].display_name == "Alice Liddell",
        "the room knows the new name",
    )
    assert set(alice.joined_members(room_id).joined) == {alice.user_id, bob.user_id}


# ------------------------------------------------------------------ the directory


def test_the_directory_lists_and_finds_public_rooms(alice: Client) -> None:
    word = f"rabbit{secrets.token_hex(4)}"
    made = {
        alice.create_room(f"{word} {number}", visibility="public", preset="public_chat").room_id
        for number in range(3)
    }
    assert made <= {room.room_id for room in alice.public_rooms().chunk}
    found = alice.public_rooms_filtered(filter=word)
    assert {room.room_id for room in found.chunk} == made
    assert {room.num_joined_members for room in found.chunk} == {1}
    assert alice.public_rooms_filtered(filter=f"no{word}").chunk == []
    assert {room.room_id for room in alice.query_public_rooms(filter={"generic_search_term": word}).chunk} == made


def test_the_directory_comes_in_pages(alice: Client) -> None:
    word = f"page{secrets.token_hex(4)}"
    made = {alice.create_room(f"{word} {n}", visibility="public").room_id for n in range(3)}
    first = alice.public_rooms_filtered(limit=2, filter=word)
    assert first.next_batch
    rest = alice.public_rooms_filtered(limit=2, since=first.next_batch, filter=word)
    assert [len(page.chunk) for page in (first, rest)] == [2, 1]
    assert {room.room_id for page in (first, rest) for room in page.chunk} == made


def test_the_directory_is_there_for_those_who_are_not_logged_in(alice: Client) -> None:
    room_id = alice.create_room(visibility="public").room_id
    nobody = Client(alice.homeserver_url)
    assert room_id in [room.room_id for room in nobody.public_rooms(limit=1000).chunk]
