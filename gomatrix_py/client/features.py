"""What the server can do: its versions and unstable features, read once."""

from __future__ import annotations

import re
import threading
from typing import Any

from ..api.server import GetVersions, RespVersions
from ..errors import HTTPError, MatrixError, Unrecognized, UnsupportedByServer
from ..http.endpoint import Endpoint, Target
from .base import BaseClient

__all__ = ["FeatureMethods"]

_VERSION = re.compile(r"(r|v)([0-9]+)\.([0-9]+)(?:\.([0-9]+))?\Z")


class FeatureMethods(BaseClient):
    """Asking what the server can do, and saying it where a call needs more."""

    def _set_up(self) -> None:
        super()._set_up()
        self._features_lock = threading.Lock()
        self._features: tuple[Target, RespVersions] | None = None

    def server_features(self, *, refresh: bool = False) -> RespVersions:
        """Return the server's answer to /versions, asked once per session by whichever thread comes first.

        Args:
            refresh: ask again.

        Raises:
            TransportError, HTTPError, DecodeError: it could not be read; the next call asks again.

        Spec: GET /versions.
        """
        with self._features_lock:
            asked = self._target
            if self._features is None or self._features[0] is not asked or refresh:
                self._features = asked, self.call(GetVersions())
            return self._features[1]

    @property
    def server_versions(self) -> tuple[str, ...]:
        """The versions of the specification that the server speaks, as it lists them; see `server_features`."""
        return tuple(self.server_features().versions)

    def supports(self, feature: str | type[Endpoint[Any]]) -> bool:
        """Tell whether the server says that it has something.

        Args:
            feature: a version ("v1.11"), an unstable feature ("org.matrix.msc4140"), or an operation
                (`gomatrix_py.api.room_history.GetThreads`). A version counts as spoken where it or a later one
                is listed. A proposal that /versions has no name for counts as missing.

        Raises:
            TransportError, HTTPError, DecodeError: /versions could not be read.
        """
        features = self.server_features()
        if isinstance(feature, str):
            if _VERSION.match(feature):
                return _speaks(features.versions, feature)
            return features.unstable_features.get(feature) is True
        return _needs(feature) == "" or _has(features, feature)

    def _explained(self, endpoint: Endpoint[Any], error: HTTPError) -> HTTPError:
        """Say what a call needs, where the server does not know it and /versions tells why."""
        is_unknown = isinstance(error, Unrecognized) or error.wrapped_error is None  # or a bare 404
        needs = _needs(type(endpoint))
        if not is_unknown or not needs or isinstance(endpoint, GetVersions):
            return error
        try:
            features = self.server_features()
        except MatrixError:
            return error
        if _has(features, type(endpoint)):
            return error
        explained = UnsupportedByServer(
            f"{endpoint.route()} needs {needs}; the server has {_in_short(features.versions)}",
            code=error.code,
            contents=error.contents,
            wrapped_error=error.wrapped_error,
        )
        explained.needs, explained.versions = needs, tuple(features.versions)
        return explained


def _needs(endpoint: type[Endpoint[Any]]) -> str:
    if endpoint.MSC:
        return f"MSC{endpoint.MSC}"
    return f"v{endpoint.ADDED}" if endpoint.ADDED else ""


def _has(features: RespVersions, endpoint: type[Endpoint[Any]]) -> bool:
    if features.unstable_features.get(endpoint.UNSTABLE_FEATURE) is True:
        return True
    return not endpoint.MSC and _speaks(features.versions, f"v{endpoint.ADDED}")


def _speaks(versions: list[str], wanted: str) -> bool:
    least = _order(wanted)
    found = [order for version in versions if (order := _order(version)) is not None]
    return least is not None and any(order[:2] == least[:2] and order >= least for order in found)


def _order(version: str) -> tuple[str, int, int, int] | None:
    parts = _VERSION.match(version)
    if parts is None:
        return None
    return parts[1], int(parts[2]), int(parts[3]), int(parts[4] or 0)


def _in_short(versions: list[str]) -> str:
    known = sorted(order for version in versions if (order := _order(version)) is not None)
    if not known:
        return "no version we know"
    letter, major, minor, _ = known[-1]
    return f"versions up to {letter}{major}.{minor}"
