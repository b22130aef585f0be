"""A store that was put back as it was, lock file and all: only what was said since shows that it is old.

What an old copy would encrypt next stands where something else stands already; nobody could read it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable

from ..api.room_history import GetMessages, RespMessages
from ..api.sync import SyncResponse
from ..codec import as_bytes
from ..crypto import spaces
from ..crypto.engine import Engine
from ..errors import CryptoError, HTTPError, MissingRoomKey
from ..events import Event

__all__ = ["OldCopies"]

log = logging.getLogger("gomatrix_py.crypto")

LOOKED_AT = 20
_ENCRYPTED = "m.room.encrypted"
_LOST = "m.unavailable"


class OldCopies:
    """Looks whether our device said more than its store knows of.

    Args:
        engine: whose store.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._begun_ts = engine.clock.now_ms()
        self._asked: set[str] = set()
        self._gaps: set[str] = set()
        self._has_lost_sessions = False

    def note_sync(self, response: SyncResponse) -> None:
        """Look at what a sync says that we said, before anybody is told of it and answers."""
        ours = self.engine.own.device_id.encode()
        for room_id, room in response.rooms.join.items():
            if room.timeline is None:
                continue
            if room.timeline.limited:  # who knows what was said in between
                self._asked.discard(room_id)
                self._gaps.add(room_id)
            if ours in as_bytes(room.timeline.array):
                self.look_at(room_id, room.timeline.events)

    def check(self, room_id: str, ask: Callable[[GetMessages], RespMessages], *, is_following: bool) -> None:
        """Ask the server what was said last by a session that an earlier process began; once for each room.

        Args:
            room_id: of the room where something is to be said.
            ask: sends the question.
            is_following: whether syncs tell us of all that is said.

        Raises:
            TransportError, DecodeError: the server cannot be asked.
        """
        has_heard_all = is_following and room_id not in self._gaps
        if has_heard_all or room_id in self._asked or not self._is_inherited(room_id):
            return
        only_ours = json.dumps({"types": [_ENCRYPTED], "senders": [self.engine.own.user_id]})
        try:
            answer = ask(GetMessages(room_id, dir="b", limit=LOOKED_AT, filter=only_ours))
        except HTTPError as error:
            log.warning("what was said last in %s is not known: %s", room_id, error)
            return
        self.look_at(room_id, answer.chunk)
        self._asked.add(room_id)
        self._gaps.discard(room_id)

    def _is_inherited(self, room_id: str) -> bool:
        with self.engine.step() as step:
            record = step.record(spaces.OUTBOUND, room_id) if spaces.is_sound_id(room_id) else None
        return record is not None and int(record["created_at"]) < self._begun_ts

    def look_at(self, room_id: str, events: Iterable[Event]) -> None:
        """Take in events of a room, as they came or opened: what our device said must be no news to it."""
        own = self.engine.own
        for event in events:
            if event.type != _ENCRYPTED or event.is_state or event.sender != own.user_id:
                continue
            said_by = event.content.get("device_id"), event.content.get("sender_key")
            if said_by == (own.device_id, own.curve25519):
                event.room_id = event.room_id or room_id
                self._look_at(event)

    def _look_at(self, event: Event) -> None:
        try:
            self.engine.decrypt(event)  # which compares the places
        except MissingRoomKey as error:
            if error.withheld != _LOST and not self._has_lost_sessions:  # once: anybody could say that it is ours
                self._has_lost_sessions = True
                self._note_lost(event)
        except CryptoError as error:  # damaged, or forged: no reason to hear nothing else
            log.debug("what we may have said in %s cannot be read: %s", event.room_id, error)

    def _note_lost(self, event: Event) -> None:
        """Take in that we said something by a session that this store never had."""
        with self.engine.step() as step:
            session_id = event.content.get("session_id")
            self.engine.inbound.note_withheld(step, event.room_id, str(session_id), _LOST)
        self.engine.note_rolled_back()
