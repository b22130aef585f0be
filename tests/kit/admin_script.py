"""An admin API whose answers are written down: no server, no network, and a clock that only waits move."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gomatrix_py.clock import Clock
from gomatrix_py.codec import dumps
from gomatrix_py.errors import HTTPError
from gomatrix_py.http.endpoint import Endpoint, Target
from gomatrix_py.http.messages import HttpResponse
from gomatrix_py.synapse.group import AdminCaller

__all__ = ["ScriptedAdmin", "SteppingClock", "refusal"]

Answer = Any
"""A JSON value, an error to raise, or a function of the endpoint that returns one."""


class SteppingClock:
    """A clock that is a second further each time somebody looks."""

    def __init__(self, step_s: float = 1.0) -> None:
        self.step_s = step_s
        self.now_s = 0.0

    def monotonic(self) -> float:
        """Return the seconds so far."""
        self.now_s += self.step_s
        return self.now_s

    def now_ms(self) -> int:
        """Return the same in milliseconds."""
        return int(self.now_s * 1000)


class ScriptedAdmin(AdminCaller):
    """Answers by the class of the endpoint: one value for all its calls, or a list of values to use up.

    Args:
        answers: by the name of the endpoint's class.
    """

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.called: list[Endpoint[Any]] = []
        self.options: list[dict[str, Any]] = []
        self.stepping = SteppingClock()
        self._lock = threading.Lock()

    def call(self, endpoint: Endpoint[Any], **options: Any) -> Any:
        """Return the answer of the script, parsed as any."""
        endpoint.to_request(Target("https://example.org", "a-token"))
        with self._lock:
            self.called.append(endpoint)
            self.options.append(options)
            answer = self.answers[type(endpoint).__name__]
            if isinstance(answer, list):
                answer = answer.pop(0)
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(endpoint)
        if isinstance(answer, Exception):
            raise answer
        body = dumps(answer)
        return endpoint.parse(HttpResponse(200, {}, body, len(body)))

    @property
    def clock(self) -> Clock:
        """A clock of its own."""
        return self.stepping

    def new_transaction_id(self) -> str:
        """Return an id."""
        return f"txn{len(self.called)}"

    def delegates_accounts(self) -> bool:
        """Return what the script says, False where it says nothing."""
        return bool(self.answers.get("delegates_accounts", False))

    def names(self) -> list[str]:
        """Return the names of the operations that were called."""
        return [type(one).__name__ for one in self.called]


def refusal(code: int, kind: type[HTTPError] = HTTPError) -> HTTPError:
    """Return an error as a server answers it."""
    return kind("it failed", code=code)
