"""Rows: sending to an encrypted room whose devices all have the key, over loopback, by us and by the others."""

from __future__ import annotations

import asyncio
import importlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gomatrix_py import Crypto, CryptoClient, InMemoryStore, SQLiteStore
from gomatrix_py.crypto.trust import BlindTrust
from tests.kit.key_server import KEY, KeyServer, Peer

from .corpora import FOLDER
from .encryption_ours import ALICE, ROOM, SETTINGS, TEXT, Facts, devices_of
from .http_calls import AUTHORIZED, WARM_UP
from .loopback import LoopbackServer
from .measure import Meter

MESSAGE = {"msgtype": "m.text", "body": TEXT}
ENCRYPTION = {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": 10_000}


def first_sync(users: list[str]) -> dict[str, Any]:
    """The answer that brings the room with all its members."""
    contents: list[tuple[str, str, dict[str, Any]]] = [("m.room.encryption", "", ENCRYPTION)]
    contents += [("m.room.member", user_id, {"membership": "join"}) for user_id in (ALICE, *users)]
    events = [
        {
            "type": kind,
            "state_key": key,
            "content": content,
            "sender": key or ALICE,
            "event_id": f"$state{number}",
            "origin_server_ts": number,
        }
        for number, (kind, key, content) in enumerate(contents)
    ]
    return {
        "next_batch": "s1",
        "rooms": {"join": {ROOM: {"state": {"events": events}, "timeline": {"events": [], "limited": False}}}},
        "device_one_time_keys_count": {"signed_curve25519": 50},
        "device_unused_fallback_key_types": ["signed_curve25519"],
    }


@contextmanager
def serving(users: list[str]) -> Iterator[str]:
    """A server that answers /sync with the room; its base URL."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(first_sync(users), file)
        file.flush()
        with LoopbackServer(file.name) as server:
            yield server.url


class _ByHand(Peer):
    """Drives the engine of a client."""

    def __init__(self, server: KeyServer, client: CryptoClient) -> None:
        self.server, self.engine, self.me = server, client.engine, (client.user_id, client.device_id)
        self.send_all()


def send(meter: Meter, count: int, devices: int, is_stored: bool) -> Facts:
    """Send messages as users do."""
    users = [f"@user{number}:hs" for number in range(devices)]
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder, serving(users) as url:
        store = SQLiteStore(Path(folder) / "store.db") if is_stored else InMemoryStore()
        options: dict[str, Any] = {"device_id": "DEVICE", "crypto": Crypto(key=KEY, trust=BlindTrust())}
        with CryptoClient(url, ALICE, "token", store=store, **options) as client:
            peer = _ByHand(devices_of(users), client)
            client.sync_once()
            peer.share(ROOM, [ALICE, *users], SETTINGS)
            for _ in range(WARM_UP):
                client.send_text(ROOM, TEXT)
            meter.note_memory()
            with meter.timed():
                for _ in range(count):
                    client.send_text(ROOM, TEXT)
    return {}


def bare_send(meter: Meter, count: int) -> Facts:
    """Encrypt, pickle the ratchet, and put the ciphertext with nothing but a session."""
    import requests
    import vodozemac

    outbound = vodozemac.GroupSession()
    with LoopbackServer() as server, requests.Session() as session:
        url = f"{server.url}/_matrix/client/v3/rooms/{ROOM}/send/m.room.encrypted/"

        def put(number: int) -> None:
            payload = {"type": "m.room.message", "content": MESSAGE, "room_id": ROOM}
            content = {
                "algorithm": "m.megolm.v1.aes-sha2",
                "ciphertext": outbound.encrypt(json.dumps(payload).encode()).to_base64(),
                "session_id": outbound.session_id,
            }
            outbound.pickle(KEY)
            session.put(f"{url}{number}", json=content, headers=AUTHORIZED)

        for number in range(WARM_UP):
            put(number)
        meter.note_memory()
        with meter.timed():
            for number in range(count):
                put(number)
    return {}


# ------------------------------------------------------------------ the others


def nio_send(meter: Meter, count: int, devices: int) -> Facts:
    """Send by matrix-nio; once a session was given out it looks at no device, and it stores no ratchet."""
    return asyncio.run(_nio_send(meter, count, devices))


async def _nio_send(meter: Meter, count: int, devices: int) -> Facts:
    nio = importlib.import_module("nio")
    users = [f"@user{number}:hs" for number in range(devices)]
    with tempfile.TemporaryDirectory() as folder, serving(users) as url:
        config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False, pickle_key="pickles")
        client = nio.AsyncClient(url, ALICE, "DEVICE", folder, config)
        client.restore_login(ALICE, "DEVICE", "token")
        await client.receive_response(nio.SyncResponse.from_dict(first_sync(users)))
        client.rooms[ROOM].members_synced = True
        client.olm.create_outbound_group_session(ROOM)
        session = client.olm.outbound_group_sessions[ROOM]
        session.shared, session.max_messages = True, count + WARM_UP + 1
        session.users_shared_with = {(user_id, "D") for user_id in users}
        for _ in range(WARM_UP):
            answer = await client.room_send(ROOM, "m.room.message", dict(MESSAGE), ignore_unverified_devices=True)
            assert isinstance(answer, nio.RoomSendResponse), answer
        meter.note_memory()
        with meter.timed():
            for _ in range(count):
                await client.room_send(ROOM, "m.room.message", dict(MESSAGE), ignore_unverified_devices=True)
        await client.close()
    return {}


def mautrix_send(meter: Meter, count: int, devices: int) -> Facts:
    """Send by mautrix-python; once a session was given out it looks at no device, and all is kept in memory."""
    return asyncio.run(_mautrix_send(meter, count, devices))


async def _mautrix_send(meter: Meter, count: int, devices: int) -> Facts:
    clients, types = importlib.import_module("mautrix.client"), importlib.import_module("mautrix.types")
    crypto, stores = importlib.import_module("mautrix.crypto"), importlib.import_module("mautrix.crypto.store")
    with LoopbackServer() as server:
        state_store = clients.MemoryStateStore()
        client = clients.Client(
            mxid=ALICE, device_id="DEVICE", base_url=server.url, token="token", state_store=state_store
        )
        machine = client.crypto = crypto.OlmMachine(client, stores.MemoryCryptoStore("bench", "pickles"), state_store)
        await machine.load()
        most = count + WARM_UP + 1
        info = types.RoomEncryptionStateEventContent(types.EncryptionAlgorithm.MEGOLM_V1, rotation_period_msgs=most)
        await state_store.set_encryption_info(ROOM, info)
        session = await machine._new_outbound_group_session(ROOM)
        session.shared, session.max_messages = True, most
        session.users_shared_with = {(f"@user{number}:hs", "D") for number in range(devices)}
        await machine.crypto_store.add_outbound_group_session(session)
        content = types.TextMessageEventContent(msgtype=types.MessageType.TEXT, body=TEXT)
        for _ in range(WARM_UP):
            assert await client.send_message_event(ROOM, types.EventType.ROOM_MESSAGE, content)
        meter.note_memory()
        with meter.timed():
            for _ in range(count):
                await client.send_message_event(ROOM, types.EventType.ROOM_MESSAGE, content)
        await client.api.session.close()
    return {}
