"""Says back what it hears, encrypted. Set MATRIX_URL, MATRIX_USER, MATRIX_PASSWORD and MATRIX_STORE_KEY."""

import os

from gomatrix_py import Client, Crypto, CryptoClient, DefaultSyncer, Event, EventSource, SQLiteStore


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
    url, user, password, key = (os.environ[f"MATRIX_{name}"] for name in ("URL", "USER", "PASSWORD", "STORE_KEY"))
    with CryptoClient.login_or_restore(
        "echo_bot.json", url, user, password, store=SQLiteStore("echo_bot.db"), crypto=Crypto(key=key)
    ) as client:
        make_bot(client)
        client.sync()
