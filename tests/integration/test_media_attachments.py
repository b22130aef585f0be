"""Files sent and received on a real homeserver, by every method, and compared to the byte."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import PIL.Image
import pytest

from gomatrix_py import Client, RetryPolicy, UsageError
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import Conflict, FileTooLarge, RequestCancelled, TooLarge, TruncatedAnswer
from gomatrix_py.events.contents.messages import (
    RoomMessageAudio,
    RoomMessageFile,
    RoomMessageImage,
    RoomMessageVideo,
)
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.testing import DevServer
from tests.kit.pictures import PLANTED, animated_gif, jpeg, png, transparent_png
from tests.kit.recordings import mp4, wav

PHOTO = jpeg(1200, 900, 6)
RESERVE, PUT, POST = "/media/v1/create", "PUT /_matrix/media/v3/upload/", "POST /_matrix/media/v3/upload"


def routes_of(client: Client) -> list[str]:
    """Return the list that every request of a client will be written to."""
    routes: list[str] = []
    client.on_request(lambda request: routes.append(request.route))
    return routes


# ------------------------------------------------------------------ messages


def test_a_photo(alice: Client, bob: Client, room_id: str, tmp_path: Path) -> None:
    path = tmp_path / "Straße ☕.jpg"
    path.write_bytes(PHOTO)
    event = bob.get_event(room_id, alice.send_image(room_id, path, caption="my *cat*").event_id)
    content = event.typed
    assert isinstance(content, RoomMessageImage)
    assert (content.problems, content.caption, content.display_filename) == ((), "my *cat*", "Straße ☕.jpg")
    assert content.info is not None
    assert (content.info.width, content.info.height, content.info.size) == (900, 1200, len(PHOTO))
    assert content.info.blurhash
    kept = bob.download_attachment(event, tmp_path)
    assert kept.path == tmp_path / "Straße ☕ (1).jpg"
    assert kept.path.read_bytes() == PHOTO
    small = bob.download_attachment(event, is_thumbnail=True)
    assert content.info.thumbnail_info is not None
    assert (small.content_type, small.size) == ("image/jpeg", content.info.thumbnail_info.size)
    assert PLANTED not in small.content
    assert PIL.Image.open(io.BytesIO(small.content)).size == (450, 600)
    by_server = bob.thumbnail(content.url or "", 320, 240, "scale")
    assert PIL.Image.open(io.BytesIO(by_server.content)).size[1] <= 600


def test_a_sound_a_film_a_file_and_whatever(alice: Client, bob: Client, room_id: str) -> None:
    sound, film = wav(1.5), mp4(640, 360)
    sent = [
        alice.send_audio(room_id, sound, filename="tone.wav"),
        alice.send_video(room_id, film, filename="clip.mp4", thumbnail=png(32, 18)),
        alice.send_file(room_id, PHOTO, filename="photo.jpg"),
        alice.send_attachment(room_id, io.BytesIO(animated_gif(30, 20))),
    ]
    events = [bob.get_event(room_id, one.event_id) for one in sent]
    kinds = [RoomMessageAudio, RoomMessageVideo, RoomMessageFile, RoomMessageImage]
    assert [type(event.typed) for event in events] == kinds
    wanted = [sound, film, PHOTO, animated_gif(30, 20)]
    assert [bob.download_attachment(event).content for event in events] == wanted
    assert events[0].content["info"] == {"mimetype": "audio/wav", "size": len(sound), "duration": 1500}
    assert events[1].content["info"]["duration"] == 2500
    assert bob.download_attachment(events[1], is_thumbnail=True).content == png(32, 18)
    assert events[3].content["info"]["is_animated"] is True
    moving = bob.thumbnail(events[3].content["url"], 30, 20, "scale", is_animated=True)
    assert moving.size > 0


def test_a_voice_message(alice: Client, bob: Client, room_id: str) -> None:
    event = bob.get_event(room_id, alice.send_voice(room_id, wav(2.0), filename="voice.wav").event_id)
    content = event.typed
    assert isinstance(content, RoomMessageAudio)
    assert content.is_voice
    assert content.audio_details is not None
    assert (content.audio_details.duration, len(content.audio_details.waveform or [])) == (2000, 100)
    assert bob.download_attachment(event).content == wav(2.0)


def test_a_reply_in_a_thread_with_a_file(alice: Client, bob: Client, room_id: str) -> None:
    root = bob.get_event(room_id, bob.send_text(room_id, "show me").event_id)
    sent = alice.send_file(room_id, b"here", filename="x.txt", thread=root, reply_to=root)
    event = bob.get_event(room_id, sent.event_id)
    assert event.relates_to["event_id"] == root.event_id
    assert event.content["m.mentions"] == {"user_ids": [bob.user_id]}


def test_a_pipe_is_sent(alice: Client, room_id: str) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb") as sink:
        sink.write(b"through the pipe")
        sink.close()
        event = alice.get_event(room_id, alice.send_file(room_id, source, filename="pipe.txt").event_id)
    assert alice.download_attachment(event).content == b"through the pipe"


# ------------------------------------------------------------------ upload


def test_an_upload_by_reserved_address(alice: Client, bob: Client) -> None:
    routes = routes_of(alice)
    uri = alice.upload(transparent_png(50, 50), filename="hole.png")
    assert [route for route in routes if "/upload" in route] == [f"{PUT}{{server_name}}/{{media_id}}"]
    assert any(RESERVE in route for route in routes)
    download = bob.download(uri)
    assert (download.content, download.content_type) == (transparent_png(50, 50), "image/png")
    assert download.filename == "hole.png"


def test_an_address_reserved_first_and_used_later(alice: Client, bob: Client) -> None:
    uri = alice.create_mxc().content_uri
    assert alice.upload(b"later", uri=uri) == uri
    assert bob.download(uri).content == b"later"
    with pytest.raises(Conflict):
        alice.upload(b"again", uri=uri)
    assert bob.download(uri).content == b"later"
    with pytest.raises(UsageError):
        alice.upload(b"x", uri="mxc://../../x")


def test_when_too_many_addresses_are_reserved_the_old_way_is_taken(alice: Client, bob: Client) -> None:
    for _ in range(5):
        alice.create_mxc()
    routes = routes_of(alice)
    uri = alice.upload(b"all the same")
    assert routes[-1] == POST
    assert bob.download(uri).content == b"all the same"


def test_an_upload_whose_answer_was_lost(alice: Client, matrix_server: DevServer) -> None:
    """The first try arrives, but its answer does not: the second hears of a conflict, and a look settles it."""
    lost: list[str] = []

    class Losing:
        def send(self, request: HttpRequest) -> HttpResponse:
            answer = alice._exchange.transport.send(request)
            if request.method == "PUT" and "/upload/" in request.url and not lost:
                lost.append(request.url)
                raise TruncatedAnswer("lost on the way")
            return answer

    patient = RetryPolicy(attempts=3, base_s=0.0)
    client = Client(
        matrix_server.url,
        alice.user_id,
        alice.access_token,
        transport=Losing(),
        retry=patient,
    )
    routes = routes_of(client)
    uri = client.upload(PHOTO)
    assert len(lost) == 1
    assert sum(route.startswith(PUT) for route in routes) == 2
    assert "download" in routes[-1]
    assert alice.download(uri).content == PHOTO


def test_a_cancelled_upload_leaves_the_client_usable(alice: Client, room_id: str) -> None:
    token = CancelToken()
    with pytest.raises(RequestCancelled):
        alice.send_file(room_id, bytes(5_000_000), progress=lambda done, total: token.cancel(), cancel=token)
    assert alice.download(alice.upload(b"next")).content == b"next"


def test_many_threads_upload_at_once(alice: Client) -> None:
    uris: dict[int, str] = {}

    def send(number: int) -> None:
        uris[number] = alice.upload(b"%d" % number * 1000)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [alice.download(uris[number]).content for number in range(8)] == [b"%d" % n * 1000 for n in range(8)]


def test_what_is_too_large_is_told_before_and_by_the_server() -> None:
    with DevServer(config={"max_upload_size": "1K"}) as server:
        client = server.register("alice", "wonderland")
        assert client.upload(bytes(1024)).startswith("mxc://")
        with pytest.raises(FileTooLarge):
            client.upload(bytes(1025))
        client._known_limit = None  # as if it had not said
        with pytest.raises(TooLarge) as failure:
            client.upload(bytes(2000))
        assert not isinstance(failure.value, FileTooLarge)


# ------------------------------------------------------------------ downloads and avatars


def test_downloads_into_a_directory(alice: Client, bob: Client, tmp_path: Path) -> None:
    uri = alice.upload(PHOTO, filename="../../.ssh/authorized_keys")
    told: list[int] = []
    first = bob.download_to(uri, tmp_path, progress=lambda done, total: told.append(done))
    second = bob.download_to(uri, tmp_path)
    assert (first.path, second.path) == (tmp_path / "authorized_keys", tmp_path / "authorized_keys (1)")
    assert told[-1] == len(PHOTO)
    assert sorted(os.listdir(tmp_path)) == ["authorized_keys", "authorized_keys (1)"]
    nameless = alice.upload(png(3, 3))
    assert bob.download_to(nameless, tmp_path).path == tmp_path / (nameless.rpartition("/")[2] + ".png")


def test_the_http_address_of_media_answers_to_the_token(alice: Client) -> None:
    import requests

    uri = alice.upload(PHOTO, filename="cat.jpg")
    authorized = {"Authorization": f"Bearer {alice.access_token}"}
    for url in (alice.mxc_to_http(uri), alice.mxc_to_http(uri, "other.jpg")):
        assert requests.get(url, headers=authorized, timeout=20).content == PHOTO
        assert requests.get(url, timeout=20).status_code == 401
    small = requests.get(alice.mxc_to_http(uri, width=32, height=32, method="crop"), headers=authorized, timeout=20)
    assert PIL.Image.open(io.BytesIO(small.content)).size == (32, 32)


def test_avatars(alice: Client, bob: Client, room_id: str) -> None:
    uri = alice.set_avatar(png(64, 64))
    assert bob.get_avatar_url(alice.user_id) == uri
    assert bob.download(uri).content == png(64, 64)
    alice.set_room_avatar(room_id, PHOTO, filename="room.jpg")
    avatar = bob.get_state_content(room_id, "m.room.avatar")
    assert (avatar["info"]["w"], avatar["info"]["h"]) == (900, 1200)
    assert bob.download(avatar["url"]).content == PHOTO
