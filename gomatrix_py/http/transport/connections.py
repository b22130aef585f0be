"""Connections that can be ended from outside, the adapter that pools them, and what may be logged of them."""

from __future__ import annotations

import functools
import logging
import re
import socket
import sys
import weakref
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from ..framing import StrictResponse
from ..watch import Watch, current_watch

__all__ = ["Adapter", "WatchedConnection", "WatchedPool", "close_pools", "connects_by_pool", "watch_connections"]

_URL = re.compile(r"(https?://[^/?#]*)([^#]*)", re.IGNORECASE)


class WatchedConnection:
    """Tells the exchange's watch which socket is in use, and reads answers by the letter."""

    response_class = StrictResponse
    connects_plainly = True
    sock: Any
    timeout: Any

    def _new_conn(self) -> socket.socket:
        watch = current_watch()
        if watch is not None and self.connects_plainly:
            return self._connected(watch)
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        if watch is not None:
            self._check_peer(watch, sock)
            watch.adopt(sock)
        return sock

    def _connected(self, watch: Watch) -> socket.socket:
        connection: Any = self
        try:
            sys.audit("http.client.connect", self, connection.host, connection.port)
            return watch.connect(
                connection._dns_host.strip("[]"),
                connection.port,
                watch.idle_s if self.timeout is None else self.timeout,
                connection.source_address,
                connection.socket_options or (),
            )
        except socket.gaierror as error:
            raise NameResolutionError(connection.host, connection, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(connection, "timed out") from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(connection, str(error)) from error

    def _check_peer(self, watch: Watch, sock: socket.socket) -> None:
        connection: Any = self
        try:
            watch.check_peer(connection.host, sock)
        except BaseException:
            sock.close()
            raise

    def connect(self) -> None:
        watch = current_watch()
        if watch is None:
            return super().connect()  # type: ignore[misc,no-any-return]
        watch.is_connecting = not watch.has_connected
        super().connect()  # type: ignore[misc]
        watch.is_connecting, watch.has_connected = False, True
        watch.adopt(self.sock)
        self.sock.settimeout(watch.idle_s)

    def request(self, *args: Any, **kwargs: Any) -> Any:
        watch = current_watch()
        if watch is not None and self.sock is not None:
            self._check_peer(watch, self.sock)  # it may be older than the block
            watch.adopt(self.sock)
            watch.has_connected = True
            self.timeout = watch.idle_s  # urllib3 would send under the time limit for connecting
        return super().request(*args, **kwargs)  # type: ignore[misc]


class WatchedPool:
    """Takes a connection back only when the watch of its exchange cannot shut it down any more."""

    def _put_conn(self, connection: Any) -> None:
        watch = current_watch()
        if watch is not None:
            watch.let_go()
        super()._put_conn(connection)  # type: ignore[misc]


@functools.cache
def _watched_class(pool: Any) -> Any:
    """Return this class of pools with connections that are watched, whatever else they do."""
    kind = pool.ConnectionCls
    members = {"connects_plainly": kind._new_conn is HTTPConnection._new_conn}
    connection = type(f"Watched{kind.__name__}", (WatchedConnection, kind), members)
    return type(f"Watched{pool.__name__}", (WatchedPool, pool), {"ConnectionCls": connection})


def watch_connections(manager: Any) -> None:
    """Make the connections of a pool manager endable; something of another kind is left as it is."""
    classes = getattr(manager, "pool_classes_by_scheme", None)
    if not isinstance(manager, urllib3.PoolManager) or not classes:
        return
    if not all(issubclass(pool, WatchedPool) for pool in classes.values()):
        manager.pool_classes_by_scheme = {scheme: _watched_class(pool) for scheme, pool in classes.items()}
        manager.clear()  # pools made before have connections that are not watched


def connects_by_pool(adapter: Any) -> bool:
    """Tell whether all connections of an adapter come from pools that `watch_connections` knows."""
    own = type(adapter)
    return (
        isinstance(getattr(adapter, "poolmanager", None), urllib3.PoolManager)
        and own.send is HTTPAdapter.send
        and own.get_connection_with_tls_context
        in (HTTPAdapter.get_connection_with_tls_context, Adapter.get_connection_with_tls_context)
    )


def close_pools(adapter: Any) -> None:
    """Close the pooled connections of an adapter now.

    Its own close() forgets them only, and an error that somebody keeps may keep its pool alive.
    """
    managers = [getattr(adapter, "poolmanager", None), *getattr(adapter, "proxy_manager", {}).values()]
    for manager in managers:
        if isinstance(manager, urllib3.PoolManager):
            for pool in map(manager.pools.get, list(manager.pools.keys())):
                if pool is not None:
                    pool.close()


class _QueriesHidden(logging.Filter):
    """Cuts the query off the URLs that urllib3 logs about our exchanges: it may hold a signature."""

    def filter(self, record: logging.LogRecord) -> bool:
        if current_watch() is not None and isinstance(record.args, tuple):
            record.args = tuple(
                one.partition("?")[0] + "?…" if isinstance(one, str) and "?" in one else one for one in record.args
            )
        return True


for _name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_QueriesHidden())


# weak, so that the pool manager alone says which pools live: a pool it forgets is closed
_Pools = weakref.WeakValueDictionary[Any, Any]


class Adapter(HTTPAdapter):
    """requests' own adapter, less what it works out anew for every request and we never look at."""

    def __init__(self, pool_size: int) -> None:
        self._pools = _Pools()
        super().__init__(pool_connections=16, pool_maxsize=pool_size, max_retries=0, pool_block=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._pools = _Pools()
        super().__setstate__(state)  # type: ignore[misc]

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        place = _URL.match(request.url)
        if proxies or place is None:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        key = (place.group(1), verify, cert)
        pool = self._pools.get(key)
        if pool is None or pool.pool is None:
            pool = self._pools[key] = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return pool

    def request_url(self, request: Any, proxies: Any) -> str:
        parts = _URL.match(request.url)
        if proxies or parts is None:
            return super().request_url(request, proxies)
        path = parts.group(2)
        return path if path.startswith("/") else f"/{path}"

    def build_response(self, request: Any, raw: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.raw, response.headers = raw.status, raw, raw.headers
        response.url, response.request = request.url, request
        return response
