"""The /sync answers that are measured: made up, the same on every machine, shaped like Synapse's.

Member order, escapes, empty sections and sizes are those of Synapse 1.163. The words are nonsense. Room
ids are those of room version 11: matrix-client refuses the newer ones, which have no domain.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "OWN_USER", "large_sync", "small_syncs"]

FOLDER = Path(__file__).parent / "corpora"
OWN_USER = "@bench:example.org"

Json = dict[str, Any]

_VERSION = 1  # part of the file names: count it up when a corpus changes
_EVENTS_PER_ROOM = 221
_TIMELINE_EVENTS = 50
_NOW_MS = 1_790_000_000_000
_SERVERS = ("example.org", "matrix.example.net", "chat.example.com", "tchap.example.fr", "uni.example.edu")
_ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SYLLABLES = ("ka", "lo", "mi", "ren", "tas", "vu", "dor", "el", "fi", "gan", "hei", "jo", "pra", "sul", "wen", "zé")
_FIRST_STATE: tuple[tuple[str, Json], ...] = (
    ("m.room.join_rules", {"join_rule": "invite"}),
    ("m.room.history_visibility", {"history_visibility": "shared"}),
    ("m.room.guest_access", {"guest_access": "can_join"}),
)


def large_sync(rooms: int) -> Path:
    """Return the file of a first /sync answer with this many rooms and about 221 events in each."""
    path = FOLDER / f"first-sync-{rooms}-rooms.v{_VERSION}.json"
    if not path.exists():
        _write(path, _large_sync_parts(rooms))
    return path


def small_syncs(count: int, rooms: int = 20) -> Path:
    """Return the file of incremental answers, one a line, for an account in the rooms of `large_sync(rooms)`."""
    path = FOLDER / f"small-syncs-{count}.v{_VERSION}.jsonl"
    if not path.exists():
        _write(path, (line + "\n" for line in _small_sync_lines(count, rooms)))
    return path


def _write(path: Path, parts: Iterable[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="ascii") as file:
        file.writelines(parts)
    fresh.rename(path)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))  # Synapse escapes what is not ASCII, too


# ------------------------------------------------------------------ people and rooms


@dataclass(frozen=True)
class _Person:
    user_id: str
    display_name: str
    avatar_url: str | None

    def content(self, membership: str = "join") -> Json:
        if self.avatar_url is None:
            return {"displayname": self.display_name, "membership": membership}
        return {"avatar_url": self.avatar_url, "displayname": self.display_name, "membership": membership}


@dataclass(frozen=True)
class _RoomPlan:
    room_id: str
    number: int
    members: list[_Person]
    is_direct: bool
    is_encrypted: bool


class _World:
    """One account's world, drawn from a seed."""

    def __init__(self, rooms: int) -> None:
        self.random = random.Random(f"gomatrix_py {rooms}")
        self.words = ["".join(self.random.choices(_SYLLABLES, k=self.random.randint(1, 4))) for _ in range(2000)]
        self.own = _Person(OWN_USER, "Bench", None)
        self.people = [self._person(number) for number in range(max(200, rooms * 6))]
        self.rooms = [self._room(number, size) for number, size in enumerate(self._sizes(rooms))]

    def opaque(self, length: int) -> str:
        return "".join(self.random.choices(_ID_CHARS, k=length))

    def sentence(self, longest: int = 30) -> str:
        words = self.random.choices(self.words, k=min(longest, 1 + int(self.random.expovariate(1 / 9))))
        return " ".join(words).capitalize() + self.random.choice((".", ".", "?", "!", " \N{GRINNING FACE}", ""))

    def _person(self, number: int) -> _Person:
        server = self.random.choice(_SERVERS)
        name = f"{self.random.choice(self.words)} {self.random.choice(self.words)}".title()
        avatar = f"mxc://{server}/{self.opaque(24)}" if self.random.random() < 0.6 else None
        return _Person(f"@{self.random.choice(self.words).replace('é', 'e')}{number}:{server}", name, avatar)

    def _sizes(self, rooms: int) -> list[int]:
        """Return how many members each room has: few large rooms, many small ones."""
        in_all = rooms * (_EVENTS_PER_ROOM - _TIMELINE_EVENTS - 10)
        weights = [self.random.lognormvariate(0, 1.2) for _ in range(rooms)]
        unit = (in_all - 2 * rooms) / sum(weights)
        return [min(len(self.people) - 1, 2 + round(weight * unit)) for weight in weights]

    def _room(self, number: int, size: int) -> _RoomPlan:
        return _RoomPlan(
            f"!{self.opaque(18)}:{self.random.choice(_SERVERS)}",
            number,
            [self.own, *self.random.sample(self.people, size - 1)],
            is_direct=size < 15,
            is_encrypted=self.random.random() < 0.3,
        )

    def event(self, kind: str, sender: str, content: Json, **more: Any) -> Json:
        """Return an event with its members in the order Synapse sends them."""
        age = int(self.random.expovariate(1 / 5e8))
        unsigned = {"age": age, "membership": "join", **more.pop("unsigned", {})}
        made: Json = {"content": content, "event_id": f"${self.opaque(43)}", "origin_server_ts": _NOW_MS - age}
        made["sender"] = sender
        if "state_key" in more:
            made["state_key"] = more.pop("state_key")
        return {**made, "type": kind, "unsigned": unsigned, **more}


