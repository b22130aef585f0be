"""Checks of operations on rooms: making them, being in them, finding them, and what is said there."""

from __future__ import annotations

import time

from gomatrix_py.api.directory import Visibility
from gomatrix_py.api.room_history import Direction
from gomatrix_py.api.room_membership import Preset
from gomatrix_py.events.contents.members import Membership
from gomatrix_py.events.contents.room_state import JoinRule

from .served import GHOST, World, serves
from .waiting import wait_until

__all__: list[str] = []

HELLO = {"msgtype": "m.text", "body": "hello"}


def membership(world: World, room_id: str, user_id: str) -> str:
    content = world.alice.get_state_content(room_id, "m.room.member", user_id)
    found: str = content["membership"]
    return found


# ------------------------------------------------------------------ making, coming and going


@serves("createRoom", "joinRoomById")
def make_a_room(world: World) -> None:
    room_id = world.room(preset=Preset.PRIVATE_CHAT, topic="tea", is_direct=True)
    assert room_id.startswith("!")
    assert world.alice.get_state_content(room_id, "m.room.topic")["topic"] == "tea"
    assert membership(world, room_id, world.bob.user_id) == "join"


@serves("joinRoom")
def join_a_room(world: World) -> None:
    room_id = world.alice.create_room(preset=Preset.PUBLIC_CHAT).room_id
    assert world.bob.join_room(room_id, content={"reason": "tea"}).room_id == room_id
    assert membership(world, room_id, world.bob.user_id) == "join"


@serves("knockRoom")
def knock(world: World) -> None:
    rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room_id = world.alice.create_room(initial_state=[rule]).room_id
    assert world.bob.knock_room(room_id, "let me in").room_id == room_id
    assert membership(world, room_id, world.bob.user_id) == "knock"


@serves("inviteUser")
def invite(world: World) -> None:
    room_id = world.alice.create_room().room_id
    world.alice.invite_user(room_id, world.bob.user_id, "tea")
    assert membership(world, room_id, world.bob.user_id) == "invite"


@serves("kick", "ban", "unban")
def throw_out(world: World) -> None:
    room_id, bob = world.room(), world.bob.user_id
    world.alice.kick_user(room_id, bob, "noise")
    assert membership(world, room_id, bob) == "leave"
    world.alice.ban_user(room_id, bob)
    assert membership(world, room_id, bob) == "ban"
    world.alice.unban_user(room_id, bob)
    assert membership(world, room_id, bob) == "leave"


@serves("leaveRoom", "forgetRoom", "getJoinedRooms")
def leave(world: World) -> None:
    room_id = world.room()
    assert room_id in world.bob.joined_rooms().joined_rooms
    world.bob.leave_room(room_id, "late")
    world.bob.forget_room(room_id)
    assert room_id not in world.bob.joined_rooms().joined_rooms


@serves("upgradeRoom")
def upgrade(world: World) -> None:
    room_id = world.alice.create_room(room_version="10").room_id
    replacement = world.alice.upgrade_room(room_id, "11").replacement_room
    tombstone = world.alice.get_state_content(room_id, "m.room.tombstone")
    assert tombstone["replacement_room"] == replacement != room_id


# ------------------------------------------------------------------ finding


@serves("setRoomAlias", "getRoomIdByAlias", "getLocalAliases", "deleteRoomAlias")
def aliases(world: World) -> None:
    room_id, alias = world.room(), f"#{world.name()}:localhost"
    world.alice.create_room_alias(alias, room_id)
    found = world.nobody().resolve_room_alias(alias)
    assert (found.room_id, found.servers) == (room_id, ["localhost"])
    assert world.alice.get_room_aliases(room_id).aliases == [alias]
    world.alice.delete_room_alias(alias)
    assert world.alice.get_room_aliases(room_id).aliases == []


@serves("setRoomVisibilityOnDirectory", "getRoomVisibilityOnDirectory", "getPublicRooms", "queryPublicRooms")
def directory(world: World) -> None:
    name = world.name()
    room_id = world.alice.create_room(name, preset=Preset.PUBLIC_CHAT).room_id
    assert world.alice.get_room_visibility(room_id).visibility is Visibility.PRIVATE
    world.alice.set_room_visibility(room_id, Visibility.PUBLIC)
    assert world.alice.get_room_visibility(room_id).visibility is Visibility.PUBLIC
    (listed,) = (one for one in world.nobody().public_rooms().chunk if one.room_id == room_id)
    assert (listed.name, listed.num_joined_members, listed.join_rule) == (name, 1, JoinRule.PUBLIC)
    found = world.alice.query_public_rooms(filter={"generic_search_term": name})
    assert [one.room_id for one in found.chunk] == [room_id]


