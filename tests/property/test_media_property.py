"""Names and files from anywhere: a safe name, facts or nothing, and never another error."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gomatrix_py import UsageError
from gomatrix_py.media import (
    guess_mimetype,
    inspect_media,
    make_thumbnail,
    mimetype_to_msgtype,
    opened,
    safe_filename,
)
from gomatrix_py.media.filenames import MAX_NAME_BYTES
from gomatrix_py.media.kinds import check_mimetype, extension_of
from gomatrix_py.media.mp4 import mp4_facts
from gomatrix_py.media.prepare import prepare
from gomatrix_py.media.received import file_of, thumbnail_of
from gomatrix_py.media.sources import Window
from gomatrix_py.media.waveforms import check_waveform, waveform_of_wav
from gomatrix_py.media.webm import webm_facts
from tests.kit.pictures import animated_gif, jpeg, png
from tests.kit.recordings import mp4, wav, webm
from tests.kit.strategies import damaged, json_values

pytestmark = [
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SEEDS = {
    "png": png(9, 7),
    "jpeg": jpeg(40, 30, 6),
    "gif": animated_gif(9, 7),
    "wav": wav(0.02),
    "mp4": mp4(),
    "webm": webm(),
}
names = st.text(st.characters()) | st.text("./\\:-~ \0\n\u202e\u200dconCON1.txté", max_size=300)


files = damaged(st.sampled_from(sorted(SEEDS.values()))) | st.binary(max_size=300)


@settings(quick, max_examples=200)
@given(names)
def test_a_safe_name_is_one(name: str) -> None:
    safe = safe_filename(name)
    assert 0 < len(safe.encode()) <= MAX_NAME_BYTES
    assert safe_filename(safe) == safe
    assert Path(safe).name == PureWindowsPath(safe).name == safe
    assert not PureWindowsPath(safe).is_reserved()
    assert safe not in (".", "..")
    assert safe[0] not in ".- "
    assert safe[-1] not in ". "
    assert unicodedata.is_normalized("NFC", safe)
    assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in safe)


@quick
@given(st.text())
def test_names_and_kinds(text: str) -> None:
    kind = guess_mimetype(text)
    assert kind is None or check_mimetype(kind) == kind
    assert mimetype_to_msgtype(text) in ("m.image", "m.audio", "m.video", "m.file")
    assert safe_filename("x" + extension_of(text)).startswith("x")
    with contextlib.suppress(UsageError):
        assert check_mimetype(text).isascii()


@quick
@given(files, st.sampled_from(["", "x.png", "x.mp4", "x.ogg", "x.txt"]))
def test_a_damaged_file_is_no_error(content: bytes, name: str) -> None:
    with opened(content) as source:
        facts = inspect_media(source, name)
        assert check_mimetype(facts.mimetype)
        file = prepare(source, msgtype="m.image", filename=name)
        assert file.info["size"] == len(content)
        assert source.reader().read() == content  # and is sent as it is


@quick
@given(files)
def test_readers_give_facts_or_nothing(content: bytes) -> None:
    for read in (mp4_facts, webm_facts):
        facts = read(io.BytesIO(content))
        assert facts is None or facts.duration_ms is None or isinstance(facts.duration_ms, int)
    waveform = waveform_of_wav(io.BytesIO(content))
    assert waveform is None or check_waveform(waveform) == waveform
    try:
        thumbnail = make_thumbnail(io.BytesIO(content))
    except UsageError:
        return
    assert thumbnail.width <= 800
    assert thumbnail.height <= 600


@quick
@given(st.dictionaries(st.sampled_from(["url", "file", "info", "body", "filename"]), json_values()))
def test_what_a_message_says_is_a_file_or_a_usage_error(content: dict[str, Any]) -> None:
    for read in (file_of, thumbnail_of):
        try:
            found = read(content)
        except UsageError:
            continue
        assert found.url
        assert found.size is None or found.size >= 0


@quick
@given(
    st.binary(max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
    st.lists(st.tuples(st.integers(-20, 80), st.sampled_from((0, 1, 2)), st.integers(0, 30)), max_size=8),
)
def test_a_window_is_what_a_file_of_its_own_would_be(
    content: bytes, start: int, length: int, steps: list[tuple[int, int, int]]
) -> None:
    part = content[start : start + length]
    window, model = Window(io.BytesIO(content), min(start, len(content)), len(part)), io.BytesIO(part)
    for offset, whence, size in steps:
        base = {0: 0, 1: model.tell(), 2: len(part)}[whence]
        if base + offset >= 0:
            assert window.seek(offset, whence) == model.seek(offset, whence)
        assert window.read(size) == model.read(size)
        assert window.tell() == model.tell()
