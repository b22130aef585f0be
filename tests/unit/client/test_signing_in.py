"""Every way of logging in: what is sent, and that the client acts as who it became."""

from __future__ import annotations

import threading
import urllib.request
import webbrowser
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gomatrix_py import Client, PhoneIdentifier, ThirdpartyIdentifier
from gomatrix_py.errors import Forbidden, SignInError, UsageError
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver

LOGGED_IN = {"user_id": "@alice:scripted", "access_token": "t0ken", "device_id": "DEV", "refresh_token": "r0"}
FLOWS = {
    "flows": [
        {"type": "m.login.password"},
        {"type": "m.login.sso", "identity_providers": [{"id": "git", "name": "Git", "brand": "git"}, {"id": 7}]},
        {"type": "m.login.token"},
    ]
}


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    """A homeserver that lets in everybody, in every way."""
    with ScriptedHomeserver() as server:
        server.route("POST", "/login", LOGGED_IN)
        server.route("GET", "/login", FLOWS)
        yield server


@pytest.fixture
def nobody(server: ScriptedHomeserver) -> Iterator[Client]:
    """A client that is not logged in."""
    with Client(server.url) as client:
        yield client


def sent(server: ScriptedHomeserver) -> Any:
    return server.asked("/login", "POST")[-1].json


@pytest.mark.parametrize(
    ("user", "identifier"),
    [
        ("alice", {"type": "m.id.user", "user": "alice"}),
        ("@alice:scripted", {"type": "m.id.user", "user": "@alice:scripted"}),
        ("a@b.example", {"type": "m.id.thirdparty", "medium": "email", "address": "a@b.example"}),
        (
            ThirdpartyIdentifier(medium="msisdn", address="44"),
            {"type": "m.id.thirdparty", "medium": "msisdn", "address": "44"},
        ),
        (PhoneIdentifier(country="GB", phone="077"), {"type": "m.id.phone", "country": "GB", "phone": "077"}),
    ],
)
def test_a_password(user: Any, identifier: dict[str, str], nobody: Client, server: ScriptedHomeserver) -> None:
    nobody.login_with_password(user, "pw")
    assert sent(server) == {"type": "m.login.password", "identifier": identifier, "password": "pw"}
    assert (nobody.user_id, nobody.access_token, nobody.device_id) == ("@alice:scripted", "t0ken", "DEV")
    assert nobody.session.refresh_token == "r0"


def test_a_token(nobody: Client, server: ScriptedHomeserver) -> None:
    nobody.login_with_token("l0gin", device_id="OLD", device_name="a test", refresh_token=True)
    assert sent(server) == {
        "type": "m.login.token",
        "token": "l0gin",
        "device_id": "OLD",
        "initial_device_display_name": "a test",
        "refresh_token": True,
    }
    assert nobody.user_id == "@alice:scripted"


def test_a_type_of_the_server_s_own(nobody: Client, server: ScriptedHomeserver) -> None:
    nobody.login_with("org.matrix.login.jwt", token="ey", device_name="x", nonce={"a": 1})
    assert sent(server) == {
        "type": "org.matrix.login.jwt",
        "token": "ey",
        "nonce": {"a": 1},
        "initial_device_display_name": "x",
    }


def test_an_application_service_shows_its_token_for_that_alone(server: ScriptedHomeserver) -> None:
    with Client(server.url, "@bot:scripted", "as-token", app_service_user_id="@ghost:scripted") as client:
        client.login_as_app_service_user("alice")
        (seen,) = server.asked("/login", "POST")
        assert seen.headers["authorization"] == "Bearer as-token"
        identifier = {"type": "m.id.user", "user": "alice"}
        assert seen.json == {"type": "m.login.application_service", "identifier": identifier}
        assert seen.query == {}
        assert (client.access_token, client.app_service_user_id) == ("t0ken", "")
        client.login_with_password("alice", "pw")
        assert "authorization" not in server.asked("/login", "POST")[-1].headers


def test_an_application_service_needs_its_token(nobody: Client, server: ScriptedHomeserver) -> None:
    with pytest.raises(UsageError, match="application service"):
        nobody.login_as_app_service_user("alice")
    assert server.seen == []


@pytest.mark.parametrize(
    ("asked", "is_kept", "wanted"),
    [(None, False, None), (None, True, True), (True, False, True), (False, True, None)],
)
def test_refresh_tokens_are_for_those_who_keep_them(
    asked: bool | None, is_kept: bool, wanted: bool | None, nobody: Client, server: ScriptedHomeserver
) -> None:
    if is_kept:
        nobody.on_tokens_changed(lambda session: None)
    nobody.login_with_password("alice", "pw", refresh_token=asked)
    assert sent(server).get("refresh_token") is wanted


# ------------------------------------------------------------------ again


