"""Requests by hand, as in gomatrix, and what every request of a client has in common."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from gomatrix_py import Client, Limits, RetryPolicy
from gomatrix_py.api.login import WhoAmIResponse
from gomatrix_py.api.server import GetVersions
from gomatrix_py.errors import (
    DecodeError,
    Forbidden,
    HTTPError,
    MatrixError,
    RedirectRefused,
    UsageError,
)
from gomatrix_py.http.messages import HttpRequest, HttpResponse

HOME = "https://hs.example"
V3 = f"{HOME}/_matrix/client/v3"
TOKEN = "syt_planted"


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """The network, mocked."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def client() -> Client:
    """A client that is logged in and never tries again."""
    return Client(HOME, "@me:hs.example", TOKEN, retry=RetryPolicy.never())


# ------------------------------------------------------------------ URLs


def test_build_url_quotes_each_segment(client: Client) -> None:
    assert client.build_url("user", "@user:matrix.org", "filter") == f"{V3}/user/%40user%3Amatrix.org/filter"
    assert client.build_url("rooms", "!a/b?c#d:e", "send") == f"{V3}/rooms/%21a%2Fb%3Fc%23d%3Ae/send"
    assert client.build_url() == V3


def test_build_base_url_has_no_prefix_of_its_own(client: Client) -> None:
    assert client.build_base_url("_matrix", "client", "versions") == f"{HOME}/_matrix/client/versions"


def test_build_url_with_query_encodes_the_query(client: Client) -> None:
    url = client.build_url_with_query(["sync"], {"since": "s/1 2", "full_state": True, "filter": None})
    assert url == f"{V3}/sync?since=s%2F1%202&full_state=true"


def test_an_empty_state_key_is_left_out(client: Client) -> None:
    assert client.build_url("rooms", "!r:s", "state", "m.room.name", "") == f"{V3}/rooms/%21r%3As/state/m.room.name"


@pytest.mark.parametrize("segments", [("..",), (".",), ("", "x"), ("a" * 256,), ("\ud800",), (7,)])
def test_a_segment_that_would_lead_elsewhere_is_refused(client: Client, segments: Any) -> None:
    for build in (client.build_url, client.build_base_url):
        with pytest.raises(UsageError):
            build(*segments)


def test_a_base_url_may_have_a_path() -> None:
    assert Client("https://example.org/matrix/").build_url("sync") == (
        "https://example.org/matrix/_matrix/client/v3/sync"
    )


@pytest.mark.parametrize(
    "url", ["", "hs.example", "https://u:planted@hs.example", "https://hs.example?x", TOKEN, None]
)
def test_a_client_needs_a_homeserver_url(url: Any) -> None:
    with pytest.raises(UsageError) as caught:
        Client(url)
    assert "planted" not in str(caught.value)


# ------------------------------------------------------------------ make_request


def test_make_request_sends_json_and_returns_json(client: Client, web: responses.RequestsMock) -> None:
    web.put(f"{V3}/thing", json={"done": [1, None]})
    assert client.make_request("PUT", client.build_url("thing"), {"a": "ü"}) == {"done": [1, None]}
    sent = web.calls[0].request
    assert sent.body == '{"a":"ü"}'.encode()
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"


def test_make_request_without_a_body_has_none(client: Client, web: responses.RequestsMock) -> None:
    web.get(f"{V3}/thing", json=[1, 2])
    assert client.make_request("GET", client.build_url("thing")) == [1, 2]
    assert web.calls[0].request.body is None
    assert "Content-Type" not in web.calls[0].request.headers


def test_make_request_makes_an_object_of_the_answer(client: Client, web: responses.RequestsMock) -> None:
    web.get(f"{V3}/account/whoami", json={"user_id": "@me:hs.example", "new": 1})
    answer = client.make_request("GET", client.build_url("account", "whoami"), response_type=WhoAmIResponse)
    assert isinstance(answer, WhoAmIResponse)
    assert (answer.user_id, answer.extra) == ("@me:hs.example", {"new": 1})


def test_an_empty_answer_is_none(client: Client, web: responses.RequestsMock) -> None:
    web.delete(f"{V3}/thing", body="", status=204)
    assert client.make_request("DELETE", client.build_url("thing")) is None


@pytest.mark.parametrize("body", ["<html>", '{"user_id": 7}', "{"])
def test_an_answer_that_is_not_what_was_asked_for_is_an_error(
    client: Client, web: responses.RequestsMock, body: str
) -> None:
    web.get(f"{V3}/account/whoami", body=body)
    with pytest.raises(DecodeError):
        client.make_request("GET", client.build_url("account", "whoami"), response_type=WhoAmIResponse)


def test_errors_are_those_of_every_call(client: Client, web: responses.RequestsMock) -> None:
    web.post(f"{V3}/thing", json={"errcode": "M_FORBIDDEN", "error": "no"}, status=403)
    with pytest.raises(Forbidden, match="no") as caught:
        client.make_request("POST", client.build_url("thing"), {})
    assert caught.value.message == "POST /_matrix/client/v3/thing (by hand) failed"


