"""The keys that read the messages of rooms, and reading with them. Spec: "m.megolm.v1.aes-sha2"."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import attrs

from ..codec import loads
from ..errors import (
    BadKey,
    DecodeError,
    DecryptionFailed,
    MismatchedRoom,
    MismatchedSender,
    MissingRoomKey,
    ReplayedMessage,
    UnknownMessageIndex,
)
from ..events import Event
from . import spaces
from .account import unpickled
from .backend import backend_of_pickle, tagged
from .backend.base import Backend, InboundGroupSession
from .steps import Step

__all__ = ["MEGOLM", "DecryptedEvent", "Inbound", "KeySource", "RoomKey"]

MEGOLM = "m.megolm.v1.aes-sha2"
OPEN_SESSIONS = 500


class KeySource:
    """How a room key came to us, the more trustworthy before the less."""

    OLM = "olm"
    """From the device that made it, or that we are."""

    FORWARDED = "forwarded"
    """From another device of ours that we asked."""

    IMPORTED = "imported"
    """From a file or a backup: nobody vouches for who made it."""


_RANK = {KeySource.OLM: 2, KeySource.FORWARDED: 1, KeySource.IMPORTED: 0}


@attrs.frozen
class RoomKey:
    """What is known of a room key beside the key.

    Attributes:
        room_id, session_id: which.
        sender: the user who made it, "" where nobody vouches for that.
        sender_key: the identity key of the device that made it.
        ed25519: the fingerprint of that device, as the giver says.
        source: how it came; see `KeySource`.
        first_index: the first message it reads.
        shared_history: True where whoever joins later may be given it.
    """

    room_id: str
    session_id: str
    sender: str
    sender_key: str
    ed25519: str
    source: str
    first_index: int = 0
    shared_history: bool = False


@attrs.frozen
class DecryptedEvent:
    """An event as its sender wrote it, and the key it was read with."""

    type: str
    content: dict[str, Any] = attrs.field(repr=False)
    key: RoomKey
    message_index: int


class _Open(NamedTuple):
    """A session in memory, and what is known of it."""

    key: RoomKey
    session: InboundGroupSession
    place: str


class Inbound:
    """Keeps room keys, and reads events with them.

    Args:
        backend: for sessions.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        # opening a session costs as much as reading ten messages with it
        self._open: OrderedDict[tuple[str, str], _Open] = OrderedDict()
        self._lock = threading.Lock()

    # ------------------------------------------------------------ taking keys

    def add(self, step: Step, key: RoomKey, session_key: str) -> bool:
        """Keep the key of a session, unless a better one is kept already.

        Args:
            step: to change.
            key: what is known of it; `session_id` must be the one the key itself says.
            session_key: as its owner shares it, or as exported for sources other than `KeySource.OLM`.

        Returns:
            Whether it was taken.

        Raises:
            BadKey: it is none, or of another session.
        """
        if key.source == KeySource.OLM:
            session = self.backend.new_inbound_group(session_key)
        else:
            session = self.backend.imported_inbound_group(session_key)
        if session.id != key.session_id:
            raise BadKey("the key is of another session than it says")
        key = attrs.evolve(key, first_index=session.first_known_index)
        known = self.known(step, key.room_id, key.session_id)
        merged = key if known is None else self._merged(step, known, key, session)
        if merged is not None:
            self._save(step, merged, session)
        return merged is not None

    def _merged(self, step: Step, known: RoomKey, key: RoomKey, session: InboundGroupSession) -> RoomKey | None:
        """Return what is known of both keys together, None where the new one reads no more and is worth no more.

        One that reads more and continues into the one we have can only come from the same session, whoever brought
        it: it is taken, and the word of the better source stands. Exported keys are not signed: one that somebody
        made up must not keep out the key that the owner of the session signed.
        """
        is_signed = key.source == KeySource.OLM != known.source
        reads_more = key.first_index < known.first_index
        is_makers = known.sender_key in ("", key.sender_key)  # whoever was given a key could claim to have made it
        is_worth_more = _RANK[key.source] > _RANK[known.source] and not known.sender and is_makers
        is_better = reads_more or (is_worth_more and key.first_index == known.first_index)
        if not is_better and not is_signed:
            return None
        if not self._continues(step, known, session):
            return key if is_signed else None
        if not is_better:
            return None
        facts = key if is_worth_more else known
        both_shared = known.shared_history and key.shared_history
        return attrs.evolve(facts, first_index=key.first_index, shared_history=both_shared)

    def _continues(self, step: Step, known: RoomKey, session: InboundGroupSession) -> bool:
        mine = self._opened(step, known.room_id, known.session_id)
        place = max(known.first_index, session.first_known_index)
        return mine is not None and session.export_at(place) == mine.session.export_at(place)

    def _save(self, step: Step, key: RoomKey, session: InboundGroupSession) -> None:
        place = spaces.place(key.room_id, key.session_id)
        record = attrs.asdict(key)
        record["pickle"] = tagged(self.backend.name, session.pickle(step.vault.pickle_key))
        step.put_record(spaces.INBOUND, place, record)
        step.remove(spaces.WITHHELD, place)
        with self._lock:
            self._open.pop((key.room_id, key.session_id), None)

    def forget(self, step: Step, room_id: str, session_id: str) -> None:
        """Forget a key."""
        step.remove(spaces.INBOUND, spaces.place(room_id, session_id))
        self.drop_open()

    def drop_open(self) -> None:
        """Close what is open in memory, as after a step that was not committed."""
        with self._lock:
            self._open.clear()

    # ------------------------------------------------------------ what we have

    def known(self, step: Step, room_id: str, session_id: str) -> RoomKey | None:
        """Return what is known of a key, None where we do not have it."""
        if not spaces.is_sound_id(room_id) or not spaces.is_sound_id(session_id):
            return None
        record = step.record(spaces.INBOUND, spaces.place(room_id, session_id))
        return None if record is None else _key(record)

    def exported(self, step: Step, room_id: str, session_id: str, index: int | None = None) -> str | None:
        """Return what reads from a place on, or from the first we can; None where we cannot. A secret."""
        found = self._opened(step, room_id, session_id)
        if found is None:
            return None
        return found.session.export_at(found.session.first_known_index if index is None else index)

    def _opened(self, step: Step, room_id: str, session_id: str) -> _Open | None:
        names = room_id, session_id
        with self._lock:
            found = self._open.get(names)
            if found is not None:
                self._open.move_to_end(names)
                return found
        if not spaces.is_sound_id(room_id) or not spaces.is_sound_id(session_id):
            return None
        place = spaces.place(*names)
        record = step.record(spaces.INBOUND, place)
        if record is None:
            return None
        name, pickle = backend_of_pickle(record["pickle"])
        session: InboundGroupSession = unpickled(self.backend, "inbound_group", name, pickle, step.vault.pickle_key)
        found = _Open(_key(record), session, place)
        with self._lock:
            self._open[names] = found
            while len(self._open) > OPEN_SESSIONS:
                self._open.popitem(last=False)
        return found

    # ------------------------------------------------------------ reading

    def decrypt(self, step: Step, event: Event) -> DecryptedEvent:
        """Read an ``m.room.encrypted`` event of a room.

        Args:
            step: to change: the place of the message is noted, so that it cannot be replayed.
            event: as it came.

        Raises:
            MissingRoomKey: nobody gave us its key.
            UnknownMessageIndex: our key begins after it.
            ReplayedMessage, MismatchedSender, MismatchedRoom: somebody moved it.
            DecryptionFailed: forged, damaged, or not encrypted for rooms.
        """
        content = event.content
        session_id, ciphertext = content.get("session_id"), content.get("ciphertext")
        if content.get("algorithm") != MEGOLM or not isinstance(ciphertext, str):
            raise DecryptionFailed("it is not encrypted with Megolm")
        found = self._opened(step, event.room_id, str(session_id))
        if found is None:
            raise self._missing(step, event.room_id, str(session_id))
        key, session, _ = found
        if key.sender and key.sender != event.sender:
            raise MismatchedSender(f"the key of this message belongs to {key.sender}, not to {event.sender}")
        plaintext, index = session.decrypt(ciphertext)
        payload = _payload(plaintext)
        if payload.get("room_id") != event.room_id:
            raise MismatchedRoom("it was encrypted for another room")
        self._note_index(step, f"{found.place} {index}", event)
        kind, inner = payload.get("type"), payload.get("content")
        if not isinstance(kind, str) or not kind or not isinstance(inner, dict):
            raise DecryptionFailed("it holds no event")
        relation = content.get("m.relates_to")
        if relation is not None and "m.relates_to" not in inner:
            inner = {**inner, "m.relates_to": relation}
        return DecryptedEvent(kind, inner, key, index)

    def reaches_back_to(self, step: Step, room_id: str, session_id: str, content: Any) -> bool:
        """Tell whether we have a key, and one that does not begin after a message.

        Args:
            step: to read by.
            room_id, session_id: which key.
            content: of the message; whatever else keeps it from being read, no key will help.
        """
        found = self._opened(step, room_id, session_id)
        if found is None:
            return False
        ciphertext = content.get("ciphertext") if isinstance(content, dict) else None
        try:
            found.session.decrypt(ciphertext if isinstance(ciphertext, str) else "")
        except UnknownMessageIndex:
            return False
        except DecryptionFailed:
            pass
        return True

    def _missing(self, step: Step, room_id: str, session_id: str) -> MissingRoomKey:
        is_sound = spaces.is_sound_id(room_id) and spaces.is_sound_id(session_id)
        record = step.record(spaces.WITHHELD, spaces.place(room_id, session_id)) if is_sound else None
        if record is None:
            return MissingRoomKey("nobody gave us the key of this message")
        return MissingRoomKey(f"its key was withheld: {record['code']}", withheld=str(record["code"]))

    def _note_index(self, step: Step, place: str, event: Event) -> None:
        """One place of a session is one event, for ever: the same ciphertext as another event is a replay."""
        now = f"{event.event_id} {event.origin_server_ts}".encode("utf-8", "surrogatepass")
        before = step.get(spaces.INDEXES, place)
        if before is None:
            step.put(spaces.INDEXES, place, now)
        elif before != now:
            raise ReplayedMessage("the same message came as another event before")

    def note_withheld(self, step: Step, room_id: str, session_id: str, code: str) -> None:
        """Note that somebody does not want to give us a key."""
        if spaces.is_sound_id(room_id) and spaces.is_sound_id(session_id):
            step.put_record(spaces.WITHHELD, spaces.place(room_id, session_id), {"code": code[:64]})


def _key(record: dict[str, Any]) -> RoomKey:
    return RoomKey(**{field.name: record[field.name] for field in attrs.fields(RoomKey)})


def _payload(plaintext: bytes) -> dict[str, Any]:
    try:
        payload = loads(plaintext)
    except DecodeError:
        payload = None
    if not isinstance(payload, dict):
        raise DecryptionFailed("what it says is no JSON object")
    return payload
