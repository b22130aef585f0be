"""Calls that need more proof than a token: the stages are answered behind the scenes, wherever `auth` is taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.api.devices import DeleteDevices
from gomatrix_py.codec import fields_of
from gomatrix_py.errors import UsageError, UserInteractive
from gomatrix_py.http.endpoint import Call, Target
from gomatrix_py.http.uia import DummyAuth, FallbackAuth, PasswordAuth, Stage, TermsAuth, TokenAuth
from tests.kit.scripted_client import make_client
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver, Seen

PASSWORD = "planted-password"


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    """A homeserver that wants a password for whatever takes `auth`."""
    with ScriptedHomeserver() as server:
        for path in ("delete_devices", "/devices/", "get_token", "password", "deactivate", "3pid/add", "upload"):
            for method in ("POST", "DELETE"):
                server.route(method, path, wants_password)
        yield server


@pytest.fixture
def client(server: ScriptedHomeserver) -> Iterator[Client]:
    """A client that is logged in."""
    with make_client(server) as client:
        yield client


def wants_password(seen: Seen) -> Any:
    auth = (seen.json if seen.body else {}).get("auth")
    asked = {"flows": [{"stages": ["m.login.password"]}], "params": {}, "session": "sess"}
    if auth is None:
        return Reply(401, asked)
    if auth.get("password") != PASSWORD:
        return Reply(401, {**asked, "errcode": "M_FORBIDDEN", "error": "Invalid password"})
    return {"login_token": "l0g1n", "expires_in_ms": 1, "id_server_unbind_result": "success"}


CALLS: dict[str, Callable[[Client, Any], Any]] = {
    "delete_devices": lambda client, auth: client.delete_devices(["D"], auth=auth),
    "delete_device": lambda client, auth: client.delete_device("D", auth=auth),
    "generate_login_token": lambda client, auth: client.generate_login_token(auth=auth),
    "change_password": lambda client, auth: client.change_password("new", auth=auth),
    "deactivate_account": lambda client, auth: client.deactivate_account(auth=auth),
    "add_third_party_id": lambda client, auth: client.add_third_party_id("sid", "secret", auth=auth),
    "upload_cross_signing_keys": lambda client, auth: client.upload_cross_signing_keys(auth=auth),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_password_is_given_when_it_is_asked_for(name: str, client: Client, server: ScriptedHomeserver) -> None:
    CALLS[name](client, PasswordAuth(PASSWORD))
    first, second = server.seen
    assert "auth" not in (first.json if first.body else {})
    assert second.json["auth"] == {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": client.user_id},
        "password": PASSWORD,
        "session": "sess",
    }
    assert PASSWORD not in second.path + str(second.query)


def test_every_call_with_stages_is_among_them() -> None:
    taking = set()
    for name in dir(Client):
        member = inspect.getattr_static(Client, name)
        endpoint = member.endpoint if isinstance(member, Call) else getattr(member, "__endpoint__", None)
        if endpoint is not None and "auth" in {field.name for field in fields_of(endpoint)}:
            taking.add(name)
    assert taking - {"register", "setup_cross_signing"} == set(CALLS)


@pytest.mark.parametrize(
    "auth",
    [lambda stage: {"password": PASSWORD}, [DummyAuth(), PasswordAuth(PASSWORD)], (PasswordAuth(PASSWORD),)],
    ids=["a function", "a list", "a tuple"],
)
def test_others_may_answer(auth: Any, client: Client, server: ScriptedHomeserver) -> None:
    client.delete_devices(["D"], auth=auth)
    assert server.seen[1].json["auth"]["password"] == PASSWORD


def test_a_dict_is_sent_as_it_is(client: Client, server: ScriptedHomeserver) -> None:
    auth = {"type": "m.login.password", "password": PASSWORD}
    client.delete_devices(["D"], auth=auth)
    (seen,) = server.seen
    assert seen.json["auth"] == auth


def test_without_an_answer_the_server_s_question_is_the_error(client: Client, server: ScriptedHomeserver) -> None:
    with pytest.raises(UserInteractive):
        client.delete_devices(["D"])
    assert len(server.seen) == 1


def test_a_wrong_password_is_an_error_that_says_so_once(client: Client, server: ScriptedHomeserver) -> None:
    with pytest.raises(UserInteractive, match="M_FORBIDDEN: Invalid password") as failure:
        client.delete_devices(["D"], auth=PasswordAuth("planted-guess"))
    assert len(server.seen) == 2
    assert "planted" not in str(failure.value) + repr(failure.value)


def test_where_nothing_is_asked_nothing_is_said(client: Client, server: ScriptedHomeserver) -> None:
    server.route("POST", "delete_devices", {})
    client.delete_devices(["D"], auth=PasswordAuth(PASSWORD))
    (seen,) = server.seen
    assert "auth" not in seen.json


def test_the_page_of_a_stage_is_on_the_homeserver(client: Client, server: ScriptedHomeserver) -> None:
    stages: list[Stage] = []

    def asked(stage: Stage) -> dict[str, Any]:
        stages.append(stage)
        return {"password": PASSWORD}

    client.delete_devices(["D"], auth=asked)
    page = f"{server.url}/_matrix/client/v3/auth/m.login.password/fallback/web?session=sess"
    assert [(one.fallback_url, one.user_id) for one in stages] == [(page, client.user_id)]
    assert "sess" not in repr(stages[0].params)


def test_a_stage_in_a_browser_needs_no_type(client: Client, server: ScriptedHomeserver) -> None:
    shown: list[str] = []
    with pytest.raises(UserInteractive):
        client.delete_devices(["D"], auth=FallbackAuth(shown.append))
    assert [seen.json["auth"] for seen in server.seen[1:]] == [{"session": "sess"}] * 3
    assert len(shown) == 3


def test_as_a_value_only_what_can_be_sent_is(client: Client) -> None:
    endpoint = DeleteDevices(["D"], auth=PasswordAuth(PASSWORD))
    assert PASSWORD not in repr(endpoint)
    with pytest.raises(UsageError) as failure:
        endpoint.to_request(Target("https://hs.example", "token"))
    assert PASSWORD not in str(failure.value)


# ------------------------------------------------------------------ making accounts

MADE = {"user_id": "@new:scripted", "access_token": "t0k", "device_id": "NEW", "refresh_token": "r0"}
STAGES = ["m.login.registration_token", "m.login.terms", "m.login.dummy"]


def registration(seen: Seen) -> Any:
    auth = seen.json.get("auth") or {}
    done = STAGES[: STAGES.index(auth["type"]) + 1] if "type" in auth else []
    if done == STAGES:
        return MADE
    return Reply(401, {"flows": [{"stages": STAGES}], "session": "sess", "completed": done})


def test_an_account_is_made_through_all_stages(server: ScriptedHomeserver) -> None:
    server.route("POST", "register", registration)
    with Client(server.url) as client:
        answer = client.register_account(
            "new",
            PASSWORD,
            auth=[TokenAuth("t"), TermsAuth()],
            device_id="NEW",
            device_name="a test",
            refresh_token=True,
        )
        assert (client.user_id, client.access_token, client.device_id) == ("@new:scripted", "t0k", "NEW")
        assert client.session.refresh_token == answer.refresh_token == "r0"
    assert [seen.json.get("auth", {}).get("type") for seen in server.seen] == [None, *STAGES]
    common = {key: value for key, value in server.seen[-1].json.items() if key != "auth"}
    assert common == {
        "username": "new",
        "password": PASSWORD,
        "device_id": "NEW",
        "initial_device_display_name": "a test",
        "refresh_token": True,
    }


def test_a_stage_nobody_answers_is_named(server: ScriptedHomeserver) -> None:
    server.route("POST", "register", registration)
    with Client(server.url) as client:
        with pytest.raises(UserInteractive, match=r"m\.login\.registration_token and m\.login\.terms"):
            client.register_account("new", PASSWORD)
        assert client.access_token == ""


@pytest.mark.parametrize(
    ("reply", "is_free"),
    [
        ({"available": True}, True),
        ({"available": False}, False),
        (Reply(400, {"errcode": "M_USER_IN_USE", "error": "taken"}), False),
        (Reply(400, {"errcode": "M_INVALID_USERNAME", "error": "bad"}), False),
        (Reply(400, {"errcode": "M_EXCLUSIVE", "error": "a service's"}), False),
    ],
)
def test_whether_a_name_is_free(reply: Any, is_free: bool, server: ScriptedHomeserver, client: Client) -> None:
    server.route("GET", "available", reply)
    assert client.is_username_available("alice") is is_free
