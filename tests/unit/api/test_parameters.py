"""Parameters and answers of every operation: where they may be given, and of which types they are."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import pytest

from gomatrix_py import Client, UsageError
from gomatrix_py.api.room_history import Direction, GetMessages, TimestampToEvent
from gomatrix_py.api.sync import GetSync
from gomatrix_py.codec import Model, fields_of, wire_name
from gomatrix_py.events.open_enum import OpenEnum
from gomatrix_py.http.endpoint import Endpoint, Target
from gomatrix_py.http.urls import path_fields
from tests.kit.operations import CALLS, SHAPES, RecordingClient
from tests.meta.operations import declared, fact_for, proposed

TARGET = Target("https://example.org", "a-token")
ALL = [*declared(), *proposed()]
BY_OPERATION = {fact.operation: one for one in declared() if (fact := fact_for(one)) is not None}
KIT = Path(__file__).parents[2] / "kit"

# ------------------------------------------------------------------ by position and by name

# Where a client written for gomatrix passes them by position, in gomatrix's order.
AS_IN_GOMATRIX = {
    "GetMessages": "Messages",
    "GetSync": "SyncRequest",
    "PublicRooms": "PublicRooms",
    "QueryPublicRooms": "PublicRoomsFiltered",
    "messages": "Messages",
    "public_rooms": "PublicRooms",
    "public_rooms_filtered": "PublicRoomsFiltered",
    "query_public_rooms": "PublicRoomsFiltered",
    "sync_request": "SyncRequest",
}


def faults(signature: inspect.Signature) -> list[str]:
    """Return which parameters may be given in a way they should not be, or may not as they should."""
    found = []
    optional = 0
    for one in signature.parameters.values():
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        is_required = one.default is one.empty
        if is_required and one.kind is one.KEYWORD_ONLY:
            found.append(f"{one.name} is required, but by name only")
        optional += not is_required and one.kind is one.POSITIONAL_OR_KEYWORD
        if optional > 2 and one.kind is one.POSITIONAL_OR_KEYWORD and not is_required:
            found.append(f"{one.name} is the {optional}th optional one by position")
    return found


def methods() -> dict[str, inspect.Signature]:
    """Return the public methods of the client, those that are declared and those that are written out."""
    client = RecordingClient()
    found = {}
    for name in dir(Client):
        member = inspect.getattr_static(Client, name)
        if not name.startswith("_") and not isinstance(member, (property, classmethod, staticmethod)):
            method = getattr(client, name)
            if callable(method):
                found[name] = inspect.signature(method)
    return found


METHODS = methods()


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.__name__)
def test_an_endpoint_takes_what_is_required_by_position(endpoint: type[Endpoint[Any]]) -> None:
    fields_of(endpoint)  # builds it
    parameters = list(inspect.signature(endpoint.__init__).parameters.values())[1:]
    assert faults(inspect.Signature(parameters)) == [] or endpoint.__name__ in AS_IN_GOMATRIX


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_what_is_required_by_position(name: str) -> None:
    assert faults(METHODS[name]) == [] or name in AS_IN_GOMATRIX


def test_the_exceptions_still_are_some() -> None:
    signatures = {**METHODS, **{one.__name__: inspect.signature(one.__init__) for one in ALL}}
    assert [name for name in AS_IN_GOMATRIX if not faults(signatures[name])] == []


def test_a_wrong_signature_is_noticed() -> None:
    def wrong(a: int, *, b: int, c: int = 0) -> None: ...
    def too_many(a: int = 0, b: int = 0, c: int = 0) -> None: ...

    assert faults(inspect.signature(wrong)) == ["b is required, but by name only"]
    assert faults(inspect.signature(too_many)) == ["c is the 3th optional one by position"]


# ------------------------------------------------------------------ durations and moments

# The integers of the specification's queries and bodies that are milliseconds.
DURATIONS = {"timeout", "timeout_ms"}
MOMENTS = {"ts"}
OF_PROPOSALS = {
    "SendDelayedEvent.delay",
    "SendDelayedStateEvent.delay",
    "SendStickyEvent.duration",
    "SlidingSync.timeout",
}


def milliseconds() -> Iterator[tuple[str, str, type]]:
    for operation, shape in SHAPES.items():
        body = shape.get("body", {})
        members = {**shape.get("query", {}), **(body if isinstance(body, dict) else {})}
        for name, kind in members.items():
            if kind == "integer" and name.rstrip("!") in DURATIONS | MOMENTS:
                yield operation, name.rstrip("!"), timedelta if name.rstrip("!") in DURATIONS else datetime


MILLISECONDS = list(milliseconds())


def test_the_table_knows_times() -> None:
    assert len(MILLISECONDS) == 15
    named = {
        name.rstrip("!")
        for shape in SHAPES.values()
        for name, kind in shape.get("query", {}).items()
        if kind == "integer"
    }
    assert named - DURATIONS - MOMENTS == {"limit", "max_depth", "width", "height"}


@pytest.mark.parametrize(("operation", "name", "kind"), MILLISECONDS)
def test_a_time_may_be_given_as_one(operation: str, name: str, kind: type) -> None:
    endpoint = BY_OPERATION[operation]
    (field,) = (one for one in fields_of(endpoint) if wire_name(one) == name)
    assert {int, kind} <= set(get_args(field.type))


def test_the_times_of_proposals_may_be_given_as_such() -> None:
    by_name = {one.__name__: one for one in proposed()}
    for place in OF_PROPOSALS:
        endpoint, _, name = place.partition(".")
        (field,) = (one for one in fields_of(by_name[endpoint]) if one.name == name)
        assert {int, timedelta} <= set(get_args(field.type)), place


def test_times_are_sent_in_milliseconds() -> None:
    moment = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)
    assert TimestampToEvent("!r:s", moment).to_request(TARGET).url.endswith("ts=1709208000000&dir=f")
    assert GetSync(timedelta(seconds=30)).to_request(TARGET).url.endswith("?timeout=30000")
    assert GetSync(timedelta(seconds=30)).limits() == GetSync(30_000).limits()
    with pytest.raises(UsageError, match="time zone"):
        TimestampToEvent("!r:s", moment.replace(tzinfo=None)).to_request(TARGET)


def test_a_written_out_method_takes_times_too() -> None:
    client = RecordingClient()
    client.user_typing("!r:s", True, timedelta(seconds=20))
    assert json.loads(client.requests[0].body or b"") == {"typing": True, "timeout": 20_000}  # type: ignore[arg-type]


# ------------------------------------------------------------------ what has listed values


class Listed(NamedTuple):
    """The values that the specification lists for a place in a query, a path, a body or an answer."""

    operation: str
    place: str
    values: list[str]


LISTED = [Listed(**row) for row in json.loads((KIT / "operation_values.json").read_text(encoding="utf-8"))]

# Where a plain object of the specification is taken as a dict.
AS_DICT = {("search", "body.search_categories.room_events.groupings.group_by[].key")}


def types_in(kind: Any) -> Iterator[Any]:
    """Yield the alternatives of a union, or the type itself."""
    origin = get_origin(kind)
    if origin is not None and str(origin) in ("typing.Union", "<class 'types.UnionType'>"):
        for one in get_args(kind):
            yield from types_in(one)
    else:
        yield kind


def at(kinds: list[Any], steps: list[str]) -> list[Any]:
    """Return the types at a path, from types that may stand at its beginning."""
    for step in steps:
        below: list[Any] = []
        for kind in (one for several in kinds for one in types_in(several)):
            if step in ("[]", "{}"):
                below += get_args(kind)[-1:]
            elif isinstance(kind, type) and issubclass(kind, Model):
                below += [one.type for one in fields_of(kind) if wire_name(one) == step]
        kinds = below
    return [one for kind in kinds for one in types_in(kind)]


def types_of(listed: Listed) -> list[Any]:
    endpoint = BY_OPERATION[listed.operation]
    where, _, rest = listed.place.partition(".")
    steps = [piece for piece in re.split(r"\.(?!v1|v3|org|fi)|(\[\]|\{\})", rest) if piece]
    if where == "response":
        return at([endpoint.ANSWER], _joined(steps, endpoint.ANSWER))
    whole = [one.type for one in fields_of(endpoint) if one.metadata.get("gomatrix_py.place") == "body"]
    if where == "body" and whole:
        return at(whole, steps)
    if where == "path":
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", steps[0]).lower()
        assert name in path_fields(endpoint.PATH)
        return at([get_type_hints(endpoint)[name]], [])
    return at([endpoint], steps)


def _joined(steps: list[str], answer: Any) -> list[str]:
    """Put names with dots in them (``m.room_versions``) together again."""
    joined: list[str] = []
    for step in steps:
        if joined and joined[-1] == "m":
            joined[-1] = f"m.{step}"
        else:
            joined.append(step)
    return joined


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: f"{listed.operation} {listed.place}")
def test_listed_values_have_names(listed: Listed) -> None:
    if (listed.operation, listed.place) in AS_DICT:
        assert types_of(listed) == []
        return
    (kind,) = (one for one in types_of(listed) if isinstance(one, type) and issubclass(one, OpenEnum))
    assert {member.value for member in kind} >= set(listed.values)
    assert kind("org.example.new") == "org.example.new"
    if not listed.place.startswith("response"):
        assert str in types_of(listed)


def test_a_place_without_names_is_noticed() -> None:
    plain = Listed("createRoom", "body.topic", ["a"])
    assert str in types_of(plain)
    with pytest.raises(ValueError, match="not enough"):
        test_listed_values_have_names(plain)


def test_a_name_is_sent_as_the_string_it_stands_for() -> None:
    by_name = GetMessages("!r:s", dir=Direction.FORWARD).to_request(TARGET)
    assert by_name == GetMessages("!r:s", dir="f").to_request(TARGET)
    assert by_name.url.endswith("?dir=f")


def test_every_operation_was_looked_at() -> None:
    assert set(BY_OPERATION) == {call.operation for call in CALLS} == set(SHAPES)
    assert len(BY_OPERATION) == 166
