"""Prints a room's messages from the oldest to the newest. Usage: read_history.py ROOM [HOW_MANY].

Set MATRIX_URL, MATRIX_USER and MATRIX_TOKEN. History is read back from the newest event, page by page.
"""

import os
import sys
from collections.abc import Iterator
from itertools import islice

from gomatrix_py import Client, Event


def history(client: Client, room_id: str, page_size: int = 100) -> Iterator[Event]:
    """Yield the events of a room, the newest first."""
    token: str | None = None
    while True:
        page = client.messages(room_id, token, dir="b", limit=page_size)
        yield from page.chunk
        if page.end is None:
            return
        token = page.end


def main() -> None:
    room_id = sys.argv[1]
    how_many = int(sys.argv[2]) if len(sys.argv) > 2 else None
    with Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"]) as client:
        messages = (event for event in history(client, room_id) if event.type == "m.room.message")
        for event in reversed(list(islice(messages, how_many))):
            print(f"{event.sender}: {event.body}")


if __name__ == "__main__":
    main()
