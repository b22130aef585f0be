"""A server in a process of its own that answers with fixed bytes, framed as Synapse frames them.

It does as little as it can, so that what is measured is the client. Run as a program, it prints its port
and ends when its standard input closes.
"""

from __future__ import annotations

import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from .measure import ROOT, child_environment

__all__ = ["LoopbackServer"]

_HEAD = (
    b"HTTP/1.1 %b\r\n"
    b"Server: Synapse/1.163.2\r\n"
    b"Date: Sat, 21 Nov 2026 06:51:24 GMT\r\n"
    b"Content-Type: application/json\r\n"
    b"Cache-Control: no-cache, no-store, must-revalidate\r\n"
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Methods: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n"
    b"Access-Control-Allow-Headers: X-Requested-With, Content-Type, Authorization, Date\r\n"
    b"Access-Control-Expose-Headers: Synapse-Trace-Id, Server\r\n"
)
_BLOCK = bytes(1024 * 1024)
_EVENT_ID = b'{"event_id":"$U2NUIRosG1-j5LhBisspf_Gfwlvs4Yty4kbLqMdUdEY"}'
_CONTENT_URI = b'{"content_uri":"mxc://example.org/PYWIKVzBOozoKqYJuFSAnvfe"}'
_FILTER_ID = b'{"filter_id":"0"}'
_NOT_FOUND = b'{"errcode":"M_NOT_FOUND","error":"Event not found."}'


class LoopbackServer:
    """Runs the server for as long as a block does; `url` is its base URL.

    Args:
        bodies: a file with an answer to /sync on each line, given out in turn.
    """

    def __init__(self, bodies: str | Path | None = None) -> None:
        self._bodies = str(bodies or "")
        self.url = ""

    def __enter__(self) -> LoopbackServer:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.loopback", self._bodies],
            cwd=ROOT,
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        """Answer requests until the client hangs up."""
        while line := self.rfile.readline():
            method, target, _ = line.decode("ascii").split(" ")
            length = 0
            while header := self.rfile.readline().strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            while length:
                length -= len(self.rfile.read(min(length, len(_BLOCK))))
            self._answer(method, target)

    def _answer(self, method: str, target: str) -> None:
        if "/media/download/" in target:
            self._download(int(target.rsplit("/", 1)[1].split("?")[0]))
        elif "/sync" in target:
            self._json(self.server.next_body())
        elif "/upload" in target:
            self._json(_CONTENT_URI)
        elif "/state/m.room.encryption" in target:
            self._json(_NOT_FOUND, b"404 Not Found")
        else:
            self._json(_EVENT_ID if method == "PUT" else _FILTER_ID)

    def _json(self, body: bytes, status: bytes = b"200 OK") -> None:
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        self.wfile.write(_HEAD % status + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)

    def _download(self, size: int) -> None:
        self.wfile.write(_HEAD % b"200 OK" + b"Content-Disposition: attachment\r\nContent-Length: %d\r\n\r\n" % size)
        while size:
            block = _BLOCK[:size]
            self.wfile.write(block)
            size -= len(block)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, bodies: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._bodies = bodies
        self._asked = 0

    def next_body(self) -> bytes:
        """Return the next answer to /sync."""
        self._asked += 1
        return self._bodies[(self._asked - 1) % len(self._bodies)]


def _serve(bodies_path: str) -> None:
    server = _Server(Path(bodies_path).read_bytes().splitlines() if bodies_path else [])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
