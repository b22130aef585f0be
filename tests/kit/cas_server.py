"""A single sign-on server of the CAS kind, on loopback: it lets in whoever comes, as one user."""

from __future__ import annotations

import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

__all__ = ["CasServer"]

_KNOWN = (
    "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'><cas:authenticationSuccess>"
    "<cas:user>{user}</cas:user></cas:authenticationSuccess></cas:serviceResponse>"
)


class CasServer:
    """Run it with `with`; `url` is what the homeserver is told."""

    def __init__(self, user: str) -> None:
        self.user = user
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> CasServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @staticmethod
    def browse(address: str) -> str:
        """Follow an address wherever it leads, as a browser that keeps cookies does, and return the page."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
        with opener.open(address, timeout=20) as page:
            text: str = page.read().decode()
            return text

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        user = self.user

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/login":
                    service = dict(parse_qsl(parts.query))["service"]
                    self.send_response(302)
                    self.send_header("Location", f"{service}&ticket=ticket")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                answer = _KNOWN.format(user=user).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
