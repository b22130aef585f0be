"""Where downloads come from and where they go: no address, name or redirect leads anywhere else."""

from __future__ import annotations

import io
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Event, RetryPolicy, UsageError
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import AnswerTooLarge, RedirectRefused, RequestCancelled, TruncatedAnswer
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from tests.kit.scripted_homeserver import Cut, Reply, ScriptedHomeserver, Seen

URI = "mxc://server.example/abc123"


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    """A homeserver with one file."""
    with ScriptedHomeserver() as made:
        made.route("GET", "/client/v1/media/download/server.example/abc123", named("cat.png"))
        made.route("GET", "/client/v1/media/config", {"m.upload.size": 1000})
        made.route("GET", "/client/v1/media/thumbnail/server.example/abc123", Reply(body=b"small"))
        yield made


@pytest.fixture
def client(server: ScriptedHomeserver) -> Iterator[Client]:
    """A client that tries once."""
    with Client(server.url, "@a:b", "t0ken", retry=RetryPolicy.never()) as made:
        yield made


def named(name: str | None, body: bytes = b"bytes", content_type: str = "image/png") -> Reply:
    """Return a download with a name from the server."""
    headers = {"Content-Type": content_type}
    if name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Reply(body=body, headers=headers)


def message(**content: Any) -> Event:
    """Return a message with a file."""
    whole = {"msgtype": "m.image", "body": "cat.png", "url": URI, **content}
    return Event.from_dict({"type": "m.room.message", "event_id": "$e", "sender": "@b:c", "content": whole}, "!r:c")


# ------------------------------------------------------------------ addresses (V21)

HOSTILE_ADDRESSES: list[Any] = [
    "",
    "mxc://",
    "mxc:/server/media",
    "mxc://server",
    "mxc://server/",
    "mxc:///media",
    "MXC://server/media",
    " mxc://server/media",
    "http://server/media",
    "file:///etc/passwd",
    "mxc://../../x",
    "mxc://../_matrix/client/v3/logout",
    "mxc://server/..",
    "mxc://server/../x",
    "mxc://server/../../../_synapse/admin/v1/x",
    "mxc://server/a/b",
    "mxc://server/a/../b",
    "mxc://server/a?b",
    "mxc://server/a#b",
    "mxc://server?x/a",
    "mxc://server#x/a",
    "mxc://server/%2e%2e",
    "mxc://server/%2F",
    "mxc://%2e%2e/x",
    "mxc://server/a%00",
    "mxc://server/a\0",
    "mxc://server/a\n",
    "mxc://server/ä",
    "mxc://server\\x/a",
    "mxc://server/a\\b",
    "mxc://server//x",
    "mxc://:test/x",
    "mxc://server:port/x",
    "mxc://user@server/x",
    "mxc://[::1/x",
    "mxc://.../x",
    "mxc://server/" + "x" * 256,
    "mxc://" + "s" * 300 + "/x",
    None,
    5,
    b"mxc://server/media",
]


def _file(uri: Any) -> Any:
    return message(url=uri)


def _thumbnail(uri: Any) -> Any:
    return message(info={"thumbnail_url": uri})


TAKES_AN_ADDRESS: dict[str, Callable[[Client, Any, Path], Any]] = {
    "download": lambda client, uri, _: client.download(uri),
    "download, to a path": lambda client, uri, folder: client.download(uri, folder / "x"),
    "download_to": lambda client, uri, folder: client.download_to(uri, folder),
    "thumbnail": lambda client, uri, _: client.thumbnail(uri, 1, 1),
    "thumbnail, to a path": lambda client, uri, folder: client.thumbnail(uri, 1, 1, to=folder / "x"),
    "mxc_to_http": lambda client, uri, _: client.mxc_to_http(uri),
    "mxc_to_http, thumbnail": lambda client, uri, _: client.mxc_to_http(uri, width=1, height=1),
    "mxc_to_http, named": lambda client, uri, _: client.mxc_to_http(uri, "x"),
    "upload": lambda client, uri, _: client.upload(b"x", uri=uri or ""),
    "upload_to_mxc": lambda client, uri, _: client.upload_to_mxc(uri, b"x"),
    "download_attachment": lambda client, uri, folder: client.download_attachment(_file(uri), folder),
    "download_attachment, thumbnail": lambda client, uri, folder: client.download_attachment(
        _thumbnail(uri), folder, is_thumbnail=True
    ),
    "send_sticker": lambda client, uri, _: client.send_sticker("!r:c", "x", uri),
}


