"""A job that encrypts, or decrypts, to be killed; it goes on after a kill where it was.

``python -m tests.kit.crypto_bot URL USER TOKEN DEVICE STORE LIBRARY MANNER FILE UPTO [ROOM]``. It says "open" when
its store is open, "done" when UPTO texts were sent or read, and then waits. FILE holds the number that is to be
sent next, or the texts that were read, one a line. MANNER:

- ``send``: sends texts.
- ``send-saved-after``: the same, but the ratchet is stored after the message was sent; for control tests.
- ``read``: reads texts. What cannot be read is noted as such; so is that a life began, and that a sync returned.
- ``read-marks-nothing``: the same, but what was handled is never marked; for control tests.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gomatrix_py import Crypto, CryptoClient, DefaultSyncer, Event, EventSource, SQLiteStore
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.client.old_copies import OldCopies
from gomatrix_py.codec import dumps, loads
from gomatrix_py.crypto import outbound
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.store.outbox import OutboxRow
from tests.kit.key_server import KEY
from tests.kit.queue_bot import Progress, text_of

__all__ = ["LIFE", "SYNCED", "UNREAD", "SavesAfter", "again_after_all", "noting", "read", "said_in", "send"]

UNREAD = "cannot be read:"
LIFE, SYNCED = "-- a life begins", "-- a sync returned"


def said_in(path: Path) -> list[str]:
    """Return what a reading bot has noted; a line cut by a kill does not count."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [line.rstrip("\n") for line in text.splitlines(keepends=True) if line.endswith("\n")]


def again_after_all(lines: list[str]) -> list[str]:
    """Return what was heard again in the same life, or after the sync that brought it had returned."""
    settled: set[str] = set()
    in_life: set[str] = set()
    again = []
    for line in lines:
        if line == LIFE:
            in_life = set()
        elif line == SYNCED:
            settled |= in_life
        else:
            if line in settled or line in in_life:
                again.append(line)
            in_life.add(line)
    return again


class SavesAfter(CryptoClient):
    """Stores the ratchet when the message has left, as libraries do that keep it in memory.

    It does so for each message, and does not look at what was said by those before.
    """

    def _set_up(self) -> None:
        super()._set_up()
        outbound.AHEAD = 1
        OldCopies.check = lambda *_, **__: None  # type: ignore[method-assign]
        OldCopies.note_sync = lambda *_: None  # type: ignore[method-assign]

    def _transmit(self, row: OutboxRow, cancel: CancelToken | None) -> str:
        self.unsaved: list[Any] = []
        event_id = super()._transmit(row, cancel)
        self.engine.vault.key_values.write(self.unsaved)
        return event_id

    def _sealed(self, row: OutboxRow, cancel: CancelToken | None) -> OutboxRow:
        settings = self._must_encrypt(row.room_id)
        if row.event_type == "m.room.encrypted" or settings is None:
            return row
        session_id = self._crypto_requests.share_key(row.room_id, settings, cancel).session_id
        content = loads(row.content)
        with self.engine.encrypt(row.room_id, session_id, row.event_type, content) as (encrypted, changes):
            row.event_type, row.content = "m.room.encrypted", dumps(encrypted, ascii_only=True)
            self.outbox.rows.update([row])
            self.unsaved += changes
        return row


def send(client: CryptoClient, room_id: str, progress: Progress, up_to: int) -> None:
    """Send one after the other; the same number is the same message, though a kill came before it was noted."""
    while progress.next < up_to:
        number = progress.next
        content = {"msgtype": "m.text", "body": text_of(number)}
        client.send_message_event(room_id, "m.room.message", content, txn_id=f"number-{number}")
        progress.set(number + 1)


@contextmanager
def noting(client: CryptoClient, path: Path) -> Iterator[Callable[[], None]]:
    """Note what comes, each a line; call what the block is given whenever a sync has returned."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(line: str) -> None:
        os.write(log, f"{line}\n".encode())
        os.fsync(log)

    def listen(event: Event) -> None:
        if event.source is EventSource.TIMELINE and event.type in ("m.room.message", "m.room.encrypted"):
            note(event.body if event.body is not None else f"{UNREAD} {event.event_id}")

    client.syncer.on_event(listen)  # type: ignore[attr-defined]
    note(LIFE)
    yield lambda: note(SYNCED)
    os.close(log)


def read(client: CryptoClient, path: Path, up_to: int) -> None:
    """Note what comes, until so many texts were read."""
    with noting(client, path) as synced:
        while True:
            client.sync_once(1_000 if up_to else 0)
            synced()
            if len({said for said in said_in(path) if not said.startswith((UNREAD, LIFE, SYNCED))}) >= up_to:
                return


def main(
    url: str,
    user: str,
    token: str,
    device: str,
    store: str,
    library: Any,
    manner: str,
    file: str,
    up_to: str,
    room_id: str = "",
) -> None:
    """Do the job, say so, and wait to be killed."""
    kind = SavesAfter if manner == "send-saved-after" else CryptoClient
    crypto = Crypto(key=KEY, trust=BlindTrust(), library=library)
    syncer = DefaultSyncer(fill_gaps=100_000)
    client = kind(url, user, token, device_id=device, store=SQLiteStore(store), crypto=crypto, syncer=syncer)
    client.outbox.pending()
    if manner == "read-marks-nothing":
        client.store.mark_delivered = lambda rows: None  # type: ignore[attr-defined]
    print("open", flush=True)
    if manner.startswith("read"):
        read(client, Path(file), int(up_to))
    else:
        send(client, room_id, Progress(Path(file)), int(up_to))
    print("done", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
