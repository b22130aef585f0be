"""Exports a room into a file, one event a line as JSON, the oldest first. Usage: export_history.py ROOM FILE.

ROOM is an id, an alias, or a link to one. Run it again later to add what is new. Set MATRIX_URL, MATRIX_USER and
MATRIX_TOKEN. The file is replaced when the new one is whole: a run that is interrupted changes nothing.
"""

import json
import os
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from gomatrix_py import Client, Event
from gomatrix_py.links import parse_matrix_link


def find_room(client: Client, room: str) -> str:
    """Return the id of a room that is given by id, alias or link."""
    if room.startswith(("matrix:", "https:")):
        room = parse_matrix_link(room).target
    return client.resolve_room_alias(room).room_id if room.startswith("#") else room


def new_events(client: Client, room_id: str, last_known: str | None, page_size: int = 100) -> list[Event]:
    """Return what happened since the last known event, the oldest first."""
    history = client.messages_iter(room_id, page_size=page_size)
    newest_first = takewhile(lambda event: event.event_id != last_known, history)
    return list(newest_first)[::-1]


def lines_of(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open(encoding="utf-8") as file:
            yield from file


def export(client: Client, room_id: str, path: Path) -> int:
    """Bring the file up to date; return how many events were added."""
    known = list(lines_of(path))
    last_known = json.loads(known[-1])["event_id"] if known else None
    added = new_events(client, room_id, last_known)
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.writelines(known)
        file.writelines(f"{json.dumps(event.raw, ensure_ascii=False)}\n" for event in added)
    unfinished.replace(path)
    return len(added)


def main() -> None:
    room, path = sys.argv[1], Path(sys.argv[2])
    with Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"]) as client:
        room_id = find_room(client, room)
        print(f"{export(client, room_id, path)} events added to {path}")


if __name__ == "__main__":
    main()
