"""Sending and rooms without a server: gomatrix's tests and doc examples, and what they leave open."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses

from gomatrix_py import Client, DefaultSyncer, InMemoryStore, TextMessage, UsageError
from gomatrix_py.codec import Document
from gomatrix_py.errors import DecodeError, HTTPError, LimitExceeded, RedirectRefused, TransportError
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.http.retry import RetryPolicy

HOME = "https://test.gomatrix.org"
USER = "@user:test.gomatrix.org"
V3 = f"{HOME}/_matrix/client/v3"
ROOM = f"{V3}/rooms/%21foo%3Abar"


@pytest.fixture
def client() -> Client:
    """A logged-in client that does not wait between tries."""
    return Client(HOME, USER, "abcdef", retry=RetryPolicy(attempts=3, base_s=0.0))


def sent(index: int = -1) -> Any:
    """Return the JSON body of a request."""
    return json.loads(responses.calls[index].request.body or b"null")


# ------------------------------------------------------------------ gomatrix's own tests


@responses.activate
def test_leave_room(client: Client) -> None:
    responses.post(f"{ROOM}/leave", json={})
    client.leave_room("!foo:bar")
    assert sent() == {}
    assert responses.calls[0].request.headers["Authorization"] == "Bearer abcdef"


@responses.activate
def test_state_event(client: Client) -> None:
    class Name(Document):
        name: str

    responses.get(f"{ROOM}/state/m.room.name", json={"name": "Room Name Goes Here"})
    assert client.state_event("!foo:bar", "m.room.name") == {"name": "Room Name Goes Here"}
    assert client.state_event("!foo:bar", "m.room.name", "", Name).name == "Room Name Goes Here"


PUBLIC = {
    "chunk": [
        {
            "aliases": ["#murrays:cheese.bar"],
            "avatar_url": "mxc://bleeker.street/CHEDDARandBRIE",
            "guest_can_join": False,
            "name": "CHEESE",
            "num_joined_members": 37,
            "room_id": "!ol19s:bleecker.street",
            "topic": "Tasty tasty cheese",
            "world_readable": True,
        }
    ],
    "next_batch": "p190q",
    "prev_batch": "p1902",
    "total_room_count_estimate": 115,
}


@responses.activate
def test_public_rooms(client: Client) -> None:
    responses.get(f"{V3}/publicRooms", json=PUBLIC)
    answer = client.public_rooms()
    assert answer.total_room_count_estimate == 115
    (room,) = answer.chunk
    assert (room.name, room.num_joined_members, room.world_readable) == ("CHEESE", 37, True)
    assert (answer.next_batch, answer.prev_batch) == ("p190q", "p1902")
    assert answer.raw == PUBLIC


@responses.activate
def test_public_rooms_filtered(client: Client) -> None:
    responses.post(f"{V3}/publicRooms", json=PUBLIC)
    client.public_rooms_filtered(10, "p1", "bleecker.street", "cheese")
    assert responses.calls[0].request.url == f"{V3}/publicRooms?server=bleecker.street"
    assert sent() == {"limit": 10, "since": "p1", "filter": {"generic_search_term": "cheese"}}
    client.public_rooms_filtered()
    assert sent() == {}


# ------------------------------------------------------------------ gomatrix's doc examples


def test_example_build_url_with_query() -> None:
    client = Client("https://matrix.org", "@example:matrix.org", "abcdef123456")
    url = client.build_url_with_query(["sync"], {"filter_id": "5"})
    assert url == "https://matrix.org/_matrix/client/v3/sync?filter_id=5"


def test_example_build_url() -> None:
    user_id = "@example:matrix.org"
    client = Client("https://matrix.org", user_id, "abcdef123456")
    url = client.build_url("user", user_id, "filter")
    assert url == "https://matrix.org/_matrix/client/v3/user/%40example%3Amatrix.org/filter"


def test_example_build_base_url() -> None:
    client = Client("https://matrix.org/", "@example:matrix.org", "abcdef123456")
    url = client.build_base_url("_matrix", "client", "r0", "directory", "room", "#matrix:matrix.org")
    assert url == "https://matrix.org/_matrix/client/r0/directory/room/%23matrix%3Amatrix.org"


def test_a_homeserver_below_a_path() -> None:
    client = Client("https://example.org/matrix/", "@a:b", "t")
    assert client.build_url("sync") == "https://example.org/matrix/_matrix/client/v3/sync"


def test_urls_of_an_application_service_name_its_user() -> None:
    client = Client("https://matrix.org", "@bot:matrix.org", "t", app_service_user_id="@ghost:matrix.org")
    query = "user_id=%40ghost%3Amatrix.org"
    assert client.build_url("sync") == f"https://matrix.org/_matrix/client/v3/sync?{query}"
    assert client.build_url_with_query(["sync"], {"since": "s"}).endswith(f"?{query}&since=s")
    client.app_service_user_id = ""
    assert client.build_url("sync") == "https://matrix.org/_matrix/client/v3/sync"


@pytest.mark.parametrize("segment", ["", ".", "..", "x" * 256, "\ud800"])
def test_urls_that_cannot_be(client: Client, segment: str) -> None:
    with pytest.raises(UsageError):
        client.build_url("rooms", segment, "state")


@responses.activate
def test_example_state_event(client: Client) -> None:
    responses.get(f"{ROOM}/state/m.room.name", status=404, json={"errcode": "M_NOT_FOUND"})
    with pytest.raises(HTTPError):
        client.state_event("!foo:bar", "m.room.name")


@responses.activate
def test_example_join_room_by_id(client: Client) -> None:
    responses.post(f"{V3}/join/%21uOILRrqxnsYgQdUzar%3Alocalhost", json={"room_id": "!uOILRrqxnsYgQdUzar:localhost"})
    client.join_room("!uOILRrqxnsYgQdUzar:localhost", "", None)
    assert sent() == {}


@responses.activate
def test_example_join_room_by_alias(client: Client) -> None:
    responses.post(f"{V3}/join/%23test%3Alocalhost", json={"room_id": "!found:localhost"})
    assert client.join_room("#test:localhost").room_id == "!found:localhost"


@responses.activate
def test_join_room_with_helping_servers_and_content(client: Client) -> None:
    responses.post(f"{V3}/join/%21a%3Ab", json={"room_id": "!a:b"})
    client.join_room("!a:b", "one.example", {"reason": "why", "third_party_signed": {"x": 1}})
    url = responses.calls[0].request.url or ""
    assert sorted(url.split("?")[1].split("&")) == ["server_name=one.example", "via=one.example"]
    assert sent() == {"reason": "why", "third_party_signed": {"x": 1}}
    client.join_room("!a:b", ["one.example", "two.example"])
    url = responses.calls[1].request.url or ""
    assert url.count("via=") == url.count("server_name=") == 2


def test_the_content_of_a_join_is_an_object(client: Client) -> None:
    with pytest.raises(UsageError):
        client.join_room("!a:b", "", ["reason"])


@responses.activate
def test_example_custom_interfaces() -> None:
    """Store, syncer and transport of one's own, set before the first call."""
    client = Client("https://matrix.org", "@example:matrix.org", "MDAefhiuwehfuiwe", transport=requests.Session())
    client.store = store = InMemoryStore()
    client.syncer = syncer = DefaultSyncer("@example:matrix.org", store)
    responses.put(_any_send("https://matrix.org"), json={"event_id": "$1"})
    assert client.send_text("!foo:bar", "Down the rabbit hole").event_id == "$1"
    assert (client.store, client.syncer, syncer.store) == (store, syncer, store)


