"""Files as messages: what is uploaded, what is sent, and what is not where something goes wrong."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Event, RetryPolicy, UsageError
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.client.attachments import AttachmentMethods, AttachmentOptions
from gomatrix_py.errors import FileTooLarge, Forbidden, HTTPError, RequestCancelled, ServerError
from tests.kit.pictures import PLANTED, jpeg, png
from tests.kit.recordings import mp4, wav
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver, Seen

ROOM = "!room:scripted"
LARGE = jpeg(1200, 900)
Sends = Callable[[Client, Any], Any]


class RoomServer(ScriptedHomeserver):
    """A homeserver that takes uploads, up to a megabyte each."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[int] = set()
        self.reserved = 0
        self.route("GET", "/media/config", {"m.upload.size": 1_000_000})
        self.route("POST", "/media/v1/create", self._reserve)
        self.route("PUT", "/media/v3/upload/", self._take)

    def _reserve(self, seen: Seen) -> Any:
        self.reserved += 1
        return {"content_uri": f"mxc://server.example/m{self.reserved}"}

    def _take(self, seen: Seen) -> Any:
        number = len(self.uploads)
        return Reply(500, {"errcode": "M_UNKNOWN"}) if number in self.refused else {}

    @property
    def uploads(self) -> dict[str, Seen]:
        """What was uploaded, by its address."""
        return {f"mxc://server.example/{one.path.rpartition('/')[2]}": one for one in self.asked("/upload/")}

    @property
    def sent(self) -> list[Any]:
        """The contents of the messages."""
        return [one.json for one in self.asked("/send/m.room.message/")]


@pytest.fixture
def server() -> Iterator[RoomServer]:
    """A homeserver."""
    made = RoomServer()
    with made:
        yield made


@pytest.fixture
def client(server: RoomServer) -> Iterator[Client]:
    """A client that tries once."""
    with Client(server.url, "@a:scripted", "t0ken", device_id="D", retry=RetryPolicy.never()) as made:
        yield made


# ------------------------------------------------------------------ each kind


