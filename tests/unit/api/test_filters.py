"""Filters: what a user declares and what goes to the server."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.api.filters import Filter, FilterPart, RoomFilter, default_filter, default_filter_part
from gomatrix_py.codec import structure, unstructure
from gomatrix_py.errors import UsageError

# The example of the specification's chapter "Filtering".
EXAMPLE: dict[str, Any] = {
    "room": {
        "state": {"types": ["m.room.*"], "not_rooms": ["!726s6s6q:example.com"]},
        "timeline": {
            "limit": 10,
            "types": ["m.room.message"],
            "not_rooms": ["!726s6s6q:example.com"],
            "not_senders": ["@spam:example.com"],
        },
        "ephemeral": {
            "types": ["m.receipt", "m.typing"],
            "not_rooms": ["!726s6s6q:example.com"],
            "not_senders": ["@spam:example.com"],
        },
    },
    "presence": {"types": ["m.presence"], "not_senders": ["@alice:example.com"]},
    "event_format": "client",
    "event_fields": ["type", "content", "sender"],
}


def test_the_example_of_the_specification_is_read_and_written_back() -> None:
    read = structure(EXAMPLE, Filter)
    assert read.problems == ()
    assert read.room is not None
    assert read.room.timeline is not None
    assert (read.room.timeline.limit, read.room.timeline.not_senders) == (10, ["@spam:example.com"])
    assert read.event_fields == ["type", "content", "sender"]
    assert unstructure(read) == EXAMPLE


@pytest.mark.parametrize("event_format", ["client", "federation"])
def test_both_event_formats_are_valid(event_format: str) -> None:
    one = structure(EXAMPLE, Filter)
    one.event_format = event_format
    one.validate()
    assert unstructure(one)["event_format"] == event_format


@pytest.mark.parametrize("event_format", ["unknown", "", "Client", None])
def test_any_other_event_format_is_refused(event_format: str | None) -> None:
    one = structure(EXAMPLE, Filter)
    one.event_format = event_format
    with pytest.raises(UsageError, match="event_format"):
        one.validate()


def test_the_default_filter_says_what_a_server_does_without_one() -> None:
    one = default_filter()
    assert type(one) is Filter
    assert one.event_format == "client"
    one.validate()
    part = {"limit": 20}
    assert unstructure(one) == {
        "account_data": part,
        "event_format": "client",
        "presence": part,
        "room": {"account_data": part, "ephemeral": part, "include_leave": False, "state": part, "timeline": part},
    }


def test_default_filters_are_independent() -> None:
    one = default_filter()
    assert one.presence is not None
    one.presence.limit = 5
    assert default_filter().presence == default_filter_part() == FilterPart(limit=20)


def test_no_rule_is_not_the_same_as_an_empty_one() -> None:
    one = Filter(room=RoomFilter(rooms=[], timeline=FilterPart(types=[], contains_url=False, limit=0)))
    assert unstructure(one) == {"room": {"rooms": [], "timeline": {"types": [], "contains_url": False, "limit": 0}}}
    assert unstructure(Filter()) == {}


def test_every_rule_has_its_name_on_the_wire() -> None:
    rules: dict[str, Any] = {
        "not_rooms": ["a"],
        "rooms": ["b"],
        "limit": 1,
        "not_senders": ["c"],
        "not_types": ["d"],
        "senders": ["e"],
        "types": ["f"],
        "contains_url": True,
        "lazy_load_members": True,
        "include_redundant_members": True,
        "unread_thread_notifications": True,
    }
    assert unstructure(FilterPart(**rules)) == rules
    assert unstructure(structure(rules, FilterPart)) == rules


def test_rules_of_later_versions_are_kept() -> None:
    document = {**EXAMPLE, "org.example.rule": 1, "room": {**EXAMPLE["room"], "org.example.rule": [2]}}
    assert unstructure(structure(document, Filter)) == document


@pytest.mark.parametrize("wrong", ["x", 5, True, [], [{}]], ids=repr)
def test_a_rule_of_the_wrong_type_is_no_rule(wrong: Any) -> None:
    read = structure({**EXAMPLE, "presence": wrong, "room": {"timeline": {"limit": {}}}}, Filter)
    assert read.presence is None
    assert read.room == RoomFilter(timeline=FilterPart())
    assert [problem.path for problem in read.problems] == ["presence", "room.timeline.limit"]
