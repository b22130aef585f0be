"""The loudness of a sound over time, as voice messages show it. MSC3246."""

from __future__ import annotations

import wave
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import IO, Final

from ..errors import UsageError

__all__ = ["LOUDEST", "check_waveform", "waveform_of_wav"]

LOUDEST: Final = 1024

_POINTS = 100
_MAX_POINTS = 120
_FRAMES_PER_POINT = 4800  # a tenth of a second is enough to tell how loud a part is
_TYPECODES = {1: "B", 2: "h", 4: "i"}


def check_waveform(waveform: Sequence[int]) -> list[int]:
    """Return a waveform that can be sent: numbers from 0 to 1024, and no more than 120 of them.

    A longer one is summed up by the loudest of each part; what is out of range is brought into it.

    Raises:
        UsageError: it holds something else than integers.

    Source: MSC3246.
    """
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in waveform):
        raise UsageError(f"a waveform is a list of integers from 0 to {LOUDEST}")
    points = [min(LOUDEST, max(0, value)) for value in waveform]
    if len(points) <= _MAX_POINTS:
        return points
    edges = [number * len(points) // _POINTS for number in range(_POINTS + 1)]
    return [max(points[start:end]) for start, end in pairwise(edges)]


def waveform_of_wav(stream: IO[bytes]) -> list[int] | None:
    """Return the waveform of an uncompressed WAV file, None where it is none or of a rare kind.

    Args:
        stream: a seekable binary file, at its front; a part of it is read, however long it is.
    """
    try:
        with wave.open(stream, "rb") as sound:
            typecode = _TYPECODES.get(sound.getsampwidth())
            frames = sound.getnframes()
            if typecode is None or frames <= 0:
                return None
            points = min(_POINTS, frames)
            edges = [number * frames // points for number in range(points + 1)]
            return [_loudness(sound, typecode, start, end) for start, end in pairwise(edges)]
    except Exception:  # noqa: BLE001 - readers of damaged files raise anything
        return None


def _loudness(sound: wave.Wave_read, typecode: str, start: int, end: int) -> int:
    sound.setpos(start)
    data = sound.readframes(min(end - start, _FRAMES_PER_POINT))
    width = sound.getsampwidth()
    samples = array(typecode, data[: len(data) - len(data) % width])
    if not samples:
        return 0
    silence = 128 if width == 1 else 0
    peak = max(max(samples) - silence, silence - min(samples))
    return min(LOUDEST, peak * LOUDEST >> (8 * width - 1))
