"""What our messages to rooms are encrypted with, who was given its key, and when it must be another.

No place of a session is used twice: that it is taken is stored before the ciphertext leaves. Some are stored
as taken ahead, so that the ratchet is written once for all of them; a process that comes after goes on behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import attrs

from ..clock import Clock
from ..codec import dumps_read
from ..errors import CryptoError
from . import spaces
from .account import OwnKeys, unpickled
from .backend import backend_of_pickle, tagged
from .backend.base import Backend, OutboundGroupSession
from .device_info import DeviceInfo
from .inbound import MEGOLM, DecryptedEvent, Inbound, KeySource, RoomKey
from .memo import Memo
from .reopening import Reopening
from .steps import Step

__all__ = ["GIVEN", "Outbound", "RoomSettings", "SessionReplaced", "Told", "lacks"]

GIVEN = "given"

OPEN_SESSIONS = 200
SESSIONS_IN_MIND = 20
"""Of how many sessions it is known, without reading it again, who has which."""
_OUTBOUND = (spaces.OUTBOUND,)
AHEAD = 16
"""Of how many places a ratchet is stored as standing behind, at most, while it is used for the first of them."""
MESSAGES, LIFE_MS = 100, 7 * 24 * 3600 * 1000
_MOST_MESSAGES, _LEAST_LIFE_MS = 10_000, 3600 * 1000


class SessionReplaced(CryptoError):
    """The room's session is another one than was given out: give out the new one first."""

    code = "session_replaced"


@attrs.frozen
class RoomSettings:
    """How a room wants to be encrypted; what it asks for is kept within sound bounds.

    Attributes:
        rotation_msgs: after how many messages there must be a new key.
        rotation_ms: after how long, in milliseconds.
        visibility: who may read the room's history.
    """

    rotation_msgs: int = MESSAGES
    rotation_ms: int = LIFE_MS
    visibility: str = "shared"

    @classmethod
    def from_contents(cls, encryption: Any, visibility: Any = None) -> RoomSettings:
        """Return the settings that the contents of ``m.room.encryption`` and history visibility ask for."""
        encryption = encryption if isinstance(encryption, dict) else {}
        visibility = visibility if isinstance(visibility, dict) else {}
        messages, life_ms = encryption.get("rotation_period_msgs"), encryption.get("rotation_period_ms")
        seen_by = visibility.get("history_visibility")
        return cls(
            min(max(messages, 1), _MOST_MESSAGES) if _is_number(messages) else MESSAGES,
            max(life_ms, _LEAST_LIFE_MS) if _is_number(life_ms) else LIFE_MS,
            seen_by if isinstance(seen_by, str) else "shared",
        )

    @property
    def is_shared(self) -> bool:
        """True where those who join later may read what was said before."""
        return self.visibility in ("shared", "world_readable")


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Told(NamedTuple):
    """What a device was told of a session: `GIVEN` its key, or why not (a code), and under which identity key."""

    how: str
    curve25519: str


def _read_told(step: Step, session_id: str) -> dict[tuple[str, str], Told]:
    found = {}
    for key, record in step.records(spaces.SHARES, f"{session_id} "):
        _, user_id, device_id = key.split(" ")
        found[user_id, device_id] = Told(str(record["how"]), str(record["curve25519"]))
    return found


def lacks(told: Mapping[tuple[str, str], Told], device: DeviceInfo, how: str = GIVEN) -> bool:
    """Tell whether a device was neither given the key, nor told this code.

    Args:
        told: from `Outbound.told`.
        device: in question.
        how: a code.
    """
    found = told.get((device.user_id, device.device_id))
    return found is None or found.curve25519 != device.curve25519 or found.how not in (GIVEN, how)


@attrs.define(eq=False)
class _Ratchet:
    """A session in memory, which has passed every place that anything may have been encrypted at.

    Attributes:
        session: of a room.
        since: where it stood when this process began with it.
    """

    session: OutboundGroupSession
    since: int

    @property
    def place(self) -> int:
        """The first place that is free."""
        return self.session.message_index