# ------------------------------------------------------------------ events


def _state(world: _World, room: _RoomPlan) -> Iterator[Json]:
    creator = room.members[-1].user_id
    yield world.event("m.room.create", creator, {"room_version": "11"}, state_key="")
    yield world.event("m.room.power_levels", creator, _power_levels(world, room), state_key="")
    for kind, content in _FIRST_STATE:
        yield world.event(kind, creator, content, state_key="")
    if not room.is_direct:
        topic = world.sentence(60)
        yield world.event("m.room.name", creator, {"name": world.sentence(4)}, state_key="")
        long_topic = {"m.topic": {"m.text": [{"body": topic}]}, "topic": topic}
        yield world.event("m.room.topic", creator, long_topic, state_key="")
        yield world.event(
            "m.room.canonical_alias", creator, {"alias": f"#room{room.number}:example.org"}, state_key=""
        )
        yield world.event("m.room.avatar", creator, {"url": f"mxc://example.org/{world.opaque(24)}"}, state_key="")
    if room.is_encrypted:
        rotation = {"rotation_period_ms": 604800000, "rotation_period_msgs": 100}
        content = {"algorithm": "m.megolm.v1.aes-sha2", **rotation}
        yield world.event("m.room.encryption", creator, content, state_key="")
    for person in room.members:
        yield _member(world, person, world.random.random() < 0.15)


def _power_levels(world: _World, room: _RoomPlan) -> Json:
    levels = {"m.room.avatar": 50, "m.room.canonical_alias": 50, "m.room.encryption": 100, "m.room.name": 50}
    levels |= {"m.room.history_visibility": 100, "m.room.power_levels": 100, "m.room.tombstone": 150}
    users = {person.user_id: 50 for person in room.members[: world.random.randint(0, 8)]}
    return {
        "ban": 50, "events": levels, "events_default": 0, "historical": 100, "invite": 0, "kick": 50,
        "redact": 50, "state_default": 50, "users": users, "users_default": 0,
    }  # fmt: skip


def _member(world: _World, person: _Person, has_predecessor: bool) -> Json:
    unsigned: Json = {}
    if has_predecessor:
        unsigned = {
            "prev_content": person.content("invite"),
            "prev_sender": world.random.choice(world.people).user_id,
        }
        unsigned["replaces_state"] = f"${world.opaque(43)}"
    return world.event("m.room.member", person.user_id, person.content(), state_key=person.user_id, unsigned=unsigned)


def _timeline_event(world: _World, room: _RoomPlan) -> Json:
    sender = world.random.choice(room.members)
    draw = world.random.random()
    if draw < 0.76:
        return _message(world, sender, room)
    if draw < 0.86:
        relation = {"event_id": f"${world.opaque(43)}", "key": "\N{THUMBS UP SIGN}", "rel_type": "m.annotation"}
        return world.event("m.reaction", sender.user_id, {"m.relates_to": relation})
    if draw < 0.92:
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "ciphertext": world.opaque(360),
            "session_id": world.opaque(43),
        }
        return world.event("m.room.encrypted", sender.user_id, content)
    if draw < 0.96:
        redacted = f"${world.opaque(43)}"
        return world.event("m.room.redaction", sender.user_id, {"redacts": redacted}, redacts=redacted)
    return _member(world, world.random.choice(room.members[1:]), has_predecessor=True)


def _message(world: _World, sender: _Person, room: _RoomPlan) -> Json:
    body = world.sentence()
    content: Json = {"body": body}
    if world.random.random() < 0.2:
        content |= {
            "format": "org.matrix.custom.html",
            "formatted_body": f"<p>{body} <em>{world.sentence(5)}</em></p>",
        }
    if world.random.random() < 0.6:
        content["m.mentions"] = {}
    if world.random.random() < 0.15:
        content["m.relates_to"] = {"m.in_reply_to": {"event_id": f"${world.opaque(43)}"}}
    content["msgtype"] = world.random.choice(("m.text", "m.text", "m.text", "m.text", "m.notice", "m.emote"))
    unsigned = {"transaction_id": f"m{world.opaque(20)}"} if sender is room.members[0] else {}
    return world.event("m.room.message", sender.user_id, content, unsigned=unsigned)


def _receipt(world: _World, room: _RoomPlan, readers: int) -> Json:
    return {
        "type": "m.receipt",
        "content": {
            f"${world.opaque(43)}": {"m.read": {world.random.choice(room.members).user_id: {"ts": _NOW_MS}}}
            for _ in range(readers)
        },
    }


