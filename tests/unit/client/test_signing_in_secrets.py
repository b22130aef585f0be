"""No secret of any way of signing in is said: not in the log of any logger at DEBUG, not in errors, not in reprs."""

from __future__ import annotations

import logging
import pickle
import threading
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gomatrix_py import Client, EmailAuth, PasswordAuth, RetryPolicy, Session, TokenAuth
from gomatrix_py.api.oauth import RespDeviceAuthorization
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import MatrixError
from tests.kit.oauth_provider import OAuthProvider
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver, Seen

# named, as a traceback shows the lines that it comes from
PASSWORD, LOGIN_TOKEN, JWT = "planted-password", "planted-login-token", "planted-jwt"
REGISTRATION_TOKEN, CLIENT_SECRET = "planted-registration-token", "planted-client-secret"
ACCESS, REFRESH = "planted-access", "planted-refresh"
SECRETS = (PASSWORD, LOGIN_TOKEN, JWT, REGISTRATION_TOKEN, CLIENT_SECRET, ACCESS, REFRESH)
SESSION = {"user_id": USER, "device_id": "DEV", "access_token": ACCESS, "refresh_token": REFRESH}


class Everything:
    """What was said by whatever was done."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.failures = 0

    def do(self, what: Callable[[], Any]) -> None:
        try:
            result = what()
        except MatrixError as error:
            self.failures += 1
            self.said += [str(error), repr(error), *traceback.format_exception(error), repr(vars(error))]
            self.said.append(repr(pickle.dumps(error)))
        else:
            self.said.append(f"{result!r} {result}")


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("gomatrix_py", "urllib3", "requests")):
            caplog.set_level(logging.DEBUG, name)
    return caplog


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    """A homeserver that lets one in where `refuses` is not set, and wants a password for devices."""
    with ScriptedHomeserver() as server:
        server.route("GET", "/login", {"flows": [{"type": "m.login.sso"}]})
        server.route("POST", "/login", SESSION)
        server.route("POST", "/refresh", SESSION)
        server.route("POST", "/register", stages)
        server.route("POST", "/delete_devices", stages)
        server.route("GET", "/whoami", Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "soft_logout": True}))
        yield server


def stages(seen: Seen) -> Any:
    flows = [{"stages": ["m.login.registration_token", "m.login.email.identity"]}, {"stages": ["m.login.password"]}]
    done = ["m.login.registration_token"] if b"registration_token" in seen.body else []
    return Reply(401, {"flows": flows, "session": "s", "completed": done, "errcode": "M_FORBIDDEN", "error": "no"})


def come_back(address: str) -> None:
    """Be the browser that brings the login token."""
    back = parse_qs(urlsplit(address).query)["redirectUrl"][0]

    def visit() -> None:
        with urllib.request.urlopen(f"{back}?loginToken={LOGIN_TOKEN}", timeout=10):  # noqa: S310 - our own
            pass

    threading.Thread(target=visit).start()


def use_everything(client: Client, everything: Everything, path: Path) -> None:
    do = everything.do
    do(lambda: client.login_with_password("alice", PASSWORD, refresh_token=True))
    do(lambda: client.session)
    do(lambda: client.login_with_token(LOGIN_TOKEN))
    do(lambda: client.login_with("org.matrix.login.jwt", token=JWT))
    do(lambda: client.login_as_app_service_user("alice"))
    do(lambda: client.login_sso(show=come_back, timeout_s=20))
    do(lambda: client.login_again(PASSWORD))
    do(lambda: client.save_session(path))
    do(client.whoami)  # renews, in vain
    do(client.renew_session)
    do(lambda: client.delete_devices(["D"], auth=PasswordAuth(PASSWORD)))
    answers = [TokenAuth(REGISTRATION_TOKEN), EmailAuth("sid", CLIENT_SECRET)]
    do(lambda: client.register_account("alice", PASSWORD, auth=answers))
    do(lambda: Session.load(path))
    do(lambda: Client.from_env({"MATRIX_HOMESERVER": "https://hs", "MATRIX_PASSWORD": PASSWORD}))
    everything.said += [repr(client), repr(vars(client)), repr(vars(client._tokens))]


def hits(everything: Everything, caplog: pytest.LogCaptureFixture, secrets: tuple[str, ...] = SECRETS) -> set[str]:
    log = caplog.text + "".join(f"{record.msg!r} {record.args!r}" for record in caplog.records)
    return {secret for secret in secrets if any(secret in text for text in (*everything.said, log))}


def test_a_homeserver_s_secrets_stay_secret(
    server: ScriptedHomeserver, everything_logged: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    everything = Everything()
    with Client(server.url, retry=RetryPolicy(attempts=2, base_s=0.0)) as client:
        use_everything(client, everything, tmp_path / "session.json")
        for path in ("/login", "/refresh"):
            server.route("POST", path, Reply(403, {"errcode": "M_FORBIDDEN", "error": "no"}))
        use_everything(client, everything, tmp_path / "session.json")
    assert hits(everything, everything_logged) == set()
    assert everything.failures > 8
    sent = b"".join(seen.body for seen in server.seen).decode()
    assert {secret for secret in SECRETS if secret in sent} >= set(SECRETS) - {ACCESS}
    assert "POST /_matrix/client/v3/login" in everything_logged.text


def test_a_provider_s_secrets_stay_secret(
    everything_logged: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CancelToken, "wait", lambda self, seconds: self.is_cancelled)
    everything = Everything()
    do = everything.do
    with OAuthProvider() as provider, Client(provider.url, retry=RetryPolicy.never()) as client:

        def browse(address: str) -> None:
            target = provider.let_in(address)
            threading.Thread(target=lambda: urllib.request.urlopen(target, timeout=10).close()).start()  # noqa: S310

        def enter(wanted: RespDeviceAuthorization) -> None:
            everything.said.append(repr(wanted))
            provider.enter_code(wanted.user_code)

        do(lambda: client.login_oauth("bot", "https://bot.example", show=browse, timeout_s=20))
        do(lambda: client.login_oauth_device("bot", "https://bot.example", show=enter))
        do(client.renew_session)
        do(lambda: client.save_session(tmp_path / "session.json"))
        do(client.whoami)
        provider.expire()
        provider.refuses["/oauth2/token"] = (400, {"error": "invalid_grant"})
        do(client.whoami)
        do(client.logout)
        everything.said += [repr(vars(client)), repr(vars(client._provider)), repr(vars(client._tokens))]
        made = {name for asked in provider.seen for name in asked.members.values() if name.startswith("planted")}
        forms = [asked.members for asked in provider.asked("/token")]
    secrets = {form[name] for form in forms for name in ("code", "code_verifier", "device_code") if name in form}
    assert len(made) >= 2
    assert len(secrets) == 3
    assert hits(everything, everything_logged, (*made, *secrets, *SECRETS)) == set()
    assert everything.failures >= 1


def test_the_search_finds_what_is_said(everything_logged: pytest.LogCaptureFixture) -> None:
    """The control."""
    everything = Everything()
    logging.getLogger("gomatrix_py.http").debug("token %s", ACCESS)
    everything.do(lambda: {"x": JWT})
    assert hits(everything, everything_logged) == {ACCESS, JWT}
