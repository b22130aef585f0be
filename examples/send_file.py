"""Sends a file to a room. Usage: send_file.py ROOM FILE [CAPTION], with MATRIX_URL, MATRIX_USER and MATRIX_TOKEN set.

Pictures, sounds and films are sent as such. The file is read while it is sent, so its size does not matter
to this machine's memory.
"""

import os
import sys
from pathlib import Path

from gomatrix_py import Client
from gomatrix_py.errors import TooLarge


def main() -> None:
    room_id, path = sys.argv[1], Path(sys.argv[2])
    caption = sys.argv[3] if len(sys.argv) > 3 else None
    with Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"]) as client:
        try:
            print(client.send_attachment(room_id, path, caption=caption).event_id)
        except TooLarge as error:
            sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
