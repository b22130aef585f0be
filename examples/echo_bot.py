"""Says back what it hears. Set MATRIX_URL, MATRIX_USER and MATRIX_PASSWORD, run it, and invite it to a room."""

import os

from gomatrix_py import Client, DefaultSyncer, Event, EventSource


def make_bot(client: Client) -> None:
    client.syncer = syncer = DefaultSyncer()

    @syncer.on_source(EventSource.INVITE, event_type="m.room.member")
    def join(event: Event) -> None:
        if event.state_key == client.user_id:
            client.join_room(event.room_id)

    @syncer.on_event_type("m.room.message")
    def echo(event: Event) -> None:
        if event.body and event.sender != client.user_id and event.message_type != "m.notice":
            client.send_notice(event.room_id, event.body)


if __name__ == "__main__":
    with Client(os.environ["MATRIX_URL"]) as client:
        client.login_with_password(os.environ["MATRIX_USER"], os.environ["MATRIX_PASSWORD"])
        make_bot(client)
        client.sync()
