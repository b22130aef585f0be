"""A client of a scripted homeserver, and a syncer that hardly waits."""

from __future__ import annotations

from typing import Any

from gomatrix_py import Client, DefaultSyncer, SyncResponse
from gomatrix_py.http.retry import RetryPolicy
from tests.kit.scripted_homeserver import USER, ScriptedHomeserver

__all__ = ["Impatient", "make_client", "sinces"]


class Impatient(DefaultSyncer):
    """Hardly waits after a failed sync, and remembers what failed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.failures: list[tuple[SyncResponse | None, Exception]] = []

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        """Return a hundredth of a second, or less where the default is less."""
        self.failures.append((response, error))
        return min(super().on_failed_sync(response, error), 0.01)


def make_client(server: ScriptedHomeserver, **options: Any) -> Client:
    """Make a client that tries nothing twice by itself."""
    return Client(server.url, USER, "t0ken", retry=RetryPolicy.never(), **options)


def sinces(server: ScriptedHomeserver) -> list[str]:
    """Return the `since` of each /sync the server saw."""
    return [seen.query.get("since", "") for seen in server.asked("/sync")]
