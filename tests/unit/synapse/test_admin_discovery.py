"""Discovery: addresses of every form, what is unusable, and that no token ever goes along."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.errors import DiscoveryError, UsageError
from gomatrix_py.synapse import find_federation_url, read_server_name
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver


def found(answer: Any) -> str:
    with ScriptedHomeserver() as server:
        server.route("GET", "/.well-known/matrix/server", answer)
        try:
            return find_federation_url(server.url)
        finally:
            (seen,) = server.seen
            assert seen.path == "/.well-known/matrix/server"  # with one slash
            assert "authorization" not in seen.headers


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("matrix.example.org:443", "https://matrix.example.org:443"),
        ("matrix.example.org", "https://matrix.example.org:8448"),
        ("[2001:db8::1]", "https://[2001:db8::1]:8448"),
        ("[2001:db8::1]:8000", "https://[2001:db8::1]:8000"),
        ("192.0.2.1", "https://192.0.2.1:8448"),
    ],
)
def test_addresses(said: str, url: str) -> None:
    assert found({"m.server": said}) == url


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        ({}, "FAIL_PROMPT"),
        ({"m.server": 3}, "FAIL_PROMPT"),
        ([], "FAIL_PROMPT"),
        (b"<html>", "FAIL_PROMPT"),
        (Reply(404, {"errcode": "M_NOT_FOUND"}), "FAIL_PROMPT"),
        ({"m.server": "evil.example/x?"}, "FAIL_ERROR"),
        ({"m.server": "user@evil.example"}, "FAIL_ERROR"),
        ({"m.server": ""}, "FAIL_PROMPT"),
    ],
)
def test_what_is_unusable(answer: Any, action: str) -> None:
    with pytest.raises(DiscoveryError) as failure:
        found(answer)
    assert failure.value.action in (action, "FAIL_ERROR")


@pytest.mark.parametrize("answer", [{}, {"server_name": 3}, [], {"server_name": "no name/"}, Reply(500, b"oops")])
def test_keys_without_a_name(answer: Any) -> None:
    from gomatrix_py import RetryPolicy

    with ScriptedHomeserver() as server:
        server.route("GET", "/_matrix/key/v2/server", answer)
        with pytest.raises(DiscoveryError):
            read_server_name(server.url, retry=RetryPolicy.never())


def test_the_name_of_a_server() -> None:
    with ScriptedHomeserver() as server:
        server.route("GET", "/_matrix/key/v2/server", {"server_name": "example.org:8000", "verify_keys": {}})
        assert read_server_name(server.url) == "example.org:8000"
        assert "authorization" not in server.seen[0].headers


@pytest.mark.parametrize("option", ["access_token", "user_id"])
def test_credentials_are_not_taken(option: str) -> None:
    for ask in (find_federation_url, read_server_name):
        with pytest.raises(UsageError):
            ask("https://example.org", **{option: "secret"})


def test_nobody_there() -> None:
    from gomatrix_py import RetryPolicy

    with pytest.raises(DiscoveryError):
        find_federation_url("http://127.0.0.1:9", retry=RetryPolicy.never())
    with pytest.raises(UsageError):
        read_server_name("no url")
