"""Whatever the text, a parser of ids gives its parts or a UsageError, and the parts make the text again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import UsageError
from gomatrix_py.ids import (
    MAX_ID_BYTES,
    parse_event_id,
    parse_key_id,
    parse_room_alias,
    parse_room_id,
    parse_server_name,
    parse_user_id,
)
from tests.kit.strategies import any_text, event_ids, room_ids, server_names, user_ids

PARSERS: list[Callable[[str], tuple[object, ...]]] = [
    parse_event_id,
    parse_key_id,
    parse_room_alias,
    parse_room_id,
    parse_server_name,
    parse_user_id,
]
_nearly = st.builds(
    "{}{}{}{}".format, st.sampled_from(["@", "#", "!", "$", ""]), any_text, st.sampled_from(":. "), server_names
)


@pytest.mark.parametrize("parse", PARSERS)
@settings(max_examples=150, deadline=None)
@given(text=any_text | _nearly | server_names | st.text("a:[]1.", max_size=8))
def test_parts_or_a_usage_error(parse: Callable[[str], tuple[object, ...]], text: str) -> None:
    try:
        parts = parse(text)
    except UsageError:
        return
    if parse is parse_server_name:  # a port may be written with zeros in front
        assert parse(str(parts)) == parts
    else:
        assert str(parts) == text
        assert len(text.encode()) <= MAX_ID_BYTES


@settings(max_examples=100, deadline=None)
@given(user_ids, event_ids)
def test_sound_ids_are_taken(user_id: str, event_id: str) -> None:
    assert str(parse_user_id(user_id)) == user_id
    assert str(parse_event_id(event_id)) == event_id


@settings(max_examples=100, deadline=None)
@given(room_ids)
def test_sound_room_ids_are_taken(room_id: str) -> None:
    assert str(parse_room_id(room_id)) == room_id
