"""OAuth 2.0 against the provider of the kit: signing in, going on, logging out, and whom not to trust."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gomatrix_py import Client
from gomatrix_py.api.oauth import (
    RespDeviceAuthorization,
    code_challenge,
)
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.client import oauth
from gomatrix_py.client.oauth_provider import Authorization, new_device_id
from gomatrix_py.client.saved_sessions import Session
from gomatrix_py.errors import (
    MatrixError,
    OAuthError,
    RequestCancelled,
    SignInError,
    UnknownToken,
)
from gomatrix_py.http.retry import RetryPolicy
from tests.kit.oauth_provider import USER, OAuthProvider

ME = ("A bot", "https://bot.example/")


@pytest.fixture
def provider() -> Iterator[OAuthProvider]:
    with OAuthProvider() as provider:
        yield provider


@pytest.fixture
def client(provider: OAuthProvider) -> Iterator[Client]:
    """A client that has a Matrix token of before, which must never go to a provider."""
    with client_of(provider) as client:
        yield client


def client_of(provider: OAuthProvider) -> Client:
    return Client(provider.url, "", "planted-matrix-token", retry=RetryPolicy.never())


class Browser:
    """Signs in on the page it is shown, and goes where it is sent; `first` addresses are tried before."""

    def __init__(self, provider: OAuthProvider, **changes: str | None) -> None:
        self.provider, self.changes = provider, changes
        self.before: list[dict[str, str | None]] = []
        self.address = ""
        self.statuses: list[int] = []
        self.thread = threading.Thread(target=self._visit)

    def __call__(self, address: str) -> None:
        self.address = address
        self.thread.start()

    def _visit(self) -> None:
        for changes in (*self.before, self.changes):
            target = self.provider.let_in(self.address, **changes)
            try:
                with urllib.request.urlopen(target, timeout=10) as page:  # noqa: S310 - our own address
                    self.statuses.append(page.status)
            except urllib.error.HTTPError as error:
                self.statuses.append(error.code)
                error.close()


def sign_in(client: Client, provider: OAuthProvider, **options: Any) -> Session:
    browser = Browser(provider)
    session = client.login_oauth(*ME, show=browser, timeout_s=20, **options)
    browser.thread.join()
    return session


# ------------------------------------------------------------------ in a browser


def test_a_browser_signs_in(client: Client, provider: OAuthProvider) -> None:
    session = sign_in(client, provider)
    assert session == client.session
    assert (client.user_id, client.access_token) == (USER, session.access_token)
    assert (session.oauth_issuer, session.oauth_client_id) == (provider.url, "client0")
    assert session.refresh_token
    assert session.expires_at_ts is not None
    assert 0 < session.expires_at_ts - client.clock.now_ms() <= 300_000
    assert client.whoami().device_id == client.device_id
    assert len(client.device_id) >= 10


def test_what_the_provider_is_told_of_us(client: Client, provider: OAuthProvider) -> None:
    sign_in(client, provider)
    (told,) = provider.clients.values()
    assert told == {
        "client_name": "A bot",
        "client_uri": "https://bot.example/",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "response_types": ["code"],
        "grant_types": ["refresh_token", "authorization_code"],
    }


def test_what_is_asked_for(client: Client, provider: OAuthProvider) -> None:
    browser = Browser(provider)
    client.login_oauth(*ME, show=browser, timeout_s=20, device_id="MYDEVICE12", prompt="create")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(browser.address).query).items()}
    assert asked["scope"] == "urn:matrix:client:api:* urn:matrix:client:device:MYDEVICE12"
    assert asked["prompt"] == "create"
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert len(asked["state"]) >= 32
    (form,) = [one.members for one in provider.asked("/token")]
    assert asked["code_challenge"] == code_challenge(form["code_verifier"])
    assert 43 <= len(form["code_verifier"]) <= 128
    assert client.device_id == "MYDEVICE12"


def test_the_challenge_is_that_of_the_rfc() -> None:
    assert (
        code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_no_two_sign_ins_are_alike() -> None:
    one, other = (Authorization("https://i", "c", new_device_id()) for _ in range(2))
    assert one.state != other.state
    assert one.verifier != other.verifier
    assert one.device_id != other.device_id
    assert one.state not in repr(one)
    assert one.verifier not in repr(one)


def test_a_program_that_is_known_need_not_say_who_it_is(client: Client, provider: OAuthProvider) -> None:
    provider.clients["known"] = {"redirect_uris": ["http://127.0.0.1/callback"]}
    assert sign_in(client, provider, client_id="known").oauth_client_id == "known"
    assert provider.asked("/registration") == []


def test_the_matrix_token_of_before_goes_nowhere(client: Client, provider: OAuthProvider) -> None:
    session = sign_in(client, provider)
    client.renew_session()
    client.logout()
    assert provider.asked("/revocation")
    for one in provider.seen:
        assert "planted-matrix-token" not in repr(one)
        is_matrix = one.path.endswith("/whoami")
        assert ("authorization" in one.headers) is is_matrix, one.path
    assert session.access_token not in "".join(one.path + repr(one.headers) for one in provider.asked("/revocation"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "foreign"}, ""),
        ({"state": None}, ""),
        ({"state": ""}, ""),
    ],
)
def test_an_answer_to_another_sign_in_is_refused_and_ours_awaited(
    changes: dict[str, str | None], reason: str, client: Client, provider: OAuthProvider
) -> None:
    browser = Browser(provider)
    browser.before = [changes]
    client.login_oauth(*ME, show=browser, timeout_s=20)
    browser.thread.join()
    assert browser.statuses == [400, 200]
    assert client.user_id == USER


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iss": "https://evil.example"}, "another provider"),
        ({"iss": None}, "another provider"),
        ({"code": None, "error": "access_denied"}, "access_denied"),
        ({"code": None}, "without a code"),
        ({"code": ""}, "without a code"),
    ],
)
def test_an_answer_that_lets_nobody_in(
    changes: dict[str, str | None], message: str, client: Client, provider: OAuthProvider
) -> None:
    with pytest.raises(SignInError, match=message) as failure:
        client.login_oauth(*ME, show=Browser(provider, **changes), timeout_s=20)
    assert failure.value.reason == (changes.get("error") or "")
    assert provider.asked("/token") == []
    assert (client.user_id, client.access_token) == ("", "planted-matrix-token")


def test_a_provider_need_not_say_who_it_is_unless_it_promised() -> None:
    answer = {"state": "s", "code": "c"}
    assert Authorization("https://i", "c", "D", must_name_issuer=False).code(answer) == "c"
    with pytest.raises(SignInError):
        Authorization("https://i", "c", "D", must_name_issuer=True).code(answer)


def test_nobody_comes(client: Client) -> None:
    with pytest.raises(SignInError, match="within"):
        client.login_oauth(*ME, show=lambda address: None, timeout_s=0.01)


def test_a_refusal_is_said_in_the_provider_s_words(client: Client, provider: OAuthProvider) -> None:
    with pytest.raises(OAuthError, match="invalid_client_metadata: not you") as failure:
        client.login_oauth("evil", "https://evil.example", show=lambda wanted: pytest.fail("it was shown"))
    assert (failure.value.error, failure.value.code) == ("invalid_client_metadata", 400)


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type": "mac"},
        {"scope": "urn:matrix:client:api:*"},
        {"scope": "urn:matrix:client:api:* urn:matrix:client:device:OTHER"},
    ],
)
def test_tokens_of_another_kind_are_not_used(
    changes: dict[str, str], client: Client, provider: OAuthProvider
) -> None:
    provider.token_changes = changes
    with pytest.raises(SignInError):
        client.login_oauth(*ME, show=Browser(provider), timeout_s=20)
    assert client.user_id == ""
    assert provider.asked("/whoami") == []


def test_a_scope_that_is_left_out_is_as_asked(client: Client, provider: OAuthProvider) -> None:
    provider.token_changes = {"scope": None, "token_type": "bearer"}
    assert sign_in(client, provider).user_id == USER


def test_a_session_of_another_device_is_ended(client: Client, provider: OAuthProvider) -> None:
    provider.refuses["/_matrix/client/v3/account/whoami"] = (200, {"user_id": USER, "device_id": "OTHER"})
    with pytest.raises(SignInError, match="another device"):
        client.login_oauth(*ME, show=Browser(provider), timeout_s=20)
    assert client.user_id == ""
    assert provider.live_sessions == 0


def test_signing_in_again_is_for_the_same_user(provider: OAuthProvider) -> None:
    with Client(provider.url, "@bob:provider", "old", device_id="BOBSDEVICE") as client:
        with pytest.raises(SignInError, match=USER):
            client.login_oauth(*ME, show=Browser(provider), timeout_s=20, device_id="BOBSDEVICE")
        assert (client.user_id, client.access_token) == ("@bob:provider", "old")
    assert provider.live_sessions == 0


# ------------------------------------------------------------------ by a code


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each poll would have waited; none does."""
    waits: list[float] = []

    def wait(self: CancelToken, seconds: float) -> bool:
        waits.append(seconds)
        return self.is_cancelled

    monkeypatch.setattr(CancelToken, "wait", wait)
    return waits


