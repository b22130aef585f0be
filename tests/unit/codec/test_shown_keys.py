"""Keys that a server chose, as they stand in paths, problems and log lines."""

from __future__ import annotations

import pytest

from gomatrix_py.codec import Document, repair, structure
from gomatrix_py.codec.json_bytes import Shape


class Rooms(Document):
    join: dict[str, int]


class Shaped(Shape):
    join: dict[str, int]


@pytest.mark.parametrize("key", ["!\ud800:a", "!a\nWARNING forged", "!\x1b[31m:a"])
def test_no_key_can_break_a_line_or_its_encoding(key: str) -> None:
    document = {"join": {key: "wrong", "!ok:a": 1}}
    _, problems = repair(document, Shaped)
    for path in (problems[0].path, structure(document, Rooms).problems[0].path):
        assert path.isprintable()
        path.encode()


def test_other_keys_are_shown_as_they_are() -> None:
    _, problems = repair({"join": {"!Grüße:köln": "wrong"}}, Shaped)
    assert problems[0].path == "join.!Grüße:köln"