class Outbound:
    """Encrypts for rooms.

    The record of a session holds its ratchet as it once was, and as `messages` the first place that is free for
    whoever has nothing but the record. The places before that belong to the one object that is kept in memory
    for this ratchet, as far as it has not passed them.

    Args:
        backend: for sessions.
        inbound: where the key of each of our sessions is kept, to read our own messages.
        clock: for the age of sessions.
    """

    def __init__(self, backend: Backend, inbound: Inbound, clock: Clock) -> None:
        self.backend = backend
        self.inbound = inbound
        self.clock = clock
        self._reopening: Reopening[_Ratchet] = Reopening(OPEN_SESSIONS)
        self._records: dict[str, tuple[bytes | None, dict[str, Any] | None]] = {}
        self._told: Memo[Mapping[tuple[str, str], Told]] = Memo(spaces.SHARES, at_most=SESSIONS_IN_MIND)
        self._none_left: Memo[tuple[object, bool]] = Memo(spaces.SHARES, at_most=SESSIONS_IN_MIND)

    # ------------------------------------------------------------ the session of now

    def ensure(
        self, step: Step, own: OwnKeys, room_id: str, settings: RoomSettings, to: tuple[DeviceInfo, ...]
    ) -> str:
        """Return the id of the session to encrypt with; a new one where the old one must not be used any more.

        Args:
            step: to change.
            own: our keys.
            room_id: of the room.
            settings: what the room asks for.
            to: every device that may read what is sent next.
        """
        return self.current(step, room_id, settings, to) or self._begin(step, own, room_id, settings)

    def current(self, step: Step, room_id: str, settings: RoomSettings, to: tuple[DeviceInfo, ...]) -> str | None:
        """Return the id of the session of now, None where there must be a new one; see `ensure`."""
        record = self._record(step, room_id)
        if record is None or self._must_rotate(step, record, settings, to):
            return None
        return str(record["session_id"])

    def _record(self, step: Step, room_id: str) -> dict[str, Any] | None:
        """Return what is stored of a room's session; nobody may change it.

        The store is asked each time, as another engine may have written; opened is only what is new.
        """
        if step.has_changed(_OUTBOUND):
            return step.record(spaces.OUTBOUND, room_id)
        stored = step.vault.key_values.get(spaces.OUTBOUND, room_id)
        known = self._records.get(room_id)
        if known is None or known[0] != stored:
            if len(self._records) >= OPEN_SESSIONS:
                self._records.clear()
            known = self._records[room_id] = stored, step.record(spaces.OUTBOUND, room_id)
        return known[1]

    def _must_rotate(
        self, step: Step, record: dict[str, Any], settings: RoomSettings, to: tuple[DeviceInfo, ...]
    ) -> bool:
        if backend_of_pickle(record["pickle"])[0] != self.backend.name:  # another library's, which may be gone
            return True
        age_ms = self.clock.now_ms() - int(record["created_at"])
        if self._place(record) >= settings.rotation_msgs or not 0 <= age_ms < settings.rotation_ms:
            return True
        if RoomSettings(**record["settings"]).is_shared != settings.is_shared:
            return True
        return not self._may_all_read(step, str(record["session_id"]), to)

    def _may_all_read(self, step: Step, session_id: str, to: tuple[DeviceInfo, ...]) -> bool:
        """Tell whether all who were given a session's key may read what is sent next."""

        def compared() -> tuple[object, bool]:
            may_read = {((device.user_id, device.device_id), device.curve25519) for device in to}
            told = self.told(step, session_id).items()
            return to, all((names, one.curve25519) in may_read for names, one in told if one.how == GIVEN)

        # what is kept holds the list, so that its id is nobody else's
        return self._none_left.of(step, (session_id, id(to)), compared)[1]

    def _begin(self, step: Step, own: OwnKeys, room_id: str, settings: RoomSettings) -> str:
        self.invalidate(step, room_id)
        session = self.backend.new_outbound_group()
        key = RoomKey(
            room_id,
            session.id,
            own.user_id,
            own.curve25519,
            own.ed25519,
            KeySource.OLM,
            shared_history=settings.is_shared,
        )
        self.inbound.add(step, key, session.session_key())
        record = {
            "session_id": session.id,
            "created_at": self.clock.now_ms(),
            "settings": attrs.asdict(settings),
        }
        self._save(step, room_id, record, _Ratchet(session, 0), 0)
        return session.id

    # ------------------------------------------------------------ its places

    def _save(self, step: Step, room_id: str, record: dict[str, Any], ratchet: _Ratchet, free_from: int) -> None:
        """Store a ratchet, and which place is the first that is free for whoever reads it again."""
        pickle = tagged(self.backend.name, ratchet.session.pickle(step.vault.pickle_key))
        step.put_record(spaces.OUTBOUND, spaces.place(room_id), {**record, "messages": free_from, "pickle": pickle})
        self._reopening.keep(pickle, ratchet)

    def _ratchet(self, step: Step, record: dict[str, Any]) -> _Ratchet:
        """Return what encrypts for a record, at a place that is free. It is kept for nobody else meanwhile."""
        ratchet = self._reopening.take(record["pickle"])
        if ratchet is None:
            name, pickle = backend_of_pickle(record["pickle"])
            session = unpickled(self.backend, "outbound_group", name, pickle, step.vault.pickle_key)
            while session.message_index < record["messages"]:
                session.encrypt(b"")  # there is no other way to pass a place
            ratchet = _Ratchet(session, session.message_index)
        return ratchet

    def _place(self, record: dict[str, Any]) -> int:
        """Return the first place that is free."""
        ratchet = self._reopening.look(record["pickle"])
        return int(record["messages"]) if ratchet is None else ratchet.place

    def give_back(self, step: Step) -> None:
        """Let whoever comes next go on where we end, so that no place is left out and an old copy is found out."""
        for room_id, record in list(step.records(spaces.OUTBOUND)):
            ratchet = self._reopening.look(record["pickle"])
            if ratchet is not None and ratchet.place < record["messages"]:
                self._save(step, room_id, record, ratchet, ratchet.place)

    def invalidate(self, step: Step, room_id: str) -> None:
        """Use a new session for the next message to a room."""
        record = step.record(spaces.OUTBOUND, room_id)
        if record is not None:
            for key, _ in list(step.scan(spaces.SHARES, f"{record['session_id']} ")):
                step.remove(spaces.SHARES, key)
            step.remove(spaces.OUTBOUND, room_id)

    def invalidate_all(self, step: Step) -> None:
        """Use new sessions everywhere: this store may be older than what was sent from it."""
        for room_id, _ in list(step.scan(spaces.OUTBOUND)):
            self.invalidate(step, room_id)

    def is_behind(self, step: Step, read: DecryptedEvent) -> bool:
        """Tell whether a message of ours is from a place that our session has not reached, as in an old copy."""
        record = self._record(step, read.key.room_id)
        if record is None or record["session_id"] != read.key.session_id:
            return False
        return read.message_index >= self._place(record)

    # ------------------------------------------------------------ who was given it

    def told(self, step: Step, session_id: str) -> Mapping[tuple[str, str], Told]:
        """Return what devices were told of a session, by user id and device id."""
        return self._told.of(step, session_id, lambda: _read_told(step, session_id))

    def note_told(self, step: Step, session_id: str, device: DeviceInfo, how: str, index: int = 0) -> None:
        """Note that a device is given the session's key from a place on (`GIVEN`), or told why not (a code)."""
        place = spaces.place(session_id, device.user_id, device.device_id)
        step.put_record(spaces.SHARES, place, {"how": how, "curve25519": device.curve25519, "index": index})

    def shared_index(self, step: Step, session_id: str, device: DeviceInfo) -> int | None:
        """Return from which place on a device was given a session's key, None where it was not."""
        record = step.record(spaces.SHARES, spaces.place(session_id, device.user_id, device.device_id))
        if record is None or record["how"] != GIVEN or record["curve25519"] != device.curve25519:
            return None
        return int(record["index"])

    def room_key(self, step: Step, room_id: str) -> tuple[dict[str, Any], int]:
        """Return the content of ``m.room_key`` that gives the session of now, and its place. A secret."""
        record = self._record(step, room_id)
        assert record is not None  # noqa: S101 - `ensure` comes first
        ratchet = self._ratchet(step, record)
        self._reopening.keep(record["pickle"], ratchet)
        session = ratchet.session
        content = {
            "algorithm": MEGOLM,
            "room_id": room_id,
            "session_id": session.id,
            "session_key": session.session_key(),
            "shared_history": RoomSettings(**record["settings"]).is_shared,
        }
        return content, ratchet.place

    # ------------------------------------------------------------ encrypting

    def encrypt(
        self, step: Step, own: OwnKeys, room_id: str, session_id: str, event_type: str, content: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the content of an ``m.room.encrypted`` event.

        Args:
            step: to change: the place is taken. It must be committed before the content leaves.
            own: our keys.
            room_id: of the room.
            session_id: the session that was given out.
            event_type, content: what to say. What it relates to is left readable, for the server's sake.

        Raises:
            SessionReplaced: the room has another session by now, or none.
        """
        record = self._record(step, room_id)
        if record is None or record["session_id"] != session_id:
            raise SessionReplaced("the session of the room was replaced meanwhile")
        payload = dumps_read({"type": event_type, "content": content, "room_id": room_id})
        ratchet = self._ratchet(step, record)
        place = ratchet.place
        encrypted = {
            "algorithm": MEGOLM,
            "sender_key": own.curve25519,
            "ciphertext": ratchet.session.encrypt(payload),
            "session_id": session_id,
            "device_id": own.device_id,
        }
        if place < record["messages"]:
            self._reopening.keep(record["pickle"], ratchet)
        else:  # as many as were used: who says one thing and ends leaves out none, who goes on writes seldom
            self._save(step, room_id, record, ratchet, place + min(AHEAD, place + 1 - ratchet.since))
        relation = content.get("m.relates_to")
        return encrypted if relation is None else {**encrypted, "m.relates_to": relation}
