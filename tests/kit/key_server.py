"""The part of a homeserver that hands keys and to-device messages around, without HTTP; it can be made to lie."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from gomatrix_py.api.keys import ClaimKeys, QueryKeys, UploadKeys
from gomatrix_py.api.to_device import SendToDevice
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.exchanges import SyncChanges
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.sharing import EncryptionReport
from gomatrix_py.events import Event, EventSource
from gomatrix_py.store.key_values import MemoryKeyValues

__all__ = ["KEY", "KeyServer", "Peer"]

KEY = bytes(range(32))


class KeyServer:
    """Hands keys around.

    Attributes:
        devices: signed device keys by user and device.
        one_time_keys, fallback_keys: by user and device.
        inboxes: to-device events that wait, by user and device.
        tampering: changes answers to /keys/query, for hostile servers.
    """

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self.one_time_keys: dict[tuple[str, str], dict[str, Any]] = {}
        self.fallback_keys: dict[tuple[str, str], dict[str, Any]] = {}
        self.inboxes: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.tampering: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
        self.events = 0

    def answer(self, peer: tuple[str, str], request: Any) -> dict[str, Any]:
        """Return the JSON of the answer to a request of a device."""
        if isinstance(request, UploadKeys):
            return self._upload(peer, request)
        if isinstance(request, QueryKeys):
            wanted = {user_id: copy.deepcopy(self.devices.get(user_id, {})) for user_id in request.device_keys}
            return self.tampering({"device_keys": wanted})
        if isinstance(request, ClaimKeys):
            return {"one_time_keys": self._claim(request)}
        assert isinstance(request, SendToDevice)
        for user_id, of_user in request.messages.items():
            for device_id, content in of_user.items():
                event = {"type": request.event_type, "sender": peer[0], "content": content}
                self.inboxes.setdefault((user_id, device_id), []).append(event)
        return {}

    def _upload(self, peer: tuple[str, str], request: UploadKeys) -> dict[str, Any]:
        if request.device_keys is not None:
            assert isinstance(request.device_keys, dict)
            self.devices.setdefault(peer[0], {})[peer[1]] = copy.deepcopy(request.device_keys)
        keys = self.one_time_keys.setdefault(peer, {})
        keys.update(request.one_time_keys or {})
        if request.fallback_keys:
            self.fallback_keys[peer] = request.fallback_keys
        return {"one_time_key_counts": {"signed_curve25519": len(keys)}}

    def _claim(self, request: ClaimKeys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for user_id, of_user in request.one_time_keys.items():
            for device_id in of_user:
                keys = self.one_time_keys.get((user_id, device_id)) or {}
                if keys:
                    name = next(iter(keys))
                    found.setdefault(user_id, {})[device_id] = {name: keys.pop(name)}
                elif (user_id, device_id) in self.fallback_keys:
                    found.setdefault(user_id, {})[device_id] = self.fallback_keys[user_id, device_id]
        return found


class Peer:
    """A device with an engine, driven by hand; the option `engine` may be that of a client, with its `key_values`."""

    def __init__(self, server: KeyServer, user_id: str, device_id: str, **options: Any) -> None:
        self.server = server
        self.me = (user_id, device_id)
        self.key_values = options.pop("key_values", None) or MemoryKeyValues()
        self.options = options
        self.engine: Engine = options.pop("engine", None) or Engine(
            self.key_values, user_id, device_id, KEY, **options
        )
        self.send_all()

    def restart(self) -> None:
        """Go on with what is stored."""
        self.engine.note_readings()
        self.engine = Engine(self.key_values, *self.me, KEY, **self.options)

    def send_all(self) -> None:
        for wanted in self.engine.outgoing_requests():
            self.engine.mark_request_as_sent(wanted.id, self.server.answer(self.me, wanted.request))

    def sync(
        self, *, changed: tuple[str, ...] = (), left: tuple[str, ...] = (), unused_fallback: bool = True
    ) -> list[Any]:
        """Take in what waits, and return (arrivals, readable)."""
        waiting = self.server.inboxes.pop(self.me, [])
        counts = {"signed_curve25519": len(self.server.one_time_keys.get(self.me, {}))}
        events = [Event.from_dict(event, source=EventSource.TO_DEVICE) for event in waiting]
        news = SyncChanges(events, changed, left, counts, ["signed_curve25519"] if unused_fallback else [])
        with self.engine.receive_sync_changes(news) as taken:
            self.key_values.write(taken.changes)
        self.send_all()
        return [taken.arrivals, taken.readable]

    def share(self, room_id: str, members: list[str], settings: RoomSettings | None = None) -> EncryptionReport:
        """Do all that must be done before something can be encrypted."""
        settings = settings or RoomSettings()
        while (query := self.engine.query_for(members)) is not None:
            self.engine.mark_request_as_sent(query.id, self.server.answer(self.me, query.request))
        recipients = self.engine.recipients(members)
        lacking = self.engine.lacking_session(room_id, settings, recipients)
        claim = self.engine.claim_for(lacking)
        if claim is not None:
            self.engine.take_claimed(lacking, self.server.answer(self.me, claim))
        report = self.engine.share(room_id, settings, recipients)
        for wanted in self.engine.queued_messages():
            self.engine.mark_request_as_sent(wanted.id, self.server.answer(self.me, wanted.request))
        return report

    def say(self, room_id: str, members: list[str], text: str, settings: RoomSettings | None = None) -> Event:
        """Return an encrypted event as it would come from the server."""
        session_id = self.share(room_id, members, settings).session_id
        said = {"msgtype": "m.text", "body": text}
        with self.engine.encrypt(room_id, session_id, "m.room.message", said) as (content, changes):
            self.key_values.write(changes)
        self.server.events += 1
        return Event(
            "m.room.encrypted",
            content,
            f"$event{self.server.events}",
            self.me[0],
            self.server.events,
            room_id=room_id,
            source=EventSource.TIMELINE,
        )

    def read(self, event: Event) -> str:
        """Return what an event says."""
        return str(self.engine.decrypt(event).content["body"])
