"""Sessions, registration and profiles without a server: what is sent, and what comes of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses

from gomatrix_py import Client, InMemoryStore, UsageError, UserIdentifier
from gomatrix_py.errors import DecodeError, Forbidden, HTTPError, StoreError, UserInteractive

HOME = "https://test.gomatrix.org"
USER = "@user:test.gomatrix.org"
V3 = f"{HOME}/_matrix/client/v3"
PROFILE = f"{V3}/profile/%40user%3Atest.gomatrix.org"


@pytest.fixture
def client() -> Client:
    """A logged-in client."""
    return Client(HOME, USER, "abcdef")


@pytest.fixture
def nobody() -> Client:
    """A client that is not logged in."""
    return Client(HOME)


def sent(index: int = -1) -> Any:
    """Return the JSON body of a request."""
    return json.loads(responses.calls[index].request.body or b"null")


def headers(index: int = -1) -> dict[str, str]:
    """Return the headers of a request."""
    return dict(responses.calls[index].request.headers)


# ------------------------------------------------------------------ gomatrix's own tests


@responses.activate
def test_get_avatar_url(client: Client) -> None:
    responses.get(f"{PROFILE}/avatar_url", json={"avatar_url": "mxc://matrix.org/iJaUjkshgdfsdkjfn"})
    assert client.get_avatar_url() == "mxc://matrix.org/iJaUjkshgdfsdkjfn"
    assert headers()["Authorization"] == "Bearer abcdef"


@responses.activate
@pytest.mark.parametrize("answer", [{}, {"avatar_url": None}, {"avatar_url": 7}])
def test_no_avatar(client: Client, answer: dict[str, Any]) -> None:
    responses.get(f"{PROFILE}/avatar_url", json=answer)
    assert client.get_avatar_url() == ""


@responses.activate
def test_set_avatar_url(client: Client) -> None:
    responses.put(f"{PROFILE}/avatar_url", json={})
    client.set_avatar_url("https://foo.com/bar.png")
    assert sent() == {"avatar_url": "https://foo.com/bar.png"}


@responses.activate
def test_the_avatar_is_a_text(client: Client) -> None:
    with pytest.raises(UsageError):
        client.set_avatar_url(b"png")  # type: ignore[arg-type]


# ------------------------------------------------------------------ display names and presence


@responses.activate
def test_display_names(client: Client) -> None:
    responses.get(f"{PROFILE}/displayname", json={"displayname": "User"})
    responses.get(f"{V3}/profile/%40other%3Ahost/displayname", json={})
    responses.put(f"{PROFILE}/displayname", json={})
    assert client.get_own_display_name().display_name == "User"
    assert client.get_display_name("@other:host").display_name is None
    client.set_display_name("New ☕")
    assert sent() == {"displayname": "New ☕"}


@responses.activate
def test_own_status(client: Client) -> None:
    responses.get(f"{V3}/presence/%40user%3Atest.gomatrix.org/status", json={"presence": "online"})
    assert client.get_own_status().presence == "online"


def test_what_is_ones_own_needs_a_user(nobody: Client) -> None:
    for call in (
        nobody.get_own_display_name,
        nobody.get_own_status,
        nobody.get_avatar_url,
        lambda: nobody.set_display_name("x"),
        lambda: nobody.set_avatar_url("mxc://x/y"),
        lambda: nobody.set_status("online"),
        lambda: nobody.user_typing("!r:x", True),
        lambda: nobody.create_filter({}),
    ):
        with pytest.raises(UsageError, match="user id"):
            call()


# ------------------------------------------------------------------ logging in

LOGGED_IN = {"user_id": "@alice:host", "access_token": "t0ken", "device_id": "DEV", "com.example": 1}


@responses.activate
def test_login_as_gomatrix_has_it(nobody: Client) -> None:
    """The old form, without an identifier; credentials are set by hand."""
    responses.post(f"{V3}/login", json=LOGGED_IN)
    answer = nobody.login(type="m.login.password", user="alice", password="wonderland")
    assert sent() == {"type": "m.login.password", "user": "alice", "password": "wonderland"}
    assert (answer.user_id, answer.access_token, answer.device_id) == ("@alice:host", "t0ken", "DEV")
    assert answer.extra == {"com.example": 1}
    assert nobody.access_token == ""
    nobody.set_credentials(answer.user_id, answer.access_token)
    assert (nobody.user_id, nobody.access_token) == ("@alice:host", "t0ken")


@responses.activate
def test_login_with_password(nobody: Client) -> None:
    responses.post(f"{V3}/login", json=LOGGED_IN)
    nobody.login_with_password("alice", "wonderland", device_id="DEV", device_name="a test")
    assert sent() == {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": "alice"},
        "password": "wonderland",
        "device_id": "DEV",
        "initial_device_display_name": "a test",
    }
    assert "Authorization" not in headers()
    assert (nobody.user_id, nobody.access_token, nobody.device_id) == ("@alice:host", "t0ken", "DEV")


@responses.activate
def test_a_login_never_carries_the_token_of_before(client: Client) -> None:
    responses.post(f"{V3}/login", json=LOGGED_IN)
    client.login_with_password(UserIdentifier("alice"), "wonderland")
    assert "Authorization" not in headers()


@responses.activate
@pytest.mark.parametrize("answer", [{}, {"user_id": "@a:b"}, {"user_id": 1, "access_token": "t"}, []])
def test_an_answer_without_a_session_is_none(nobody: Client, answer: Any) -> None:
    responses.post(f"{V3}/login", json=answer)
    with pytest.raises(DecodeError):
        nobody.login_with_password("alice", "wonderland")
    assert (nobody.user_id, nobody.access_token) == ("", "")


@responses.activate
def test_a_refused_login_changes_nothing(client: Client) -> None:
    responses.post(f"{V3}/login", status=403, json={"errcode": "M_FORBIDDEN", "error": "no"})
    with pytest.raises(Forbidden) as failure:
        client.login_with_password("alice", "s3cret")
    assert client.access_token == "abcdef"
    assert "s3cret" not in repr(failure.value)


@responses.activate
def test_a_store_of_somebody_else_refuses_the_login(nobody: Client) -> None:
    class Foreign(InMemoryStore):
        def bind(self, user_id: str, device_id: str = "") -> None:
            raise StoreError(f"not the store of {user_id}")

    nobody.store = Foreign()
    responses.post(f"{V3}/login", json=LOGGED_IN)
    with pytest.raises(StoreError, match="@alice:host"):
        nobody.login_with_password("alice", "wonderland")
    assert (nobody.user_id, nobody.access_token) == ("", "")


# ------------------------------------------------------------------ registration

STAGES = {
    "session": "xyz",
    "flows": [{"stages": ["m.login.recaptcha", "m.login.dummy"]}, {"stages": ["m.login.dummy"]}],
    "params": {"m.login.recaptcha": {"public_key": "k"}},
}
MADE = {"user_id": "@new:host", "access_token": "t0ken", "device_id": "DEV"}


@responses.activate
def test_register_dummy_goes_through_the_one_stage(nobody: Client) -> None:
    responses.post(f"{V3}/register", status=401, json=STAGES)
    responses.post(f"{V3}/register", json=MADE)
    answer = nobody.register_dummy("new", "wonderland", device_id="DEV")
    assert sent(0) == {"username": "new", "password": "wonderland", "device_id": "DEV"}
    assert sent(1) == {**sent(0), "auth": {"type": "m.login.dummy", "session": "xyz"}}
    assert answer.user_id == "@new:host"
    assert nobody.access_token == ""


@responses.activate
def test_register_dummy_where_nothing_is_asked(nobody: Client) -> None:
    responses.post(f"{V3}/register", json=MADE)
    assert nobody.register_dummy("new", "wonderland").access_token == "t0ken"
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    "flows", [[], [{"stages": ["m.login.email.identity"]}], [{"stages": ["m.login.dummy", "m.login.terms"]}]]
)
def test_register_dummy_where_more_is_asked(nobody: Client, flows: list[Any]) -> None:
    responses.post(f"{V3}/register", status=401, json={**STAGES, "flows": flows})
    with pytest.raises(UserInteractive) as failure:
        nobody.register_dummy("new", "wonderland")
    assert failure.value.session == "xyz"
    assert len(responses.calls) == 1


@responses.activate
def test_register_dummy_asks_once_only(nobody: Client) -> None:
    """A server that is never content must not be asked for ever."""
    responses.post(f"{V3}/register", status=401, json=STAGES)
    with pytest.raises(UserInteractive):
        nobody.register_dummy("new", "wonderland")
    assert len(responses.calls) == 2


@responses.activate
def test_register_guest(nobody: Client) -> None:
    responses.post(f"{V3}/register", json=MADE)
    nobody.register_guest(initial_device_display_name="a guest")
    assert responses.calls[0].request.url == f"{V3}/register?kind=guest"
    assert sent() == {"initial_device_display_name": "a guest"}


@responses.activate
def test_no_guests_here(nobody: Client) -> None:
    responses.post(f"{V3}/register", status=403, json={"errcode": "M_GUEST_ACCESS_FORBIDDEN"})
    with pytest.raises(HTTPError) as failure:
        nobody.register_guest()
    assert isinstance(failure.value, Forbidden)
    assert failure.value.errcode == "M_GUEST_ACCESS_FORBIDDEN"