def test_a_syncer_writes_into_the_store_that_was_put_in_later(client: Client) -> None:
    assert isinstance(client.syncer, DefaultSyncer)
    assert client.syncer.store is client.store
    client.store = second = InMemoryStore()
    assert client.syncer.store is second
    client.syncer.store = own = InMemoryStore()  # one that the user chose for the syncer stays
    client.store = InMemoryStore()
    assert client.syncer.store is own


def test_a_store_that_is_put_in_later_learns_whose_it_is(client: Client) -> None:
    bound: list[tuple[str, str]] = []

    class Bound(InMemoryStore):
        def bind(self, user_id: str, device_id: str = "") -> None:
            bound.append((user_id, device_id))

    client.store = Bound()
    assert bound == [(USER, "")]
    client.set_credentials(USER, "abcdef", "DEV")
    assert bound[1:] == [(USER, "DEV")]
    client.clear_credentials()
    client.store = Bound()
    assert len(bound) == 2  # it is nobody's now


def _any_send(home: str) -> re.Pattern[str]:
    return re.compile(
        re.escape(home) + r"/_matrix/client/v3/rooms/%21foo%3Abar/send/m\.room\.message/[A-Za-z0-9._~-]+$"
    )


# ------------------------------------------------------------------ sending

SENDS: list[tuple[Callable[[Client], Any], dict[str, Any]]] = [
    (lambda client: client.send_text("!foo:bar", "hi"), {"msgtype": "m.text", "body": "hi", "m.mentions": {}}),
    (lambda client: client.send_notice("!foo:bar", "hi"), {"msgtype": "m.notice", "body": "hi", "m.mentions": {}}),
    (
        lambda client: client.send_formatted_text("!foo:bar", "hi", "<b>hi</b>"),
        {
            "msgtype": "m.text",
            "body": "hi",
            "formatted_body": "<b>hi</b>",
            "format": "org.matrix.custom.html",
            "m.mentions": {},
        },
    ),
    (
        lambda client: client.send_image("!foo:bar", "cat", "mxc://a/b"),
        {"msgtype": "m.image", "body": "cat", "url": "mxc://a/b"},
    ),
    (
        lambda client: client.send_video("!foo:bar", "cat", "mxc://a/b"),
        {"msgtype": "m.video", "body": "cat", "url": "mxc://a/b"},
    ),
]