def test_an_image_with_its_thumbnail(server: RoomServer, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(LARGE)
    assert client.send_image(ROOM, path).event_id.startswith("$")
    (content,) = server.sent
    info = content["info"]
    assert (content["msgtype"], content["body"], content["filename"]) == ("m.image", "cat.jpg", "cat.jpg")
    assert (info["w"], info["h"], info["size"], info["mimetype"]) == (1200, 900, len(LARGE), "image/jpeg")
    assert len(info["xyz.amorgan.blurhash"]) > 20
    whole, small = server.uploads[content["url"]], server.uploads[info["thumbnail_url"]]
    assert (whole.body, whole.query, whole.headers["content-type"]) == (LARGE, {"filename": "cat.jpg"}, "image/jpeg")
    assert (small.query, small.headers["content-type"]) == ({}, "image/jpeg")
    assert info["thumbnail_info"] == {"w": 800, "h": 600, "mimetype": "image/jpeg", "size": len(small.body)}
    assert PLANTED not in small.body


@pytest.mark.parametrize(
    ("send", "source", "msgtype", "info"),
    [
        (Client.send_file, png(3, 2), "m.file", {"mimetype": "image/png"}),
        (Client.send_audio, wav(1.5), "m.audio", {"mimetype": "audio/wav", "duration": 1500}),
        (Client.send_video, mp4(64, 36), "m.video", {"mimetype": "video/mp4", "w": 64, "h": 36, "duration": 2500}),
        (Client.send_image, b"?", "m.image", {"mimetype": "application/octet-stream"}),
        (Client.send_attachment, wav(1.5), "m.audio", {"mimetype": "audio/wav", "duration": 1500}),
        (Client.send_attachment, b"?", "m.file", {"mimetype": "application/octet-stream"}),
    ],
)
def test_what_is_sent(
    server: RoomServer, client: Client, send: Sends, source: bytes, msgtype: str, info: dict[str, Any]
) -> None:
    send(client, ROOM, source)  # type: ignore[call-arg]
    (content,) = server.sent
    assert (content["msgtype"], content["info"]) == (msgtype, {**info, "size": len(source)})
    assert server.uploads[content["url"]].body == source


def test_a_voice_message(server: RoomServer, client: Client) -> None:
    client.send_voice(ROOM, wav(1.5))
    client.send_voice(
        ROOM, io.BytesIO(b"opus"), mimetype="audio/ogg", duration=timedelta(seconds=2), waveform=[0, 9999]
    )
    found, given = server.sent
    assert (found["msgtype"], found["org.matrix.msc3245.voice"]) == ("m.audio", {})
    assert found["org.matrix.msc1767.audio"]["duration"] == found["info"]["duration"] == 1500
    assert len(found["org.matrix.msc1767.audio"]["waveform"]) == 100
    assert given["org.matrix.msc1767.audio"] == {"duration": 2000, "waveform": [0, 1024]}
    assert given["info"] == {"mimetype": "audio/ogg", "size": 4, "duration": 2000}
    assert given["org.matrix.msc1767.file"]["url"] == given["url"]
    with pytest.raises(UsageError):
        client.send_voice(ROOM, wav(), waveform=[0.5])  # type: ignore[list-item]


def test_a_voice_that_nobody_can_read(server: RoomServer, client: Client) -> None:
    client.send_voice(ROOM, b"?", filename="voice.ogg")
    assert server.sent[0]["org.matrix.msc1767.audio"] == {}


# ------------------------------------------------------------------ what goes along


def test_a_caption(server: RoomServer, client: Client) -> None:
    client.send_image(ROOM, png(3, 3), filename="cat.png", caption="my cat")
    client.send_image(ROOM, png(3, 3), filename="cat.png", caption_html="<b>my</b> cat<script>x</script>")
    client.send_image(ROOM, png(3, 3), filename="cat.png", caption="my *cat*", caption_html="my <i>cat</i>")
    plain, html, both = server.sent
    assert (plain["body"], plain["filename"], "format" in plain) == ("my cat", "cat.png", False)
    assert (html["body"], html["filename"]) == ("my cat", "cat.png")
    assert html["formatted_body"] == "<b>my</b> cat"
    assert (both["body"], both["formatted_body"]) == ("my *cat*", "my <i>cat</i>")
    assert {one["msgtype"] for one in server.sent} == {"m.image"}


def test_what_all_messages_have(server: RoomServer, client: Client) -> None:
    answered = Event.from_dict(
        {"type": "m.room.message", "event_id": "$q", "sender": "@b:scripted", "content": {"body": "?"}}, ROOM
    )
    client.send_file(ROOM, b"x", reply_to=answered, txn_id="mine", extra={"org.example": 1})
    client.send_file(ROOM, b"x", thread="$root", reply_to="$q", mentions=["@c:scripted"])
    reply, threaded = server.sent
    assert reply["m.relates_to"] == {"m.in_reply_to": {"event_id": "$q"}}
    assert (reply["m.mentions"], reply["org.example"]) == ({"user_ids": ["@b:scripted"]}, 1)
    assert server.asked("/send/m.room.message/")[0].path.endswith("/mine")
    assert (threaded["m.relates_to"]["rel_type"], threaded["m.relates_to"]["event_id"]) == ("m.thread", "$root")
    assert threaded["m.mentions"] == {"user_ids": ["@c:scripted"]}


def test_the_callers_own_facts(server: RoomServer, client: Client) -> None:
    client.send_video(ROOM, b"?", filename="x.mkv", info={"w": 4, "h": 3, "duration": 5, "org.example": 1})
    assert server.sent[0]["info"] == {
        "mimetype": "video/x-matroska",
        "size": 1,
        "w": 4,
        "h": 3,
        "duration": 5,
        "org.example": 1,
    }


def test_the_callers_own_thumbnail(server: RoomServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "still.png").write_bytes(png(32, 18))
    client.send_video(ROOM, mp4(), thumbnail=tmp_path / "still.png")
    info = server.sent[0]["info"]
    assert info["thumbnail_info"] == {"w": 32, "h": 18, "mimetype": "image/png", "size": len(png(32, 18))}
    small = server.uploads[info["thumbnail_url"]]
    assert (small.body, small.query) == (png(32, 18), {})


@pytest.mark.parametrize("source", [png(3, 3), LARGE])
def test_no_thumbnail_where_none_is_wanted(server: RoomServer, client: Client, source: bytes) -> None:
    client.send_image(ROOM, source, thumbnail=False)
    assert "thumbnail_url" not in server.sent[0]["info"]
    assert len(server.uploads) == 1


def test_only_the_file_itself_is_told_of(server: RoomServer, client: Client) -> None:
    told: list[tuple[int, int | None]] = []
    client.send_image(ROOM, LARGE, progress=lambda done, total: told.append((done, total)))
    assert len(server.uploads) == 2
    assert {total for _, total in told} == {len(LARGE)}
    assert told[-1] == (len(LARGE), len(LARGE))


# ------------------------------------------------------------------ gomatrix's own


def test_what_was_uploaded_before(server: RoomServer, client: Client) -> None:
    client.send_image(ROOM, "a cat", "mxc://a/b")
    client.send_image(ROOM, body="a cat", url="mxc://a/b")
    client.send_image(ROOM, "a cat", url="mxc://a/b")
    client.send_video(ROOM, "a film", "mxc://a/b")
    client.send_video(room_id=ROOM, body="a film", url="mxc://a/b")
    image = {"msgtype": "m.image", "body": "a cat", "url": "mxc://a/b"}
    film = {"msgtype": "m.video", "body": "a film", "url": "mxc://a/b"}
    assert server.sent == [image, image, image, film, film]
    assert server.uploads == {}


@pytest.mark.parametrize("send", [Client.send_image, Client.send_video])
def test_neither_the_one_nor_the_other(server: RoomServer, client: Client, send: Any) -> None:
    with pytest.raises(UsageError, match="caption"):
        send(client, ROOM, "a cat", "mxc://a/b", caption="lost")
    with pytest.raises(UsageError):
        send(client, ROOM)
    with pytest.raises(UsageError):
        send(client, ROOM, b"bytes", "mxc://a/b")
    with pytest.raises(TypeError):
        send(client, ROOM, b"bytes", capton="misspelt")
    assert server.seen == [] or server.sent == []


# ------------------------------------------------------------------ what goes wrong


def test_what_cannot_be_read_is_not_sent(server: RoomServer, client: Client, tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing", io.StringIO("text")):
        with pytest.raises(UsageError):
            client.send_attachment(ROOM, source)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        client.send_video(ROOM, b"x", thumbnail=tmp_path / "missing")
    with pytest.raises(UsageError):
        client.send_file(ROOM, b"x", mimetype="png")
    with pytest.raises(FileTooLarge):
        client.send_file(ROOM, b"x" * 1_000_001)
    assert (server.uploads, server.sent) == ({}, [])


def test_an_upload_that_fails_sends_nothing(server: RoomServer, client: Client) -> None:
    server.refused = {1}
    with pytest.raises(ServerError):
        client.send_file(ROOM, b"x")
    assert server.sent == []


def test_a_thumbnail_that_fails_keeps_nothing_back(server: RoomServer, client: Client) -> None:
    server.refused = {1}
    client.send_image(ROOM, LARGE)
    assert "thumbnail_url" not in server.sent[0]["info"]
    assert server.uploads[server.sent[0]["url"]].body == LARGE


def test_one_that_the_caller_gave_does(server: RoomServer, client: Client) -> None:
    server.refused = {1}
    with pytest.raises(HTTPError):
        client.send_video(ROOM, b"x", thumbnail=png(3, 3))
    assert server.sent == []


def test_a_room_that_refuses(server: RoomServer, client: Client) -> None:
    server.route("PUT", "/send/", Reply(403, {"errcode": "M_FORBIDDEN"}))
    with pytest.raises(Forbidden):
        client.send_file(ROOM, b"x")


def test_a_cancelled_upload_sends_nothing(server: RoomServer, client: Client) -> None:
    token = CancelToken()
    with pytest.raises(RequestCancelled):
        client.send_file(ROOM, b"x" * 200_000, progress=lambda done, total: token.cancel(), cancel=token)
    assert server.sent == []


@pytest.mark.parametrize("source", [b"", LARGE[:3000], b"\x89PNG\r\n\x1a\n", b"RIFF", mp4()[:50]])
@pytest.mark.parametrize("send", [Client.send_image, Client.send_audio, Client.send_video, Client.send_voice])
def test_an_odd_file_is_sent_as_it_is(server: RoomServer, client: Client, source: bytes, send: Any) -> None:
    send(client, ROOM, source)
    assert server.uploads[server.sent[0]["url"]].body == source


# ------------------------------------------------------------------ the seam for encryption


def test_encryption_decides_where_a_file_is(server: RoomServer) -> None:
    class Encrypting(Client):
        def _place_file(self, *args: Any, **options: Any) -> dict[str, Any]:
            return {"file": {"url": super()._place_file(*args, **options)["url"], "v": "v2"}}

    with Encrypting(server.url, "@a:scripted", "t0ken", device_id="D") as client:
        client.send_image(ROOM, LARGE)
        client.send_voice(ROOM, wav())
    image, voice = server.sent
    assert ("url" in image, image["file"]["v"]) == (False, "v2")
    assert "thumbnail_url" not in image["info"]
    assert image["info"]["thumbnail_file"]["v"] == "v2"
    assert voice["org.matrix.msc1767.file"]["file"] == voice["file"]


def test_the_options_are_those_that_are_taken() -> None:
    """The typed names for callers and the parameters are one list."""
    taken = set(AttachmentMethods._attach.__annotations__) - {"self", "room_id", "source", "msgtype", "voice"}
    of_messages = set(Client.send_message.__annotations__) - {"room_id", "content", "event_type"}
    assert set(AttachmentOptions.__annotations__) == (taken | of_messages) - {"of_the_message", "return"}


# ------------------------------------------------------------------ avatars


def test_avatars(server: RoomServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(png(64, 64))
    server.route("PUT", "/profile/", {})
    uri = client.set_avatar(tmp_path / "me.png")
    assert server.asked("/profile/@a:scripted/avatar_url")[0].json == {"avatar_url": uri}
    assert server.uploads[uri].body == png(64, 64)
    client.set_room_avatar(ROOM, png(32, 32))
    (state,) = server.asked("/state/m.room.avatar")
    assert server.uploads[state.json["url"]].headers["content-type"] == "image/png"
    assert (state.json["info"]["w"], state.json["info"]["mimetype"]) == (32, "image/png")


def test_an_avatar_is_a_picture(server: RoomServer, client: Client) -> None:
    with pytest.raises(UsageError, match="picture"):
        client.set_avatar(wav())
    with pytest.raises(UsageError, match="picture"):
        client.set_room_avatar(ROOM, b"text", filename="x.txt")
    assert server.uploads == {}
