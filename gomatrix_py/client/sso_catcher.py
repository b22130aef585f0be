"""A server for one visit: a browser that has signed in is sent to it, with what we wait for in the address."""

from __future__ import annotations

import contextlib
import secrets
import threading
import webbrowser
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from ..errors import SignInError

__all__ = ["RedirectCatcher", "open_in_browser"]

HANG_UP_S = 10.0
_LONGEST_QUERY = 16 * 1024

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


def open_in_browser(url: str) -> None:
    """Open a page in the browser; where there is none, print its address."""
    if not webbrowser.open(url):
        print(f"Open this address in a browser: {url}", flush=True)


class RedirectCatcher:
    """Listens on 127.0.0.1 while its block runs, on a free port, and takes one visit.

    Args:
        path: where it waits; one that nobody can guess where it is left out.
        wants: members that the query must have, each once.
        is_ours: tells whether a visit is the one; others are refused, and it waits on.
    """

    def __init__(
        self,
        path: str = "",
        *,
        wants: tuple[str, ...] = (),
        is_ours: Callable[[Mapping[str, str]], bool] | None = None,
    ) -> None:
        self.path = path or f"/{secrets.token_urlsafe(24)}"
        self._wants = wants
        self._is_ours = is_ours
        self._caught: dict[str, str] | None = None
        self._has_caught = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address to send the browser to."""
        return f"http://127.0.0.1:{self._server.server_port}{self.path}"

    def wait(self, timeout_s: float) -> dict[str, str]:
        """Block until the visit, and return its query; Ctrl-C ends it.

        Args:
            timeout_s: how long to wait, in seconds.

        Raises:
            SignInError: nobody came in time.
        """
        if not self._has_caught.wait(timeout_s) or self._caught is None:
            raise SignInError(f"nobody signed in within {timeout_s:g} s", reason="timeout")
        return self._caught

    def __enter__(self) -> RedirectCatcher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, target: str, host: str) -> tuple[int, str, str]:
        """Return status, title and text for a request; what the query holds is never shown."""
        port = self._server.server_port
        if host not in (f"127.0.0.1:{port}", f"localhost:{port}"):  # a page elsewhere whose name leads here
            return 403, "Not here", "This address is for one visit from this machine."
        query = _query_of(target, self.path)
        if query is None:
            return 404, "Nothing here", "This address is for one visit only."
        if not set(self._wants) <= set(query) or not (self._is_ours is None or self._is_ours(query)):
            return 400, "Not what was asked for", "This is not the answer to the sign-in that is under way."
        with self._lock:
            if self._caught is not None:
                return 410, "Too late", "The sign-in was completed before."
            self._caught = query
        return 200, "Signed in", "You may close this page and go back to the program."


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser may hold connections open that it never uses
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a visitor who hangs up is no fault of ours, and a traceback could show a secret."""


def _query_of(target: str, path: str) -> dict[str, str] | None:
    """Return the query of a visit, None where it is to another path or names a member twice."""
    if len(target) > _LONGEST_QUERY or not target.startswith("/"):
        return None
    with contextlib.suppress(ValueError):
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=50)
        query = dict(pairs)
        if secrets.compare_digest(parts.path.encode(), path.encode()) and len(query) == len(pairs):
            return query
    return None


def _handler(catcher: RedirectCatcher) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = HANG_UP_S
        server_version = "gomatrix_py"
        sys_version = ""

        def do_GET(self) -> None:
            hosts = self.headers.get_all("Host") or [""]
            status, title, text = catcher._take(self.path, hosts[0] if len(hosts) == 1 else "")
            page = _PAGE.format(title=title, text=text).encode()
            try:
                self.send_response(status)
                for name, value in {**_HEADERS, "Content-Length": str(len(page))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(page)
                self.wfile.flush()
            finally:
                if status == 200:  # only now: whoever waits may end the process at once
                    catcher._has_caught.set()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: addresses hold the token."""

    return Handler
