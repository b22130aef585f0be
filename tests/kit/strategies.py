"""Hypothesis strategies: ids, JSON values and poison, events, /sync answers, and damaged bytes."""

from __future__ import annotations

import json
import string
from typing import Any

from hypothesis import strategies as st

from .poison import POISON, SOUND_BUT_STRANGE

__all__ = [
    "any_text",
    "damaged",
    "event_ids",
    "events",
    "json_objects",
    "json_values",
    "marked_answers",
    "mutants",
    "poisoned_json",
    "room_ids",
    "server_names",
    "sync_answers",
    "user_ids",
    "wrong_values",
]

Json = Any

# ------------------------------------------------------------------ text and ids

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Text that can be sent."""

any_text = st.text(st.characters(), max_size=12)
"""Any text, lone surrogates included."""

_labels = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=8)
_ports = st.integers(1, 65535).map(lambda port: f":{port}") | st.just("")
_hosts = st.lists(_labels, min_size=1, max_size=3).map(".".join) | st.ip_addresses(v=4).map(str)
_literals = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
server_names = st.builds(lambda host, port: host + port, _hosts | _literals, _ports)

_opaque = st.text(string.ascii_letters + string.digits + "/+_-.=~!$%?#", min_size=1, max_size=20)
user_ids = st.builds(lambda name, server: f"@{name}:{server}", _opaque, server_names)
room_ids = st.builds(lambda name, server: f"!{name}:{server}", _opaque, server_names) | _opaque.map("!{}".format)
event_ids = _opaque.map("${}".format)

# ------------------------------------------------------------------ JSON

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)


def json_values(keys: st.SearchStrategy[str] = texts, max_leaves: int = 12) -> st.SearchStrategy[Json]:
    """Return sound JSON values."""
    return st.recursive(
        _scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=max_leaves,
    )


json_objects = st.dictionaries(texts, json_values(), max_size=4)
wrong_values = json_values(max_leaves=3)


@st.composite
def poisoned_json(draw: st.DrawFn, value: st.SearchStrategy[Json] | None = None) -> bytes:
    """Return a document with one of its values replaced by poison, as bytes."""
    document = draw(value if value is not None else json_values())
    poison = draw(st.sampled_from([*POISON.values(), *SOUND_BUT_STRANGE.values()]))
    return _with_slice(document, draw(st.sampled_from(places(document))), poison)


def places(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside a value, its own included."""
    found = [path]
    if isinstance(value, dict):
        for key, member in value.items():
            found += places(member, (*path, key))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            found += places(member, (*path, number))
    return found


