"""Keeps the files that were sent to a room. Usage: media.py ROOM DIRECTORY [MOST_BYTES].

MATRIX_URL, MATRIX_USER and MATRIX_TOKEN are set. What senders call their files decides nothing but the
name in the directory: none can lead out of it or replace what is there.
"""

import os
import sys
from collections.abc import Iterator

from gomatrix_py import Client, Event, MatrixError, UsageError
from gomatrix_py.errors import AnswerTooLarge
from gomatrix_py.events.contents.messages import RoomMessageMedia


def files_of(client: Client, room_id: str) -> Iterator[Event]:
    """Yield the messages of a room that carry a file, the oldest first."""
    for event in client.messages_iter(room_id, direction="f"):
        if isinstance(event.typed, RoomMessageMedia):
            yield event


def show(done: int, total: int | None) -> None:
    """Write how far a download is, where somebody is looking."""
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total or '?'} bytes", end="", file=sys.stderr)


def main() -> None:
    room_id, directory = sys.argv[1:3]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else None
    os.makedirs(directory, exist_ok=True)
    with Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"]) as client:
        for event in files_of(client, room_id):
            try:
                kept = client.download_attachment(event, directory, progress=show, max_bytes=most)
                print(f"{event.sender}: {kept.path}, {kept.size} bytes")
            except (AnswerTooLarge, UsageError) as error:
                print(f"{event.sender}: not kept, {error}")
            except MatrixError as error:
                print(f"{event.sender}: failed, {error}")


if __name__ == "__main__":
    main()