@serves("updateAppserviceRoomDirectoryVisibility")
def directory_of_a_network(world: World) -> None:
    room_id = world.ghost.create_room("Bridged", preset=Preset.PUBLIC_CHAT).room_id
    world.ghost.set_appservice_room_visibility("tea", room_id, "public")
    found = world.ghost.query_public_rooms(third_party_instance_id="ghosts|tea")
    assert [one.room_id for one in found.chunk] == [room_id]


@serves("getSpaceHierarchy", "getRoomSummary")
def spaces(world: World) -> None:
    space = world.alice.create_room("Space", creation_content={"type": "m.space"}).room_id
    child = world.alice.create_room("Child", preset=Preset.PUBLIC_CHAT).room_id
    world.alice.send_state_event(space, "m.space.child", child, {"via": ["localhost"]})
    top, below = world.alice.hierarchy(space).rooms
    assert (top.room_type, [one.state_key for one in top.children_state]) == ("m.space", [child])
    assert (below.room_id, below.children_state) == (child, [])
    summary = world.alice.get_room_summary(child)
    assert (summary.name, summary.membership) == ("Child", Membership.JOIN)


@serves("searchUserDirectory", "getMutualRooms")
def people(world: World) -> None:
    room_id = world.room(preset=Preset.PUBLIC_CHAT)

    def is_listed() -> bool:
        return world.bob.user_id in [one.user_id for one in world.alice.search_user_directory("bob").results]

    wait_until(is_listed, "the user directory lists who shares a room")
    assert room_id in list(world.alice.mutual_rooms_iter(world.bob.user_id))


# ------------------------------------------------------------------ state and members


@serves("setRoomStateWithKey", "getRoomStateWithKey", "getRoomState")
def state(world: World) -> None:
    room_id = world.room()
    event_id = world.alice.send_state_event(room_id, "org.example.tea", "black", {"cups": 2}).event_id
    assert world.alice.get_state_content(room_id, "org.example.tea", "black") == {"cups": 2}
    assert event_id in [event.event_id for event in world.alice.get_room_state(room_id)]


@serves("getMembersByRoom", "getJoinedMembersByRoom")
def members(world: World) -> None:
    room_id = world.room()
    both = {world.alice.user_id, world.bob.user_id}
    assert {one.state_key for one in world.alice.members(room_id, membership=Membership.JOIN).chunk} == both
    assert set(world.alice.joined_members(room_id).joined) == both
    assert world.alice.members(room_id, not_membership="join").chunk == []


# ------------------------------------------------------------------ saying and reading


@serves("sendMessage", "getOneRoomEvent", "redactEvent")
def say_and_unsay(world: World) -> None:
    room_id = world.room()
    event_id = world.alice.send_message_event(room_id, "m.room.message", HELLO).event_id
    assert world.bob.get_event(room_id, event_id).content == HELLO
    redaction = world.alice.redact_event(room_id, event_id, "never mind").event_id
    assert world.bob.get_event(room_id, event_id).content == {}
    assert world.bob.get_event(room_id, redaction).content["reason"] == "never mind"


@serves("getRoomEvents", "getEventContext", "getEventByTimestamp")
def history(world: World) -> None:
    room_id = world.room()
    before = int(time.time() * 1000) - 1
    said = [world.alice.send_text(room_id, str(number)).event_id for number in range(3)]
    page = world.alice.messages(room_id, dir=Direction.BACKWARD, limit=3)
    assert [event.event_id for event in page.chunk] == said[::-1]
    around = world.alice.context(room_id, said[1], 2)
    assert around.event is not None
    assert [around.events_before[0].event_id, around.events_after[0].event_id] == [said[0], said[2]]
    assert world.alice.timestamp_to_event(room_id, before, Direction.FORWARD).event_id in said


@serves(
    "getRelatingEvents", "getRelatingEventsWithRelType", "getRelatingEventsWithRelTypeAndEventType", "getThreadRoots"
)
def relations(world: World) -> None:
    room_id = world.room()
    root = world.alice.send_text(room_id, "root").event_id
    relation = {"rel_type": "m.thread", "event_id": root}
    reply = world.bob.send_message_event(room_id, "m.room.message", {**HELLO, "m.relates_to": relation}).event_id
    key = {"rel_type": "m.annotation", "event_id": root, "key": "👍"}
    reaction = world.bob.send_message_event(room_id, "m.reaction", {"m.relates_to": key}).event_id
    assert {event.event_id for event in world.alice.relations(room_id, root).chunk} == {reply, reaction}
    (found,) = world.alice.relations_by_type(room_id, root, "m.thread").chunk
    assert found.event_id == reply
    (found,) = world.alice.relations_by_type_and_event_type(room_id, root, "m.annotation", "m.reaction").chunk
    assert found.event_id == reaction
    assert [event.event_id for event in world.alice.threads(room_id, "all").chunk] == [root]