@responses.activate
@pytest.mark.parametrize(("send", "content"), SENDS)
def test_every_short_way_to_send(client: Client, send: Callable[[Client], Any], content: dict[str, Any]) -> None:
    responses.put(_any_send(HOME), json={"event_id": "$1"})
    assert send(client).event_id == "$1"
    assert sent() == content


@responses.activate
def test_a_repeated_try_keeps_its_transaction(client: Client) -> None:
    responses.put(_any_send(HOME), status=502, body="<html>bad gateway</html>")
    responses.put(_any_send(HOME), body=requests.exceptions.ConnectionError("reset"))
    responses.put(_any_send(HOME), json={"event_id": "$1"})
    assert client.send_text("!foo:bar", "once").event_id == "$1"
    urls = {call.request.url for call in responses.calls}
    assert (len(responses.calls), len(urls)) == (3, 1)


@responses.activate
def test_each_call_has_a_transaction_of_its_own(client: Client) -> None:
    responses.put(_any_send(HOME), json={"event_id": "$1"})
    for _ in range(5):
        client.send_text("!foo:bar", "again")
    assert len({call.request.url for call in responses.calls}) == 5


@responses.activate
def test_a_transaction_and_a_time_of_ones_own(client: Client) -> None:
    responses.put(f"{ROOM}/send/m.room.message/mine", json={"event_id": "$1"})
    client.send_message_event("!foo:bar", "m.room.message", TextMessage("x"), txn_id="mine", ts=1700000000000)
    assert responses.calls[0].request.url == f"{ROOM}/send/m.room.message/mine?ts=1700000000000"


@responses.activate
def test_an_answer_without_an_event_id_is_none(client: Client) -> None:
    responses.put(_any_send(HOME), json={})
    with pytest.raises(DecodeError, match="event_id"):
        client.send_text("!foo:bar", "hi")


@responses.activate
def test_a_limit_is_waited_out(client: Client) -> None:
    limited = {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1}
    responses.put(_any_send(HOME), status=429, json=limited)
    responses.put(_any_send(HOME), json={"event_id": "$1"})
    assert client.send_text("!foo:bar", "patience").event_id == "$1"


