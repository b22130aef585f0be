"""Files made ready to be sent: what their messages hold."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py import UsageError
from gomatrix_py.codec import structure
from gomatrix_py.events.contents.messages import RoomMessageAudio, RoomMessageImage, RoomMessageVideo
from gomatrix_py.media import opened
from gomatrix_py.media import prepare as module
from gomatrix_py.media.messages import file_content, thumbnail_info, voice_blocks
from gomatrix_py.media.prepare import BLURHASH, PreparedFile, prepare
from tests.kit.pictures import animated_gif, jpeg, png, png_that_claims
from tests.kit.recordings import mp4, wav

LARGE = jpeg(1200, 900)


def prepared(content: bytes, **options: Any) -> PreparedFile:
    with opened(content) as source:
        return prepare(source, **options)


def test_a_large_image() -> None:
    file = prepared(LARGE, filename="cat.jpg")
    code = file.info.pop(BLURHASH)
    assert file.info == {"mimetype": "image/jpeg", "size": len(LARGE), "w": 1200, "h": 900}
    assert (file.msgtype, file.filename, file.mimetype) == ("m.image", "cat.jpg", "image/jpeg")
    assert len(code) > 20
    assert file.thumbnail is not None
    assert (file.thumbnail.width, file.thumbnail.height) == (800, 600)


def test_a_small_image_needs_no_thumbnail() -> None:
    file = prepared(png(30, 20))
    assert file.thumbnail is None
    assert (file.info["w"], file.info["h"]) == (30, 20)
    assert BLURHASH in file.info
    assert "is_animated" not in file.info


def test_a_thumbnail_that_is_larger_than_the_image_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    simple = png(1500, 1500)
    assert len(simple) < 10_000
    assert prepared(simple).thumbnail is None or len(prepared(simple).thumbnail.content) < len(simple)  # type: ignore[union-attr]
    monkeypatch.setattr(module, "_LIGHT_BYTES", 10)
    assert prepared(png(3, 3)).thumbnail is None


def test_what_moves_says_so() -> None:
    assert prepared(animated_gif(30, 20)).info["is_animated"] is True


def test_nothing_is_made_that_is_not_wanted() -> None:
    file = prepared(LARGE, with_thumbnail=False, with_hash=False)
    assert (file.thumbnail, BLURHASH in file.info) == (None, False)
    assert prepared(LARGE, info={BLURHASH: "mine"}).info[BLURHASH] == "mine"
    assert BLURHASH not in prepared(LARGE, info={BLURHASH: None}).info


def test_the_callers_word_counts_more() -> None:
    file = prepared(LARGE, msgtype="m.file", mimetype="image/x-mine", info={"w": 5, "size": None, "more": 1})
    assert file.info == {"mimetype": "image/x-mine", "w": 5, "more": 1}
    assert (file.msgtype, file.mimetype, file.thumbnail) == ("m.file", "image/x-mine", None)
    with pytest.raises(UsageError):
        prepared(LARGE, mimetype="png")


def test_a_film_and_a_sound() -> None:
    film = mp4(640, 360, 2500)
    assert prepared(film).info == {
        "mimetype": "video/mp4",
        "size": len(film),
        "w": 640,
        "h": 360,
        "duration": 2500,
    }
    sound = prepared(wav(1.5))
    assert (sound.msgtype, sound.info["duration"], sound.duration_ms) == ("m.audio", 1500, 1500)
    assert "w" not in sound.info


@pytest.mark.parametrize(
    ("content", "msgtype", "name"),
    [
        (LARGE, None, "image.jpg"),
        (png(3, 3), None, "image.png"),
        (wav(), None, "audio.wav"),
        (mp4(), None, "video.mp4"),
        (b"?", None, "file.bin"),
        (b"?", "m.image", "image.bin"),
        (png(3, 3), "m.file", "file.png"),
        (png(3, 3), "m.mine", "file.png"),
    ],
)
def test_what_has_no_name_gets_one(content: bytes, msgtype: str | None, name: str) -> None:
    assert prepared(content, msgtype=msgtype).filename == name


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("content", [b"", b"?" * 500_000, LARGE[:5000], png_that_claims(40_000, 40_000), mp4()[:60]])
def test_odd_files_are_sent_as_they_are(content: bytes) -> None:
    file = prepared(content, msgtype="m.image", filename="cat.jpg")
    assert (file.msgtype, file.mimetype, file.thumbnail) == ("m.image", "image/jpeg", None)
    assert file.info["size"] == len(content)
    assert BLURHASH not in file.info


def test_the_message_of_an_image() -> None:
    file = prepared(LARGE, filename="cat.jpg")
    info = {**file.info, **thumbnail_info({"w": 8, "h": 6, "size": 9, BLURHASH: "x"}, {"url": "mxc://a/small"})}
    content = structure(file_content(file, {"url": "mxc://a/b"}, info), RoomMessageImage)
    assert content.problems == ()
    assert (content.body, content.filename, content.caption, content.url) == ("cat.jpg", "cat.jpg", None, "mxc://a/b")
    assert content.info is not None
    assert (content.info.width, content.info.height, content.info.blurhash) == (1200, 900, file.info[BLURHASH])
    assert content.info.thumbnail_url == "mxc://a/small"
    assert content.info.thumbnail_info is not None
    assert (content.info.thumbnail_info.width, content.info.thumbnail_info.extra) == (8, {})


def test_an_encrypted_place_stands_under_its_own_name() -> None:
    assert thumbnail_info({}, {"file": {"url": "mxc://a/b"}}) == {
        "thumbnail_file": {"url": "mxc://a/b"},
        "thumbnail_info": {},
    }


def test_the_message_of_a_voice() -> None:
    file = prepared(wav(1.5), filename="voice.wav")
    place = {"url": "mxc://a/b"}
    plain = file_content(file, place, file.info)
    assert not structure(plain, RoomMessageAudio).is_voice
    content = structure({**plain, **voice_blocks(file, place, 1500, [1, 2])}, RoomMessageAudio)
    assert content.problems == ()
    assert content.is_voice
    assert content.audio_details is not None
    assert (content.audio_details.duration, content.audio_details.waveform) == (1500, [1, 2])
    assert content.extra["org.matrix.msc1767.file"] == {
        "url": "mxc://a/b",
        "name": "voice.wav",
        "mimetype": "audio/wav",
        "size": file.info["size"],
    }
    assert voice_blocks(file, place, None, None)["org.matrix.msc1767.audio"] == {}


def test_the_message_of_a_film() -> None:
    file = prepared(mp4(640, 360, 2500), filename="clip.mp4")
    content = structure(file_content(file, {"url": "mxc://a/b"}, file.info), RoomMessageVideo)
    assert content.info is not None
    assert (content.info.width, content.info.duration) == (640, 2500)
