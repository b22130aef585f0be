"""T8: whatever is put before a parser, it gives a value that keeps its rules or the error that is documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import canonical_json as canonical
from gomatrix_py import ids
from gomatrix_py.errors import UsageError
from gomatrix_py.http import retry
from gomatrix_py.media import filenames
from gomatrix_py.send import html
from tests.kit.fault_mixes import of_size
from tests.kit.fuzz import FuzzFailure, fuzz, inputs_of
from tests.kit.parser_roads import ROADS

INPUTS = of_size(250_000, 5_000_000)
pytestmark = [
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def test_the_shares_make_a_whole() -> None:
    assert sum(road.share for road in ROADS.values()) == 1000


@pytest.mark.parametrize("name", ROADS)
def test_any_input_is_parsed_or_refused(name: str) -> None:
    road = ROADS[name]
    fuzz(f"parsers/{name}", INPUTS * road.share // 1000, road.make, road.check)


def _known() -> Iterator[Any]:
    for name in ROADS:
        for path in inputs_of(f"parsers/{name}"):
            yield pytest.param(name, path, id=f"{name}/{path.name}")


@pytest.mark.parametrize(("name", "path"), list(_known()))
def test_inputs_that_once_hurt(name: str, path: Path) -> None:
    ROADS[name].check(path.read_bytes())


# ------------------------------------------------------------------ controls: parsers as they are often written


def _naive_mxc(uri: str) -> ids.MxcUri:
    found = re.match("mxc://([^/]+)/(.+)", uri)
    if found is None:
        raise UsageError("no address")
    return ids.MxcUri(found[1], found[2])


def _naive_wait(headers: dict[str, str], _: Any = None) -> float | None:
    return float(headers["retry-after"]) if headers["retry-after"][:1].isdigit() else None


NAIVE: dict[str, tuple[Any, str, Any]] = {
    "mxc": (ids, "parse_mxc", _naive_mxc),
    "waits": (retry, "retry_after_s", _naive_wait),
    "filenames": (filenames, "safe_filename", lambda name: name.replace("/", "_") or "file"),
    "html": (html, "sanitize_html", lambda text, **_: re.sub("<(script|style).*?>", "", text)),
    "canonical": (
        canonical,
        "canonical_json",
        lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")).encode(),
    ),
}


@pytest.mark.parametrize("name", NAIVE)
def test_the_control_a_naive_parser_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(*NAIVE[name])
    with pytest.raises(FuzzFailure):
        fuzz(f"parsers/{name}", 2_000, ROADS[name].make, ROADS[name].check, folder=tmp_path)