@serves("search")
def search(world: World) -> None:
    room_id, word = world.room(), f"word{world.name()}"
    event_id = world.alice.send_text(room_id, f"some {word} or other").event_id
    found = world.alice.search(word, order_by="recent").search_categories.room_events
    assert found is not None
    assert [one.result.event_id for one in found.results if one.result is not None] == [event_id]


@serves("postReceipt", "setReadMarker", "setTyping")
def reading(world: World) -> None:
    room_id = world.room()
    event_id = world.alice.send_text(room_id, "read me").event_id
    world.bob.send_receipt(room_id, "m.read", event_id)
    world.bob.user_typing(room_id, True, 30_000)
    carol = world.person()  # the answer to a first sync is kept for a while
    world.alice.invite_user(room_id, carol.user_id)
    carol.join_room(room_id)
    ephemeral = carol.sync_request().raw["rooms"]["join"][room_id]["ephemeral"]["events"]
    by_type = {event["type"]: event["content"] for event in ephemeral}
    assert list(by_type["m.receipt"][event_id]["m.read"]) == [world.bob.user_id]
    assert by_type["m.typing"] == {"user_ids": [world.bob.user_id]}
    world.bob.set_read_markers(room_id, event_id, read_private=event_id)
    assert world.bob.get_room_account_data(room_id, "m.fully_read") == {"event_id": event_id}


# ------------------------------------------------------------------ syncing, now and as it was


@serves("sync", "defineFilter", "getFilter")
def sync(world: World) -> None:
    person = world.person()  # the answer to a first sync is kept for a while
    room_id = person.create_room().room_id
    filter_id = person.create_filter({"room": {"timeline": {"limit": 1}}}).filter_id
    kept = person.get_filter(filter_id)
    assert kept.room is not None
    assert kept.room.timeline is not None
    assert kept.room.timeline.limit == 1
    answer = person.sync_request(filter_id=filter_id)
    assert len(answer.raw["rooms"]["join"][room_id]["timeline"]["events"]) == 1
    assert person.sync_request(since=answer.next_batch).next_batch


@serves("getEvents")
def events(world: World) -> None:
    answer = world.alice.get_events(timeout=1)
    assert isinstance(answer.chunk, list)
    assert answer.end


@serves("peekEvents", "roomInitialSync")
def peek(world: World) -> None:
    seen = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}}
    room_id = world.alice.create_room("Glass house", initial_state=[seen]).room_id
    assert world.bob.room_initial_sync(room_id).room_id == room_id
    assert world.bob.peek_events(room_id, timeout=1).end


@serves("initialSync")
def initial_sync(world: World) -> None:
    room_id = world.room()
    (ours,) = (one for one in world.alice.initial_sync(1).rooms if one.room_id == room_id)
    assert ours.membership is Membership.JOIN


@serves("getOneEvent")
def one_event(world: World) -> None:
    event_id = world.alice.send_text(world.room(), "here I am").event_id
    assert world.alice.get_one_event(event_id).body == "here I am"


# ------------------------------------------------------------------ other networks, and complaints


@serves("getProtocols", "getProtocolMetadata")
def protocols(world: World) -> None:
    assert world.alice.get_third_party_protocols()["irc"].user_fields == ["nick"]
    assert world.alice.get_third_party_protocol("irc").instances[0].network_id == "tea"


@serves("queryLocationByProtocol", "queryUserByProtocol")
def lookups(world: World) -> None:
    (location,) = world.alice.get_third_party_locations("irc", {"channel": "#tea"})
    assert (location.alias, location.fields) == ("#tea:localhost", {"channel": "#tea"})
    (user,) = world.alice.get_third_party_users("irc", {"nick": "hatter"})
    assert (user.userid, user.protocol) == (GHOST, "irc")


@serves("pingAppservice")
def ping(world: World) -> None:
    assert world.ghost.appservice_ping("ghosts", "txn").duration_ms >= 0
    assert "/_matrix/app/v1/ping" in world.bridge.paths


@serves("reportEvent", "reportRoom", "reportUser")
def reports(world: World) -> None:
    room_id = world.room()
    event_id = world.alice.send_text(room_id, "nonsense").event_id
    world.bob.report_event(room_id, event_id, "nonsense")
    world.bob.report_room(room_id, "all of it")
    world.bob.report_user(world.alice.user_id, "all the time")
    reported = world.admin.make_request(
        "GET", world.admin.build_base_url("_synapse", "admin", "v1", "event_reports")
    )["event_reports"]
    assert event_id in [one["event_id"] for one in reported]
