"""The iterators of the client: what they ask for, page by page, and what they hand out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gomatrix_py import Client, FilterPart, UsageError
from gomatrix_py.api.paging import Paged
from gomatrix_py.errors import Forbidden, PagingError
from gomatrix_py.http.messages import HttpRequest, HttpResponse

ROOM = "!room:example.org"


def event(number: int) -> dict[str, Any]:
    return {"type": "m.room.message", "event_id": f"${number}", "sender": "@a:s", "content": {"body": str(number)}}


class Server:
    """Answers with one page after the other, and remembers what it was asked for."""

    def __init__(self, *answers: Any, status: int = 200) -> None:
        self.answers = list(answers)
        self.status = status
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; the one method of a transport."""
        url = urlsplit(request.url)
        asked: dict[str, Any] = dict(parse_qsl(url.query))
        if isinstance(request.body, bytes):
            asked["body"] = json.loads(request.body)
        self.asked.append((f"{request.method} {url.path.removeprefix('/_matrix/client/')}", asked))
        return HttpResponse(self.status, {}, json.dumps(self.answers[len(self.asked) - 1]).encode())

    def client(self) -> Client:
        return Client("https://example.org", "@a:s", "token", transport=self)


def bodies(events: Any) -> list[str]:
    return [one.content["body"] for one in events]


def test_history() -> None:
    server = Server(
        {"start": "s", "end": "t1", "chunk": [event(3), event(2)]},
        {"start": "t1", "end": "t2", "chunk": [event(2), event(1)]},
        {"start": "t2", "chunk": []},
    )
    wanted = server.client().messages_iter(ROOM, from_="s", to="z", filter=FilterPart(types=["a"]), page_size=2)
    assert server.asked == []
    assert bodies(wanted) == ["3", "2", "1"]
    always = {"to": "z", "dir": "b", "limit": "2", "filter": '{"types":["a"]}'}
    assert server.asked == [
        ("GET v3/rooms/%21room%3Aexample.org/messages", {"from": token, **always}) for token in ("s", "t1", "t2")
    ]


def test_relations_of_each_kind() -> None:
    page = {"chunk": [event(1)]}
    client = (server := Server(page, page, page)).client()
    for kind in ((), ("m.thread",), ("m.annotation", "m.reaction")):
        assert bodies(client.relations_iter(ROOM, "$e", *kind, recurse=True, page_size=5)) == ["1"]
    places = ["%24e", "%24e/m.thread", "%24e/m.annotation/m.reaction"]
    asked = {"dir": "b", "limit": "5", "recurse": "true"}
    assert server.asked == [(f"GET v1/rooms/%21room%3Aexample.org/relations/{place}", asked) for place in places]
    with pytest.raises(UsageError, match="rel_type"):
        client.relations_iter(ROOM, "$e", event_type="m.reaction")


def test_threads() -> None:
    server = Server({"chunk": [event(1)], "next_batch": "n"}, {"chunk": [event(2)]})
    assert bodies(server.client().threads_iter(ROOM, "participated")) == ["1", "2"]
    assert [asked.get("from") for _, asked in server.asked] == [None, "n"]
    assert server.asked[0][1] == {"include": "participated", "limit": "50"}


def test_the_room_directory() -> None:
    pages = [{"chunk": [{"room_id": "!1"}, {"room_id": "!2"}], "next_batch": "n"}, {"chunk": [{"room_id": "!2"}]}]
    server = Server(*pages, *pages)
    client = server.client()
    assert [room.room_id for room in client.public_rooms_iter(server="other.org", page_size=2)] == ["!1", "!2"]
    assert server.asked[1] == ("GET v3/publicRooms", {"limit": "2", "since": "n", "server": "other.org"})
    assert [room.room_id for room in client.public_rooms_iter("tea")] == ["!1", "!2"]
    assert server.asked[3] == (
        "POST v3/publicRooms",
        {"body": {"limit": 100, "since": "n", "filter": {"generic_search_term": "tea"}}},
    )


def test_a_space() -> None:
    room = {"children_state": [], "num_joined_members": 1, "world_readable": False, "guest_can_join": False}
    server = Server(
        {"rooms": [{"room_id": "!s", **room}, {"room_id": "!1", **room}], "next_batch": "n"},
        {"rooms": [{"room_id": "!1", **room}, {"room_id": "!2", **room}]},
    )
    found = server.client().hierarchy_iter("!s", max_depth=3, suggested_only=True)
    assert [one.room_id for one in found] == ["!s", "!1", "!2"]
    assert server.asked[1][1] == {"limit": "50", "from": "n", "max_depth": "3", "suggested_only": "true"}


