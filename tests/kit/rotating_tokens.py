"""Access and refresh tokens as a scripted homeserver keeps them."""

from __future__ import annotations

import threading
from typing import Any

import attrs

from gomatrix_py import Session
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver, Seen

__all__ = ["EXPIRED", "GONE", "Rotating", "refreshes", "session_of", "tokens_used"]

EXPIRED = {"errcode": "M_UNKNOWN_TOKEN", "error": "Access token has expired", "soft_logout": True}
GONE = {"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token"}


class Rotating:
    """Tokens as a homeserver keeps them: the old refresh token lives until one of the new tokens is used."""

    def __init__(self, server: ScriptedHomeserver) -> None:
        self.access, self.refresh = "a0", "r0"
        self.next: tuple[str, str] | None = None
        self.made = 0
        self.reply_to_refresh: Any = None
        self.lifetime_ms: int | None = None
        self.waits_for: threading.Barrier | None = None
        self.lock = threading.Lock()
        server.route("GET", "/whoami", self.use)
        server.route("POST", "/upload", self.use)
        server.route("POST", "/refresh", self.renew)

    def use(self, seen: Seen) -> Any:
        token = seen.headers["authorization"].removeprefix("Bearer ")
        if self.waits_for is not None and token == "a0":
            self.waits_for.wait(20)  # until every thread has asked with the old token
        with self.lock:
            if self.next is not None and token == self.next[0]:
                (self.access, self.refresh), self.next = self.next, None
            if token != self.access:
                return Reply(401, EXPIRED)
        return {"user_id": USER, "device_id": "DEV", "content_uri": "mxc://scripted/x"}

    def renew(self, seen: Seen) -> Any:
        if self.reply_to_refresh is not None:
            return self.reply_to_refresh
        with self.lock:
            if seen.json["refresh_token"] != self.refresh:
                return Reply(401, GONE)
            self.made += 1
            self.next = f"a{self.made}", f"r{self.made}"
            answer = {"access_token": self.next[0], "refresh_token": self.next[1]}
            return answer if self.lifetime_ms is None else {**answer, "expires_in_ms": self.lifetime_ms}

    def expire(self) -> None:
        with self.lock:
            self.access = "expired"


def session_of(server: ScriptedHomeserver, **changes: Any) -> Session:
    return attrs.evolve(Session(server.url, USER, "a0", "DEV", refresh_token="r0"), **changes)


def refreshes(server: ScriptedHomeserver) -> list[str]:
    return [seen.json["refresh_token"] for seen in server.asked("/refresh")]


def tokens_used(server: ScriptedHomeserver) -> list[str]:
    return [seen.headers["authorization"].removeprefix("Bearer ") for seen in server.asked("/whoami")]
