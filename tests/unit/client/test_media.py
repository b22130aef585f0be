"""Uploads and downloads without a server: which path is asked, and what is left when it goes wrong."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import requests
import responses

from gomatrix_py import Client, UsageError
from gomatrix_py.errors import (
    AnswerTooLarge,
    Forbidden,
    HTTPError,
    NotFound,
    RedirectRefused,
    TransportError,
    TruncatedAnswer,
    Unrecognized,
)
from gomatrix_py.http.retry import RetryPolicy
from tests.kit.scripted_homeserver import Cut, Reply, ScriptedHomeserver

HOME = "https://test.gomatrix.org"
NEW = f"{HOME}/_matrix/client/v1/media"
OLD = f"{HOME}/_matrix/media/v3"
URI = "mxc://server.example/abc123"
UNRECOGNIZED = {"errcode": "M_UNRECOGNIZED", "error": "?"}


@pytest.fixture
def client() -> Client:
    """A logged-in client that tries once."""
    return Client(HOME, "@user:test.gomatrix.org", "t0ken", retry=RetryPolicy.never())


def asked() -> list[tuple[str, str | None]]:
    """Return the URLs of media asked for and the token each got."""
    requests_made = [call.request for call in responses.calls if "/media/" in (call.request.url or "")]
    return [(request.url or "", request.headers.get("Authorization")) for request in requests_made]


# ------------------------------------------------------------------ authenticated media first


@responses.activate
def test_authenticated_media_first(client: Client) -> None:
    responses.get(
        f"{NEW}/download/server.example/abc123",
        body=b"bytes",
        headers={"Content-Type": "image/png", "Content-Disposition": 'attachment; filename="cat.png"'},
    )
    download = client.download(URI)
    assert (download.content, download.content_type, download.filename) == (b"bytes", "image/png", "cat.png")
    assert asked() == [(f"{NEW}/download/server.example/abc123", "Bearer t0ken")]


@responses.activate
@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_server_without_it_is_asked_the_old_way_and_not_shown_the_token(client: Client, status: int) -> None:
    responses.get(f"{NEW}/download/server.example/abc123", status=status, json=UNRECOGNIZED)
    responses.get(f"{OLD}/download/server.example/abc123", body=b"old bytes")
    assert client.download(URI).content == b"old bytes"
    assert asked()[1] == (f"{OLD}/download/server.example/abc123", None)
    client.download(URI)  # and is remembered
    assert [url for url, _ in asked()[2:]] == [f"{OLD}/download/server.example/abc123"]


@responses.activate
def test_media_that_is_not_there_is_not_looked_for_elsewhere(client: Client) -> None:
    responses.get(f"{NEW}/download/server.example/abc123", status=404, json={"errcode": "M_NOT_FOUND"})
    with pytest.raises(NotFound):
        client.download(URI)
    assert len(responses.calls) == 1


@responses.activate
def test_a_proxys_404_is_no_last_word(client: Client) -> None:
    """It may not know the new path: the old one is tried, but the next time the new one again."""
    responses.get(f"{NEW}/download/server.example/abc123", status=404, body=b"<html>nginx</html>")
    responses.get(f"{OLD}/download/server.example/abc123", body=b"old bytes")
    assert client.download(URI).content == b"old bytes"
    client.download(URI)
    assert [url.removeprefix(HOME) for url, _ in asked()].count(
        "/_matrix/client/v1/media/download/server.example/abc123"
    ) == 2


@responses.activate
@pytest.mark.parametrize(("status", "kind"), [(403, Forbidden), (401, HTTPError), (500, HTTPError), (502, HTTPError)])
def test_no_other_error_leads_to_the_old_paths(client: Client, status: int, kind: type[HTTPError]) -> None:
    responses.get(f"{NEW}/download/server.example/abc123", status=status, json={"errcode": "M_UNKNOWN"})
    with pytest.raises(kind):
        client.download(URI)
    assert len(responses.calls) == 1


@responses.activate
def test_without_a_token_only_the_old_paths_are_there(client: Client) -> None:
    client.clear_credentials()
    responses.get(f"{OLD}/download/server.example/abc123", body=b"old bytes")
    assert client.download(URI).content == b"old bytes"


@responses.activate
def test_thumbnails_fall_back_too(client: Client) -> None:
    responses.get(f"{NEW}/thumbnail/server.example/abc123", status=404, json=UNRECOGNIZED)
    responses.get(f"{OLD}/thumbnail/server.example/abc123", body=b"small")
    assert client.thumbnail(URI, 32, 16, "crop").content == b"small"
    assert [url.split("?")[1] for url, _ in asked()] == ["width=32&height=16&method=crop"] * 2


@responses.activate
def test_the_config_falls_back_too(client: Client) -> None:
    responses.get(f"{NEW}/config", status=404, json=UNRECOGNIZED)
    responses.get(f"{OLD}/config", json={"m.upload.size": 5})
    assert client.media_config().upload_size == 5
    responses.reset()
    responses.get(f"{OLD}/config", json={})
    assert client.media_config().upload_size is None


@responses.activate
def test_a_server_that_knows_neither(client: Client) -> None:
    responses.get(f"{NEW}/config", status=404, json=UNRECOGNIZED)
    responses.get(f"{OLD}/config", status=404, json=UNRECOGNIZED)
    with pytest.raises(Unrecognized):
        client.media_config()


@responses.activate
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\evil\\\\x.exe"', "x.exe"),
        ('attachment; filename=".."', ""),
        ("attachment; filename*=UTF-8''na%C3%AFve%20.txt", "naïve .txt"),
        ("inline", ""),
        ("garbage;;;=", ""),
    ],
)
def test_a_filename_is_never_a_path(client: Client, name: str, shown: str) -> None:
    responses.get(f"{NEW}/download/server.example/abc123", body=b"x", headers={"Content-Disposition": name})
    assert client.download(URI).filename == shown


# ------------------------------------------------------------------ a path appears only whole


def test_a_download_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with ScriptedHomeserver() as server, _client(server) as client:
        server.route("GET", "/download/", Cut(body=b"x" * 500_000, missing=7))
        with pytest.raises(TruncatedAnswer):
            client.download(URI, tmp_path / "picture")
        assert os.listdir(tmp_path) == []
        (tmp_path / "picture").write_bytes(b"old")
        with pytest.raises(TruncatedAnswer):
            client.download(URI, tmp_path / "picture")
        assert (tmp_path / "picture").read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["picture"]
        server.route("GET", "/download/", Reply(body=b"whole"))
        client.download(URI, str(tmp_path / "picture"))
        assert (tmp_path / "picture").read_bytes() == b"whole"


def test_a_retried_download_starts_from_the_front(tmp_path: Path) -> None:
    answers = [Cut(body=b"x" * 500_000, missing=7), Reply(body=b"whole")]
    with ScriptedHomeserver() as server:
        server.route("GET", "/download/", lambda seen: answers.pop(0))
        patient = RetryPolicy(attempts=2, base_s=0.0)
        with Client(server.url, "@a:b", "t0ken", retry=patient) as client:
            assert client.download(URI, tmp_path / "picture").size == 5
            assert (tmp_path / "picture").read_bytes() == b"whole"
            answers += [Cut(body=b"x" * 500_000, missing=7), Reply(body=b"whole")]
            sink = io.BytesIO()
            client.download(URI, sink)
            assert sink.getvalue() == b"whole"


def _client(server: ScriptedHomeserver) -> Client:
    return Client(server.url, "@a:b", "t0ken", retry=RetryPolicy.never())


# ------------------------------------------------------------------ uploads


@responses.activate
def test_an_upload_says_what_it_is(client: Client) -> None:
    responses.post(f"{OLD}/upload", json={"content_uri": URI})
    assert client.upload_to_content_repo(b"bytes", "image/png", filename="a b.png").content_uri == URI
    request = responses.calls[0].request
    assert request.url == f"{OLD}/upload?filename=a%20b.png"
    assert (request.headers["Content-Type"], request.headers["Content-Length"]) == ("image/png", "5")


def test_an_upload_is_never_repeated() -> None:
    """A server that answers 502 may have taken it; only its sender can know whether twice is too much."""
    with ScriptedHomeserver() as server:
        server.route("POST", "/upload", Reply(502, b"<html>"))
        with Client(server.url, "@a:b", "t", retry=RetryPolicy(base_s=0.0)) as client, pytest.raises(HTTPError):
            client.upload_to_content_repo(io.BytesIO(b"bytes"))
        assert len(server.asked("/upload")) == 1


def test_a_file_in_text_mode_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("text", encoding="utf-8")
    with ScriptedHomeserver() as server, _client(server) as client:
        with path.open(encoding="utf-8") as file, pytest.raises(UsageError):
            client.upload_to_content_repo(file)  # type: ignore[arg-type]
        assert server.asked("/upload") == []


# ------------------------------------------------------------------ upload_link


def test_upload_link_takes_no_more_than_it_may() -> None:
    with ScriptedHomeserver() as server, _client(server) as client:
        server.route("GET", "/large", Reply(body=b"x" * 2000))
        with pytest.raises(AnswerTooLarge):
            client.upload_link(f"{server.url}/large", max_bytes=1999)
        server.route("POST", "/upload", {"content_uri": URI})
        assert client.upload_link(f"{server.url}/large", max_bytes=2000).content_uri == URI
        (upload,) = server.asked("/upload")
        assert upload.body == b"x" * 2000


def test_upload_link_follows_redirects_without_the_token() -> None:
    with ScriptedHomeserver() as server, ScriptedHomeserver() as elsewhere, _client(server) as client:
        elsewhere.route("GET", "/start", Reply(302, headers={"Location": "/end"}))
        elsewhere.route("GET", "/end", Reply(body=b"found", headers={"Content-Type": "text/plain"}))
        server.route("POST", "/upload", {"content_uri": URI})
        client.upload_link(f"{elsewhere.url}/start")
        assert [seen.headers.get("authorization") for seen in elsewhere.seen] == [None, None]
        (upload,) = server.asked("/upload")
        assert (upload.body, upload.headers["content-type"]) == (b"found", "text/plain")
        assert upload.headers["authorization"] == "Bearer t0ken"
        elsewhere.route("GET", "/loop", Reply(302, headers={"Location": "/loop"}))
        with pytest.raises(RedirectRefused):
            client.upload_link(f"{elsewhere.url}/loop")


def test_upload_link_of_what_cannot_be_had(client: Client) -> None:
    with ScriptedHomeserver() as server:
        gone = server.url
    with pytest.raises(TransportError):
        client.upload_link(f"{gone}/x")
    for link in ("file:///etc/passwd", "ftp://x/y", "nonsense", ""):
        with pytest.raises(UsageError):
            client.upload_link(link)


@responses.activate
def test_upload_link_passes_on_what_went_wrong(client: Client) -> None:
    responses.get("https://elsewhere.example/x", body=requests.exceptions.ConnectionError("reset"))
    with pytest.raises(TransportError):
        client.upload_link("https://elsewhere.example/x")