def test_a_code_signs_in(
    client: Client, provider: OAuthProvider, impatient: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    provider.poll_answers = ["authorization_pending", "slow_down", "authorization_pending"]
    shown: list[RespDeviceAuthorization] = []

    def show(wanted: RespDeviceAuthorization) -> None:
        oauth.print_code(wanted)
        shown.append(wanted)
        provider.enter_code(wanted.user_code)

    session = client.login_oauth_device(*ME, show=show)
    assert session.user_id == USER
    assert impatient == [1.0, 1.0, 6.0, 6.0]
    assert f"{provider.url}/link and enter the code CODE-0" in capsys.readouterr().out
    assert shown[0].device_code not in repr(shown)
    (told,) = provider.clients.values()
    assert told["grant_types"] == ["refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    assert "redirect_uris" not in told


@pytest.mark.parametrize(
    ("answer", "error"),
    [("access_denied", OAuthError), ("expired_token", SignInError), ("invalid_grant", OAuthError)],
)
def test_a_code_that_lets_nobody_in(
    answer: str, error: type[MatrixError], client: Client, provider: OAuthProvider, impatient: list[float]
) -> None:
    provider.poll_answers = ["authorization_pending", answer]
    with pytest.raises(error, match=answer if error is OAuthError else "in time"):
        client.login_oauth_device(*ME, show=lambda wanted: None)
    assert len(provider.asked("/token")) == 2


def test_a_provider_that_is_down_for_a_while_is_waited_for(
    client: Client, provider: OAuthProvider, impatient: list[float]
) -> None:
    def show(wanted: RespDeviceAuthorization) -> None:
        provider.enter_code(wanted.user_code)
        provider.refuses["/oauth2/token"] = (503, {})

    def up_again(request: object, outcome: object, took_s: float) -> None:
        if len(provider.asked("/token")) == 2:
            provider.refuses.clear()

    client.on_response(up_again)
    assert client.login_oauth_device(*ME, show=show).user_id == USER
    assert impatient == [1.0, 2.0, 4.0]


def test_the_wait_for_a_code_can_be_cancelled(client: Client, provider: OAuthProvider) -> None:
    cancel = CancelToken()
    with pytest.raises(RequestCancelled):
        client.login_oauth_device(*ME, show=lambda wanted: cancel.cancel(), cancel=cancel)
    assert provider.asked("/token") == []


def test_codes_are_not_for_every_provider() -> None:
    with (
        OAuthProvider(device_authorization_endpoint=None) as provider,
        client_of(provider) as client,
        pytest.raises(SignInError, match="another device"),
    ):
        client.login_oauth_device(*ME)


@pytest.mark.parametrize("page", ["javascript:alert(1)", "file:///etc/passwd", "http://evil.example/link", "data:,x"])
def test_a_page_that_is_none_is_not_shown(page: str, client: Client, provider: OAuthProvider) -> None:
    answer = {"device_code": "d", "user_code": "u", "verification_uri": page, "expires_in": 600}
    provider.refuses["/oauth2/device_authorization"] = (200, answer)
    with pytest.raises(SignInError, match="page for codes"):
        client.login_oauth_device(*ME, show=lambda wanted: pytest.fail("it was shown"))


# ------------------------------------------------------------------ later


def test_tokens_are_renewed_at_the_provider(client: Client, provider: OAuthProvider, tmp_path: Path) -> None:
    first = sign_in(client, provider)
    client.save_session(tmp_path / "session.json")
    provider.expire()
    assert client.whoami().user_id == USER
    stored = Session.load(tmp_path / "session.json")
    assert stored == client.session
    assert stored.refresh_token != first.refresh_token
    (_, refresh) = provider.asked("/token")
    assert refresh.members == {
        "grant_type": "refresh_token",
        "refresh_token": first.refresh_token,
        "client_id": first.oauth_client_id,
    }


def test_a_saved_session_goes_on(client: Client, provider: OAuthProvider, tmp_path: Path) -> None:
    sign_in(client, provider)
    client.save_session(tmp_path / "session.json")
    provider.expire()
    with Client.from_session(tmp_path / "session.json") as later:
        assert later.whoami().user_id == USER
        later.logout()
    assert provider.live_sessions == 0
    assert not (tmp_path / "session.json").exists()


def test_a_revoked_session_has_ended(client: Client, provider: OAuthProvider) -> None:
    sign_in(client, provider)
    client.logout()
    (revocation,) = provider.asked("/revocation")
    assert revocation.members["token_type_hint"] == "refresh_token"
    with pytest.raises(UnknownToken):
        client.whoami()


def test_a_refresh_that_is_refused_ends_the_session(client: Client, provider: OAuthProvider) -> None:
    sign_in(client, provider)
    provider.expire()
    provider.refuses["/oauth2/token"] = (400, {"error": "invalid_grant"})
    with pytest.raises(UnknownToken, match="cannot be renewed") as failure:
        client.whoami()
    assert not failure.value.soft_logout
    assert isinstance(failure.value.__cause__, OAuthError)


def test_a_refresh_token_does_not_go_to_another_provider(provider: OAuthProvider) -> None:
    session = Session(
        provider.url, USER, "a", "D", refresh_token="r", oauth_issuer="https://before", oauth_client_id="c"
    )
    with Client.from_session(session) as client:
        for call in (client.renew_session, client.logout):
            with pytest.raises(SignInError, match="another provider"):
                call()
    assert provider.asked("/token") == provider.asked("/revocation") == []


def test_the_page_to_manage_the_account(client: Client, provider: OAuthProvider) -> None:
    page = f"{provider.url}/account?theme=dark"
    assert client.get_account_management_url() == page
    assert client.get_account_management_url("org.matrix.device_view", "D&x") == (
        f"{page}&action=org.matrix.device_view&device_id=D%26x"
    )
