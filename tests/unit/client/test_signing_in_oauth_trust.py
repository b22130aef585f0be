"""Whom to trust with OAuth 2.0: what a homeserver publishes, and what a provider answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gomatrix_py import Client
from gomatrix_py.api.oauth import AuthMetadata, check_auth_metadata, check_oauth_url, code_challenge, oauth_error
from gomatrix_py.codec import structure
from gomatrix_py.errors import HTTPError, LimitExceeded, MatrixError, OAuthError, SignInError
from tests.kit.oauth_provider import Asked, OAuthProvider
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver

ME = ("A bot", "https://bot.example/")


@pytest.fixture
def provider() -> Iterator[OAuthProvider]:
    """A provider that can be trusted."""
    with OAuthProvider() as provider:
        yield provider


PUBLISHED = {
    "issuer": "https://account.example/",
    **{
        f"{name}_endpoint": f"https://account.example/{name}"
        for name in ("authorization", "token", "revocation", "registration")
    },
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code"],
    "response_modes_supported": ["query"],
    "code_challenge_methods_supported": ["S256"],
}


def test_a_sound_provider_is_trusted() -> None:
    metadata = structure(PUBLISHED, AuthMetadata)
    assert check_auth_metadata(metadata, "https://hs.example") is metadata


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://account.example/"},
        {"issuer": "https://account.example/?x=1"},
        {"issuer": "nonsense"},
        {"token_endpoint": "http://account.example/token"},
        {"token_endpoint": "https://me:secret@account.example/token"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"token_endpoint": "https://account.example/token#x"},
        {"token_endpoint": "https://account.example\\@evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"registration_endpoint": "file:///etc/passwd"},
        {"revocation_endpoint": ""},
        {"device_authorization_endpoint": "http://account.example/device"},
        {"account_management_uri": "javascript:alert(1)"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_a_provider_that_cannot_be_trusted_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SignInError):
        check_auth_metadata(structure({**PUBLISHED, **change}, AuthMetadata), "https://hs.example")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]:8/x"])
def test_http_is_for_this_machine_and_its_own_homeserver(url: str) -> None:
    assert check_oauth_url(url, "http://127.0.0.1:8008", "page") == url
    with pytest.raises(SignInError, match="not https"):
        check_oauth_url(url, "https://hs.example", "page")


def test_a_redirect_of_the_provider_is_not_followed(provider: OAuthProvider) -> None:
    with ScriptedHomeserver() as elsewhere, ScriptedHomeserver() as hostile:
        published = {**provider.metadata(), "registration_endpoint": f"{hostile.url}/registration"}
        hostile.route("GET", "auth_metadata", published)
        hostile.route("POST", "registration", Reply(307, {}, {"Location": f"{elsewhere.url}/steal"}))
        with Client(hostile.url) as client, pytest.raises(MatrixError, match="redirect"):
            client.login_oauth(*ME, show=pytest.fail)
        assert elsewhere.seen == []


def test_a_homeserver_without_a_provider_is_said_to_have_none() -> None:
    with (
        ScriptedHomeserver() as server,
        Client(server.url) as client,
        pytest.raises(SignInError, match=r"no sign-in with OAuth 2\.0"),
    ):
        client.login_oauth(*ME, show=pytest.fail)


def test_a_provider_without_this_flow_is_refused() -> None:
    with (
        OAuthProvider(response_modes_supported=["fragment"]) as provider,
        Client(provider.url) as client,
        pytest.raises(SignInError, match="in a browser"),
    ):
        client.login_oauth(*ME, show=pytest.fail)


@pytest.mark.parametrize(
    ("contents", "error", "description"),
    [
        (b'{"error":"invalid_grant","error_description":"old"}', "invalid_grant", "old"),
        (b'{"error":7,"error_description":[]}', "", ""),
        (b"<html>", "", ""),
        (b"[]", "", ""),
    ],
)
def test_a_provider_s_error(contents: bytes, error: str, description: str) -> None:
    made = oauth_error(HTTPError("POST failed", code=400, contents=contents))
    assert isinstance(made, OAuthError)
    assert (made.error, made.description, made.code) == (error, description, 400)
    assert str(made).startswith("POST failed: HTTP 400")


def test_an_error_that_may_pass_stays_what_it_is() -> None:
    error = LimitExceeded("POST failed", code=429)
    assert oauth_error(error) is error


def test_the_kit_s_provider_is_strict() -> None:
    """The control: a wrong verifier, a code that was used, a foreign client are noticed there."""
    with OAuthProvider() as provider:
        provider.clients["c"] = {"redirect_uris": ["http://127.0.0.1/callback"]}
        address = (
            "https://x/?response_type=code&response_mode=query&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A9"
            f"%2Fcallback&state=s&code_challenge_method=S256&code_challenge={code_challenge('v')}&scope=d%3AX"
        )
        code = parse_qs(urlsplit(provider.let_in(address)).query)["code"][0]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": "http://127.0.0.1:9/callback",
            "client_id": "c",
            "code_verifier": "v",
        }
        for changes, status in (({"code_verifier": "w"}, 400), ({}, 400)):
            assert provider._on_token(Asked("POST", "/token", {**form, **changes}, b"", {}))[0] == status
        form["code"] = parse_qs(urlsplit(provider.let_in(address)).query)["code"][0]
        assert provider._on_token(Asked("POST", "/token", form, b"", {}))[0] == 200
