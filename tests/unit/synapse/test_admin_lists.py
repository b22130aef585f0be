"""Lists page after page: all of it, once, lazily, and an error where a server's pages never end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gomatrix_py.errors import PagingError
from gomatrix_py.synapse import SynapseAdmin
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import ScriptedHomeserver, Seen

NAMES = [f"name{number}" for number in range(5)]

# How each list is asked for, under which name it and its next token come, and what an element is made of.
LISTS: dict[str, tuple[str, Callable[[SynapseAdmin], Any], str, str, str]] = {
    "users": ("/v2/users", lambda one: one.users.iter_users(page_size=2), "users", "next_token", "name"),
    "rooms": ("/v1/rooms", lambda one: one.rooms.iter_rooms(page_size=2), "rooms", "next_batch", "room_id"),
    "media": (
        "/media",
        lambda one: one.media.iter_user_media("@a:x", page_size=2),
        "media",
        "next_token",
        "media_id",
    ),
    "destinations": (
        "/destinations",
        lambda one: one.federation.iter_destinations(page_size=2),
        "destinations",
        "next_token",
        "destination",
    ),
    "destination rooms": (
        "/destinations/x/rooms",
        lambda one: one.federation.iter_destination_rooms("x", page_size=2),
        "rooms",
        "next_token",
        "room_id",
    ),
    "hierarchy": (
        "/hierarchy",
        lambda one: one.rooms.iter_hierarchy("!s:x", page_size=2),
        "rooms",
        "next_batch",
        "room_id",
    ),
    "statistics": (
        "/statistics/users/media",
        lambda one: one.server.iter_user_media_statistics(page_size=2),
        "users",
        "next_token",
        "user_id",
    ),
}


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as made:
        yield made


@pytest.fixture
def admin(server: ScriptedHomeserver) -> Iterator[SynapseAdmin]:
    with make_client(server) as client:
        yield SynapseAdmin(client)


def paging(kind: str, names: list[str], as_number: bool = False) -> Callable[[Seen], Any]:
    """Return an answer as a server makes it that counts where a page begins."""
    _, _, members, next_name, key = LISTS[kind]

    def answer(seen: Seen) -> Any:
        start, size = int(seen.query.get("from", 0)), int(seen.query["limit"])
        page: dict[str, Any] = {members: [{key: name} for name in names[start : start + size]], "total": len(names)}
        if start + size < len(names):
            page[next_name] = start + size if as_number else str(start + size)
        return page

    return answer


@pytest.mark.parametrize("as_number", [True, False])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_is_read_to_its_end(
    server: ScriptedHomeserver, admin: SynapseAdmin, kind: str, as_number: bool
) -> None:
    path, walk, _, _, _ = LISTS[kind]
    server.route("GET", path, paging(kind, NAMES, as_number))
    assert len(list(walk(admin))) == len(NAMES)
    assert [seen.query.get("from") for seen in server.asked(path)] == [None, "2", "4"]


@pytest.mark.parametrize("kind", LISTS)
def test_nothing_is_asked_for_before_it_is_wanted(server: ScriptedHomeserver, admin: SynapseAdmin, kind: str) -> None:
    path, walk, _, _, _ = LISTS[kind]
    server.route("GET", path, paging(kind, NAMES))
    walked = walk(admin)
    assert server.seen == []
    next(walked)
    assert len(server.seen) == 1


@pytest.mark.parametrize("kind", LISTS)
def test_what_comes_twice_is_handed_out_once(server: ScriptedHomeserver, admin: SynapseAdmin, kind: str) -> None:
    path, walk, _, _, _ = LISTS[kind]
    server.route("GET", path, paging(kind, ["a", "b", "b", "c", "a"]))
    assert len(list(walk(admin))) == 3


@pytest.mark.parametrize("token", ["2", 2, "0"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_token_that_comes_again_is_an_error(
    server: ScriptedHomeserver, admin: SynapseAdmin, kind: str, token: Any
) -> None:
    path, walk, members, next_name, key = LISTS[kind]
    server.route("GET", path, {members: [{key: "a"}], next_name: token})
    with pytest.raises(PagingError, match="iter_"):
        list(walk(admin))
    assert len(server.asked(path)) == 2


@pytest.mark.parametrize("kind", LISTS)
def test_an_empty_page_that_names_itself_is_an_error_too(
    server: ScriptedHomeserver, admin: SynapseAdmin, kind: str
) -> None:
    path, walk, members, next_name, _ = LISTS[kind]
    server.route("GET", path, lambda seen: {members: [], next_name: seen.query.get("from", "0")})
    with pytest.raises(PagingError):
        list(walk(admin))


def test_tokens_in_a_circle_end_in_an_error(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    circle = {"": "1", "1": "2", "2": "3", "3": "1"}
    server.route("GET", "/v1/rooms", lambda seen: {"rooms": [], "next_batch": circle[seen.query.get("from", "")]})
    with pytest.raises(PagingError):
        list(admin.rooms.iter_rooms())
    assert len(server.seen) == 4


def test_the_pages_themselves_can_be_had(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    server.route("GET", "/v2/users", paging("users", NAMES))
    assert [page.total for page in admin.users.iter_users(page_size=2).pages()] == [5, 5, 5]


# ------------------------------------------------------------------ lists with an end of their own


def test_changes_of_quarantine_end_with_an_empty_page(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    changes = {"0": 2, "2": 1, "3": 0}

    def answer(seen: Seen) -> Any:
        start = seen.query.get("from", "0")
        count = changes[start]
        return {"changes": [{"media_id": "m", "quarantined": 1}] * count, "next_batch": int(start) + count}

    server.route("GET", "/quarantine_changes", answer)
    assert len(list(admin.media.iter_quarantine_changes())) == 3
    assert len(list(admin.media.iter_quarantine_changes("2"))) == 1
    assert list(admin.media.iter_quarantine_changes("3")) == []


def test_messages_end_with_an_empty_page_or_without_a_token(server: ScriptedHomeserver, admin: SynapseAdmin) -> None:
    def event(name: str) -> dict[str, Any]:
        return {"type": "m.room.message", "event_id": name, "content": {}}

    pages: dict[str, Any] = {
        "": {"chunk": [event("$1"), event("$2")], "end": "a"},
        "a": {"chunk": [event("$2"), event("$3")], "end": "b"},
        "b": {"chunk": [], "end": "c"},
    }
    server.route("GET", "/messages", lambda seen: pages[seen.query.get("from", "")])
    assert [event.event_id for event in admin.rooms.iter_messages("!r:x")] == ["$1", "$2", "$3"]
    pages["a"].pop("end")
    assert [event.event_id for event in admin.rooms.iter_messages("!r:x", backwards=True)] == ["$1", "$2", "$3"]
    assert server.seen[-1].query == {"dir": "b", "from": "a"}


def test_deleting_page_by_page_ends_where_nothing_is_deleted_any_more(
    server: ScriptedHomeserver, admin: SynapseAdmin
) -> None:
    left = [["a", "b"], ["c"], []]
    server.route("DELETE", "/media", lambda seen: {"deleted_media": left.pop(0), "total": 9})
    assert admin.media.delete_all_user_media("@a:x") == ["a", "b", "c"]
    server.route("DELETE", "/media", {"deleted_media": ["a"], "total": 1})
    with pytest.raises(PagingError):
        admin.media.delete_all_user_media("@a:x")
