"""V21: a media address that could leave its path is refused before any request, by everything that takes one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import ids
from gomatrix_py.client import media as client_media
from gomatrix_py.errors import UsageError
from tests.kit.operations import RecordingClient

HOSTILE = [
    "mxc://../../x",
    "mxc://example.org/../../admin",
    "mxc://example.org/..",
    "mxc://example.org/.",
    "mxc://../media",
    "mxc://./media",
    "mxc://example.org/media?x=1",
    "mxc://example.org/media#x",
    "mxc://example.org?/media",
    "mxc://example.org#/media",
    "mxc://example.org/%2e%2e",
    "mxc://example.org/%2E%2E%2Fadmin",
    "mxc://%2e%2e/media",
    "mxc://example.org//media",
    "mxc:///media",
    "mxc:////media",
    "mxc://example.org/",
    "mxc://example.org",
    "mxc://",
    "mxc:example.org/media",
    "mxc://example.org:test/media",
    "mxc://example.org:/media",
    "mxc://example.org:80:80/media",
    "mxc://me@example.org/media",
    "mxc://example.org\\media/x",
    "mxc://example.org/me\\dia",
    "mxc://example.org/me dia",
    "mxc://example.org/media\n",
    "mxc://example.org/media\0",
    "mxc://exam\0ple.org/media",
    "mxc://example.org/média",
    "mxc://exämple.org/media",
    "mxc://example.org/a/b",
    "mxc://example.org/media/",
    "mxc://example.org/" + "x" * 256,
    "MXC://example.org/media",
    "http://example.org/media",
    "file:///etc/passwd",
    " mxc://example.org/media",
    "",
]
ROADS: dict[str, Callable[[RecordingClient, str, Path], Any]] = {
    "download": lambda client, uri, folder: client.download(uri),
    "download_to": lambda client, uri, folder: client.download_to(uri, folder / "file"),
    "thumbnail": lambda client, uri, folder: client.thumbnail(uri, 32, 32),
    "mxc_to_http": lambda client, uri, folder: client.mxc_to_http(uri),
    "upload_to_mxc": lambda client, uri, folder: client.upload_to_mxc(uri, b"content"),
    "upload": lambda client, uri, folder: client.upload(b"content", uri=uri),
}


@pytest.mark.parametrize("uri", HOSTILE)
@pytest.mark.parametrize("road", ROADS)
def test_it_is_refused_and_nothing_was_asked(road: str, uri: str, tmp_path: Path) -> None:
    client = RecordingClient()
    with pytest.raises(UsageError):
        ROADS[road](client, uri, tmp_path)
    assert client.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", HOSTILE)
def test_what_a_room_says_of_itself_is_no_address_either(uri: str) -> None:
    with pytest.raises(UsageError):
        ids.parse_mxc(uri)


def test_the_control_an_address_that_is_simply_split_leaves_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_media, "parse_mxc", lambda uri: ids.MxcUri(*uri[6:].split("/", 1)))
    client = RecordingClient()
    client.download("mxc://example.org/média")
    assert client.requests
