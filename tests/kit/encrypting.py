"""Clients that encrypt, and what tests ask of them on a real homeserver."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from gomatrix_py import CryptoClient, Event, EventSource
from gomatrix_py.testing import DevServer
from tests.kit.waiting import wait_until

__all__ = ["ENCRYPTION", "encrypted_room", "heard", "person", "sync_until"]

ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


def person(server: DevServer, name: str, **options: Any) -> CryptoClient:
    """Return a client of a new user, logged in and with its keys published."""
    unique = f"{name}-{secrets.token_hex(4)}"
    client: CryptoClient = server.register(unique, "password", client_class=CryptoClient, **options)
    client.sync_once()
    return client


def encrypted_room(owner: CryptoClient, *others: CryptoClient, **settings: Any) -> str:
    """Return a room that the others have joined, all of them up to date."""
    encryption = {**ENCRYPTION, "content": {"algorithm": "m.megolm.v1.aes-sha2", **settings}}
    room_id = owner.create_room(
        "Secrets", invite=[other.user_id for other in others], initial_state=[encryption]
    ).room_id
    for other in others:
        other.join_room(room_id)
    for client in (owner, *others):
        client.sync_once()
    return room_id


def heard(client: CryptoClient) -> list[Event]:
    """Return a list that every message the client hears is put into from now on."""
    found: list[Event] = []

    def listen(event: Event) -> None:
        if event.source is EventSource.TIMELINE and event.type in ("m.room.message", "m.room.encrypted"):
            found.append(event)

    client.syncer.on_event(listen)  # type: ignore[attr-defined]
    return found


def sync_until(client: CryptoClient, found: Callable[[], Any]) -> None:
    """Sync until something is there."""

    def look() -> bool:
        if found():
            return True
        client.sync_once(500)
        return bool(found())

    wait_until(look, "what a sync should bring")