def with_value(value: Json, path: tuple[Any, ...], new: Json) -> Json:
    """Return a copy with the value at `path` replaced; `...` takes it out."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    if not rest and new is ...:
        del copied[key]
    else:
        copied[key] = with_value(value[key], rest, new) if rest else new
    return copied


_SLICE = "\ue000the slice\ue000"


def _with_slice(value: Json, path: tuple[Any, ...], data: bytes) -> bytes:
    document = json.dumps(with_value(value, path, _SLICE), ensure_ascii=False)
    return document.encode().replace(json.dumps(_SLICE, ensure_ascii=False).encode(), data, 1)


def with_slice(value: Json, path: tuple[Any, ...], data: bytes) -> bytes:
    """Return a document as JSON in which these bytes stand for the value at `path`."""
    return _with_slice(value, path, data)


@st.composite
def mutants(draw: st.DrawFn, value: st.SearchStrategy[Json]) -> Json:
    """Return a value in which up to three values were replaced by others, or taken out."""
    mutated = draw(value)
    for _ in range(draw(st.integers(1, 3))):
        inside = [path for path in places(mutated) if path]
        if not inside:
            break
        new = draw(st.one_of(wrong_values, st.just(...)))
        mutated = with_value(mutated, draw(st.sampled_from(inside)), new)
    return mutated


@st.composite
def damaged(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> bytes:
    """Return bytes that were cut, flipped, doubled, or written over in a few places."""
    whole = bytearray(draw(data))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(whole)))
        match draw(st.integers(0, 5)):
            case 0:
                del whole[at:]
            case 1:
                del whole[at : at + draw(st.integers(1, 8))]
            case 2:
                whole[at:at] = draw(st.binary(min_size=1, max_size=6))
            case 3:
                whole[at:at] = draw(
                    st.sampled_from([b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\x00", b"NaN"])
                )
            case 4 if at < len(whole):
                whole[at] ^= 1 << draw(st.integers(0, 7))
            case _:
                whole[at:at] = whole[max(0, at - 20) : at]
    return bytes(whole)


# ------------------------------------------------------------------ events and answers

_types = st.sampled_from(["m.room.message", "m.room.member", "m.room.name", "org.example.{0}", "m.a/b", "__class__"])
_unsigned = st.fixed_dictionaries(
    {}, optional={"age": st.integers(), "transaction_id": texts, "prev_content": json_objects, "other": json_values()}
)


def events(is_state: bool | None = None) -> st.SearchStrategy[dict[str, Json]]:
    """Return events as a server sends them; state events only, or none of them, where asked."""
    state_key = {"state_key": texts | user_ids}
    return st.fixed_dictionaries(
        {"type": _types | texts.filter(bool), "content": json_objects, **(state_key if is_state else {})},
        optional={
            "event_id": event_ids,
            "sender": user_ids,
            "origin_server_ts": st.integers(0, 2**53),
            "room_id": room_ids,
            "unsigned": _unsigned,
            "redacts": event_ids,
            **(state_key if is_state is None else {}),
        },
    )


def _lists(of: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional={"events": st.lists(of, max_size=3)})


_timelines = st.fixed_dictionaries(
    {"events": st.lists(events(), max_size=3)}, optional={"limited": st.booleans(), "prev_batch": texts}
)
_joined = st.fixed_dictionaries(
    {},
    optional={
        "state": _lists(events(is_state=True)),
        "state_after": _lists(events(is_state=True)),
        "timeline": _timelines,
        "ephemeral": _lists(events(is_state=False)),
        "account_data": _lists(events(is_state=False)),
        "summary": json_objects,
        "unread_notifications": json_objects,
        "unread_thread_notifications": json_objects,
    },
)
_left = st.fixed_dictionaries({}, optional={"state": _lists(events(is_state=True)), "timeline": _timelines})
_invited = st.fixed_dictionaries({}, optional={"invite_state": _lists(events(is_state=True))})
_knocked = st.fixed_dictionaries({}, optional={"knock_state": _lists(events(is_state=True))})


def _by_room(of: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.dictionaries(room_ids, of, max_size=2)


sync_answers: st.SearchStrategy[dict[str, Json]] = st.fixed_dictionaries(
    {"next_batch": texts.filter(bool)},
    optional={
        "rooms": st.fixed_dictionaries(
            {},
            optional={
                "join": _by_room(_joined),
                "invite": _by_room(_invited),
                "knock": _by_room(_knocked),
                "leave": _by_room(_left),
            },
        ),
        "presence": _lists(events(is_state=False)),
        "account_data": _lists(events(is_state=False)),
        "to_device": _lists(events(is_state=False)),
        "device_lists": st.fixed_dictionaries(
            {}, optional={"changed": st.lists(user_ids), "left": st.lists(user_ids)}
        ),
        "device_one_time_keys_count": st.dictionaries(texts, st.integers(0, 2**31), max_size=2),
        "device_unused_fallback_key_types": st.lists(texts, max_size=2),
        "org.example.more": json_values(),
    },
)


@st.composite
def marked_answers(draw: st.DrawFn) -> dict[str, Json]:
    """Return a /sync answer in which each event's content has a `mark` of its own."""
    answer = draw(sync_answers)
    for number, path in enumerate([path for path in places(answer) if _is_event(path)]):
        answer = with_value(answer, path, {**_at(answer, path), "content": {"mark": number}})
    return answer


def _is_event(path: tuple[Any, ...]) -> bool:
    return (
        len(path) in (3, 6) and path[-2] == "events" and isinstance(path[-1], int) and path[0] != "org.example.more"
    )


def _at(value: Json, path: tuple[Any, ...]) -> Json:
    for key in path:
        value = value[key]
    return value
