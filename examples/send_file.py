"""Sends a file to a room. Usage: send_file.py ROOM FILE, with MATRIX_URL, MATRIX_USER and MATRIX_TOKEN set.

The file is read while it is sent, so its size does not matter to this machine's memory.
"""

import mimetypes
import os
import sys
from pathlib import Path

from gomatrix_py import Client, FileInfo, FileMessage


def send_file(client: Client, room_id: str, path: Path) -> str:
    """Upload a file, tell a room of it, and return the id of the event."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    with path.open("rb") as file:
        uploaded = client.upload_to_content_repo(file, kind, filename=path.name)
    message = FileMessage(
        path.name,
        uploaded.content_uri,
        filename=path.name,
        info=FileInfo(mimetype=kind, size=path.stat().st_size),
    )
    return client.send_message_event(room_id, "m.room.message", message).event_id


def main() -> None:
    room_id, path = sys.argv[1], Path(sys.argv[2])
    with Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"]) as client:
        largest = client.media_config().upload_size
        if largest is not None and path.stat().st_size > largest:
            sys.exit(f"{path} is larger than the {largest} bytes this server takes")
        print(send_file(client, room_id, path))


if __name__ == "__main__":
    main()
