"""Uploads and downloads on a real homeserver."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import pytest

from gomatrix_py import Client, UsageError
from gomatrix_py.api.media import Download
from gomatrix_py.errors import HTTPError, NotFound, TooLarge
from gomatrix_py.http.messages import Upload
from gomatrix_py.testing import DevServer
from tests.kit.pictures import png
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver

CONTENT = bytes(range(256)) * 4000


def test_bytes_come_back_as_they_went(alice: Client, bob: Client) -> None:
    uri = alice.upload_to_content_repo(CONTENT, "application/x-test", filename="a ☕.bin").content_uri
    assert uri.startswith("mxc://localhost/")
    download = bob.download(uri)
    assert download == Download(CONTENT, "application/x-test", "a ☕.bin", len(CONTENT))


def test_an_open_file_is_sent_from_where_it_stands(alice: Client, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"skipped" + CONTENT)
    with path.open("rb") as file:
        file.seek(7)
        uri = alice.upload_to_content_repo(file, "image/png").content_uri
    assert alice.download(uri).content == CONTENT


def test_a_pipe_needs_its_length(alice: Client) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb") as sink:
        sink.write(b"through the pipe")
        sink.flush()
        with pytest.raises(UsageError):
            alice.upload_to_content_repo(source)
        uri = alice.upload_to_content_repo(source, content_length=16).content_uri
    assert alice.download(uri).content == b"through the pipe"


def test_only_the_stated_length_is_sent(alice: Client) -> None:
    uri = alice.upload_to_content_repo(io.BytesIO(b"0123456789"), content_length=4).content_uri
    assert alice.download(uri).content == b"0123"
    uri = alice.upload_content(Upload(io.BytesIO(b"0123456789"), 5), "text/plain", "x.txt").content_uri
    assert alice.download(uri).content == b"01234"


def test_a_file_shorter_than_its_stated_length_is_no_upload(alice: Client) -> None:
    with pytest.raises(UsageError):
        alice.upload_to_content_repo(io.BytesIO(b"0123"), content_length=5)
    assert alice.whoami().user_id == alice.user_id  # and the connection is not left in the middle of it


def test_a_download_into_a_path_appears_only_whole(alice: Client, tmp_path: Path) -> None:
    uri = alice.upload_to_content_repo(CONTENT).content_uri
    target = tmp_path / "picture"
    download = alice.download(uri, target)
    assert target.read_bytes() == CONTENT
    assert (download.content, download.size) == (b"", len(CONTENT))
    assert os.listdir(tmp_path) == ["picture"]
    with pytest.raises(NotFound):
        alice.download("mxc://localhost/nothinghere", tmp_path / "nothing")
    assert os.listdir(tmp_path) == ["picture"]


def test_a_download_into_a_file_object(alice: Client) -> None:
    uri = alice.upload_to_content_repo(CONTENT).content_uri
    sink = io.BytesIO(b"")
    assert alice.download(uri, sink).size == len(CONTENT)
    assert sink.getvalue() == CONTENT


def test_download_under_another_name(alice: Client) -> None:
    uri = alice.upload_to_content_repo(b"x", filename="old.txt").content_uri
    server, media_id = uri.removeprefix("mxc://").split("/")
    assert alice.get_media_named(server, media_id, "new name.txt").filename == "new name.txt"
    assert alice.get_media(server, media_id).filename == "old.txt"


def _size_of_png(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.parametrize("method", ["crop", "scale"])
def test_thumbnails(alice: Client, tmp_path: Path, method: str) -> None:
    uri = alice.upload_to_content_repo(png(400, 300), "image/png").content_uri
    thumbnail = alice.thumbnail(uri, 96, 96, method, to=tmp_path / "thumbnail")
    content = (tmp_path / "thumbnail").read_bytes()
    assert (thumbnail.content_type, thumbnail.size) == ("image/png", len(content))
    width, height = _size_of_png(content)
    assert (width == height) is (method == "crop")  # a scaled one keeps its 4:3
    assert alice.thumbnail(uri, 96, 96, method).content == content
    server, media_id = uri.removeprefix("mxc://").split("/")
    assert alice.get_thumbnail(server, media_id, 96, 96, method).content == content


def test_what_has_no_thumbnail(alice: Client) -> None:
    uri = alice.upload_to_content_repo(b"no picture", "text/plain").content_uri
    with pytest.raises(HTTPError) as failure:
        alice.thumbnail(uri, 32, 32)
    assert failure.value.code == 400


def test_how_large_an_upload_may_be(alice: Client) -> None:
    assert alice.media_config().upload_size == 300 * 1024 * 1024
    with pytest.warns(DeprecationWarning, match="use get_media_config"):
        legacy = alice.get_media_config_legacy()
    assert alice.get_media_config() == legacy == alice.media_config()


def test_no_media_without_a_token(alice: Client, matrix_server: DevServer) -> None:
    """Synapse shows new media to nobody on the old paths."""
    uri = alice.upload_to_content_repo(b"x").content_uri
    with Client(matrix_server.url) as nobody, pytest.raises(NotFound):
        nobody.download(uri)
    server, media_id = uri.removeprefix("mxc://").split("/")
    with pytest.raises(NotFound), pytest.warns(DeprecationWarning, match="use get_media"):
        alice.get_media_legacy(server, media_id)
    with pytest.raises(NotFound), pytest.warns(DeprecationWarning, match="use get_thumbnail"):
        alice.get_thumbnail_legacy(server, media_id, 32, 32)


def test_an_upload_that_is_too_large() -> None:
    with DevServer(config={"max_upload_size": "1K"}) as server:
        client = server.register("alice", "wonderland")
        with pytest.raises(TooLarge):
            client.upload_to_content_repo(b"x" * 2000)


# ------------------------------------------------------------------ upload_link


def test_upload_link_brings_a_page_without_showing_it_our_token(alice: Client) -> None:
    with ScriptedHomeserver() as elsewhere:
        elsewhere.route("GET", "/cat.png", Reply(body=png(3, 3), headers={"Content-Type": "image/png"}))
        uri = alice.upload_link(f"{elsewhere.url}/cat.png").content_uri
    (asked,) = elsewhere.seen
    assert "authorization" not in asked.headers
    assert alice.access_token not in str(asked)
    download = alice.download(uri)
    assert (download.content, download.content_type) == (png(3, 3), "image/png")


def test_upload_link_uploads_nothing_of_what_it_cannot_fetch(alice: Client) -> None:
    uploads: list[object] = []
    alice.on_request(lambda request: uploads.append(request) if "/upload" in request.url else None)
    with ScriptedHomeserver() as elsewhere:
        with pytest.raises(HTTPError):
            alice.upload_link(f"{elsewhere.url}/none")
        with pytest.raises(UsageError):
            alice.upload_link("file:///etc/hostname")
    assert uploads == []
