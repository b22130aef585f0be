"""Prints the threads of a room as conversations, edits and reactions included. Usage: threads.py ROOM [TOPIC].

Set MATRIX_URL, MATRIX_USER and MATRIX_TOKEN. With a TOPIC it begins a thread about it first.
"""

import os
import sys

from gomatrix_py import Client, Event
from gomatrix_py.client.conversations import EventThread
from gomatrix_py.send import plain_text


def begin_thread(client: Client, room_id: str, topic: str) -> None:
    """Begin a thread, and write in it twice."""
    root = client.send_markdown(room_id, f"**{topic}**: what do you think?").event_id
    client.send_text(room_id, "I will go first.", thread=root)
    opinion = client.send_markdown(room_id, "It is *grand*.", thread=root)
    client.react(opinion.event_id, "👍", room_id=room_id)


def text_of(event: Event) -> str:
    """Return what a message says, read from its HTML where it has some."""
    html = event.content.get("formatted_body")
    return plain_text(html) if isinstance(html, str) else event.body or f"({event.type})"


def show(client: Client, event: Event, margin: str = "") -> None:
    """Print a message and the reactions to it."""
    reactions = [f"{key} {len(events)}" for key, events in client.reactions(event).items()]
    lines = text_of(event).splitlines() or [""]
    print(f"{margin}{event.sender}: {lines[0]}", *reactions, sep="  ")
    for line in lines[1:]:
        print(f"{margin}  {line}")


def show_thread(client: Client, thread: EventThread) -> None:
    """Print a thread from its beginning."""
    show(client, thread.root)
    for reply in thread:
        show(client, reply, margin="  ")


def main() -> None:
    room_id, *topic = sys.argv[1:]
    with Client(os.environ["MATRIX_URL"], os.environ["MATRIX_USER"], os.environ["MATRIX_TOKEN"]) as client:
        if topic:
            begin_thread(client, room_id, " ".join(topic))
        for root in client.threads_iter(room_id):
            show_thread(client, client.thread(room_id, root))


if __name__ == "__main__":
    main()
