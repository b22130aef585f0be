"""From a homeserver's URL to its name, without a token: what asks other hosts has none to lose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..client import Client
from ..codec import field
from ..errors import DecodeError, DiscoveryError, HTTPError, TransportError, UsageError
from ..http.messages import Limits, Redirects
from ..ids import server_name_of
from .endpoint import AdminEndpoint
from .wire import Record

__all__ = ["FederationAddress", "GetFederationAddress", "find_federation_url", "read_server_name"]

_PORT = re.compile(r":[0-9]{1,5}\Z")
_DEFAULT_PORT = 8448


class FederationAddress(Record):
    """Where other servers reach a homeserver."""

    server: str = field(name="m.server")


class GetFederationAddress(AdminEndpoint[FederationAddress]):
    """Ask where other servers reach a homeserver. Spec: server-server API, GET /.well-known/matrix/server."""

    METHOD, PATH = "GET", "/.well-known/matrix/server"
    NEEDS_AUTH, SENDS_TOKEN, REDIRECTS = False, False, Redirects.DISCOVERY
    LIMITS = Limits(connect_s=10, read_s=10, total_s=20, max_bytes=50 * 1024)


def find_federation_url(base_url: str, **options: Any) -> str:
    """Return the URL where other servers reach a homeserver, as it says itself; DNS is not asked.

    Args:
        base_url: of the homeserver.
        options: as for `Client`; no token is ever sent.

    Raises:
        UsageError: the URL is none.
        DiscoveryError: it says nothing usable.

    Source: specification, server-server API, "Resolving server names".
    """
    try:
        with _without_token(base_url, options) as client:
            said = client.call(GetFederationAddress()).server
    except (HTTPError, TransportError, DecodeError) as error:
        raise DiscoveryError(f"{base_url} tells other servers nothing: {error}", action="FAIL_PROMPT") from error
    try:
        server_name_of(f":{said}")
    except UsageError:
        _nameless(base_url)
    return f"https://{said}" if _PORT.search(said) else f"https://{said}:{_DEFAULT_PORT}"


def read_server_name(federation_url: str, **options: Any) -> str:
    """Return the name of a homeserver, from the keys that it publishes for others.

    Args:
        federation_url: from `find_federation_url`, or the homeserver's own where it serves its keys there.
        options: as for `Client`; no token is ever sent.

    Raises:
        UsageError: the URL is none.
        DiscoveryError: it publishes no keys, or names no server.

    Source: specification, server-server API, GET /_matrix/key/v2/server.
    """
    try:
        with _without_token(federation_url, options) as client:
            answer = client.make_request("GET", client.build_base_url("_matrix", "key", "v2", "server"))
    except (HTTPError, TransportError, DecodeError) as error:
        raise DiscoveryError(f"{federation_url} publishes no keys: {error}", action="FAIL_PROMPT") from error
    name = answer.get("server_name") if isinstance(answer, dict) else None
    try:
        return server_name_of(f":{name}") if isinstance(name, str) else _nameless(federation_url)
    except UsageError:
        return _nameless(federation_url)


def _nameless(url: str) -> str:
    raise DiscoveryError(f"{url} names no server", action="FAIL_ERROR")


@contextmanager
def _without_token(base_url: str, options: dict[str, Any]) -> Iterator[Client]:
    """Make a client that has no token; a transport of the caller's own stays open."""
    if "access_token" in options or "user_id" in options:
        raise UsageError("discovery asks other hosts too: it takes no credentials")
    client = Client(base_url, **options)
    try:
        yield client
    finally:
        if options.get("transport") is None:
            client.close()
