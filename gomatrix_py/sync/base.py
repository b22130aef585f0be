"""What a syncer must be able to do: gomatrix's three methods; and what it may do besides: ask in its own way."""

from __future__ import annotations

from typing import Any, Protocol, TypeGuard, runtime_checkable

from ..api.sync import SyncResponse
from ..cancellation import CancelToken
from ..errors import HTTPError
from ..http.endpoint import Endpoint

__all__ = ["RequestingSyncer", "Syncer", "is_requesting_syncer"]


@runtime_checkable
class Syncer(Protocol):
    """Processes /sync answers; any object with these three methods will do."""

    def process_response(self, response: SyncResponse, since: str) -> None:
        """Take in one answer; `since` is "" for the first one. Raising stops the sync loop.

        The loop saves `response.next_batch` after this returns, unless it was saved already.
        """

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        """Return how many seconds to wait before the next try, or raise to stop the loop."""

    def get_filter_json(self, user_id: str) -> dict[str, Any]:
        """Return the filter for /sync, as a JSON object."""


@runtime_checkable
class RequestingSyncer(Syncer, Protocol):
    """A syncer that says what to ask the server; for others the loop asks /sync, with their filter.

    What the loop calls `since` is whatever the syncer's answers gave as `next_batch`.
    """

    def position_key(self, user_id: str) -> str:
        """Return the name under which the store keeps `since`: positions of another kind must never meet."""

    def next_request(self, since: str, timeout_ms: int, outdated: CancelToken) -> Endpoint[Any]:
        """Return what to ask.

        Args:
            since: where to go on from, "" to start over.
            timeout_ms: how long the server may hold the request.
            outdated: to be thrown where something else should be asked while the request is held.
        """

    def read_answer(self, answer: Any, since: str) -> SyncResponse:
        """Return an answer as one of /sync, whose `next_batch` is where to go on from."""

    def position_after(self, since: str, error: HTTPError) -> str | None:
        """Return where to go on from where this error says that the server does not know `since` any more.

        None where that is not what is wrong, or nothing else can be tried.
        """


def is_requesting_syncer(syncer: object) -> TypeGuard[RequestingSyncer]:
    """Tell whether a syncer asks in its own way; unlike `isinstance`, it looks at each class once."""
    kind = type(syncer)
    answer = _answers.get(kind)
    if answer is None:
        answer = _answers[kind] = issubclass(kind, RequestingSyncer)
    return answer


_answers: dict[type, bool] = {}