def test_an_error_names_no_query(client: Client, web: responses.RequestsMock) -> None:
    web.get(f"{V3}/thing", status=500)
    with pytest.raises(HTTPError) as caught:
        client.make_request("GET", client.build_url_with_query(["thing"], {"secret": "planted"}))
    assert "planted" not in str(caught.value)


def test_the_token_goes_to_the_homeserver_only(client: Client, web: responses.RequestsMock) -> None:
    for url in ("https://other.example/x", "http://hs.example/x", "https://hs.example:8448/x"):
        web.get(url, json={})
        client.make_request("GET", url)
        assert "Authorization" not in web.calls[-1].request.headers
        with pytest.raises(UsageError, match="homeserver only"):
            client.make_request("PUT", url, {"a": 1})


@pytest.mark.parametrize(
    "url",
    ["/relative", "ftp://hs.example/x", "https://me:planted@hs.example/x", "https://[", "", "file:///etc/passwd"],
)
def test_make_request_refuses_what_is_no_url(client: Client, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        client.make_request("GET", url)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": "\ud800"}, {"a": object()}, {1: b"x"}])
def test_make_request_refuses_what_is_no_json(client: Client, body: Any, web: responses.RequestsMock) -> None:
    with pytest.raises(UsageError):
        client.make_request("PUT", client.build_url("thing"), body)
    assert len(web.calls) == 0


def test_make_request_follows_no_redirect(client: Client, web: responses.RequestsMock) -> None:
    web.get(f"{V3}/thing", status=302, headers={"Location": "https://other.example/"})
    with pytest.raises(RedirectRefused):
        client.make_request("GET", client.build_url("thing"))
    assert len(web.calls) == 1


def test_make_request_tries_again_where_that_does_no_harm(web: responses.RequestsMock) -> None:
    client = Client(HOME, "@me:hs.example", TOKEN, retry=RetryPolicy(attempts=3, base_s=0.0))
    web.get(f"{V3}/thing", status=503)
    web.post(f"{V3}/thing", status=503)
    for method, times in (("GET", 3), ("POST", 1)):
        before = len(web.calls)
        with pytest.raises(HTTPError):
            client.make_request(method, client.build_url("thing"))
        assert len(web.calls) - before == times


# ------------------------------------------------------------------ hooks


def test_hooks_see_every_try_and_no_token(web: responses.RequestsMock) -> None:
    client = Client(HOME, "@me:hs.example", TOKEN, retry=RetryPolicy(base_s=0.0))
    web.get(f"{V3}/account/whoami", status=502)
    web.get(f"{V3}/account/whoami", json={"user_id": "@me:hs.example"})
    asked: list[HttpRequest] = []
    told: list[tuple[str, HttpResponse | MatrixError]] = []

    @client.on_request
    def on_request(request: HttpRequest) -> None:
        asked.append(request)

    @client.on_response
    def on_response(request: HttpRequest, outcome: HttpResponse | MatrixError, took_s: float) -> None:
        assert took_s >= 0
        told.append((request.route, outcome))

    assert callable(on_request)
    assert callable(on_response)
    client.whoami()
    assert [request.route for request in asked] == ["GET /_matrix/client/v3/account/whoami"] * 2
    assert [(route, getattr(outcome, "status", None)) for route, outcome in told] == [
        ("GET /_matrix/client/v3/account/whoami", 502),
        ("GET /_matrix/client/v3/account/whoami", 200),
    ]
    assert all(request.access_token == "" for request in asked)
    assert TOKEN not in repr(asked) + repr(told)
    assert [call.request.headers["Authorization"] for call in web.calls] == [f"Bearer {TOKEN}"] * 2


def test_hooks_see_requests_by_hand_too(client: Client, web: responses.RequestsMock) -> None:
    web.get(f"{V3}/thing", json={})
    asked: list[str] = []
    client.on_request(lambda request: asked.append(request.route))
    client.make_request("GET", client.build_url_with_query(["thing"], {"secret": "planted"}))
    assert asked == ["GET /_matrix/client/v3/thing (by hand)"]


def test_a_request_hook_may_refuse_a_call(client: Client, web: responses.RequestsMock) -> None:
    def no_leaving(request: HttpRequest) -> None:
        if request.route.endswith("/leave"):
            raise PermissionError("not here")

    client.on_request(no_leaving)
    with pytest.raises(PermissionError, match="not here"):
        client.leave_room("!r:s")
    assert len(web.calls) == 0


def test_a_response_hook_cannot_lose_an_answer(client: Client, web: responses.RequestsMock) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("oops")

    web.post(f"{V3}/createRoom", json={"room_id": "!new:s"})
    client.on_response(broken)
    assert client.create_room("new").room_id == "!new:s"


# ------------------------------------------------------------------ credentials


def test_credentials_can_be_set_and_cleared(client: Client, web: responses.RequestsMock) -> None:
    web.get(f"{V3}/account/whoami", json={"user_id": "@me:hs.example"})
    client.set_credentials("@other:hs.example", "syt_other", "DEVICE")
    client.whoami()
    assert web.calls[0].request.headers["Authorization"] == "Bearer syt_other"
    assert (client.user_id, client.access_token, client.device_id) == ("@other:hs.example", "syt_other", "DEVICE")
    client.clear_credentials()
    assert (client.user_id, client.access_token, client.device_id) == ("", "", "")
    with pytest.raises(UsageError, match="log in"):
        client.whoami()
    with pytest.raises(UsageError, match="log in"):
        client.own_user_id()
    assert len(web.calls) == 1


@pytest.mark.parametrize("token", ["syt_planted\n", "syt planted", "syt_plantedü"])
def test_a_token_with_a_line_break_is_refused_unsent_and_not_shown(web: responses.RequestsMock, token: str) -> None:
    with pytest.raises(UsageError, match="access token") as caught:
        Client(HOME, "@me:hs.example", token).whoami()
    assert "planted" not in str(caught.value)
    assert len(web.calls) == 0


def test_a_client_shows_who_and_where_but_no_secret(client: Client) -> None:
    assert repr(client) == "<Client @me:hs.example at https://hs.example>"
    assert repr(Client(HOME)) == "<Client nobody at https://hs.example>"
    assert TOKEN not in repr(client) + str(client) + repr(client._target) + repr(client._exchange)


# ------------------------------------------------------------------ application services


def acting() -> Client:
    return Client(HOME, "@bot:hs.example", "as_token", app_service_user_id="@ghost:hs.example")


Act = Callable[[Client], Any]


def query(call: Any) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(call.request.url).query))


