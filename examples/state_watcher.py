"""Tells of every change of a room's state as it happens: names, topics, people who come and go.

Set MATRIX_URL, MATRIX_USER and MATRIX_TOKEN; Ctrl-C ends it. State comes from two parts of a /sync answer:
STATE is what changed while we were not looking, TIMELINE is what changes now.
"""

import contextlib
import os

from gomatrix_py import Client, DefaultSyncer, Event, EventSource


def describe(event: Event) -> str:
    """Return one line about a state event."""
    if event.type == "m.room.member":
        before = event.prev_content.get("membership", "leave")
        return f"{event.state_key}: {before} -> {event.content.get('membership')}"
    told = event.content.get("name") or event.content.get("topic") or event.content
    return f"{event.type} is now {told!r}"


def watch(client: Client) -> None:
    """Print changes of state from now on."""
    client.syncer = syncer = DefaultSyncer()

    def tell(event: Event) -> None:
        if event.is_state:
            room = client.load_room(event.room_id)
            print(f"{room.name or room.id}: {describe(event)} (by {event.sender})", flush=True)

    syncer.on_source(EventSource.STATE, tell)
    syncer.on_source(EventSource.TIMELINE, tell)


def main() -> None:
    with Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"]) as client:
        watch(client)
        client.sync_once()  # the first sync sets the scene: what is there already is no change
        print("watching", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            client.sync()


if __name__ == "__main__":
    main()
