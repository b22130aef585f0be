"""A bot to be killed: it syncs into a file and writes down each event that it handles, durably and in order.

``python -m tests.kit.sync_bot URL STORE LOG MANNER [EVENT_ID]``. It says "open" when its store is open. MANNER:

- ``journalled``: as `DefaultSyncer` does.
- ``token-first``: saves the token, then handles what came, as gomatrix does; for control tests.
- ``deadly``: as ``journalled``, but handling EVENT_ID kills the process.
- ``deadly-uncounted``: the same without counting the tries; for control tests.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gomatrix_py import Client, DefaultSyncer, Event, EventSource, SQLiteStore, SyncResponse
from gomatrix_py.store import is_sync_storer

__all__ = ["OWN", "handled_in"]

OWN = "@bot:scripted"


def handled_in(log: Path) -> list[tuple[str, str]]:
    """Return what a bot has handled so far, as (room id, event id); a line cut by a kill does not count."""
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return [(line.split()[0], line.split()[1]) for line in text.splitlines(keepends=True) if line.endswith("\n")]


class TokenFirstSyncer(DefaultSyncer):
    """Says that all is done before it is."""

    def process_response(self, response: SyncResponse, since: str) -> None:
        assert self.store is not None
        self.store.save_next_batch(self.user_id, response.next_batch)
        for room_id, room in response.rooms.join.items():
            for event in room.timeline.events if room.timeline is not None and since else ():
                for listener in self.listeners.wanting(EventSource.TIMELINE, event.type):
                    listener(Event.from_json(event.json, room_id))


class UncountedSyncer(DefaultSyncer):
    """Tries again for ever."""

    def deliver_again(self) -> None:
        assert is_sync_storer(self.store)
        self.deliver(self.store, self.store.undelivered())


def main(url: str, store_path: str, log_path: str, manner: str, deadly: str = "") -> None:
    """Sync until killed."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def handle(event: Event) -> None:
        os.write(log, f"{event.room_id} {event.event_id}\n".encode())
        os.fsync(log)
        if event.event_id == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    syncer = {"token-first": TokenFirstSyncer, "deadly-uncounted": UncountedSyncer}.get(manner, DefaultSyncer)()
    syncer.on_event_type("m.room.message", handle)
    client = Client(url, OWN, "token", device_id="BOT", store=SQLiteStore(store_path), syncer=syncer)
    print("open", flush=True)
    client.sync()


if __name__ == "__main__":
    main(*sys.argv[1:])
