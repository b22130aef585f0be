"""A bot with workers, to be killed: it answers each message, and handles those of slow rooms slowly.

``python -m tests.kit.worker_bot URL USER TOKEN DEVICE STORE LOG MANNER WORKERS``. It says "open" when its store is
open, and writes down each message when its handler begins. MANNER:

- ``answers``: replies by `send_text`, whose transaction id is derived from what it handles.
- ``answers-anew``: replies with a random transaction id; for control tests.
- ``dies-after-answering``, ``dies-after-answering-anew``: the same, but end the process once the answer is sent.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid

from gomatrix_py import Client, DefaultSyncer, Event, SQLiteStore

__all__ = ["ANSWER"]

ANSWER = "you said: "


def main(
    url: str, user: str, token: str, device: str, store_path: str, log_path: str, manner: str, workers: str
) -> None:
    """Sync until killed."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    syncer = DefaultSyncer(workers=int(workers), fill_gaps=1000)
    client = Client(url, user, token, device_id=device, store=SQLiteStore(store_path), syncer=syncer)

    @syncer.on_event_type("m.room.message")
    def answer(event: Event) -> None:
        if event.sender == user:
            return
        os.write(log, f"{event.room_id} {event.event_id}\n".encode())
        content = {"msgtype": "m.notice", "body": f"{ANSWER}{event.body}"}
        txn_id = uuid.uuid4().hex if manner.endswith("-anew") else None
        client.send_message_event(event.room_id, "m.room.message", content, txn_id=txn_id)
        if manner.startswith("dies-after-answering"):
            os.kill(os.getpid(), signal.SIGKILL)

    print("open", flush=True)
    client.sync()


if __name__ == "__main__":
    main(*sys.argv[1:])