def test_a_search() -> None:
    def found(*numbers: int, **more: Any) -> Any:
        results = [{"result": event(number), "rank": 0.5} for number in numbers]
        return {"search_categories": {"room_events": {"results": results, **more}}}

    server = Server(found(1, 2, next_batch="n"), found(2, 3), {"search_categories": {}})
    client = server.client()
    narrowed = FilterPart(rooms=[ROOM], limit=7)
    got = list(client.search_iter("tea", filter=narrowed, order_by="recent", page_size=2))
    assert bodies(one.result for one in got) == ["1", "2", "3"]
    assert narrowed.limit == 7
    asked = {"search_term": "tea", "filter": {"rooms": [ROOM], "limit": 2}, "order_by": "recent"}
    assert server.asked[0] == ("POST v3/search", {"body": {"search_categories": {"room_events": asked}}})
    assert server.asked[1][1]["next_batch"] == "n"
    assert list(client.search_iter("nothing")) == []


def test_notifications() -> None:
    def page(number: int, **more: Any) -> Any:
        one = {"event": event(number), "room_id": ROOM, "ts": number, "read": False, "actions": ["notify"]}
        return {"notifications": [one], **more}

    server = Server(page(2, next_token="n"), page(1))
    got = list(server.client().notifications_iter("highlight", page_size=1))
    assert [one.ts for one in got] == [2, 1]
    assert server.asked[1][1] == {"from": "n", "limit": "1", "only": "highlight"}


def test_mutual_rooms() -> None:
    server = Server({"joined": ["!1"], "count": 2, "next_batch": "n"}, {"joined": ["!2"], "count": 2})
    assert list(server.client().mutual_rooms_iter("@b:s")) == ["!1", "!2"]
    assert server.asked[1][1] == {"user_id": "@b:s", "from": "n"}


def test_the_user_directory_is_asked_for_more_while_it_has_more() -> None:
    def page(count: int, limited: bool) -> Any:
        return {"results": [{"user_id": f"@{number}:s"} for number in range(count)], "limited": limited}

    server = Server(page(2, True), page(4, True), page(5, False))
    assert len(list(server.client().user_directory_iter("a", page_size=2))) == 5
    assert [asked["body"]["limit"] for _, asked in server.asked] == [2, 4, 8]
    # a server that never tells more than two
    server = Server(page(2, True), page(2, True))
    assert len(list(server.client().user_directory_iter("a", page_size=2))) == 2
    assert len(server.asked) == 2


ITERATORS: list[Callable[..., Paged[Any, Any]]] = [
    lambda client, **options: client.messages_iter(ROOM, **options),
    lambda client, **options: client.relations_iter(ROOM, "$e", **options),
    lambda client, **options: client.threads_iter(ROOM, **options),
    lambda client, **options: client.public_rooms_iter(**options),
    lambda client, **options: client.hierarchy_iter(ROOM, **options),
    lambda client, **options: client.search_iter("a", **options),
    lambda client, **options: client.notifications_iter(**options),
    lambda client, **options: client.user_directory_iter("a", **options),
]


@pytest.mark.parametrize("iterate", ITERATORS)
def test_what_makes_no_sense_is_refused_at_once(iterate: Callable[..., Paged[Any, Any]]) -> None:
    server = Server()
    for wrong in ({"limit": -1}, {"page_size": 0}):
        with pytest.raises(UsageError):
            iterate(server.client(), **wrong)
    assert list(iterate(server.client(), limit=0)) == []
    assert server.asked == []


def test_an_error_of_the_server_comes_out_of_the_iterator() -> None:
    server = Server({"errcode": "M_FORBIDDEN"}, status=403)
    walk = server.client().messages_iter(ROOM)
    with pytest.raises(Forbidden):
        next(walk)


def test_a_server_that_repeats_its_token_is_named_with_the_operation() -> None:
    server = Server(*[{"start": "s", "end": "t", "chunk": [event(number)]} for number in range(3)])
    walk = server.client().messages_iter(ROOM)
    assert bodies([next(walk), next(walk)]) == ["0", "1"]
    with pytest.raises(PagingError, match=r"GET /_matrix/client/v3/rooms/\{room_id\}/messages"):
        next(walk)
