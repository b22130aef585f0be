"""The proxy: one connection and one request at a time."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import select
import socket
import struct
import threading
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from urllib.parse import unquote, urlsplit

from ...errors import UsageError

__all__ = ["Action", "FaultProxy", "Passage", "Passed", "ProxiedAnswer", "ProxiedRequest", "Rule"]

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length"})
_LONGEST_HEAD = 1024 * 1024
_LOOK_S = 0.02


@dataclass(frozen=True)
class ProxiedRequest:
    """A request as it came.

    Attributes:
        method: the verb.
        target: path and query, undecoded.
        headers: in order, names as they came.
        body: whole.
        raw: all of it as bytes.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes

    @property
    def path(self) -> str:
        """The path without its query, decoded."""
        return unquote(self.target.partition("?")[0])


@dataclass(frozen=True)
class ProxiedAnswer:
    """An answer, whole.

    Attributes:
        status: the HTTP status.
        headers: but for those of the connection.
        body: as it came; compressed where the server did that.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def as_bytes(self) -> bytes:
        """Return it as it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Said')}"]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in _HOP_BY_HOP]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Passed:
    """What became of one request.

    Attributes:
        request: as it came; its body and bytes are left out unless the proxy keeps them.
        fault: the name of the rule that was applied, "" for none.
        forwarded: how often the server got it.
        status: of the answer that the server gave last, 0 for none.
        sent: what the client was sent; b"" unless the proxy keeps bytes.
    """

    request: ProxiedRequest
    fault: str
    forwarded: int
    status: int
    sent: bytes


class Passage:
    """One request on its way, for an action to decide about.

    Attributes:
        request: as it came.
        chance: random numbers that follow from the seed and the request.
        is_over: True once the connection of the client is closed.
    """

    def __init__(
        self, request: ProxiedRequest, sock: socket.socket, proxy: FaultProxy, chance: random.Random
    ) -> None:
        self.request = request
        self.chance = chance
        self.is_over = False
        self.forwarded = 0
        self.status = 0
        self.sent = bytearray()
        self._sock = sock
        self._proxy = proxy

    def forward(self) -> ProxiedAnswer:
        """Let the server have the request, and return what it answers.

        Raises:
            OSError, http.client.HTTPException: it gives no whole answer; the client's connection is then reset.
        """
        self.forwarded += 1
        answered = self._proxy.ask(self.request)
        self.status = answered.status
        return answered

    def reply(self, answered: ProxiedAnswer) -> None:
        """Let the client have an answer."""
        self.send(answered.as_bytes())

    def send(self, data: bytes) -> None:
        """Let the client have bytes."""
        self.sent += data
        self._sock.sendall(data)

    def wait(self, seconds: float) -> None:
        """Do nothing for a while, or until the proxy is closed."""
        self._proxy.closing.wait(seconds)

    def hold(self, until: threading.Event | None = None) -> None:
        """Do nothing until an event happens, the client hangs up, or the proxy is closed."""
        while not self._proxy.closing.is_set() and not (until is not None and until.is_set()):
            readable, _, _ = select.select([self._sock], [], [], _LOOK_S)
            if readable:  # nothing but its end comes while an answer is due
                return

    def close(self) -> None:
        """End the client's connection as if all had been said."""
        self.is_over = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
        self._sock.close()

    def reset(self) -> None:
        """Break the client's connection."""
        self.is_over = True
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


Action = Callable[[Passage], None]
"""Decides what becomes of a request; any function of a `Passage` is one."""


def _pass_on(passage: Passage) -> None:
    passage.reply(passage.forward())


@dataclass(frozen=True)
class Rule:
    """What happens to which requests.

    Attributes:
        action: what happens.
        method: the verb, "" for every one.
        path: a regular expression that is searched in the decoded path, "" for every one.
        nth: which of the requests that match, counted from 1; None for all.
        probability: how likely it happens to each of these.
        name: for the log of the proxy; made from the action where it is left out.
    """

    action: Action
    method: str = ""
    path: str = ""
    nth: Container[int] | None = None
    probability: float = 1.0
    name: str = ""

    @property
    def label(self) -> str:
        """The name, or the action's own."""
        return self.name or getattr(self.action, "__qualname__", "fault").partition(".<locals>")[0].rpartition(".")[2]

    def is_about(self, request: ProxiedRequest) -> bool:
        """Tell whether verb and path match."""
        return self.method in ("", request.method) and re.search(self.path, request.path) is not None


# ------------------------------------------------------------------ the proxy


