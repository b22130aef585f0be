"""What a syncer must be able to do: gomatrix's three methods."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..api.sync import SyncResponse

__all__ = ["Syncer"]


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
