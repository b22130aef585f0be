"""The work of the encryption rows, done by matrix-nio and mautrix-python, each in its own way."""

from __future__ import annotations

import asyncio
import importlib
import json
import tempfile
from pathlib import Path
from typing import Any

from gomatrix_py.crypto.backend import backend

from .encryption_ours import ALICE, BOB, ROOM, TEXT
from .measure import Meter

Facts = dict[str, Any]

_AT_ONCE = 1000


def _payload() -> bytes:
    content = {"msgtype": "m.text", "body": TEXT}
    return json.dumps({"type": "m.room.message", "content": content, "room_id": ROOM}).encode()


def _events(count: int, session: Any, sender_key: str) -> list[dict[str, Any]]:
    return [
        {
            "type": "m.room.encrypted",
            "room_id": ROOM,
            "sender": ALICE,
            "event_id": f"$event{number}",
            "origin_server_ts": number,
            "content": {
                "algorithm": "m.megolm.v1.aes-sha2",
                "ciphertext": session.encrypt(_payload()),
                "sender_key": sender_key,
                "device_id": "DEVICE",
                "session_id": session.id,
            },
        }
        for number in range(count)
    ]


def _others(count: int) -> list[tuple[str, str, str, str]]:
    """Devices as (user id, curve25519, ed25519, one-time key)."""
    maker, found = backend("vodozemac"), []
    for number in range(count):
        account = maker.new_account()
        account.generate_one_time_keys(1)
        (key,) = account.one_time_keys().values()
        found.append((f"@user{number}:hs", account.curve25519_key, account.ed25519_key, key))
    return found


# ------------------------------------------------------------------ matrix-nio


def _nio(folder: str) -> Any:
    machines = importlib.import_module("nio.crypto")
    stores = importlib.import_module("nio.store")
    return machines.Olm(BOB, "BOBSDEVICE", stores.SqliteStore(BOB, "BOBSDEVICE", folder, "pickles"))


def nio_read(meter: Meter, count: int) -> Facts:
    """Parse and decrypt events."""
    nio = importlib.import_module("nio")
    maker = backend("vodozemac")
    session, account = maker.new_outbound_group(), maker.new_account()
    with tempfile.TemporaryDirectory() as folder:
        machine = _nio(folder)
        key = session.session_key()
        machine.create_group_session(account.curve25519_key, account.ed25519_key, ROOM, session.id, key)
        events = _events(count, session, account.curve25519_key)
        meter.note_memory()
        with meter.timed():
            for event in events:
                parsed = nio.MegolmEvent.from_dict(event)
                assert machine.decrypt_megolm_event(parsed, ROOM).body == TEXT
    return {}


def nio_write(meter: Meter, count: int) -> Facts:
    """Encrypt events; nio does not store the ratchet."""
    with tempfile.TemporaryDirectory() as folder:
        machine = _nio(folder)
        machine.create_outbound_group_session(ROOM)
        session = machine.outbound_group_sessions[ROOM]
        session.shared, session.max_messages = True, count + 1
        message = {"type": "m.room.message", "content": {"msgtype": "m.text", "body": TEXT}}
        meter.note_memory()
        with meter.timed():
            for _ in range(count):
                machine.group_encrypt(ROOM, dict(message))
    return {}


def nio_share(meter: Meter, count: int) -> Facts:
    """Start sessions, and encrypt the room's key; the signatures were checked before."""
    device_type = importlib.import_module("nio.crypto").OlmDevice
    others = _others(count)
    with tempfile.TemporaryDirectory() as folder:
        machine = _nio(folder)
        machine.create_outbound_group_session(ROOM)
        for user_id, curve25519, ed25519, _ in others:
            device = device_type(user_id, "D", {"ed25519": ed25519, "curve25519": curve25519})
            machine.device_store.add(device)
            machine.store.save_device_keys({user_id: {"D": device}})
        users = [user_id for user_id, *_ in others]
        meter.note_memory()
        with meter.timed():
            for _, curve25519, _, key in others:
                machine.create_session(key, curve25519)
            for _, message in machine.share_group_session_parallel(ROOM, users, ignore_unverified_devices=True):
                json.dumps(message)
    return {}


def nio_fill(meter: Meter, path: str, keys: int) -> Facts:
    """Make a store with so many room keys."""
    models = importlib.import_module("nio.store.models")
    maker = backend("vodozemac")
    Path(path).mkdir()
    store = _nio(path).store
    account = store._get_account()
    pickle_key = importlib.import_module("nio.crypto.sessions").derive_pickle_key(store.pickle_key)
    with store.database.bind_ctx(store.models), store.database.atomic():
        for start in range(0, keys, _AT_ONCE):
            rows = []
            for number in range(start, min(start + _AT_ONCE, keys)):
                session = maker.new_inbound_group(maker.new_outbound_group().session_key())
                pickle = session.pickle(pickle_key)
                names = {"sender_key": f"key{number}", "fp_key": "fp", "room_id": f"!room{number % 100}:hs"}
                rows.append({**names, "account": account, "session": pickle.encode(), "session_id": session.id})
            models.MegolmInboundSessions.insert_many(rows).execute()
    return {}