class FaultProxy:
    """An HTTP proxy on loopback with one server behind it; run it with `with`.

    It takes requests whose length is stated, as those of this package are.

    Args:
        upstream: base URL of the server, http only.
        rules: looked through in order; may be replaced at any time.
        seed: of all that happens by chance; print it where a test fails.
        keeps_bytes: keep every byte of both directions in `passed`.

    Attributes:
        passed: what became of each request, in the order they ended.

    Raises:
        UsageError: the URL is none, or not http.
    """

    def __init__(
        self, upstream: str, rules: Iterable[Rule] = (), *, seed: int = 0, keeps_bytes: bool = False
    ) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or not parts.hostname:
            raise UsageError(f"the proxy takes the URL of an http server, not {upstream!r}")
        self._upstream = parts.hostname, parts.port or 80
        self.rules = list(rules)
        self.seed = seed
        self.keeps_bytes = keeps_bytes
        self.passed: list[Passed] = []
        self.closing = threading.Event()
        self._matched: dict[int, int] = {}
        self._came: dict[tuple[str, str], int] = {}
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)

    @property
    def url(self) -> str:
        """The base URL to give to a client."""
        return f"http://127.0.0.1:{self._port}"

    def faults(self) -> dict[str, int]:
        """Return how often each kind of fault happened."""
        with self._changed:
            labels = [one.fault for one in self.passed if one.fault]
        return {label: labels.count(label) for label in dict.fromkeys(labels)}

    def wait_for(self, path: str, times: int = 1, timeout_s: float = 20.0) -> None:
        """Block until so many requests whose path holds this came.

        Raises:
            TimeoutError: they did not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._count(path) >= times, timeout_s):
                raise TimeoutError(f"{path} was asked for {self._count(path)} times in {timeout_s:g} s, not {times}")

    def _count(self, path: str) -> int:
        return sum(count for (_, asked), count in self._came.items() if path in asked)

    def ask(self, request: ProxiedRequest) -> ProxiedAnswer:
        """Let the server have a request, over a connection of its own.

        Raises:
            OSError, http.client.HTTPException: it gives no whole answer.
        """
        connection = http.client.HTTPConnection(*self._upstream, timeout=None)
        with contextlib.closing(connection):
            connection.connect()
            with self._closed_with_us(connection.sock):
                connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
                for name, value in request.headers:
                    if name.lower() not in _HOP_BY_HOP:
                        connection.putheader(name, value.encode("latin-1"))
                connection.putheader("Connection", "close")
                if request.body or request.method in ("POST", "PUT"):
                    connection.putheader("Content-Length", str(len(request.body)))
                connection.endheaders(request.body or None)
                got = connection.getresponse()
                return ProxiedAnswer(got.status, tuple(got.getheaders()), got.read())

    # ------------------------------------------------------------ life

    def __enter__(self) -> FaultProxy:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        with self._changed:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._threads = [one for one in self._threads if one.is_alive()]
            thread = threading.Thread(target=self._serve, args=(sock,), name="fault-proxy-connection", daemon=True)
            self._threads.append(thread)
            thread.start()

    @contextlib.contextmanager
    def _closed_with_us(self, sock: socket.socket) -> Iterator[None]:
        with self._changed:
            self._open.add(sock)
            if self.closing.is_set():
                raise ConnectionAbortedError("the proxy is closed")
        try:
            yield
        finally:
            with self._changed:
                self._open.discard(sock)

    # ------------------------------------------------------------ one connection

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError), self._closed_with_us(sock):
            unread = bytearray()
            while (request := _read_request(sock, unread)) is not None:
                rule, chance = self._rule_for(request)
                passage = Passage(request, sock, self, chance)
                try:
                    (rule.action if rule is not None else _pass_on)(passage)
                except (OSError, http.client.HTTPException):
                    if not passage.is_over:
                        passage.reset()
                finally:
                    self._note(passage, rule.label if rule is not None else "")
                if passage.is_over:
                    return

    def _rule_for(self, request: ProxiedRequest) -> tuple[Rule | None, random.Random]:
        with self._changed:
            came = (request.method, request.path)
            self._came[came] = self._came.get(came, 0) + 1
            self._changed.notify_all()
            fate = random.Random(f"{self.seed}|{came}|{self._came[came]}")  # noqa: S311 - no secret
            for rule in self.rules:
                if not rule.is_about(request):
                    continue
                number = self._matched[id(rule)] = self._matched.get(id(rule), 0) + 1
                if (rule.nth is None or number in rule.nth) and fate.random() < rule.probability:
                    return rule, fate
        return None, fate

    def _note(self, passage: Passage, fault: str) -> None:
        request, sent = passage.request, bytes(passage.sent)
        if not self.keeps_bytes:
            request, sent = replace(request, headers=(), body=b"", raw=b""), b""
        with self._changed:
            self.passed.append(Passed(request, fault, passage.forwarded, passage.status, sent))


def _read_request(sock: socket.socket, unread: bytearray) -> ProxiedRequest | None:
    """Read a request whole; None where the client hung up instead, or sends something that is none."""
    while b"\r\n\r\n" not in unread:
        if not _fill(sock, unread) or len(unread) > _LONGEST_HEAD:
            return None
    head = bytes(unread).partition(b"\r\n\r\n")[0]
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple((name.strip(), value.strip()) for name, _, value in (one.partition(":") for one in lines))
    stated = {name.lower(): value for name, value in headers}.get("content-length", "0")
    if line.count(" ") < 2 or not stated.isdecimal():
        return None
    length = len(head) + 4 + int(stated)
    while len(unread) < length:
        if not _fill(sock, unread):
            return None
    raw = bytes(unread[:length])
    del unread[:length]
    method, target, _ = line.split(" ", 2)
    return ProxiedRequest(method, target, headers, raw[len(head) + 4 :], raw)


def _fill(sock: socket.socket, unread: bytearray) -> bool:
    data = sock.recv(65536)
    unread += data
    return bool(data)
