"""V22: whatever stands in an id, a server sees exactly the segments that were meant, at every operation there is."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest
import requests

import gomatrix_py.client
import gomatrix_py.synapse  # noqa: F401 - for its operations
from gomatrix_py.errors import UsageError
from gomatrix_py.http import urls
from gomatrix_py.http.endpoint import Endpoint
from tests.kit.crooked import crooked_text
from tests.kit.fault_mixes import of_size
from tests.kit.fuzz import chance

IDS = of_size(500, 5_000)
SEEDS = (
    "!room:example.org",
    "..",
    ".",
    "%2e%2e",
    "a/../../admin",
    "@a:b#c?d=e",
    "$Woq2vwLy8mNU3lyX9bxg/+",
    "\\..\\",
    "",
)
PIECES = ("/", "..", "%2F", "%", "?", "#", ";", "\\", "//", "é", "\0", "&", "=", " ")


def _operations(kind: type[Endpoint[object]]) -> Iterator[str]:
    if getattr(kind, "PATH", "") and urls.path_fields(kind.PATH):
        yield kind.PATH
    for one in kind.__subclasses__():
        yield from _operations(one)


PATHS = sorted(set(_operations(Endpoint)))


def _check(path: str, value: str) -> bool:
    """Fill a path with one id everywhere, as far as it is taken; tell whether it was."""
    try:
        filled = urls.expand(path, dict.fromkeys(urls.path_fields(path), value))
    except UsageError:
        return False
    url = requests.Request("GET", f"https://hs.example{filled}").prepare().url
    assert url is not None
    sent = urlsplit(url)
    wanted = [value if part.startswith("{") else part for part in path.split("/")]
    if not value:  # an empty state key has no segment at all
        wanted = wanted[:-1]
    assert (sent.netloc, sent.query, sent.fragment) == ("hs.example", "", "")
    assert [unquote(part) for part in sent.path.split("/")] == wanted, f"{value!r} in {path}"
    return True


def test_every_id_is_one_segment_of_every_path() -> None:
    decider = chance("V22")
    assert len(PATHS) > 80
    taken = 0
    for _ in range(IDS):
        value = crooked_text(decider, SEEDS, PIECES)
        taken += sum(_check(path, value) for path in decider.sample(PATHS, 30))
    print(f"{taken} paths with {IDS} ids")
    assert taken > IDS


@pytest.mark.parametrize("value", [".", "..", "x" * 256, "é" * 128, "\ud800"])
def test_what_no_segment_can_hold_is_refused_everywhere(value: str) -> None:
    assert not any(_check(path, value) for path in PATHS)


def test_the_control_ids_put_in_as_they_are_reach_other_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "segment", lambda value, what="": value)
    with pytest.raises(AssertionError):
        _check("/_matrix/client/v3/rooms/{room_id}/state", "../../admin")
