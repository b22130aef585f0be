"""A job to be killed: it queues texts and flushes them, and goes on after a kill where it was.

``python -m tests.kit.queue_bot URL USER TOKEN DEVICE STORE PROGRESS UPTO MANNER ROOM...``. Number `k` goes to
room `k` modulo their count. It says "open" when its store is open, "done" when all up to UPTO is sent, and then
waits. Its PROGRESS file holds the number that is to be queued next. MANNER:

- ``kept``: what it queues is in the outbox before the first byte of it leaves.
- ``new-transaction``: the same, but each try has a transaction id of its own; for control tests.
- ``kept-after``: it sends first, and writes down afterwards that it did; for control tests.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from pathlib import Path

import attrs

from gomatrix_py import Client, InMemoryStore, Limits, RetryPolicy, SQLiteStore
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import MatrixError
from gomatrix_py.store.outbox import OutboxRow
from tests.kit.failpoints import set_failpoint

__all__ = ["text_of"]

AT_ONCE = 25


def text_of(number: int) -> str:
    """Return what is said as number so-and-so."""
    return f"number {number}"


class Progress:
    """The number that is next, in a file that is whole at every moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.next = int(path.read_text(encoding="ascii")) if path.exists() else 0

    def set(self, number: int) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="ascii") as file:
            file.write(str(number))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self.next = number


def _content(number: int) -> dict[str, str]:
    return {"msgtype": "m.text", "body": text_of(number)}


def keep_and_flush(client: Client, rooms: list[str], progress: Progress, up_to: int) -> None:
    """Queue all, some at a time, and flush in between; what was left by an earlier life goes first."""
    while not client.outbox.flush(timeout_s=20):
        pass
    while progress.next < up_to:
        few = range(progress.next, min(progress.next + AT_ONCE, up_to))
        for number in few:  # the same number is the same row, though the kill came before the progress was kept
            room_id = rooms[number % len(rooms)]
            client.queue_event(room_id, "m.room.message", _content(number), txn_id=f"number-{number}")
        progress.set(progress.next + len(few))
        while not client.outbox.flush(timeout_s=20):
            pass


def send_and_note(client: Client, rooms: list[str], progress: Progress, up_to: int) -> None:
    """Send one after the other, and note each as sent when it was."""
    while progress.next < up_to:
        number = progress.next
        try:
            client.send_text(rooms[number % len(rooms)], text_of(number))
        except MatrixError:
            continue
        progress.set(number + 1)


def send_anew(client: Client) -> None:
    """Let each try have a transaction id of its own."""
    transmit = client._transmit

    def anew(row: OutboxRow, cancel: CancelToken | None) -> str:
        return transmit(attrs.evolve(row, txn_id=uuid.uuid4().hex), cancel)

    client.outbox._sender.transmit = anew


def main(
    url: str, user: str, token: str, device: str, store: str, progress: str, up_to: str, manner: str, *rooms: str
) -> None:
    """Send, say so, and wait to be killed."""
    set_failpoint()
    client = Client(
        url,
        user,
        token,
        device_id=device,
        store=InMemoryStore() if manner == "kept-after" else SQLiteStore(store),
        retry=RetryPolicy(attempts=8, base_s=0.01, cap_s=0.1),
        limits=Limits(connect_s=5, read_s=1.0, total_s=20),
    )
    if manner == "new-transaction":
        send_anew(client)
    client.outbox.pending()
    print("open", flush=True)
    work = send_and_note if manner == "kept-after" else keep_and_flush
    work(client, list(rooms), Progress(Path(progress)), int(up_to))
    print("done", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
