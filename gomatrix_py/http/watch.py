"""Ending a blocking exchange from outside: at its deadline, or when its `CancelToken` is thrown.

A read on a socket can only be ended early by shutting the socket down. So each exchange has a `Watch`
that knows its socket, and one daemon thread per process shuts down those whose deadline has passed.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from .addresses import AddressBlock

__all__ = ["Watch", "current_watch", "watched"]

_active = threading.local()
_LONGEST_WAIT_S = 3600.0


class Watch:
    """The socket of one exchange, and whether somebody ended it.

    Attributes:
        deadline: when the exchange ends, by `time.monotonic`.
        idle_s: how long the peer may neither send nor take a byte, in seconds.
        ended_by: "deadline" or "cancelled", "" while nobody ended it.
        has_connected: True once a connection stood: the request may have been sent.
        is_connecting: True while the first connection does not stand: nothing of the request was sent.
        block: which addresses must not be connected to; None for any may.
    """

    __slots__ = ("_lock", "_socket", "block", "deadline", "ended_by", "has_connected", "idle_s", "is_connecting")

    def __init__(self, deadline: float, idle_s: float = _LONGEST_WAIT_S, block: AddressBlock | None = None) -> None:
        self.deadline = deadline
        self.idle_s = idle_s
        self.block = block
        self.ended_by = ""
        self.has_connected = False
        self.is_connecting = False
        self._socket: socket.socket | None = None
        self._lock = threading.RLock()  # a signal handler may end what its own thread is about to adopt

    def adopt(self, sock: socket.socket) -> None:
        """Hold a duplicate of the socket in use; it is shut down at once if the exchange was ended.

        Only a duplicate can be shut down at any moment: the TLS layer takes the first socket over, and
        http.client closes it before the body of an answer without keep-alive is read.
        """
        duplicate = socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        with self._lock:
            before, self._socket = self._socket, duplicate
            if self.ended_by:
                self._shut_down()
        if before is not None:
            before.close()

    def let_go(self) -> None:
        """Forget the socket; whoever uses it from now on is out of reach."""
        with self._lock:
            sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def end(self, why: str) -> None:
        """Make every blocked connect, read or write of the exchange return now."""
        with self._lock:
            if not self.ended_by:
                self.ended_by = why
                self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def connect(
        self,
        host: str,
        port: int,
        timeout_s: float,
        source: tuple[str, int] | None = None,
        options: Iterable[Any] = (),
    ) -> socket.socket:
        """Return a socket that is connected, and can be ended while it connects.

        Args:
            host: a name or an address; the look-up of a name cannot be ended early.
            port: the port.
            timeout_s: for all addresses of the name together.
            source: the address to connect from.
            options: arguments of `socket.setsockopt`.

        Raises:
            OSError: no address could be connected to; socket.gaierror where there is none.
            AddressRefused: none of its addresses may be connected to.
        """
        give_up_at = time.monotonic() + timeout_s
        addresses = self._reachable(host, socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        failure: OSError = TimeoutError("timed out")
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            # one dead address must not use up the time of the others
            share_s = (give_up_at - time.monotonic()) / (len(addresses) - number)
            if share_s <= 0 or self.ended_by:
                break
            try:
                sock = socket.socket(family, kind, protocol)
                self._connect(sock, address, share_s, source, options)
            except OSError as error:
                failure = error
            else:
                return sock
        raise failure

    def _reachable(self, host: str, found: list[Any]) -> list[Any]:
        """Return the addresses that may be connected to: those very ones are, and no name is looked up again."""
        if self.block is None:
            return found
        allowed = [one for one in found if not self.block.refuses(str(one[4][0]))]
        if not allowed:
            self.block.check(host, str(found[0][4][0]))
        return allowed

    def check_peer(self, host: str, sock: socket.socket) -> None:
        """Refuse a connection that somebody else made.

        Raises:
            AddressRefused: it goes where none may go.
        """
        if self.block is not None:
            peer = sock.getpeername()
            self.block.check(host, str(peer[0]) if isinstance(peer, tuple) else "a socket of this machine")

    def _connect(
        self,
        sock: socket.socket,
        address: Any,
        timeout_s: float,
        source: tuple[str, int] | None,
        options: Iterable[Any],
    ) -> None:
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(timeout_s)
            if source is not None:
                sock.bind(source)
            self.adopt(sock)
            sock.connect(address)
        except BaseException:
            self.let_go()
            sock.close()
            raise


def current_watch() -> Watch | None:
    """Return the watch of the exchange this thread is in."""
    watch: Watch | None = getattr(_active, "watch", None)
    return watch


@contextlib.contextmanager
def watched(total_s: float, idle_s: float = _LONGEST_WAIT_S, block: AddressBlock | None = None) -> Iterator[Watch]:
    """Run one exchange under a deadline of `total_s` seconds, in which it stands still for `idle_s` at most.

    With a `block`, its connections go only where that lets them.

    Exchanges nest: an upload may read from a stream that is itself downloaded meanwhile.
    """
    outer = current_watch()
    watch = Watch(time.monotonic() + total_s, idle_s, block)
    try:
        _active.watch = watch
        _watchdog.add(watch)
        yield watch
    finally:
        _watchdog.remove(watch)
        _active.watch = outer
        watch.let_go()


class _Watchdog:
    def __init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        """Forget everything: in a forked child the thread is gone, and the lock may be held for ever."""
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with self._changed:
            self._watches.add(watch)
            if self._thread is None or not self._thread.is_alive():
                self._wakes_at = math.inf
                self._thread = threading.Thread(target=self._run, name="gomatrix_py-watchdog", daemon=True)
                self._thread.start()
            elif watch.deadline < self._wakes_at:
                self._changed.notify()

    def remove(self, watch: Watch) -> None:
        with self._changed:
            self._watches.discard(watch)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                late = [watch for watch in self._watches if watch.deadline <= now]
                self._watches.difference_update(late)
                if not late:
                    first = min((watch.deadline for watch in self._watches), default=math.inf)
                    self._wakes_at = min(first, now + _LONGEST_WAIT_S)
                    self._changed.wait(self._wakes_at - now)
            for watch in late:
                watch.end("deadline")


_watchdog = _Watchdog()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watchdog.start_over)
