"""Files of encrypted rooms: what the server sees of them, and what the receiver gets."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, RetryPolicy, UsageError
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.client.encrypted_media import EncryptedMediaMethods
from gomatrix_py.errors import AnswerTooLarge, AttachmentError, RequestCancelled
from gomatrix_py.media.sources import OpenSource
from tests.kit.pictures import jpeg
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver, Seen

SEALED, PLAIN = "!sealed:scripted", "!plain:scripted"
LARGE = jpeg(1200, 900)


class FileServer(ScriptedHomeserver):
    """A homeserver that keeps uploads, and gives them back; `spoilt` changes them on their way."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.refused = 0
        self.tries: list[bytes] = []
        self.route("GET", "/media/config", {"m.upload.size": 10_000_000})
        self.route("POST", "/media/v1/create", lambda seen: {"content_uri": f"mxc://hs/m{len(self.files)}"})
        self.route("PUT", "/media/v3/upload/", self._keep)
        self.route("GET", "/media/download/", self._give)

    def _keep(self, seen: Seen) -> Any:
        self.tries.append(seen.body)
        if self.refused:
            self.refused -= 1
            return Reply(502, {})
        self.files[seen.path.rpartition("/")[2]] = seen.body
        return {}

    def _give(self, seen: Seen) -> Any:
        return Reply(200, self.files[seen.path.rpartition("/")[2]])

    @property
    def sent(self) -> list[Any]:
        """The contents of the messages."""
        return [one.json for one in self.asked("/send/m.room.message/")]


class SealingClient(EncryptedMediaMethods, Client):
    """A client that takes one room for encrypted; its messages stay readable, for the test."""

    def _must_encrypt(self, room_id: str) -> Mapping[str, Any] | None:
        return {} if room_id == SEALED else None

    def _check_may_speak(self, room_id: str) -> None:
        pass

    def _check_may_be_read(self, room_id: str) -> None:
        pass

    def _sealed(self, row: Any, cancel: CancelToken | None) -> Any:
        return row


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A homeserver."""
    made = FileServer()
    with made:
        yield made


@pytest.fixture
def client(server: FileServer) -> Iterator[SealingClient]:
    """A client that tries once."""
    with SealingClient(server.url, "@a:scripted", "t0ken", device_id="D", retry=RetryPolicy.never()) as made:
        yield made


def test_the_server_sees_nothing_of_a_file(server: FileServer, client: SealingClient, tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(LARGE)
    client.send_image(SEALED, path)
    (content,) = server.sent
    info = content["info"]
    assert "url" not in content
    assert "thumbnail_url" not in info
    assert (content["filename"], info["mimetype"], info["size"]) == ("cat.jpg", "image/jpeg", len(LARGE))
    assert content["file"]["v"] == info["thumbnail_file"]["v"] == "v2"
    assert content["file"]["key"]["k"] != info["thumbnail_file"]["key"]["k"]
    assert len(server.files) == 2
    assert client.download_attachment(content).content == LARGE
    assert client.download_attachment(content, is_thumbnail=True).content[:2] == b"\xff\xd8"
    for seen in server.asked("/media/v3/upload/"):
        assert (seen.query, seen.headers["content-type"]) == ({}, "application/octet-stream")
        assert LARGE[100:200] not in seen.body


def test_other_rooms_are_sent_to_as_before(server: FileServer, client: SealingClient) -> None:
    client.send_file(PLAIN, b"some bytes", filename="x.txt")
    (content,) = server.sent
    assert "file" not in content
    assert list(server.files.values()) == [b"some bytes"]
    assert client.download_attachment(content).content == b"some bytes"


def test_a_second_try_sends_the_same_bytes(server: FileServer, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"x" * 100_000)
    server.refused = 1
    retry = RetryPolicy(attempts=3, base_s=0.0)
    with SealingClient(server.url, "@a:scripted", "t0ken", device_id="D", retry=retry) as client:
        client.send_file(SEALED, path, progress=lambda done, total: path.write_bytes(b"y" * 100_000))
        assert len(server.tries) == 2
        assert server.tries[0] == server.tries[1], "the same key never meets two texts"
        assert client.download_attachment(server.sent[0]).content == b"x" * 100_000


@pytest.mark.parametrize("place", ["memory", "path", "directory", "file object"])
def test_where_a_file_is_kept(server: FileServer, client: SealingClient, tmp_path: Path, place: str) -> None:
    client.send_file(SEALED, b"some bytes", filename="../x.txt", mimetype="text/plain")
    (content,) = server.sent
    out = io.BytesIO()
    to = {"memory": None, "path": tmp_path / "y", "directory": tmp_path, "file object": out}[place]
    for _ in range(2):
        got = client.download_attachment(content, to)
    assert (got.size, got.content_type) == (10, "text/plain")
    found = {"path": ["y"], "directory": ["x (1).txt", "x.txt"]}.get(place, [])
    names = sorted(one.name for one in tmp_path.iterdir())
    assert [name.replace("_", "").lstrip(".") for name in names] == found
    assert all(one.read_bytes() == b"some bytes" for one in tmp_path.iterdir())
    assert got.content == (b"some bytes" if place == "memory" else b"")
    assert out.getvalue() == (b"some bytes" * 2 if place == "file object" else b"")


@pytest.mark.parametrize("place", ["memory", "path", "directory", "file object"])
def test_a_file_that_was_changed_leaves_nothing(
    server: FileServer, client: SealingClient, tmp_path: Path, place: str
) -> None:
    client.send_file(SEALED, b"some bytes", filename="x.txt")
    (content,) = server.sent
    server.files = {name: bytes([data[0] ^ 1]) + data[1:] for name, data in server.files.items()}
    out = io.BytesIO()
    to = {"memory": None, "path": tmp_path / "y", "directory": tmp_path, "file object": out}[place]
    with pytest.raises(AttachmentError, match="hash"):
        client.download_attachment(content, to)
    assert out.getvalue() == b""
    assert list(tmp_path.iterdir()) == []


def test_limits_and_progress_are_those_of_any_download(server: FileServer, client: SealingClient) -> None:
    client.send_file(SEALED, b"x" * 100_000)
    (content,) = server.sent
    told: list[tuple[int, int | None]] = []
    client.download_attachment(content, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (100_000, 100_000)
    with pytest.raises(AnswerTooLarge):
        client.download_attachment(content, max_bytes=99_999)


def test_cancelling_sends_nothing(server: FileServer, client: SealingClient) -> None:
    token = CancelToken()
    source = OpenSource(io.BytesIO(b"x" * 300_000), 0, 300_000)
    token.cancel()
    with pytest.raises(RequestCancelled):
        client._place_file(SEALED, source, "text/plain", "x", None, token)
    assert server.files == {}
    assert server.sent == []


def test_without_encryption_it_is_said(server: FileServer, client: SealingClient) -> None:
    client.send_file(SEALED, b"some bytes")
    with (
        Client(server.url, "@a:scripted", "t0ken", device_id="D") as plain,
        pytest.raises(UsageError, match="takes CryptoClient"),
    ):
        plain.download_attachment(server.sent[0])
