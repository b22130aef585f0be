"""Bare JSON parsers: the yardsticks. They only decode; nothing is kept, nobody is told."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .measure import Meter

Facts = dict[str, Any]


def _decoder(parser: str) -> Callable[[bytes], Any]:
    if parser == "msgspec":
        decode: Callable[[bytes], Any] = importlib.import_module("msgspec.json").Decoder().decode
        return decode
    loads: Callable[[bytes], Any] = importlib.import_module(parser).loads
    return loads


def decode_large(meter: Meter, parser: str, body_path: str, pause_collector: bool = False) -> Facts:
    """Decode one large body into plain values."""
    decode = _decoder(parser)
    meter.note_memory()
    body = Path(body_path).read_bytes()
    if pause_collector:
        gc.disable()
    with meter.timed():
        document = decode(body)
    return {"rooms": len(document["rooms"]["join"]), "bytes": len(body)}


def decode_small(meter: Meter, parser: str, body_path: str, **_: Any) -> Facts:
    """Decode many small bodies, one after the other."""
    decode = _decoder(parser)
    bodies = Path(body_path).read_bytes().splitlines()
    with meter.timed():
        for body in bodies:
            decode(body)
    return {"syncs": len(bodies), "bytes": sum(map(len, bodies))}
