"""Sounds and films: kind, size, length, loudness."""

from __future__ import annotations

import io
import struct
import sys
from itertools import pairwise

import pytest

from gomatrix_py import UsageError
from gomatrix_py.media import MediaFacts, inspect_media, opened
from gomatrix_py.media.mp4 import MovieFacts, mp4_facts
from gomatrix_py.media.waveforms import LOUDEST, check_waveform, waveform_of_wav
from gomatrix_py.media.webm import webm_facts
from tests.kit.recordings import mp4, wav, webm


def look_at(content: bytes, filename: str = "", mimetype: str | None = None) -> MediaFacts:
    with opened(content) as source:
        return inspect_media(source, filename, mimetype)


# ------------------------------------------------------------------ what they are


def test_a_sound() -> None:
    assert look_at(wav(1.5)) == MediaFacts("audio/wav", duration_ms=1500)
    assert look_at(wav(1.5), "misnamed.png") == MediaFacts("audio/wav", duration_ms=1500)
    assert look_at(wav(1.5), "x.wav", "audio/x-mine") == MediaFacts("audio/x-mine", duration_ms=1500)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("media_first", [False, True])
def test_an_mp4_film(version: int, media_first: bool) -> None:
    content = mp4(640, 360, 2500, version=version, media_first=media_first)
    assert look_at(content) == MediaFacts("video/mp4", 640, 360, 2500)
    assert look_at(content, "clip.mov") == MediaFacts("video/quicktime", 640, 360, 2500)


def test_a_film_that_is_held_upright() -> None:
    assert look_at(mp4(640, 360, is_turned=True)) == MediaFacts("video/mp4", 360, 640, 2500)


def test_a_sound_in_a_film_container() -> None:
    assert look_at(mp4(has_video=False)) == MediaFacts("audio/mp4", duration_ms=2500)
    assert look_at(mp4(has_video=False), "misnamed.mp4") == MediaFacts("audio/mp4", duration_ms=2500)
    assert look_at(webm(has_video=False)) == MediaFacts("audio/webm", duration_ms=2500)


def test_a_webm_film() -> None:
    assert look_at(webm(640, 360, 1234.5)) == MediaFacts("video/webm", 640, 360, 1234)
    assert look_at(webm(640, 360), "clip.mkv") == MediaFacts("video/x-matroska", 640, 360, 2500)


@pytest.mark.parametrize("duration_ms", [0, 2**32 - 1])
def test_a_length_that_nobody_knows(duration_ms: int) -> None:
    assert mp4_facts(io.BytesIO(mp4(duration_ms=duration_ms))) == MovieFacts(True, 320, 180)


def test_text_is_not_looked_into() -> None:
    """By its name it is none, and a reader of media may be slow with it."""
    assert look_at(wav(), "notes.txt") == MediaFacts("text/plain")
    assert look_at(wav(), "notes") == MediaFacts("audio/wav", duration_ms=1000)


@pytest.mark.parametrize("reader", [mp4_facts, webm_facts])
@pytest.mark.parametrize("whole", [mp4(), webm(), mp4(version=1), wav(0.01)], ids=["mp4", "webm", "mp4v1", "wav"])
def test_a_film_cut_anywhere_is_no_error(reader: object, whole: bytes) -> None:
    assert callable(reader)
    found = {reader(io.BytesIO(whole[:length])) for length in range(len(whole))}
    assert found  # none of them raised


def test_elements_without_end() -> None:
    many = b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + b"\xec\x80" * 100_000
    assert webm_facts(io.BytesIO(many)) == MovieFacts(False)
    huge_header = bytearray(webm())
    at = huge_header.index(b"\x2a\xd7\xb1") + 3
    huge_header[at : at + 8] = struct.pack(">Q", (1 << 56) | (1 << 40))
    assert webm_facts(io.BytesIO(bytes(huge_header))) == MovieFacts(True, 320, 180)
    assert webm_facts(io.BytesIO(bytes(huge_header) + bytes(2_000_000))) == MovieFacts(True, 320, 180)


def test_without_mutagen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mutagen", "mutagen.mp4", "mutagen.mp4._atom"):
        monkeypatch.setitem(sys.modules, name, None)
    assert look_at(wav(), "x.wav") == MediaFacts("audio/wav")
    assert look_at(mp4(), "x.mp4") == MediaFacts("video/mp4")
    assert look_at(webm()).duration_ms == 2500


# ------------------------------------------------------------------ loudness


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (4, 1)])
def test_a_sound_that_grows_louder(width: int, channels: int) -> None:
    waveform = waveform_of_wav(io.BytesIO(wav(2.0, width=width, channels=channels)))
    assert waveform is not None
    assert len(waveform) == 100
    assert waveform[0] < 40
    assert LOUDEST * 0.95 < waveform[-1] <= LOUDEST
    assert all(later > earlier - 20 for earlier, later in pairwise(waveform))


def test_silence_and_hardly_anything() -> None:
    silent = wav(0.5)[:44] + bytes(8000)
    assert waveform_of_wav(io.BytesIO(silent)) == [0] * 100
    short = waveform_of_wav(io.BytesIO(wav(7 / 8000)))
    assert short is not None
    assert len(short) == 7


@pytest.mark.parametrize("content", [b"", b"RIFF", wav()[:40], wav(0.0), mp4()])
def test_what_has_no_waveform(content: bytes) -> None:
    assert waveform_of_wav(io.BytesIO(content)) is None


def test_a_header_that_promises_more_than_there_is() -> None:
    content = bytearray(wav(0.1))
    content[40:44] = struct.pack("<I", 2**31)
    waveform = waveform_of_wav(io.BytesIO(bytes(content)))
    assert waveform is None or len(waveform) <= 100


def test_a_waveform_is_brought_into_shape() -> None:
    assert check_waveform([-5, 0, 500, 5000]) == [0, 0, 500, 1024]
    assert check_waveform(list(range(1000))) == list(range(9, 1000, 10))
    assert check_waveform([]) == []
    assert check_waveform((1, 2)) == [1, 2]


@pytest.mark.parametrize("waveform", [[0.5], ["1"], [None], [True]])
def test_what_is_no_waveform(waveform: list[int]) -> None:
    with pytest.raises(UsageError):
        check_waveform(waveform)
