"""Places: ``geo:`` URIs and the contents that hold them. RFC 5870, MSC3488."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from ..errors import UsageError
from ..events.contents.extensible import AssetBlock, LocationBlock
from ..events.contents.messages import RoomMessageLocation
from ..times import Moment, in_milliseconds

__all__ = ["Coordinates", "geo_uri", "location_content", "parse_geo_uri"]

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_PARAMETERS = r"(?:;(?!u=|crs=)[A-Za-z0-9-]+(?:=(?:[A-Za-z0-9\[\]:&+$.!~*'()_-]|%[0-9A-Fa-f]{2})+)?)*"
_GEO = (  # compiled at first use: few programs send places
    rf"(?i:geo:({_NUMBER}),({_NUMBER})(?:,({_NUMBER}))?(;crs=[A-Za-z0-9-]+)?(?:;u=([0-9]+(?:\.[0-9]+)?))?{_PARAMETERS})"
)
_ASSETS: Final = ("m.self", "m.pin")
_MAX_CHARS: Final = 1024


class Coordinates(NamedTuple):
    """A place on earth (WGS 84): degrees, metres above the ellipsoid, and how many metres it may be off."""

    latitude: float
    longitude: float
    altitude_m: float | None = None
    uncertainty_m: float | None = None


def geo_uri(
    latitude: float, longitude: float, altitude_m: float | None = None, *, uncertainty_m: float | None = None
) -> str:
    """Return the ``geo:`` URI of a place.

    Args:
        latitude: in degrees, -90 to 90.
        longitude: in degrees, -180 to 180.
        altitude_m: in metres.
        uncertainty_m: how far it may be off, in metres.

    Raises:
        UsageError: no place on earth.

    Source: RFC 5870.
    """
    _check(latitude, longitude)
    numbers = [latitude, longitude] if altitude_m is None else [latitude, longitude, altitude_m]
    if not all(map(math.isfinite, [*numbers, uncertainty_m or 0])) or (uncertainty_m or 0) < 0:
        raise UsageError("altitude and uncertainty are numbers of metres")
    accuracy = "" if uncertainty_m is None else f";u={_written(uncertainty_m)}"
    return "geo:" + ",".join(map(_written, numbers)) + accuracy


def parse_geo_uri(uri: str) -> Coordinates:
    """Return the place a ``geo:`` URI stands for.

    Raises:
        UsageError: it is none, or not on earth, or not in WGS 84.

    Source: RFC 5870, section 3.3.
    """
    found = re.fullmatch(_GEO, uri) if len(uri) <= _MAX_CHARS else None
    if found is None:
        raise UsageError("a place is a geo: URI, such as geo:51.5008,0.1247;u=35")
    latitude, longitude, altitude, system, uncertainty = found.groups()
    if system is not None and system.lower() != ";crs=wgs84":
        raise UsageError("a geo: URI is read in WGS 84 only")
    place = Coordinates(
        float(latitude),
        float(longitude),
        None if altitude is None else float(altitude),
        None if uncertainty is None else float(uncertainty),
    )
    _check(place.latitude, place.longitude)
    return place


def location_content(
    uri: str,
    body: str | None = None,
    *,
    description: str | None = None,
    asset: str = "m.self",
    zoom_level: int | None = None,
    at: Moment | None = None,
) -> RoomMessageLocation:
    """Return a place as a message.

    Args:
        uri: a ``geo:`` URI; `geo_uri` makes one.
        body: what clients show that have no maps; made from the rest where it is left out.
        description: a label for the place.
        asset: ``m.self`` where the sender is there, ``m.pin`` for a place on the map.
        zoom_level: of the map, 0 to 20.
        at: when it was there.

    Raises:
        UsageError: the URI is none, or another member is not as it should be.

    Source: specification, "m.location"; MSC3488, whose blocks are sent under their unstable names as Element
        sends and reads them.
    """
    parse_geo_uri(uri)
    if asset not in _ASSETS:
        raise UsageError(f"an asset is one of {', '.join(_ASSETS)}")
    if zoom_level is not None and not 0 <= zoom_level <= 20:
        raise UsageError("a zoom level is 0 to 20")
    if body is None:
        body = f"Location: {description} ({uri})" if description else f"Location: {uri}"
    return RoomMessageLocation(
        body,
        geo_uri=uri,
        location=LocationBlock(uri, description, zoom_level),
        asset=AssetBlock(asset),
        ts=in_milliseconds(at),
        extra={"org.matrix.msc1767.text": body},
    )


def _check(latitude: float, longitude: float) -> None:
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # false for what is no number, too
        raise UsageError(f"{latitude}, {longitude} is no place on earth")


def _written(number: float) -> str:
    text = f"{number:.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
