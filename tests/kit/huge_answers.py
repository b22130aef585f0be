"""First syncs of any size, made while they are sent, and the process that takes one.

``python -m tests.kit.huge_answers URL STORE`` syncs once, into a file or (STORE is "") into memory, and
prints what it found and what it cost, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from gomatrix_py import Client, InMemoryStore, RetryPolicy, SQLiteStore
from gomatrix_py.errors import MatrixError
from tests.kit.raw_server import Connection, Script

__all__ = ["USER", "Account", "endless", "serving"]

USER = "@me:huge"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@attrs.frozen
class Account:
    """An account in so many rooms, each with so many members."""

    rooms: int
    members: int

    def answer(self) -> Iterator[bytes]:
        """Return the first /sync answer of the account, room by room."""
        yield b'{"next_batch":"s1","rooms":{"join":{'
        for room in range(self.rooms):
            events = b",".join(self._member(room, number) for number in range(self.members))
            name = (
                b'{"type":"m.room.name","state_key":"","event_id":"$n%d","sender":"%b","content":{"name":"room %d"}}'
            )
            yield (
                b'%b"!%d:huge":{"state":{"events":[%b,%b]},"timeline":{"events":[%b],"limited":true,"prev_batch":"p"}}'
                % (
                    b"," if room else b"",
                    room,
                    name % (room, USER.encode(), room),
                    events,
                    b'{"type":"m.room.message","event_id":"$m%d","sender":"@u0:huge","origin_server_ts":1,'
                    b'"content":{"msgtype":"m.text","body":"hello"}}' % room,
                )
            )
        yield b"}}}"

    def _member(self, room: int, number: int) -> bytes:
        user = USER.encode() if number == 0 else b"@user-%d-of-room-%d:huge" % (number, room)
        return (
            b'{"type":"m.room.member","state_key":"%b","sender":"%b","event_id":"$Woq2vwLy8mNU3lyX9bxgMFzJ-%09d-%09d",'
            b'"origin_server_ts":1700000000000,"content":{"membership":"join","displayname":"User %d",'
            b'"avatar_url":"mxc://huge/SEsfnsuifSDFSSEF"},"unsigned":{"age":1234567}}'
            % (user, user, room, number, number)
        )


def endless(opening: bytes) -> Iterator[bytes]:
    """Return an answer that opens something again and again and never ends."""
    yield b'{"next_batch":"s1","rooms":'
    while True:
        yield opening * 10_000


def serving(answer: Iterator[bytes]) -> Script:
    """Return a script that sends one answer, in chunks."""

    def script(connection: Connection) -> None:
        while True:
            request = connection.read_request()
            if not request.path.endswith("/sync"):
                connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"filter_id":"f12"}')
                continue
            connection.send(_HEAD)
            for data in answer:
                connection.send(b"%x\r\n%b\r\n" % (len(data), data))
            connection.send(b"0\r\n\r\n")

    return script


def _memory_bytes(name: str) -> int:
    """Return "VmRSS", what is held, or "VmHWM", the most there was; `getrusage` counts the parent's as well."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def main(url: str, store_path: str) -> None:
    """Sync once, and say how it went."""
    store = SQLiteStore(store_path) if store_path else InMemoryStore()
    client = Client(url, USER, "token", device_id="D", store=store, retry=RetryPolicy.never())
    before, error, size = _memory_bytes("VmRSS"), "", 0
    begin_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    try:
        size = len(client.sync_once().body)
    except MatrixError as failure:
        error = type(failure).__name__
    used_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime - begin_s
    grown = _memory_bytes("VmHWM") - before
    rooms = store.room_ids()
    members = 0
    if rooms:
        room = store.load_room(rooms[-1])
        members = len(room.joined) if room is not None else 0
    found = {"error": error, "size": size, "grown": grown, "used_s": used_s, "rooms": len(rooms), "members": members}
    print(json.dumps({**found, "next_batch": store.load_next_batch(USER)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