def nio_open(meter: Meter, path: str) -> Facts:
    """Open it: nio reads all keys then."""
    for name in ("nio.crypto", "nio.store"):
        importlib.import_module(name)
    meter.note_memory()
    with meter.timed():
        machine = _nio(path)
    return {"held": sum(1 for _ in machine.inbound_group_store)}


# ------------------------------------------------------------------ mautrix-python


async def _mautrix() -> Any:
    client_module = importlib.import_module("mautrix.client")
    crypto = importlib.import_module("mautrix.crypto")
    stores = importlib.import_module("mautrix.crypto.store")
    client = client_module.Client(
        mxid=BOB, device_id="BOBSDEVICE", base_url="http://127.0.0.1:1", state_store=client_module.MemoryStateStore()
    )
    machine = crypto.OlmMachine(client, stores.MemoryCryptoStore("bench", "pickles"), client.state_store)
    await machine.load()
    return machine


def mautrix_read(meter: Meter, count: int) -> Facts:
    """Parse and decrypt events; its store is in memory."""
    return asyncio.run(_mautrix_read(meter, count))


async def _mautrix_read(meter: Meter, count: int) -> Facts:
    types = importlib.import_module("mautrix.types")
    machine = await _mautrix()
    maker = backend("olm")
    session, account = maker.new_outbound_group(), maker.new_account()
    key = session.session_key()
    await machine._create_group_session(
        account.curve25519_key, account.ed25519_key, ROOM, session.id, key, None, None
    )
    device = types.DeviceIdentity(
        ALICE, "DEVICE", account.curve25519_key, account.ed25519_key, types.TrustState.VERIFIED, False, ""
    )
    await machine.crypto_store.put_devices(ALICE, {"DEVICE": device})
    events = _events(count, session, account.curve25519_key)
    meter.note_memory()
    with meter.timed():
        for event in events:
            parsed = types.Event.deserialize(event)
            assert (await machine.decrypt_megolm_event(parsed)).content.body == TEXT
    await machine.client.api.session.close()
    return {}


def mautrix_write(meter: Meter, count: int) -> Facts:
    """Encrypt events; its store is in memory."""
    return asyncio.run(_mautrix_write(meter, count))


async def _mautrix_write(meter: Meter, count: int) -> Facts:
    types = importlib.import_module("mautrix.types")
    machine = await _mautrix()
    info = types.RoomEncryptionStateEventContent(types.EncryptionAlgorithm.MEGOLM_V1, rotation_period_msgs=count + 1)
    await machine.state_store.set_encryption_info(ROOM, info)
    session = await machine._new_outbound_group_session(ROOM)
    session.shared, session.max_messages = True, count + 1
    await machine.crypto_store.add_outbound_group_session(session)
    content = types.TextMessageEventContent(msgtype=types.MessageType.TEXT, body=TEXT)
    meter.note_memory()
    with meter.timed():
        for _ in range(count):
            await machine.encrypt_megolm_event(ROOM, types.EventType.ROOM_MESSAGE, content)
    await machine.client.api.session.close()
    return {}


def mautrix_share(meter: Meter, count: int) -> Facts:
    """Start sessions, and encrypt the room's key; the signatures were checked before."""
    return asyncio.run(_mautrix_share(meter, count))


async def _mautrix_share(meter: Meter, count: int) -> Facts:
    types = importlib.import_module("mautrix.types")
    machine = await _mautrix()
    info = types.RoomEncryptionStateEventContent(types.EncryptionAlgorithm.MEGOLM_V1)
    await machine.state_store.set_encryption_info(ROOM, info)
    session = await machine._new_outbound_group_session(ROOM)
    devices = [
        (types.DeviceIdentity(user_id, "D", curve25519, ed25519, types.TrustState.VERIFIED, False, ""), key)
        for user_id, curve25519, ed25519, key in _others(count)
    ]
    meter.note_memory()
    with meter.timed():
        for device, key in devices:
            olm_session = machine.account.new_outbound_session(device.identity_key, key)
            await machine.crypto_store.add_session(device.identity_key, olm_session)
            kind, content = types.EventType.ROOM_KEY, session.share_content
            encrypted = await machine._encrypt_olm_event(olm_session, device, kind, content)
            json.dumps(encrypted.serialize())
    await machine.client.api.session.close()
    return {}
