"""`SynapseAdmin` itself: how it is made, what it makes of errors, what it asks about the server, and its end."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from gomatrix_py import Client, RetryPolicy
from gomatrix_py.errors import (
    Forbidden,
    HTTPError,
    NotFound,
    ServerError,
    UnknownToken,
    Unrecognized,
    UnsupportedByServer,
    UsageError,
)
from gomatrix_py.synapse import AdminCapabilities, SynapseAdmin
from gomatrix_py.synapse.accounts import GetUser
from gomatrix_py.synapse.capabilities import keeps_accounts, probe
from tests.kit.admin_script import ScriptedAdmin, refusal
from tests.kit.operations import RecordingClient
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver

LACKING = Reply(404, {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"})


# ------------------------------------------------------------------ making one


def test_it_stands_on_a_client_or_makes_one() -> None:
    client = RecordingClient()
    assert SynapseAdmin(client).client is client
    with SynapseAdmin("https://example.org", "a-token", device_id="D") as admin:
        assert (admin.client.access_token, admin.client.device_id) == ("a-token", "D")
        assert "a-token" not in repr(admin)


@pytest.mark.parametrize("more", [{"access_token": "x"}, {"verify": False}])
def test_a_client_has_its_own_token_and_options(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SynapseAdmin(RecordingClient(), **more)


def test_it_closes_what_it_made_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Client] = []
    monkeypatch.setattr(Client, "close", lambda self: closed.append(self))
    lent = RecordingClient()
    SynapseAdmin(lent).close()
    assert closed == []
    with SynapseAdmin("https://example.org") as admin:
        pass
    assert closed == [admin.client]


def test_methods_have_the_parameters_of_their_operations() -> None:
    signature = inspect.signature(SynapseAdmin("https://example.org").users.list_users)
    assert list(signature.parameters)[:2] == ["from_", "limit"]
    assert signature.parameters["name"].kind is inspect.Parameter.KEYWORD_ONLY


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("status", "errcode", "kind"),
    [
        (401, "M_UNKNOWN_TOKEN", UnknownToken),
        (403, "M_FORBIDDEN", Forbidden),
        (403, "M_UNKNOWN", Forbidden),  # "HMAC incorrect"
        (404, "M_NOT_FOUND", NotFound),
        (404, "M_UNKNOWN", NotFound),  # "No row found"
        (404, "M_UNRECOGNIZED", UnsupportedByServer),
        (405, "M_UNRECOGNIZED", UnsupportedByServer),
        (400, "M_MISSING_PARAM", HTTPError),
        (400, "M_NOT_JSON", HTTPError),
        (500, "M_UNKNOWN", ServerError),
    ],
)
def test_every_refusal_is_an_error(status: int, errcode: str, kind: type[HTTPError]) -> None:
    with ScriptedHomeserver() as server, make_client(server) as client:
        server.route("GET", "/users/", Reply(status, {"errcode": errcode, "error": "no"}))
        with pytest.raises(HTTPError) as failure:
            SynapseAdmin(client).users.get_user("@a:x")
        assert type(failure.value) is kind
        assert (failure.value.code, failure.value.errcode) == (status, errcode)


def test_what_is_lacking_says_why_it_may_be() -> None:
    with ScriptedHomeserver() as server, make_client(server) as client:
        server.route("GET", "/_synapse", LACKING)
        admin = SynapseAdmin(client)
        with pytest.raises(UnsupportedByServer, match="authentication service") as failure:
            admin.registration_tokens.list_tokens()
        assert isinstance(failure.value.__cause__, Unrecognized)
        with pytest.raises(UnsupportedByServer, match="worker of its own may serve media"):
            admin.media.get_media("x", "m")
        with pytest.raises(UnsupportedByServer, match="this version of Synapse"):
            admin.rooms.list_rooms()


# ------------------------------------------------------------------ requests by hand


def test_requests_by_hand_are_quoted_and_have_a_body() -> None:
    client = RecordingClient()
    admin = SynapseAdmin(client)
    admin.make_request("GET", "v1", "rooms", "!a/b:x", query={"limit": 1, "no": None})
    admin.make_request("POST", "v1", "deactivate", "@a:x")
    admin.make_request("DELETE", "v1", "rooms", "!a:x", body={"purge": False})
    urls = [request.url.removeprefix("https://example.org/_synapse/admin/") for request in client.requests]
    assert urls == ["v1/rooms/%21a%2Fb%3Ax?limit=1", "v1/deactivate/%40a%3Ax", "v1/rooms/%21a%3Ax"]
    assert [request.body for request in client.requests] == [None, b"{}", b'{"purge":false}']
    with pytest.raises(UsageError):
        admin.make_request("GET", "v1", "..", "users")


def test_who_we_are_is_asked_once() -> None:
    client = RecordingClient({"user_id": "@root:x"})
    admin = SynapseAdmin(client)
    assert admin.own_ids() == admin.own_ids() == ("@root:x", "")
    assert len(client.requests) == 1


def test_notices_have_a_transaction_of_their_own() -> None:
    client = RecordingClient({"event_id": "$e"})
    admin = SynapseAdmin(client)
    admin.server.send_notice("@a:x", "one")
    admin.server.send_notice("@a:x", "two")
    first, second = client.requests
    assert first.url != second.url
    assert first.may_retry is True


# ------------------------------------------------------------------ what the server can do

ALL = {
    "GetServerVersion": {"server_version": "1.163.2"},
    "ListRegistrationTokens": {"registration_tokens": []},
    "GetNonce": {"nonce": "n"},
    "ListQuarantineChanges": {"changes": []},
    "ListUsersV3": {"users": []},
    "ListUserReports": {"user_reports": []},
    "ListTasks": {"scheduled_tasks": []},
}


def test_a_server_that_has_it_all() -> None:
    found = probe(ScriptedAdmin(**ALL))
    assert found == AdminCapabilities("1.163.2", False, True, True, True, True, True)


@pytest.mark.parametrize(
    ("operation", "missing"),
    [
        ("GetNonce", "has_secret_registration"),
        ("ListQuarantineChanges", "has_media"),
        ("ListUsersV3", "has_users_v3"),
        ("ListUserReports", "has_user_reports"),
        ("ListTasks", "has_tasks"),
    ],
)
def test_what_a_server_lacks(operation: str, missing: str) -> None:
    found = probe(ScriptedAdmin(**{**ALL, operation: refusal(404, UnsupportedByServer)}))
    assert getattr(found, missing) is False
    assert found.has_users_v3 or missing == "has_users_v3"


def test_a_server_without_accounts_of_its_own() -> None:
    lacking = refusal(404, UnsupportedByServer)
    found = probe(ScriptedAdmin(**{**ALL, "ListRegistrationTokens": lacking, "GetNonce": lacking}))
    assert (found.delegates_accounts, found.has_secret_registration) == (True, False)


def test_a_refusal_of_this_very_call_is_an_answer() -> None:
    assert probe(ScriptedAdmin(**{**ALL, "GetNonce": refusal(400)})).has_secret_registration is True


@pytest.mark.parametrize("kind", [Forbidden, UnknownToken, ServerError])
def test_no_answer_is_no_answer(kind: type[HTTPError]) -> None:
    with pytest.raises(kind):
        keeps_accounts(ScriptedAdmin(ListRegistrationTokens=refusal(403, kind)))


def test_it_asks_once_who_keeps_the_accounts() -> None:
    with (
        ScriptedHomeserver() as server,
        make_client(
            server,
        ) as client,
    ):
        server.route("GET", "/registration_tokens", LACKING)
        admin = SynapseAdmin(client)
        assert admin.delegates_accounts() is admin.delegates_accounts() is True
        assert len(server.asked("/registration_tokens")) == 1


def test_a_list_without_guests_is_tried_where_a_service_keeps_the_accounts() -> None:
    with ScriptedHomeserver() as server, make_client(server) as client:
        server.route("GET", "/registration_tokens", LACKING)
        server.route(
            "GET",
            "/v2/users",
            lambda seen: (
                {"users": [{"name": "@a:x"}]}
                if seen.query.get("guests") == "false"
                else Reply(400, {"errcode": "M_INVALID_PARAM", "error": "guests"})
            ),
        )
        admin = SynapseAdmin(client)
        assert [user.user_id for user in admin.users.iter_users()] == ["@a:x"]
        with pytest.raises(HTTPError):  # who asks for guests is told that there are none to ask for
            list(admin.users.iter_users(guests=True))


def test_a_list_that_is_refused_for_another_reason_is_not_tried_again() -> None:
    with ScriptedHomeserver() as server, make_client(server) as client:
        server.route("GET", "/registration_tokens", {"registration_tokens": []})
        server.route("GET", "/v2/users", Reply(400, {"errcode": "M_INVALID_PARAM", "error": "order"}))
        with pytest.raises(HTTPError, match="order"):
            list(SynapseAdmin(client).users.iter_users(order_by="no order"))
        assert len(server.asked("/v2/users")) == 1


def test_a_client_of_ours_retries_as_it_is_told() -> None:
    with ScriptedHomeserver() as server:
        answers = [Reply(503, {}), {"name": "@a:x"}]
        server.route("GET", "/users/", lambda seen: answers.pop(0))
        policy = RetryPolicy(attempts=2, base_s=0.001)
        with SynapseAdmin(server.url, "t0ken", retry=policy) as admin:
            assert admin.call(GetUser("@a:x")).user_id == "@a:x"
        assert len(server.seen) == 2