@pytest.mark.parametrize("method", TAKES_AN_ADDRESS)
def test_an_address_that_is_none_leads_nowhere(
    server: ScriptedHomeserver, client: Client, method: str, tmp_path: Path
) -> None:
    for uri in HOSTILE_ADDRESSES:
        if uri == b"mxc://server/media" and "attachment" in method:
            continue  # no JSON holds bytes
        with pytest.raises(UsageError):
            TAKES_AN_ADDRESS[method](client, uri, tmp_path)
    assert server.seen == []
    assert os.listdir(tmp_path) == []


def test_an_address_that_is_one_is_asked_for(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    """The control: each of these methods does ask where the address is sound."""
    server.route("PUT", "/media/v3/upload/", {})
    for method, ask in TAKES_AN_ADDRESS.items():
        server.seen.clear()
        ask(client, URI, tmp_path)
        assert bool(server.seen) is not method.startswith("mxc_to_http"), method


# ------------------------------------------------------------------ names (V30)

HOSTILE_NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "..\\\\..\\\\evil.exe",
    "..",
    ".",
    ".bashrc",
    "CON",
    "x" * 10_000 + ".png",
    "a\tb",
    "%2e%2e%2fx",
    "",
    "-rf",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_servers_name_stays_in_the_directory(
    server: ScriptedHomeserver, client: Client, name: str, tmp_path: Path
) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    server.route("GET", "/download/", named(name))
    path = client.download_to(URI, inside).path
    assert path is not None
    assert path.parent == inside
    assert [entry.name for entry in inside.iterdir()] == [path.name]
    assert path.read_bytes() == b"bytes"
    assert sorted(entry.name for entry in tmp_path.rglob("*") if entry.is_file()) == [path.name]
    assert not path.name.startswith((".", "-"))


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "nul\0l", "a\nb", "\u202egnp.exe", "\ud800", "日本語.png"])
def test_a_senders_name_stays_in_the_directory(client: Client, name: str, tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    content = {"msgtype": "m.file", "body": name, "filename": name, "url": URI}
    path = client.download_attachment(content, inside).path
    assert path is not None
    assert [entry for entry in tmp_path.rglob("*") if entry.is_file()] == [path]
    assert path.parent == inside


def test_a_file_without_a_name_is_called_by_its_address(
    server: ScriptedHomeserver, client: Client, tmp_path: Path
) -> None:
    server.route("GET", "/download/", named(None, content_type="image/jpeg"))
    assert client.download_to(URI, tmp_path).path == tmp_path / "abc123.jpg"
    server.route("GET", "/download/", named(None, content_type="no/such"))
    assert client.download_to(URI, tmp_path).path == tmp_path / "abc123"


def test_nothing_is_overwritten_unless_told(client: Client, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"mine")
    download = client.download_to(URI, tmp_path)
    assert (download.path, download.content, download.size) == (tmp_path / "cat (1).png", b"", 5)
    assert client.download_attachment(message(), tmp_path).path == tmp_path / "cat (2).png"
    assert (tmp_path / "cat.png").read_bytes() == b"mine"
    client.download_to(URI, tmp_path, overwrite=True)
    assert (tmp_path / "cat.png").read_bytes() == b"bytes"
    assert sorted(os.listdir(tmp_path)) == ["cat (1).png", "cat (2).png", "cat.png"]


def test_the_callers_own_name(client: Client, tmp_path: Path) -> None:
    assert client.download_to(URI, str(tmp_path), "my cat.png").path == tmp_path / "my cat.png"
    assert client.download_to(URI, tmp_path, "../../cat.png").path == tmp_path / "cat.png"


def test_a_directory_that_is_none(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for directory in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(UsageError, match="no directory"):
            client.download_to(URI, directory)
    assert server.seen == []


def test_a_download_that_breaks_off_leaves_nothing(
    server: ScriptedHomeserver, client: Client, tmp_path: Path
) -> None:
    server.route("GET", "/download/", Cut(body=b"x" * 500_000, missing=7))
    with pytest.raises(TruncatedAnswer):
        client.download_to(URI, tmp_path)
    with pytest.raises(TruncatedAnswer):
        client.download_attachment(message(), tmp_path)
    assert os.listdir(tmp_path) == []


# ------------------------------------------------------------------ attachments


def test_an_attachment_goes_where_it_is_wanted(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    assert client.download_attachment(message()).content == b"bytes"
    assert client.download_attachment(message(), tmp_path / "mine").path == tmp_path / "mine"
    sink = io.BytesIO()
    client.download_attachment(message().content, sink)
    assert ((tmp_path / "mine").read_bytes(), sink.getvalue()) == (b"bytes", b"bytes")
    assert client.download_attachment(message().typed).content == b"bytes"  # type: ignore[arg-type]


def test_the_senders_thumbnail(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    server.route("GET", "/download/server.example/small", named(None, b"little", "image/jpeg"))
    event = message(info={"thumbnail_url": "mxc://server.example/small"})
    assert client.download_attachment(event, is_thumbnail=True).content == b"little"
    assert client.download_attachment(event, tmp_path, is_thumbnail=True).path == tmp_path / "small.jpg"
    with pytest.raises(UsageError, match="no thumbnail"):
        client.download_attachment(message(), is_thumbnail=True)


def test_a_message_without_a_file(server: ScriptedHomeserver, client: Client) -> None:
    with pytest.raises(UsageError, match="no file"):
        client.download_attachment(Event.from_dict({"type": "m.room.message", "content": {"body": "text"}}))
    assert server.seen == []


def test_an_encrypted_file_needs_the_crypto_mixin(server: ScriptedHomeserver, client: Client) -> None:
    key = {"kty": "oct", "key_ops": ["decrypt"], "alg": "A256CTR", "k": "c2VjcmV0", "ext": True}
    file = {"url": URI, "key": key, "iv": "aXY", "hashes": {"sha256": "aGFzaA"}, "v": "v2"}
    with pytest.raises(UsageError, match="takes CryptoClient") as failure:
        client.download_attachment(message(file=file))
    assert "c2VjcmV0" not in str(failure.value)
    assert server.seen == []


# ------------------------------------------------------------------ watched, ended, limited


def test_progress_of_a_download(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    server.route("GET", "/download/", Reply(body=b"x" * 600_000))
    told: list[int] = []
    totals: set[int | None] = set()

    def listen(done: int, total: int | None) -> None:
        told.append(done)
        totals.add(total)

    client.download(URI, progress=listen)
    assert (told[-1], totals) == (600_000, {None})
    assert len(told) > 1
    totals.clear()
    event = message(info={"size": 600_000})  # the sender's word is what is expected
    assert client.download_attachment(event, progress=listen).content == b"x" * 600_000
    assert (told[-1], totals) == (600_000, {600_000})


def test_no_more_is_taken_than_may_be(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    server.route("GET", "/download/", Reply(body=b"x" * 600_000))
    for to in (None, tmp_path / "x", io.BytesIO()):
        with pytest.raises(AnswerTooLarge):
            client.download(URI, to, max_bytes=599_999)
    with pytest.raises(AnswerTooLarge):
        client.download_to(URI, tmp_path, max_bytes=5)
    with pytest.raises(AnswerTooLarge):
        client.download_attachment(message(), tmp_path, max_bytes=5)
    assert os.listdir(tmp_path) == []
    assert client.download(URI, max_bytes=600_000).size == 600_000


def test_a_download_can_be_cancelled(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    token, is_there, may_go = CancelToken(), threading.Event(), threading.Event()

    def hold(seen: Seen) -> Reply:
        is_there.set()
        may_go.wait(20)
        return Reply(body=b"late")

    server.route("GET", "/download/", hold)

    def cancel() -> None:
        is_there.wait(20)
        token.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        with pytest.raises(RequestCancelled):
            client.download_to(URI, tmp_path, cancel=token)
    finally:
        may_go.set()
        canceller.join()
    assert os.listdir(tmp_path) == []


def test_a_repeated_download_is_counted_again(server: ScriptedHomeserver, tmp_path: Path) -> None:
    answers = [Cut(body=b"x" * 500_000, missing=7), Reply(body=b"whole")]
    server.route("GET", "/download/", lambda seen: answers.pop(0))
    told: list[int] = []
    with Client(server.url, "@a:b", "t0ken", retry=RetryPolicy(attempts=2, base_s=0.0)) as client:
        download = client.download(
            URI, tmp_path / "x", progress=lambda done, total: told.append(done), max_bytes=500_000
        )
    assert ((tmp_path / "x").read_bytes(), download.path) == (b"whole", tmp_path / "x")
    assert told[-2:] == [0, 5]


class Pouring:
    """A transport that brings 64 MiB of zeros."""

    def send(self, request: HttpRequest) -> HttpResponse:
        for _ in range(1024):
            if request.sink is not None:
                request.sink.write(bytes(65536))
        return HttpResponse(200, size=64 * 1024 * 1024)


def test_a_large_download_takes_little_memory(tmp_path: Path) -> None:
    client = Client("https://server.example", "@a:b", "t0ken", transport=Pouring())
    tracemalloc.start()
    try:
        download = client.download_to(URI, tmp_path, "x", progress=lambda done, total: None)
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
        assert download.path is not None
        assert download.path.stat().st_size == 64 * 1024 * 1024
        client.download(URI, max_bytes=2**30)
        assert tracemalloc.get_traced_memory()[1] > 64 * 1024 * 1024  # the control
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------ elsewhere (V23)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_does_not_go_to_a_cdn(
    server: ScriptedHomeserver, client: Client, status: int, tmp_path: Path
) -> None:
    with ScriptedHomeserver() as cdn:
        cdn.route("GET", "/bucket/cat", named("from the cdn.png", b"from afar"))
        location = {"Location": f"{cdn.url}/bucket/cat?signature=s3cret"}
        server.route("GET", "/client/v1/media/", Reply(status, b"", location))
        assert client.download(URI).content == b"from afar"
        assert client.download_to(URI, tmp_path).path == tmp_path / "from the cdn.png"
        assert client.thumbnail(URI, 1, 1).content == b"from afar"
        assert client.download_attachment(message()).content == b"from afar"
        assert len(cdn.seen) == 4
        for seen in cdn.seen:
            assert (seen.method, seen.body, seen.query) == ("GET", b"", {"signature": "s3cret"})
            assert "t0ken" not in str(seen)
            assert "authorization" not in seen.headers
    assert all(seen.headers["authorization"] == "Bearer t0ken" for seen in server.seen)


def test_an_upload_is_not_sent_elsewhere(server: ScriptedHomeserver, client: Client) -> None:
    with ScriptedHomeserver() as elsewhere:
        redirect = Reply(307, b"", {"Location": f"{elsewhere.url}/x"})
        server.route("POST", "/media/v1/create", {"content_uri": URI})
        server.route("PUT", "/media/v3/upload/", redirect)
        with pytest.raises(RedirectRefused):
            client.upload(b"private")
        server.route("POST", "/media/v1/create", Reply(404, {"errcode": "M_UNRECOGNIZED"}))
        server.route("POST", "/media/v3/upload", redirect)
        with pytest.raises(RedirectRefused):
            client.upload(b"private")
        assert elsewhere.seen == []


def test_an_unsafe_redirect_leaves_no_file(server: ScriptedHomeserver, client: Client, tmp_path: Path) -> None:
    for location in ("file:///etc/passwd", "ftp://x/y", "http://u:p@127.0.0.1/x", f"{server.url}/loop"):
        server.route("GET", "/loop", Reply(302, b"", {"Location": f"{server.url}/loop"}))
        server.route("GET", "/client/v1/media/", Reply(302, b"", {"Location": location}))
        with pytest.raises(RedirectRefused):
            client.download_to(URI, tmp_path)
    assert os.listdir(tmp_path) == []


# ------------------------------------------------------------------ addresses for other programs


def test_mxc_to_http(server: ScriptedHomeserver, client: Client) -> None:
    new, old = f"{server.url}/_matrix/client/v1/media", f"{server.url}/_matrix/media/v3"
    place = "server.example/abc123"
    assert client.mxc_to_http(URI) == f"{new}/download/{place}"
    assert client.mxc_to_http(URI, "a b/c.png") == f"{new}/download/{place}/a%20b%2Fc.png"
    assert client.mxc_to_http(URI, width=32, height=16, method="crop") == (
        f"{new}/thumbnail/{place}?width=32&height=16&method=crop"
    )
    with pytest.raises(UsageError):
        client.mxc_to_http(URI, width=32)
    client.app_service_user_id = "@ghost:c"
    assert client.mxc_to_http(URI) == f"{new}/download/{place}"
    client.app_service_user_id = ""
    assert server.seen == []
    server.route("GET", "/client/v1/media/", Reply(404, {"errcode": "M_UNRECOGNIZED"}))
    server.route("GET", "/media/v3/download/", b"old")
    client.download(URI)
    assert client.mxc_to_http(URI) == f"{old}/download/{place}"
    assert client.mxc_to_http(URI, width=1, height=1) == f"{old}/thumbnail/{place}?width=1&height=1"
    assert client.mxc_to_http(URI, "x") == f"{old}/download/{place}/x"


def test_mxc_to_http_needs_no_login(server: ScriptedHomeserver) -> None:
    with Client(server.url) as client:
        assert client.mxc_to_http(URI).startswith(server.url)
