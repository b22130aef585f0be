"""Server discovery, rule by rule. Spec: client-server API, "Well-known URIs"."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import responses

from gomatrix_py import Client, UsageError
from gomatrix_py.errors import DiscoveryError
from gomatrix_py.http.retry import RetryPolicy

WELL_KNOWN = "https://example.org/.well-known/matrix/client"
HOME = "https://matrix.example.org"
PUBLISHED = {"m.homeserver": {"base_url": HOME}}
VERSIONS = {"versions": ["v1.11"]}


def discover(name: str = "@alice:example.org") -> Client:
    """Discover with a single try per request."""
    return Client.discover(name, retry=RetryPolicy.never())


def versions_at(home: str) -> str:
    """Return where a homeserver's versions are."""
    return f"{home}/_matrix/client/versions"


def action_of(name: str = "@alice:example.org") -> str:
    """Return what the specification advises where discovery fails."""
    with pytest.raises(DiscoveryError) as failure:
        discover(name)
    assert failure.value.action in str(failure.value)
    return failure.value.action


@responses.activate
@pytest.mark.parametrize("name", ["@alice:example.org", "example.org", "#room:example.org"])
def test_a_published_homeserver_is_used(name: str) -> None:
    responses.get(WELL_KNOWN, json=PUBLISHED)
    responses.get(versions_at(HOME), json=VERSIONS)
    client = discover(name)
    assert client.homeserver_url == HOME
    assert (client.user_id, client.access_token) == ("", "")
    assert all("Authorization" not in call.request.headers for call in responses.calls)


@responses.activate
def test_a_trailing_slash_is_taken_off() -> None:
    responses.get(WELL_KNOWN, json={"m.homeserver": {"base_url": f"{HOME}/"}})
    responses.get(versions_at(HOME), json=VERSIONS)
    assert discover().homeserver_url == HOME


@responses.activate
def test_a_server_name_with_a_port() -> None:
    responses.get("https://example.org:8448/.well-known/matrix/client", json=PUBLISHED)
    responses.get(versions_at(HOME), json=VERSIONS)
    assert discover("@alice:example.org:8448").homeserver_url == HOME


@responses.activate
def test_options_go_to_the_client() -> None:
    responses.get(WELL_KNOWN, json=PUBLISHED)
    responses.get(versions_at(HOME), json=VERSIONS)
    client = Client.discover("example.org", retry=RetryPolicy.never(), user_id="@a:example.org", device_id="DEV")
    assert (client.user_id, client.device_id) == ("@a:example.org", "DEV")


@responses.activate
def test_what_else_is_published_is_no_matter() -> None:
    responses.get(
        WELL_KNOWN,
        json={**PUBLISHED, "m.identity_server": {"base_url": "https://id.example.org"}, "com.example": [1]},
        headers={"Content-Type": "text/plain"},
    )
    responses.get(versions_at(HOME), json=VERSIONS)
    assert discover().homeserver_url == HOME


# ------------------------------------------------------------------ IGNORE: nothing is published


@responses.activate
@pytest.mark.parametrize(
    "body", [b"<html>no such page</html>", b'{"errcode": "M_UNRECOGNIZED"}', b'{"errcode": "M_NOT_FOUND"}', b""]
)
def test_where_nothing_is_published_the_domain_itself_is_tried(body: bytes) -> None:
    responses.get(WELL_KNOWN, status=404, body=body)
    responses.get(versions_at("https://example.org"), json=VERSIONS)
    assert discover().homeserver_url == "https://example.org"


@responses.activate
def test_where_nobody_listens_the_user_is_asked() -> None:
    responses.get(WELL_KNOWN, body=requests.exceptions.ConnectionError("refused"))
    responses.get(versions_at("https://example.org"), body=requests.exceptions.ConnectionError("refused"))
    assert action_of() == "FAIL_PROMPT"


@responses.activate
@pytest.mark.parametrize("status", [404, 200])
def test_where_the_domain_is_no_homeserver_the_user_is_asked(status: int) -> None:
    responses.get(WELL_KNOWN, status=404)
    responses.get(versions_at("https://example.org"), status=status, body=b"<html>")
    assert action_of() == "FAIL_PROMPT"


# ------------------------------------------------------------------ FAIL_PROMPT: nothing usable is published