@responses.activate
def test_a_limit_is_an_error_for_the_impatient() -> None:
    hasty = Client(HOME, USER, "abcdef", retry=RetryPolicy.never())
    responses.put(_any_send(HOME), status=429, json={"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1})
    with pytest.raises(LimitExceeded) as failure:
        hasty.send_text("!foo:bar", "no patience")
    assert failure.value.retry_after_s == 0.001


# ------------------------------------------------------------------ requests by hand


@responses.activate
def test_make_request(client: Client) -> None:
    responses.post(f"{V3}/custom", json={"n": 1})
    url = client.build_url("custom")
    assert client.make_request("POST", url, TextMessage("x")) == {"n": 1}
    assert sent() == {"msgtype": "m.text", "body": "x"}
    assert responses.calls[0].request.headers["Authorization"] == "Bearer abcdef"

    class Answer(Document):
        n: int

    assert client.make_request("POST", url, {}, Answer).n == 1
    responses.delete(url, body=b"")
    assert client.make_request("DELETE", url) is None
    responses.get(url, json=[1, 2])
    assert client.make_request("GET", url) == [1, 2]


@responses.activate
def test_make_request_keeps_the_token_at_home(client: Client) -> None:
    responses.get("https://elsewhere.example/x", json={})
    client.make_request("GET", "https://elsewhere.example/x")
    assert "Authorization" not in responses.calls[0].request.headers
    with pytest.raises(UsageError, match="homeserver only"):
        client.make_request("POST", "https://elsewhere.example/x", {"secret": 1})
    for other in ("http://test.gomatrix.org/x", "https://test.gomatrix.org:8448/x"):
        responses.get(other, json={})
        client.make_request("GET", other)
        assert "Authorization" not in responses.calls[-1].request.headers


@responses.activate
def test_make_request_raises_as_every_call(client: Client) -> None:
    url = client.build_url("custom")
    responses.get(url, status=418, body=b"<html>a teapot</html>")
    with pytest.raises(HTTPError) as failure:
        client.make_request("GET", url)
    assert (failure.value.code, failure.value.contents) == (418, b"<html>a teapot</html>")
    assert failure.value.wrapped_error is None
    responses.get(url, body=b"not json")
    with pytest.raises(DecodeError):
        client.make_request("GET", url)
    responses.post(url, status=307, headers={"Location": "https://evil.example/"})
    with pytest.raises(RedirectRefused):
        client.make_request("POST", url, {})


@responses.activate
def test_hooks_see_every_try(client: Client) -> None:
    before: list[str] = []
    after: list[str] = []

    @client.on_request
    def note(request: HttpRequest) -> None:
        assert "Authorization" not in request.headers
        before.append(request.route)

    @client.on_response
    def look(request: HttpRequest, outcome: HttpResponse | Exception, seconds: float) -> None:
        assert seconds >= 0
        after.append(str(outcome.status) if isinstance(outcome, HttpResponse) else type(outcome).__name__)

    responses.put(_any_send(HOME), status=503, json={})
    responses.put(_any_send(HOME), body=requests.exceptions.ConnectionError("reset"))
    responses.put(_any_send(HOME), json={"event_id": "$1"})
    client.send_text("!foo:bar", "x")
    assert before == ["PUT /_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}"] * 3
    assert after == ["503", TransportError.__name__, "200"]


def test_a_call_that_needs_a_token_is_not_sent_without(client: Client) -> None:
    client.clear_credentials()
    with pytest.raises(UsageError, match="access token"):
        client.send_text("!foo:bar", "x")


@pytest.mark.parametrize("room_id", ["", ".", "..", "x" * 256, "\udfff"])
def test_rooms_that_cannot_be(client: Client, room_id: str) -> None:
    with pytest.raises(UsageError):
        client.send_text(room_id, "x")


def test_a_client_shows_no_secrets(client: Client) -> None:
    assert repr(client) == f"<Client {USER} at {HOME}>"
    assert "nobody" in repr(Client(HOME))
