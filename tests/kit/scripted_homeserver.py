"""A homeserver on loopback that answers /sync by a script, good answers and bad ones.

What the script does not say is answered as a real server would: filters are stored, sent events get an
id, and a /sync for which there is no answer left is held until there is one or its timeout has passed.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

__all__ = ["Cut", "Reply", "ScriptedHomeserver", "Seen", "joined", "message", "state", "sync_answer"]

USER = "@alice:scripted"
ROOM = "!room:scripted"


@attrs.frozen
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]
    connection: socket.socket = attrs.field(eq=False, repr=False)

    @property
    def has_hung_up(self) -> bool:
        """Tell whether the client no longer waits for the answer."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@attrs.frozen
class Reply:
    """An answer that is not simply 200 and JSON."""

    status: int = 200
    body: Any = b"{}"
    headers: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Cut(Reply):
    """An answer whose connection breaks before the last of the promised bytes."""

    missing: int = 10


Answer = Any
"""A `Reply`, bytes, a JSON value, or a function of the request that returns one."""


class ScriptedHomeserver:
    """Run it with `with`; `url` is where it is, `seen` what was asked.

    Args:
        answers: to /sync, one after the other.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers: list[Answer] = list(answers)
        self._routes: list[tuple[str, str, Answer]] = []
        self._changed = threading.Condition()
        self._is_closing = False
        self.seen: list[Seen] = []
        self.filters: list[Any] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def will_answer(self, *answers: Answer) -> None:
        """Add to the script of /sync."""
        with self._changed:
            self._answers.extend(answers)
            self._changed.notify_all()

    def route(self, method: str, path_part: str, answer: Answer) -> None:
        """Answer every request whose unquoted path holds this text; the last such rule wins."""
        self._routes.insert(0, (method, path_part, answer))

    def asked(self, path_part: str, method: str | None = None) -> list[Seen]:
        """Return the requests whose path holds this text."""
        with self._changed:
            return [one for one in self.seen if path_part in one.path and method in (None, one.method)]

    def wait_for(self, path_part: str, times: int, timeout_s: float = 20.0) -> None:
        """Block until a path was asked for so often; fails after `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._count(path_part) >= times, timeout_s):
                raise AssertionError(f"{path_part} was asked for {self._count(path_part)} times, not {times}")

    def _count(self, path_part: str) -> int:
        return sum(path_part in one.path for one in self.seen)

    def __enter__(self) -> ScriptedHomeserver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------ answering

    def _answer(self, request: Seen) -> Answer:
        with self._changed:
            self.seen.append(request)
            self._changed.notify_all()
        for method, part, answer in self._routes:
            if method == request.method and part in request.path:
                return answer(request) if callable(answer) else answer
        if request.path.endswith("/filter"):
            self.filters.append(request.json)
            return {"filter_id": f"f{len(self.filters)}"}
        if request.path.endswith("/sync"):
            return self._next_sync(request)
        if request.method == "GET" and "/state/m.room.encryption" in request.path:
            return Reply(404, {"errcode": "M_NOT_FOUND", "error": "the room is not encrypted"})
        if "/send/" in request.path or "/state/" in request.path:
            return {"event_id": f"$sent{len(self.seen)}"}
        return Reply(404, {"errcode": "M_UNRECOGNIZED", "error": "not in the script"})

    def _next_sync(self, request: Seen) -> Answer:
        poll_s = int(request.query.get("timeout", "0")) / 1000
        with self._changed:
            self._changed.wait_for(lambda: self._answers or self._is_closing, poll_s)
            if request.has_hung_up:  # what it will not read is for the next one
                raise ConnectionAbortedError
            answer = self._answers.pop(0) if self._answers else {"next_batch": request.query.get("since", "s0")}
        return answer(request) if callable(answer) else answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer_to: Callable[[Seen], Answer] = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(self.command, unquote(parts.path), query, body, headers, self.connection)
                try:
                    self._send(answer_to(seen))
                except OSError:  # the client hung up, as it does when a sync is stopped
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

            def _send(self, answer: Answer) -> None:
                reply = answer if isinstance(answer, Reply) else Reply(body=answer)
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                missing = reply.missing if isinstance(reply, Cut) else 0
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(len(body) + missing))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = self.close_connection or bool(missing)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


# ------------------------------------------------------------------ documents


def message(event_id: str, body: str = "", sender: str = "@bob:scripted", **more: Any) -> dict[str, Any]:
    """Return a text message."""
    return {
        "type": "m.room.message",
        "event_id": event_id,
        "sender": sender,
        "origin_server_ts": 1_700_000_000_000,
        "content": {"msgtype": "m.text", "body": body or event_id},
        **more,
    }


def state(event_type: str, content: dict[str, Any], state_key: str = "", event_id: str = "") -> dict[str, Any]:
    """Return a state event."""
    return {
        "type": event_type,
        "state_key": state_key,
        "event_id": event_id or f"${event_type}-{state_key}",
        "sender": "@bob:scripted",
        "origin_server_ts": 1_700_000_000_000,
        "content": content,
    }


def joined(*timeline: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return a joined room with a timeline; `parts` are its other members, `limited` and `prev_batch` too."""
    rest = {key: parts.pop(key) for key in ("limited", "prev_batch") if key in parts}
    return {"timeline": {"events": list(timeline), **rest}, **parts}


def sync_answer(next_batch: str, room: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Return a /sync answer, with one joined room perhaps."""
    rooms = {"rooms": {"join": {ROOM: room}}} if room is not None else {}
    return {"next_batch": next_batch, **rooms, **parts}
