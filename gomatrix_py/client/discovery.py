"""From a user id to its homeserver. Spec: "Server discovery"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..api.server import GetVersions, GetWellKnown
from ..errors import DecodeError, DiscoveryError, HTTPError, TransportError, UsageError
from ..http.urls import check_base_url
from ..ids import server_name_of
from .base import BaseClient

__all__ = ["discover_homeserver"]


def discover_homeserver(user_id_or_server: str, **options: Any) -> str:
    """Return the base URL of a user's homeserver.

    Args:
        user_id_or_server: ``@user:example.org`` or ``example.org``.
        options: as for `Client`, for the requests this takes. No token is ever sent.

    Raises:
        UsageError: no server is named.
        DiscoveryError: with the specification's word for what to do: ``FAIL_PROMPT`` where nothing
            usable is published, ``FAIL_ERROR`` where what is published does not work.

    Source: specification, client-server API, "Well-known URIs".
    """
    name = server_name_of(
        user_id_or_server if ":" in user_id_or_server and user_id_or_server[0] in "@#" else f":{user_id_or_server}"
    )
    base_url, was_published = _published(name, options)
    try:
        base_url = check_base_url(base_url)
    except UsageError as error:
        raise DiscoveryError(
            f"{name} publishes a homeserver URL that is none: {error}", action="FAIL_ERROR"
        ) from None
    try:
        with _asking(base_url, options) as client:
            client.call(GetVersions())
    except (TransportError, HTTPError, DecodeError) as error:
        if was_published:
            raise DiscoveryError(f"no homeserver answers at {base_url}: {error}", action="FAIL_ERROR") from error
        raise DiscoveryError(
            f"{name} publishes no homeserver, and none answers at {base_url}: {error}", action="FAIL_PROMPT"
        ) from error
    return base_url


def _published(name: str, options: dict[str, Any]) -> tuple[str, bool]:
    try:
        with _asking(f"https://{name}", options) as client:
            found = client.call(GetWellKnown())
    except TransportError as error:
        if not error.was_sent:
            return f"https://{name}", False
        raise DiscoveryError(f"{name} cannot be asked for its homeserver: {error}", action="FAIL_PROMPT") from error
    except (HTTPError, DecodeError) as error:
        if isinstance(error, HTTPError) and error.code == 404:
            return f"https://{name}", False
        raise DiscoveryError(f"{name} publishes nothing usable: {error}", action="FAIL_PROMPT") from error
    if found.identity_server is not None:
        try:
            check_base_url(found.identity_server.base_url)
        except UsageError as error:
            raise DiscoveryError(f"{name} publishes a broken identity server: {error}", action="FAIL_ERROR") from None
    elif any(problem.path.startswith("m.identity_server") for problem in found.problems):
        raise DiscoveryError(f"{name} publishes a broken identity server", action="FAIL_ERROR")
    return found.homeserver.base_url, True


@contextmanager
def _asking(base_url: str, options: dict[str, Any]) -> Iterator[BaseClient]:
    """Make a client for one question; a transport of the caller's own stays open."""
    client = BaseClient(base_url, **options)
    try:
        yield client
    finally:
        if options.get("transport") is None:
            client.close()
