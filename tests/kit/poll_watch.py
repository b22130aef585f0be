"""Watching the /sync requests of a client from the inside."""

from __future__ import annotations

import threading

from gomatrix_py import Client
from gomatrix_py.http.messages import HttpRequest

__all__ = ["PollWatch"]


class PollWatch:
    """Tells when a long-poll is on its way, and how many there were at once.

    Attributes:
        is_polling: set when a /sync with a `since` is about to be sent.
        most_at_once: the most /sync requests that were under way at the same time.
    """

    def __init__(self, client: Client) -> None:
        self.is_polling = threading.Event()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        client.on_request(self._before)
        client.on_response(self._after)

    def _before(self, request: HttpRequest) -> None:
        if "/sync?" in request.url:
            with self._lock:
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
            if "since=" in request.url:
                self.is_polling.set()

    def _after(self, request: HttpRequest, outcome: object, seconds: float) -> None:
        if "/sync?" in request.url:
            with self._lock:
                self._at_once -= 1
