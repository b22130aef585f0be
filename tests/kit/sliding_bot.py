"""A bot on sliding sync to be killed: it writes down each event that it handles, durably and in order.

``python -m tests.kit.sliding_bot URL STORE LOG USER DEVICE``, with the token in ``BOT_TOKEN``. It says "open"
when its store is open. What it handled is read with `tests.kit.sync_bot.handled_in`; a message sent to the device
stands there by its number instead of an event id.
"""

from __future__ import annotations

import os
import sys

from gomatrix_py import Client, Event, SQLiteStore
from gomatrix_py.sync import SlidingSyncer

__all__ = ["NOTE"]

NOTE = "org.example.note"


def main(url: str, store_path: str, log_path: str, user_id: str, device_id: str) -> None:
    """Sync until killed."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def handle(event: Event) -> None:
        line = f"{event.room_id or '-'} {event.event_id or event.content['number']}\n"
        os.write(log, line.encode())
        os.fsync(log)

    syncer = SlidingSyncer()
    syncer.on_event_type("m.room.message", handle)
    syncer.on_event_type(NOTE, handle)
    client = Client(
        url, user_id, os.environ["BOT_TOKEN"], device_id=device_id, store=SQLiteStore(store_path), syncer=syncer
    )
    print("open", flush=True)
    client.sync()


if __name__ == "__main__":
    main(*sys.argv[1:])