@pytest.mark.parametrize(
    ("method", "path", "act"),
    [
        ("GET", "/account/whoami", lambda client: client.whoami()),
        ("POST", "/rooms/%21r%3As/leave", lambda client: client.leave_room("!r:s")),
        ("GET", "/thing", lambda client: client.make_request("GET", client.build_url("thing"))),
        (
            "GET",
            "/thing",
            lambda client: client.make_request("GET", client.build_url_with_query(["thing"], {"a": 1})),
        ),
    ],
)
def test_every_call_names_the_user_an_application_service_acts_for(
    web: responses.RequestsMock, method: str, path: str, act: Act
) -> None:
    web.add(method, V3 + path, json={"user_id": "@ghost:hs.example"})
    act(acting())
    assert query(web.calls[0])["user_id"] == "@ghost:hs.example"
    assert web.calls[0].request.headers["Authorization"] == "Bearer as_token"


def test_whom_to_act_for_can_be_changed() -> None:
    client = acting()
    client.app_service_user_id = "@other:hs.example"
    assert client.build_url("sync") == f"{V3}/sync?user_id=%40other%3Ahs.example"
    assert client.app_service_user_id == "@other:hs.example"
    client.app_service_user_id = ""
    assert client.build_url("sync") == f"{V3}/sync"


def test_logging_in_acts_for_nobody(web: responses.RequestsMock) -> None:
    web.post(f"{V3}/login", json={"user_id": "@me:hs.example", "access_token": TOKEN, "device_id": "D"})
    acting().login("m.login.password", password="planted")
    assert "user_id" not in query(web.calls[0])
    assert "Authorization" not in web.calls[0].request.headers


def test_events_may_be_given_a_time_by_application_services(web: responses.RequestsMock) -> None:
    web.add_callback(
        "PUT", re.compile(f"{re.escape(V3)}/.*"), callback=lambda _: (200, {}, json.dumps({"event_id": "$e"}))
    )
    client = acting()
    client.send_message_event("!r:s", "m.room.message", {"body": "then"}, ts=1_500_000_000_000)
    client.send_state_event("!r:s", "m.room.name", "", {"name": "then"}, ts=0)
    client.send_message_event("!r:s", "m.room.message", {"body": "now"})
    assert [query(call).get("ts") for call in web.calls] == ["1500000000000", "0", None]


# ------------------------------------------------------------------ limits and policies


def test_limits_of_the_client_hold_where_a_call_has_none(web: responses.RequestsMock) -> None:
    client = Client(HOME, limits=Limits(read_s=7, total_s=9, max_bytes=1000))
    web.get(f"{HOME}/_matrix/client/versions", json={"versions": []})
    seen: list[HttpRequest] = []
    client.on_request(seen.append)
    client.versions()
    client.make_request("GET", client.build_base_url("_matrix", "client", "versions"))
    assert [(request.limits.read_s, request.limits.max_bytes) for request in seen] == [(7, 1000)] * 2


def test_a_call_may_have_a_policy_of_its_own(web: responses.RequestsMock) -> None:
    client = Client(HOME, retry=RetryPolicy(attempts=3, base_s=0.0))
    web.get(f"{HOME}/_matrix/client/versions", status=503)
    with pytest.raises(HTTPError):
        client.call(GetVersions(), retry=RetryPolicy.never())
    assert len(web.calls) == 1
    with pytest.raises(HTTPError):
        client.call(GetVersions())
    assert len(web.calls) == 4
