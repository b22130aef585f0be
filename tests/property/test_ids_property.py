"""Whatever the text, an id parser gives a value or a UsageError, and the value holds what it promises."""

from __future__ import annotations

import re
import string
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.errors import UsageError
from gomatrix_py.ids import (
    MAX_ID_BYTES,
    check_id,
    decode_user_localpart,
    encode_user_localpart,
    extract_user_localpart,
    parse_mxc,
    server_name_of,
)
from tests.kit.strategies import any_text, room_ids, server_names, user_ids

_nearly_localparts = st.text("ab_=.-09fFAG\n é", max_size=12)
_nearly_mxc = st.builds(
    lambda start, server, middle, media: start + server + middle + media,
    st.sampled_from(["mxc://", "mxc:/", "MXC://", ""]),
    server_names | st.text("a.:/[]%@?#\n\\", max_size=6),
    st.sampled_from(["/", "//", "", "/../", "/./", "?", "#"]),
    st.text(string.ascii_letters + "0_-./%?#\n", max_size=6),
)


@settings(max_examples=200, deadline=None)
@given(any_text)
def test_any_text_survives_the_mapping_into_a_localpart(text: str) -> None:
    localpart = encode_user_localpart(text)
    assert re.fullmatch(r"[a-z0-9._=-]*", localpart)
    assert decode_user_localpart(localpart) == text


@settings(max_examples=100, deadline=None)
@given(any_text, any_text)
def test_different_texts_have_different_localparts(one: str, other: str) -> None:
    assert (encode_user_localpart(one) == encode_user_localpart(other)) is (one == other)


@settings(max_examples=300, deadline=None)
@given(_nearly_localparts | any_text)
def test_decoding_gives_a_text_or_a_usage_error(localpart: str) -> None:
    try:
        text = decode_user_localpart(localpart)
    except UsageError:
        return
    assert re.fullmatch(r"[a-z0-9._=-]*", localpart)
    assert decode_user_localpart(encode_user_localpart(text)) == text


@settings(max_examples=200, deadline=None)
@given(any_text | st.text("é", min_size=120, max_size=135) | st.none() | st.integers() | st.binary(max_size=3))
def test_an_id_is_given_back_or_refused(value: Any) -> None:
    try:
        assert check_id(value) is value
    except UsageError:
        assert (
            not isinstance(value, str) or not value or not _is_sendable(value) or len(value.encode()) > MAX_ID_BYTES
        )
    else:
        assert 0 < len(value.encode()) <= MAX_ID_BYTES


def _is_sendable(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


@settings(max_examples=100, deadline=None)
@given(user_ids | room_ids)
def test_generated_ids_pass(value: str) -> None:
    assert check_id(value) == value


@settings(max_examples=200, deadline=None)
@given(any_text | user_ids | _nearly_mxc)
def test_a_server_name_is_found_or_refused(text: str) -> None:
    try:
        server = server_name_of(text)
    except UsageError:
        return
    assert text.endswith(f":{server}")
    assert re.fullmatch(r"[0-9A-Za-z.:\[\]-]+", server)


@settings(max_examples=100, deadline=None)
@given(server_names, st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=20))
def test_sound_addresses_are_taken_apart(server: str, media: str) -> None:
    assert parse_mxc(f"mxc://{server}/{media}") == (server, media)
    assert server_name_of(f"@{media}:{server}") == server
    assert extract_user_localpart(f"@{media}:{server}") == media


@settings(max_examples=300, deadline=None)
@given(_nearly_mxc | any_text | st.none() | st.integers() | st.binary(max_size=12))
def test_an_address_is_taken_apart_or_refused(uri: Any) -> None:
    try:
        parsed = parse_mxc(uri)
    except UsageError:
        return
    assert str(parsed) == uri
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", parsed.media_id)
    assert re.fullmatch(r"[0-9A-Za-z.:\[\]-]+", parsed.server_name)
    assert parsed.server_name not in (".", "..")


@settings(max_examples=150, deadline=None)
@given(any_text)
def test_extracting_gives_a_localpart_or_a_usage_error(text: str) -> None:
    try:
        localpart = extract_user_localpart(text)
    except UsageError:
        assert not text.startswith("@")
        return
    assert ":" not in localpart
    assert text == f"@{localpart}" or text.startswith(f"@{localpart}:")
