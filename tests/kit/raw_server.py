"""A server on loopback that does exactly what a script says, byte by byte, and remembers what it saw.

A script is a function of one `Connection`; it runs in a thread of its own for each connection accepted.
What it waits for are events, never clocks: `Connection.hold` ends when the test says so, when the client
hangs up, or when the server is closed.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import attrs

__all__ = [
    "Certificate",
    "Connection",
    "RawRequest",
    "RawServer",
    "Script",
    "always",
    "answer",
    "chunked",
    "in_turn",
    "self_signed",
    "stalling",
]

LIMIT_S = 20.0


class HungUp(OSError):
    """The client closed the connection, or the server is being closed."""


@attrs.frozen
class RawRequest:
    """A request as its bytes came; `path` is undecoded, header names are in lower case."""

    raw: bytes
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, undecoded."""
        return self.target.partition("?")[2]


class Connection:
    """One accepted connection, for a script to work with."""

    def __init__(self, sock: socket.socket, server: RawServer, number: int) -> None:
        self.sock = sock
        self.server = server
        self.number = number
        self.seen = bytearray()
        self._unread = bytearray()

    def read_request(self) -> RawRequest:
        """Read one request whole.

        Raises:
            HungUp: the client closed the connection instead.
        """
        while b"\r\n\r\n" not in self._unread:
            self._fill()
        head = bytes(self._unread).partition(b"\r\n\r\n")[0]
        line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        length = len(head) + 4 + int(headers.get("content-length", "0"))
        while len(self._unread) < length:
            self._fill()
        raw = bytes(self._unread[:length])
        del self._unread[:length]
        method, target, _ = line.split(" ", 2)
        request = RawRequest(raw, method, target, headers, raw[len(head) + 4 :])
        self.server._note(request)
        return request

    def _fill(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise HungUp("the client hung up")
        self.seen += data
        self._unread += data

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)

    def drip(self, data: bytes, wait_s: float = 0.005) -> None:
        """Send one byte after the other, with pauses, until the client hangs up."""
        for byte in data:
            self.send(bytes([byte]))
            self.server.stopping.wait(wait_s)
            if self.server.stopping.is_set():
                raise HungUp("the server is closed")

    def hold(self, until: threading.Event | None = None) -> None:
        """Do nothing until an event happens; end the script when the client hangs up.

        Raises:
            HungUp: the client closed the connection, or the server is being closed.
        """
        while not (until is not None and until.is_set()):
            if self.server.stopping.is_set() or self._has_hung_up():
                raise HungUp("nobody waits any more")
            (until or self.server.stopping).wait(0.01)

    def _has_hung_up(self) -> bool:
        readable, _, _ = select.select([self.sock], [], [], 0.01)
        if not readable:
            return False
        try:
            return not self.sock.recv(1, socket.MSG_PEEK) if not isinstance(self.sock, ssl.SSLSocket) else True
        except OSError:
            return True

    def cut(self) -> None:
        """Close the connection in good order, as far as TCP can tell."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = Callable[[Connection], None]


class Certificate(NamedTuple):
    """A self-signed certificate for localhost and 127.0.0.1, and its key."""

    certificate: str
    key: str


class RawServer:
    """Run it with `with`.

    Args:
        script: what to do with each connection.
        tls: makes it an https server.
        backlog: of the listening socket; 0 and `accepts=False` leave connects hanging.
        accepts: False to listen without ever accepting.
    """

    def __init__(
        self, script: Script, *, tls: Certificate | None = None, backlog: int = 128, accepts: bool = True
    ) -> None:
        self.stopping = threading.Event()
        self.requests: list[RawRequest] = []
        self.connections: list[Connection] = []
        self.faults: list[BaseException] = []
        self._script = script
        self._accepts = accepts
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._tls = _server_context(tls) if tls else None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="raw-server", daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def seen(self) -> bytes:
        """Every byte that came, over all connections."""
        return b"".join(bytes(one.seen) for one in list(self.connections))

    def wait_for_requests(self, number: int) -> None:
        """Block until so many requests came; fails after a while."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= number, LIMIT_S):
                raise AssertionError(f"{len(self.requests)} requests came, not {number}")

    def wait_for_connections(self, number: int) -> None:
        """Block until so many connections were accepted; fails after a while."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.connections) >= number, LIMIT_S):
                raise AssertionError(f"{len(self.connections)} connections came, not {number}")

    def _note(self, request: RawRequest) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                connection = Connection(sock, self, len(self.connections))
                self.connections.append(connection)
                self._changed.notify_all()
            thread = threading.Thread(target=self._run, args=(connection,), name="raw-server-script", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection: Connection) -> None:
        try:
            if self._tls is not None:
                connection.sock = self._tls.wrap_socket(connection.sock, server_side=True)
            self._script(connection)
        except OSError:  # the client hung up: often the very thing a test is about
            pass
        except BaseException as fault:  # noqa: BLE001 - raised again where the test sees it
            self.faults.append(fault)
        finally:
            connection.sock.close()

    def __enter__(self) -> RawServer:
        if self._accepts:
            self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._accepts:
            self._acceptor.join(LIMIT_S)
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT_S)
        if self.faults and kind is None:
            raise AssertionError(f"a script failed: {self.faults!r}") from self.faults[0]


def _server_context(tls: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def self_signed(folder: Path) -> Certificate:
    """Make a certificate in a folder with the openssl command.

    Raises:
        FileNotFoundError: there is no such command here.
    """
    made = Certificate(str(folder / "certificate.pem"), str(folder / "key.pem"))
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", made.key, "-out", made.certificate]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True, timeout=60)
    return made


# ------------------------------------------------------------------ answers


def answer(body: bytes = b"{}", status: int = 200, *headers: str, length: int | None = None) -> bytes:
    """Return an answer with a stated length (by default the true one)."""
    lines = [f"HTTP/1.1 {status} Said", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body: bytes, *headers: str, pieces: int = 3) -> bytes:
    """Return an answer in chunks."""
    size = max(1, -(-len(body) // pieces))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    lines = ["HTTP/1.1 200 Said", "Content-Type: application/json", "Transfer-Encoding: chunked", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + framed


def always(data: bytes) -> Script:
    """Return the script that answers every request of every connection with the same bytes."""

    def script(connection: Connection) -> None:
        while True:
            connection.read_request()
            connection.send(data)

    return script


def in_turn(*answers: bytes | Script) -> Script:
    """Return the script that gives one answer after the other, whichever connection asks.

    A part that is a script itself takes over its connection from the request on, and ends it.
    """
    left: Iterator[bytes | Script] = iter(answers)
    lock = threading.Lock()

    def script(connection: Connection) -> None:
        while True:
            connection.read_request()
            with lock:
                part = next(left, None)
            if part is None:
                raise AssertionError("more requests came than there are answers")
            if callable(part):
                return part(connection)
            connection.send(part)

    return script


def stalling(connection: Connection) -> None:
    """The script that reads a request and never answers it."""
    connection.read_request()
    connection.hold()
