"""`dumps_read`: what was read from JSON is written as fast as it can be, and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import dumps_read, loads, loads_tolerant
from gomatrix_py.errors import UsageError


@pytest.mark.parametrize("value", [{"a": [1, -2.5, None, True, "ä \N{PILE OF POO}"]}, {"n": 2**70}, {}, [], "x"])
def test_what_was_read_is_read_again(value: Any) -> None:
    assert loads(dumps_read(value)) == value


def test_what_utf_8_cannot_hold_is_escaped() -> None:
    assert dumps_read({"body": "\ud800 ä"}) == rb'{"body":"\ud800 \u00e4"}'
    assert loads_tolerant(dumps_read({"body": "\ud800"})) == {"body": "\ud800"}


def test_what_is_no_json_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in ({"a": object()}, endless):
        with pytest.raises(UsageError):
            dumps_read(value)
