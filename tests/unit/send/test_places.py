"""Places on earth, and what is none."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

import pytest

from gomatrix_py.codec import unstructure
from gomatrix_py.errors import UsageError
from gomatrix_py.send import Coordinates, geo_uri, location_content, parse_geo_uri


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("geo:51.5008,0.1247;u=35", Coordinates(51.5008, 0.1247, None, 35.0)),
        ("geo:-90,180,-12.5", Coordinates(-90.0, 180.0, -12.5)),
        ("GEO:1,2;CRS=WGS84;u=0;name=x%20y", Coordinates(1.0, 2.0, None, 0.0)),
        ("geo:1,2;a;b=c", Coordinates(1.0, 2.0)),
    ],
)
def test_a_geo_uri_is_read(uri: str, place: Coordinates) -> None:
    assert parse_geo_uri(uri) == place


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "geo:",
        "geo:1",
        "geo:1,2,3,4",
        "geo:91,0",
        "geo:0,-180.1",
        "geo:1e1,2",
        "geo:+1,2",
        "geo:nan,2",
        "geo:1,2;crs=moon-2011",
        "geo:1,2;u=-1",
        "geo:1,2;u=x y",
        "geo:1, 2",
        "https://a.example",
        "geo:1,2\n",
        "geo:٣,2",
        "geo:1,2;" + "x" * 2000,
    ],
)
def test_what_is_no_place_is_refused(uri: str) -> None:
    with pytest.raises(UsageError):
        parse_geo_uri(uri)
    with pytest.raises(UsageError):
        location_content(uri)


@pytest.mark.parametrize(
    ("numbers", "uri"),
    [
        ((51.5008, 0.1247), "geo:51.5008,0.1247"),
        ((-0.0, 10, 0.5), "geo:0,10,0.5"),
        ((1e-7, 180.0), "geo:0.0000001,180"),
    ],
)
def test_a_geo_uri_is_made(numbers: Any, uri: str) -> None:
    assert geo_uri(*numbers) == uri
    assert geo_uri(*numbers, uncertainty_m=35) == f"{uri};u=35"
    assert parse_geo_uri(uri)[: len(numbers)] == pytest.approx(numbers)


@pytest.mark.parametrize("numbers", [(91, 0), (0, 181), (math.nan, 0), (0, math.inf), (0, 0, math.inf)])
def test_no_uri_is_made_of_what_is_no_place(numbers: Any) -> None:
    with pytest.raises(UsageError):
        geo_uri(*numbers)


def test_no_uri_is_made_of_a_negative_uncertainty() -> None:
    with pytest.raises(UsageError, match="metres"):
        geo_uri(1, 2, uncertainty_m=-1)


def test_a_place_as_a_message() -> None:
    at = datetime(2026, 1, 2, tzinfo=timezone.utc)
    content = location_content("geo:1,2", description="Home", asset="m.pin", zoom_level=15, at=at)
    assert unstructure(content) == {
        "msgtype": "m.location",
        "body": "Location: Home (geo:1,2)",
        "geo_uri": "geo:1,2",
        "org.matrix.msc1767.text": "Location: Home (geo:1,2)",
        "org.matrix.msc3488.asset": {"type": "m.pin"},
        "org.matrix.msc3488.location": {"uri": "geo:1,2", "description": "Home", "zoom_level": 15},
        "org.matrix.msc3488.ts": 1767312000000,
    }
    assert location_content("geo:1,2", "here").body == "here"
    assert location_content("geo:1,2").body == "Location: geo:1,2"
    assert location_content("geo:1,2", at=5).ts == 5


@pytest.mark.parametrize(
    "wrong", [{"asset": "m.other"}, {"zoom_level": 21}, {"zoom_level": -1}, {"at": datetime(2026, 1, 2)}]
)
def test_members_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        location_content("geo:1,2", **wrong)
