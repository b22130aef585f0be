"""Whatever the text, a link parser gives a link or a UsageError, and a link survives being written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import UsageError
from gomatrix_py.ids import is_event_id, is_room_alias, is_room_id, is_server_name, is_user_id
from gomatrix_py.links import MatrixLink, build_matrix_link, parse_matrix_link
from tests.kit.strategies import any_text, server_names

_words = st.text(st.characters(exclude_characters=":\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
_targets = st.builds("{}{}:{}".format, st.sampled_from("@#!"), _words, server_names)
_events = st.just("") | st.builds("${}".format, st.text("abcXYZ012+/_-", min_size=1, max_size=43))
_WORDS = """
    matrix: https://matrix.to/#/ u/ r/ roomid/ e/ / @ # ! $ % %2F %00 %ff ? & via= action=join action=chat
    a : example.org [::1] é \u202e
"""
_pieces = st.sampled_from(_WORDS.split())
_nearly = st.lists(_pieces, max_size=14).map("".join)


@settings(max_examples=200, deadline=None)
@given(_targets, _events, st.lists(server_names, max_size=3, unique=True))
def test_a_link_survives_both_forms(target: str, event_id: str, via: list[str]) -> None:
    if target.startswith("@"):
        event_id = ""
    link = build_matrix_link(target, event_id, via=via)
    assert parse_matrix_link(link.to_uri()) == link
    assert parse_matrix_link(link.to_matrix_to()) == link
    assert link.to_uri().isascii()
    assert link.to_matrix_to().isascii()


@settings(max_examples=200, deadline=None)
@given(
    _nearly
    | any_text
    | st.builds("matrix:{}".format, any_text)
    | st.builds("https://matrix.to/#/{}".format, any_text)
)
def test_any_text_gives_a_link_or_a_usage_error(text: str) -> None:
    try:
        link = parse_matrix_link(text)
    except UsageError:
        return
    assert_is_sound(link)
    assert parse_matrix_link(link.to_uri()) == link


def assert_is_sound(link: MatrixLink) -> None:
    checks = {"@": is_user_id, "#": is_room_alias, "!": is_room_id}
    assert checks[link.target[0]](link.target)
    assert link.event_id == "" or is_event_id(link.event_id)
    assert all(is_server_name(server) for server in link.via)
    assert link.action in ("", "join", "chat")


def test_the_nearly_right_ones_are_sometimes_right() -> None:
    """Otherwise the test above would say little."""
    assert_is_sound(parse_matrix_link("matrix:r/a:example.org?via=example.org"))