def test_logging_in_again_keeps_the_device(server: ScriptedHomeserver) -> None:
    with Client(server.url, "@alice:scripted", "old", device_id="DEV") as client:
        client.login_again("pw")
        assert sent(server) == {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": "@alice:scripted"},
            "password": "pw",
            "device_id": "DEV",
        }
        client.login_again(token="l0gin")
        assert sent(server) == {
            "type": "m.login.token",
            "token": "l0gin",
            "device_id": "DEV",
            "refresh_token": True,
        }


def test_logging_in_again_as_somebody_else_changes_nothing(server: ScriptedHomeserver) -> None:
    with Client(server.url, "@bob:scripted", "old", device_id="DEV") as client:
        with pytest.raises(SignInError, match="@alice:scripted"):
            client.login_again(token="l0gin")
        assert (client.user_id, client.access_token) == ("@bob:scripted", "old")


@pytest.mark.parametrize("given", [{}, {"password": "a", "token": "b"}])
def test_logging_in_again_takes_one_proof(given: dict[str, Any], server: ScriptedHomeserver) -> None:
    with Client(server.url, "@alice:scripted", "old") as client, pytest.raises(UsageError):
        client.login_again(**given)


def test_who_never_was_logged_in_cannot_be_again(nobody: Client) -> None:
    with pytest.raises(UsageError):
        nobody.login_again("pw")


# ------------------------------------------------------------------ single sign-on


class Browser:
    """Follows the address it is shown, as a browser that signs in by itself would."""

    def __init__(self, **query: str) -> None:
        self.query = query or {"loginToken": "l0gin"}
        self.addresses: list[str] = []
        self.pages: list[str] = []
        self.thread = threading.Thread(target=self._visit)

    def __call__(self, address: str) -> bool:
        self.addresses.append(address)
        self.thread.start()
        return True

    def _visit(self) -> None:
        back = parse_qs(urlsplit(self.addresses[0]).query)["redirectUrl"][0]
        members = "&".join(f"{name}={value}" for name, value in self.query.items())
        with urllib.request.urlopen(f"{back}?{members}", timeout=10) as page:  # noqa: S310 - our own address
            self.pages.append(page.read().decode())


def test_a_browser_signs_in(nobody: Client, server: ScriptedHomeserver) -> None:
    browser = Browser()
    nobody.login_sso(show=browser, timeout_s=20, device_name="a test")
    browser.thread.join()
    (address,) = browser.addresses
    assert address.startswith(f"{server.url}/_matrix/client/v3/login/sso/redirect?redirectUrl=http%3A%2F%2F127.0.0.1")
    assert sent(server) == {"type": "m.login.token", "token": "l0gin", "initial_device_display_name": "a test"}
    assert nobody.user_id == "@alice:scripted"
    assert "You may close this page" in browser.pages[0]


def test_one_provider_of_several(nobody: Client, server: ScriptedHomeserver) -> None:
    browser = Browser()
    nobody.login_sso("git", show=browser, timeout_s=20, action="register")
    browser.thread.join()
    assert "/login/sso/redirect/git?" in browser.addresses[0]
    assert "action=register" in browser.addresses[0]


def test_the_browser_of_the_machine_is_opened(nobody: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()
    monkeypatch.setattr(webbrowser, "open", browser)
    nobody.login_sso(timeout_s=20)
    browser.thread.join()
    assert nobody.access_token == "t0ken"


def test_without_a_browser_the_address_is_printed(
    nobody: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    with pytest.raises(SignInError, match=r"within 0\.01 s") as failure:
        nobody.login_sso(timeout_s=0.01)
    assert failure.value.reason == "timeout"
    assert "/login/sso/redirect?redirectUrl=" in capsys.readouterr().out
    assert nobody.access_token == ""


def test_a_pasted_token_needs_no_browser(nobody: Client, server: ScriptedHomeserver) -> None:
    nobody.login_sso(token="pasted")
    assert sent(server)["token"] == "pasted"
    assert server.asked("/login", "GET") == []


def test_a_server_without_it_is_said_to_have_none(nobody: Client, server: ScriptedHomeserver) -> None:
    server.route("GET", "/login", {"flows": [{"type": "m.login.password"}]})
    with pytest.raises(SignInError, match="no single sign-on"):
        nobody.login_sso(show=pytest.fail)


def test_a_provider_it_does_not_have(nobody: Client) -> None:
    with pytest.raises(SignInError, match="it has git"):
        nobody.login_sso("hub", show=pytest.fail)


def test_a_token_that_is_no_longer_good(nobody: Client, server: ScriptedHomeserver) -> None:
    server.route("POST", "/login", Reply(403, {"errcode": "M_FORBIDDEN", "error": "Invalid login token"}))
    with pytest.raises(Forbidden):
        nobody.login_sso(show=Browser(), timeout_s=20)


def test_ctrl_c_ends_the_wait_and_the_server(nobody: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    before = threading.active_count()
    monkeypatch.setattr("gomatrix_py.client.sso_catcher.RedirectCatcher.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nobody.login_sso(show=lambda address: None)
    assert threading.active_count() <= before + 1  # the scripted homeserver may have one for our connection
