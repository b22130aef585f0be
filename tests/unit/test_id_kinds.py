"""The kinds of ids, each by its grammar: split, built, told apart, refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.ids import (
    EventId,
    KeyId,
    RoomAlias,
    RoomId,
    ServerName,
    UserId,
    build_room_alias,
    build_user_id,
    is_event_id,
    is_namespaced_id,
    is_opaque_id,
    is_room_alias,
    is_room_id,
    is_server_name,
    is_user_id,
    parse_event_id,
    parse_key_id,
    parse_room_alias,
    parse_room_id,
    parse_server_name,
    parse_user_id,
)

HASH = "31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("example.org", ServerName("example.org")),
        ("example.org:8448", ServerName("example.org", 8448)),
        ("1.2.3.4:1234", ServerName("1.2.3.4", 1234)),
        ("[1234:5678::abcd]", ServerName("[1234:5678::abcd]")),
        ("[1234:5678::abcd]:5678", ServerName("[1234:5678::abcd]", 5678)),
        ("LOCALHOST", ServerName("LOCALHOST")),
    ],
)
def test_server_names(text: str, parts: ServerName) -> None:
    assert parse_server_name(text) == parts
    assert str(parts) == text
    assert is_server_name(text)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a b", "a:", "a:x", "a:123456", "[::1", "a/b", "a@b", "a\n", "é.org", "..:80", None, 7]
)
def test_what_is_no_server_name(text: object) -> None:
    assert not is_server_name(text)


@pytest.mark.parametrize(
    ("text", "parts", "is_historical"),
    [
        ("@alice:example.org", UserId("alice", "example.org"), False),
        ("@a.b_c=d-e/f+9:example.org:8448", UserId("a.b_c=d-e/f+9", "example.org:8448"), False),
        ("@Alice:example.org", UserId("Alice", "example.org"), True),
        ("@a b\n:example.org", UserId("a b\n", "example.org"), True),
        ("@élan:[::1]:80", UserId("élan", "[::1]:80"), True),
        ("@:example.org", UserId("", "example.org"), True),
    ],
)
def test_user_ids(text: str, parts: UserId, is_historical: bool) -> None:
    assert parse_user_id(text) == parts
    assert parts.is_historical is is_historical
    assert str(parts) == text
    assert is_user_id(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("#a:example.org", RoomAlias("a", "example.org")),
        ("#гриб #1/2:example.org:1", RoomAlias("гриб #1/2", "example.org:1")),
    ],
)
def test_room_aliases(text: str, parts: RoomAlias) -> None:
    assert parse_room_alias(text) == parts
    assert str(parts) == text
    assert is_room_alias(text)


@pytest.mark.parametrize(
    ("text", "opaque", "server"),
    [
        ("?abc:example.org", "abc", "example.org"),
        (f"?{HASH}", HASH, ""),
        ("?acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk", "acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk", ""),
        ("?é:[::1]", "é", "[::1]"),
    ],
)
def test_ids_of_rooms_and_events_of_every_version(text: str, opaque: str, server: str) -> None:
    room, event = text.replace("?", "!"), text.replace("?", "$")
    assert parse_room_id(room) == RoomId(opaque, server)
    assert parse_event_id(event) == EventId(opaque, server)
    assert (str(parse_room_id(room)), str(parse_event_id(event))) == (room, event)
    assert (is_room_id(room), is_room_id(event)) == (is_event_id(event), is_event_id(room)) == (True, False)


NOTHING = [None, 7, b"@a:s", "", "x", "a:s", "\ud800"]
BY_KIND: list[tuple[Callable[[object], bool], list[object]]] = [
    (is_user_id, ["@a", "@a:", "@a:b c", "#a:s", "@a\0:s", "@" + "a" * 255 + ":s", "@a\ud800:s"]),
    (is_room_alias, ["#a", "#:s", "#a:", "@a:s", "#a\0:s", "#" + "é" * 127 + ":s"]),
    (is_room_id, ["!", "!:s", "!a:", "!a:b c", "$a", "!a\0", "!" + "a" * 255]),
    (is_event_id, ["$", "$:s", "$a:", "$a:b/c", "!a", "$a\0", "$" + "a" * 255]),
]


@pytest.mark.parametrize(("is_kind", "wrong"), BY_KIND)
def test_what_is_of_no_kind(is_kind: Callable[[object], bool], wrong: list[object]) -> None:
    assert [one for one in [*wrong, *NOTHING] if is_kind(one)] == []


def test_the_longest_ids() -> None:
    assert is_user_id("@" + "a" * 252 + ":s")
    assert not is_user_id("@" + "a" * 253 + ":s")


def test_ids_are_built() -> None:
    assert build_user_id("alice", "example.org") == "@alice:example.org"
    assert build_room_alias("Some where", "example.org:80") == "#Some where:example.org:80"


@pytest.mark.parametrize("localpart", ["", "Alice", "a:b", "é", "a b", "a\n", None])
def test_no_user_id_is_built_of_what_no_server_makes(localpart: str) -> None:
    with pytest.raises(UsageError):
        build_user_id(localpart, "example.org")


@pytest.mark.parametrize(("name", "server"), [("", "s"), ("a:b", "s"), ("a", ""), ("a", "s/x"), ("a" * 255, "s")])
def test_no_alias_is_built_of_what_is_none(name: str, server: str) -> None:
    with pytest.raises(UsageError):
        build_room_alias(name, server)


def test_key_ids() -> None:
    assert parse_key_id("ed25519:DEVICE:1") == KeyId("ed25519", "DEVICE:1")
    assert str(parse_key_id("signed_curve25519:AAAAHg")) == "signed_curve25519:AAAAHg"
    for wrong in ("ed25519", "ed25519:", ":A", "ED25519:A", "", "é:A"):
        with pytest.raises(UsageError):
            parse_key_id(wrong)


def test_opaque_and_namespaced_ids() -> None:
    assert [is_opaque_id(one) for one in ("aZ0-._~", "a" * 255, "", "a" * 256, "a/b", "a\n", None)] == (
        [True, True, False, False, False, False, False]
    )
    assert [is_namespaced_id(one) for one in ("m.room.name", "a", "", "A", "1a", "a" * 256, "m.é", None)] == (
        [True, True, False, False, False, False, False, False]
    )