@responses.activate
@pytest.mark.parametrize("status", [201, 204, 400, 403, 410, 500, 503])
def test_any_status_but_200_and_404(status: int) -> None:
    responses.get(WELL_KNOWN, status=status, json={**PUBLISHED, "errcode": "M_NOT_FOUND"})
    responses.get(versions_at(HOME), json=VERSIONS)
    assert action_of() == "FAIL_PROMPT"


@responses.activate
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"m.homeserver": {}}',
        b'{"m.homeserver": null}',
        b'{"m.homeserver": "https://matrix.example.org"}',
        b'{"m.homeserver": {"base_url": 7}}',
        b'{"m.homeserver": {"base_url": null}}',
        b'{"m.homeserver": {"base_url": "https://matrix.example.org"}',
        b"\xff\xfe{}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_document_of_the_specification(body: bytes) -> None:
    responses.get(WELL_KNOWN, body=body)
    assert action_of() == "FAIL_PROMPT"


@responses.activate
def test_more_than_50_kilobytes_are_not_read() -> None:
    padding = "x" * 50 * 1024
    responses.get(WELL_KNOWN, json={**PUBLISHED, "padding": padding})
    assert action_of() == "FAIL_PROMPT"
    responses.reset()
    responses.get(WELL_KNOWN, json={**PUBLISHED, "padding": padding[:-200]})  # the control
    responses.get(versions_at(HOME), json=VERSIONS)
    assert discover().homeserver_url == HOME


# ------------------------------------------------------------------ FAIL_ERROR: what is published is broken


@responses.activate
@pytest.mark.parametrize(
    "url",
    [
        "",
        "matrix.example.org",
        "ftp://matrix.example.org",
        "https://",
        "https://user:password@matrix.example.org",
        "https://matrix.example.org?x=1",
        "https://matrix.example.org/#x",
        "https://matrix.example.org/../x",
        "https://matrix.example.org:port",
        "https://matrix .example.org",
        "file:///etc/passwd",
    ],
)
def test_a_published_address_that_is_none(url: str) -> None:
    responses.get(WELL_KNOWN, json={"m.homeserver": {"base_url": url}})
    assert action_of() == "FAIL_ERROR"
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404},
        {"status": 500},
        {"status": 200, "body": b"<html>"},
        {"status": 200, "json": {}},
        {"status": 200, "json": {"versions": "v1.11"}},
        {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
        {"body": requests.exceptions.ConnectionError("refused")},
    ],
)
def test_a_published_address_where_no_homeserver_is(answer: dict[str, Any]) -> None:
    responses.get(WELL_KNOWN, json=PUBLISHED)
    responses.get(versions_at(HOME), **answer)
    assert action_of() == "FAIL_ERROR"


@responses.activate
@pytest.mark.parametrize("published", [{"base_url": "nonsense"}, {"base_url": 7}, {}, "https://id.example.org", 7])
def test_a_published_identity_server_that_is_none(published: Any) -> None:
    responses.get(WELL_KNOWN, json={**PUBLISHED, "m.identity_server": published})
    responses.get(versions_at(HOME), json=VERSIONS)
    assert action_of() == "FAIL_ERROR"


# ------------------------------------------------------------------ redirects


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_of_the_well_known_are_followed(status: int) -> None:
    elsewhere = "https://www.example.org/.well-known/matrix/client"
    responses.get(WELL_KNOWN, status=status, headers={"Location": elsewhere})
    responses.get(elsewhere, json=PUBLISHED)
    responses.get(versions_at(HOME), json=VERSIONS)
    assert discover().homeserver_url == HOME


@responses.activate
@pytest.mark.parametrize(
    "location", ["http://example.org/client", "file:///etc/passwd", "https://user:secret@example.org/", WELL_KNOWN]
)
def test_redirects_that_lead_astray_are_not(location: str) -> None:
    responses.get(WELL_KNOWN, status=302, headers={"Location": location})
    responses.get("http://example.org/client", json=PUBLISHED)
    assert action_of() == "FAIL_PROMPT"
    assert all(call.request.url == WELL_KNOWN for call in responses.calls)
    assert len(responses.calls) <= 6


# ------------------------------------------------------------------ names that are none


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@alice",
        "@alice:",
        "@:",
        "alice@example.org",
        "example.org/path",
        "exa mple.org",
        "@alice:exa?mple",
        "@a:b:c",
    ],
)
def test_names_that_name_no_server(name: str) -> None:
    with pytest.raises(UsageError):
        discover(name)