def _typing(world: _World, room: _RoomPlan) -> Json:
    typists = world.random.sample(room.members, k=world.random.randint(0, 2))
    return {"type": "m.typing", "content": {"user_ids": [person.user_id for person in typists]}}


def _presence(world: _World) -> Json:
    content = {"presence": "online", "last_active_ago": world.random.randint(10, 99_999), "currently_active": True}
    return {"type": "m.presence", "sender": world.random.choice(world.people).user_id, "content": content}


# ------------------------------------------------------------------ whole answers


def _joined(
    room: _RoomPlan, state: list[Json], timeline: list[Json], token: str, *,
    ephemeral: Iterable[Json] = (), account_data: Iterable[Json] = (), is_limited: bool = False, unread: int = 0,
) -> Json:  # fmt: skip
    summary: Json = {}
    if room.is_direct and state:
        heroes = [person.user_id for person in room.members[1:6]]
        summary = {"m.heroes": heroes, "m.joined_member_count": len(room.members), "m.invited_member_count": 0}
    return {
        "timeline": {"events": timeline, "prev_batch": token, "limited": is_limited},
        "state": {"events": state},
        "account_data": {"events": list(account_data)},
        "ephemeral": {"events": list(ephemeral)},
        "unread_notifications": {"notification_count": unread, "highlight_count": unread // 8},
        "summary": summary,
    }


def _token(number: int) -> str:
    return f"s{1_000_000 + number}_{40_000 + number}_7_9001_312_4_77_{2_000 + number}_0_1_1_1_1_1"


def _large_sync_parts(rooms: int) -> Iterator[str]:
    world = _World(rooms)
    account = [{"type": "m.push_rules", "content": _push_rules()}, {"type": "m.direct", "content": _direct(world)}]
    head = {
        "next_batch": _token(0),
        "account_data": {"events": account},
        "presence": {"events": [_presence(world) for _ in range(rooms // 3)]},
        "device_one_time_keys_count": {"signed_curve25519": 50},
        "device_unused_fallback_key_types": ["signed_curve25519"],
    }
    yield _dump(head)[:-1] + ',"rooms":{"join":{'
    for number, room in enumerate(world.rooms):
        joined = _joined(
            room,
            list(_state(world, room)),
            [_timeline_event(world, room) for _ in range(_TIMELINE_EVENTS)],
            _token(0),
            ephemeral=[_receipt(world, room, world.random.randint(1, 12))],
            account_data=[{"type": "m.fully_read", "content": {"event_id": f"${world.opaque(43)}"}}],
            is_limited=True,
            unread=world.random.randint(0, 20),
        )
        yield ("," if number else "") + _dump(room.room_id) + ":" + _dump(joined)
    yield "}}}"


def _push_rules() -> Json:
    names = (
        "message",
        "encrypted",
        "call",
        "room_one_to_one",
        "member_event",
        "reaction",
        "tombstone",
        "suppress_edits",
    )
    rules = [
        {
            "conditions": [{"kind": "event_match", "key": "type", "pattern": f"m.room.{name}"}],
            "actions": ["notify", {"set_tweak": "highlight", "value": False}],
            "rule_id": f".m.rule.{name}",
            "default": True,
            "enabled": True,
        }
        for name in names
    ]
    return {
        "global": {"underride": rules, "sender": [], "room": [], "postcontent": [], "content": [], "override": rules}
    }


def _direct(world: _World) -> Json:
    return {room.members[1].user_id: [room.room_id] for room in world.rooms if room.is_direct}


def _small_sync_lines(count: int, rooms: int) -> Iterator[str]:
    world = _World(rooms)
    world.random.seed(f"small {count}")  # the same world, but no event id twice
    for number in range(count):
        events = world.random.choices((1, 2, 3), weights=(60, 25, 15))[0]
        shares = [events - 1, 1] if events > 1 and world.random.random() < 0.15 else [events]
        joined = {
            room.room_id: _small_room(world, room, share, number)
            for room, share in zip(world.random.sample(world.rooms, k=len(shares)), shares, strict=True)
        }
        answer: Json = {"next_batch": _token(number + 1)}
        if world.random.random() < 0.03:
            answer["presence"] = {"events": [_presence(world)]}
        answer["device_one_time_keys_count"] = {"signed_curve25519": 50}
        answer["device_unused_fallback_key_types"] = ["signed_curve25519"]
        yield _dump({**answer, "rooms": {"join": joined}})


def _small_room(world: _World, room: _RoomPlan, events: int, number: int) -> Json:
    timeline: list[Json] = []
    ephemeral: list[Json] = []
    for _ in range(events):
        draw = world.random.random()
        if draw < 0.84:
            timeline.append(_timeline_event(world, room))
        else:
            ephemeral.append(_receipt(world, room, 1) if draw < 0.93 else _typing(world, room))
    return _joined(room, [], timeline, _token(number), ephemeral=ephemeral, unread=world.random.randint(0, 20))
