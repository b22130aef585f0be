"""Prints what was said since it last ran: one /sync request, then it ends. Made for cron.

Set MATRIX_URL, MATRIX_USER and MATRIX_TOKEN. Where it got to is kept in the file named as its argument; the
first run only sets the scene. Up to 500 messages per room that an answer left out are fetched too.
"""

import os
import sys

from gomatrix_py import Client, DefaultSyncer, Event, EventSource, SQLiteStore


def collect(client: Client) -> dict[str, list[str]]:
    """Sync once and return new messages by the name of their room."""
    client.syncer = syncer = DefaultSyncer(fill_gaps=500)
    said: dict[str, list[str]] = {}

    @syncer.on_source(EventSource.TIMELINE, event_type="m.room.message")
    def note(event: Event) -> None:
        when = f"{event.sent_at:%d %b %H:%M}" if event.sent_at else "some day"
        room = client.load_room(event.room_id)
        said.setdefault(room.name or room.id, []).append(f"{when}  {event.sender}: {event.body}")

    client.sync_once()
    return said


def main() -> None:
    url, user, token = (os.environ[name] for name in ("MATRIX_URL", "MATRIX_USER", "MATRIX_TOKEN"))
    with Client(url, user, token, store=SQLiteStore(sys.argv[1])) as client:
        digest = collect(client)
    for room, lines in digest.items():
        print(room, *lines, sep="\n  ")
    if not digest:
        print("nothing new")


if __name__ == "__main__":
    main()
