"""The syncer over simplified sliding sync: the rooms that matter first, and as much of each as is asked for."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import attrs

from ..api.sliding_sync import LAZY, ME, RoomSubscription, SlidingList, SlidingSync, SlidingSyncResponse
from ..api.sync import LeftRoom, SyncResponse
from ..cancellation import CancelToken
from ..errors import HTTPError, UnknownPosition, UnsupportedByServer
from ..store.base import Storer, is_sync_storer
from ..store.records import SyncBatch
from .listeners import ListenerPolicy, log_listener_error
from .sliding_news import leave_out_what_is_known
from .sliding_position import SlidingPosition
from .sliding_translation import SlidingResponse, translate
from .storing_syncer import StoringSyncer

__all__ = ["ROOM_STATE", "SlidingSyncer"]

S = TypeVar("S", bound=RoomSubscription)

_MEMBER = "m.room.member"
_ANY = "*"

ROOM_STATE: Final[tuple[tuple[str, str], ...]] = (
    ("m.room.create", ""),
    ("m.room.name", ""),
    ("m.room.topic", ""),
    ("m.room.avatar", ""),
    ("m.room.canonical_alias", ""),
    ("m.room.power_levels", ""),
    ("m.room.join_rules", ""),
    ("m.room.history_visibility", ""),
    ("m.room.guest_access", ""),
    ("m.room.encryption", ""),
    ("m.room.tombstone", ""),
    ("m.room.pinned_events", ""),
    ("m.space.child", _ANY),
    ("m.space.parent", _ANY),
    (_MEMBER, LAZY),
    (_MEMBER, ME),
)
"""The state that the views of a room read, and the members who said something in its timeline."""

TIMELINE_LIMIT = 20
ROOMS_PER_STEP = 100


class SlidingSyncer(StoringSyncer):
    """Asks for lists of rooms and for single rooms, and feeds the same stores and listeners as `DefaultSyncer`.

    A room's state holds what `required_state` asks for. The first answers set the scene, as does each room that
    comes into view; what happens from then on is delivered, once and in order. Where the server has forgotten the
    connection a new one is made: to-device messages go on where they were, and what was missed is delivered.

    Args:
        user_id: our own; the client fills it in where it is "".
        store: where to; the client fills it in where it is None.
        lists: by names of your choice. A list without `ranges` grows by a hundred rooms with each answer until
            all are known. None stands for one list of all rooms; {} for none.
        subscriptions: rooms to follow wherever they are in the lists, see `set_subscription`.
        extensions: changes to what is asked for besides rooms, by the names of the proposal:
            ``{"typing": {"enabled": False}}``.
        conn_id: tells the connections of one device apart.
        listener_policy: what happens when a listener raises; `log_listener_error` or
            `raise_listener_error` or one of your own.
        deliver_initial: deliver history too.
        fill_gaps: how many left-out events per room to fetch and deliver in order; 0 only notes the gap.
        retry_wait_s: how long to wait at most after failed syncs, in seconds.
        workers, handler_timeout_s: let listeners run on threads, see `StoringSyncer`.

    Source: MSC4186, as Synapse serves it.
    """

    def __init__(
        self,
        user_id: str = "",
        store: Storer | None = None,
        *,
        lists: Mapping[str, SlidingList] | None = None,
        subscriptions: Mapping[str, RoomSubscription] | None = None,
        extensions: Mapping[str, Mapping[str, Any]] | None = None,
        conn_id: str = "gomatrix_py",
        listener_policy: ListenerPolicy = log_listener_error,
        deliver_initial: bool = False,
        fill_gaps: int = 0,
        retry_wait_s: float = 10.0,
        workers: int = 0,
        handler_timeout_s: float | None = None,
    ) -> None:
        super().__init__(
            user_id,
            store,
            listener_policy=listener_policy,
            deliver_initial=deliver_initial,
            fill_gaps=fill_gaps,
            retry_wait_s=retry_wait_s,
            workers=workers,
            handler_timeout_s=handler_timeout_s,
        )
        everything = {"all": SlidingList(list(ROOM_STATE), TIMELINE_LIMIT)}
        self.lists = everything if lists is None else {name: _with_own_member(one) for name, one in lists.items()}
        self.conn_id = conn_id
        self._extensions = {name: dict(one) for name, one in (extensions or {}).items()}
        self._subscriptions = {name: _with_own_member(one) for name, one in (subscriptions or {}).items()}
        self._outdated = CancelToken()
        self._lock = threading.Lock()
        self._shown: set[str] | None = None

    # ------------------------------------------------------------ single rooms

    @property
    def subscriptions(self) -> dict[str, RoomSubscription]:
        """The rooms that are followed, by id."""
        with self._lock:
            return dict(self._subscriptions)

    def set_subscription(
        self,
        room_id: str,
        *,
        timeline_limit: int = TIMELINE_LIMIT,
        required_state: Iterable[tuple[str, str]] = ROOM_STATE,
    ) -> None:
        """Follow a room wherever it is in the lists; a request that is being held is made anew.

        Args:
            room_id: of the room.
            timeline_limit: how many events an answer may bring.
            required_state: pairs of event type and state key; ``*`` stands for any.
        """
        wanted = _with_own_member(RoomSubscription(list(required_state), timeline_limit))
        self._change_subscription(room_id, wanted)

    def unsubscribe(self, room_id: str) -> None:
        """Follow a room no more than the lists do; where it was not followed, do nothing."""
        self._change_subscription(room_id, None)

    def _change_subscription(self, room_id: str, wanted: RoomSubscription | None) -> None:
        with self._lock:
            others = {one: known for one, known in self._subscriptions.items() if one != room_id}
            self._subscriptions = others if wanted is None else {**others, room_id: wanted}
            outdated = self._outdated
        outdated.cancel()

    # ------------------------------------------------------------ what to ask

    def position_key(self, user_id: str) -> str:
        """Return the name under which the store keeps where we are: no token of /sync can meet one of ours."""
        return f"{user_id}#sliding-sync:{self.conn_id}"

    def next_request(self, since: str, timeout_ms: int, outdated: CancelToken) -> SlidingSync:
        """Return what to ask; while lists grow the server is not to wait for news."""
        position = SlidingPosition.from_text(since)
        with self._lock:
            self._outdated = outdated
            subscriptions = dict(self._subscriptions)
        lists = {name: self._windowed(name, one, position) for name, one in self.lists.items()}
        is_growing = position.is_growing and any(one.ranges is None for one in self.lists.values())
        return SlidingSync(
            position.pos or None,
            0 if is_growing else timeout_ms,
            lists=lists or None,
            room_subscriptions=subscriptions or None,
            extensions=self._extensions_after(position.to_device),
            conn_id=self.conn_id or None,
        )

    def _windowed(self, name: str, wanted: SlidingList, position: SlidingPosition) -> SlidingList:
        if wanted.ranges is not None:
            return wanted
        size = position.windows.get(name, ROOMS_PER_STEP)
        windowed = copy.copy(wanted)
        windowed.ranges = [(0, size - 1)]
        return windowed

    def _extensions_after(self, to_device: str) -> dict[str, Any]:
        asked: dict[str, Any] = {
            name: {"enabled": True} for name in ("to_device", "e2ee", "account_data", "receipts", "typing")
        }
        for name, changes in self._extensions.items():
            asked[name] = {**asked.get(name, {}), **changes}
        if to_device:
            asked["to_device"]["since"] = to_device
        return asked

    def position_after(self, since: str, error: HTTPError) -> str | None:
        """Return where to begin a new connection where the server does not know ours any more."""
        position = SlidingPosition.from_text(since)
        said = error.wrapped_error
        is_unknown = isinstance(error, UnknownPosition) or (
            error.code == 400 and said is not None and said.errcode == "M_UNKNOWN"
        )
        return position.without_connection().to_text() if is_unknown and position.pos else None

    def on_failed_sync(self, response: SyncResponse | None, error: Exception) -> float:
        """Wait a little longer each time; see `StoringSyncer.on_failed_sync`.

        Raises:
            UnknownToken, MissingToken, UserDeactivated, UnsupportedByServer: trying again cannot help.
        """
        if isinstance(error, UnsupportedByServer):
            raise error
        return super().on_failed_sync(response, error)

    # ------------------------------------------------------------ what came

    def read_answer(self, answer: SlidingSyncResponse, since: str) -> SyncResponse:
        """Return an answer in the shape of one of /sync; nothing is stored."""
        position = SlidingPosition.from_text(since)
        windows = {
            name: self._next_window(position.windows.get(name, ROOMS_PER_STEP), answer.lists[name].count)
            for name, one in self.lists.items()
            if one.ranges is None and name in answer.lists
        }
        is_growing = any(size > position.windows.get(name, ROOMS_PER_STEP) for name, size in windows.items())
        to_device = answer.extensions.to_device
        next_position = SlidingPosition(
            answer.pos,
            to_device.next_batch if to_device is not None else position.to_device,
            windows,
            is_growing,
            is_growing and position.is_catching_up,
        )
        response = translate(answer, position, next_position, self)
        self._notice_what_is_gone(response, position, is_growing=is_growing)
        return response

    @staticmethod
    def _next_window(size: int, count: int) -> int:
        return size + ROOMS_PER_STEP if size < count else size

    def _notice_what_is_gone(self, response: SlidingResponse, position: SlidingPosition, *, is_growing: bool) -> None:
        """After a lost connection nobody tells of rooms that we left meanwhile: they do not come again."""
        if not position.is_catching_up:
            return
        if not position.pos:
            self._shown = set()
        if self._shown is None:  # another process began to catch up
            return
        self._shown.update(response.sliding.rooms)
        if is_growing:
            return
        shown, self._shown = self._shown, None
        counts = [
            response.sliding.lists[name].count
            for name, one in self.lists.items()
            if one.ranges is None and one.filters is None and name in response.sliding.lists
        ]
        if counts and len(shown) >= max(counts) and is_sync_storer(self.store):
            for room_id in self.store.room_ids("join"):
                if room_id not in shown:
                    response.rooms.leave[room_id] = LeftRoom()

    def gap_begin(self, room_id: str, since: str) -> str:
        """Return the token at which a gap begins: where the events that are known of the room begin."""
        room = self.store.load_room(room_id) if self.store is not None else None
        return room.prev_batch if room is not None else ""

    def plan(self, response: SyncResponse, since: str) -> SyncBatch:
        """Return all that an answer changes; nothing is stored."""
        if not isinstance(response, SlidingResponse):
            return super().plan(response, since)
        position = SlidingPosition.from_text(since)
        batch = super().plan(response, since or "the beginning")  # what is news is told room by room
        batch.position_key = self.position_key(self.user_id)
        batch.gaps = [attrs.evolve(gap, since=self.gap_begin(gap.room_id, gap.since)) for gap in batch.gaps]
        for delta in batch.rooms:
            if delta.room_id in response.scenes and delta.membership == "join":
                delta.has_all_members = self._asks_for_all_members()
        if not self.deliver_initial:
            leave_out_what_is_known(
                batch, response, self.store, is_first=not since, is_new_connection=not position.pos
            )
        return batch

    def _asks_for_all_members(self) -> bool:
        asked = [*self.lists.values(), *self.subscriptions.values()]
        return all(_brings_all_members(one.required_state) for one in asked)

    # ------------------------------------------------------------ what is known of rooms

    def has_history(self, room_id: str) -> bool:
        """Tell whether any of a room's timeline came before."""
        room = self.store.load_room(room_id) if self.store is not None else None
        return room is not None and bool(room.prev_batch)

    def has_event(self, room_id: str, event_id: str) -> bool:
        """Tell whether an event came before."""
        if is_sync_storer(self.store):
            return self.store.has_event(room_id, event_id)
        return self.own_journal.knows(room_id, event_id)


def _brings_all_members(required_state: Iterable[tuple[str, str]]) -> bool:
    """Tell whether the state asked for holds every member; beside ``("*", "*")`` another rule takes away."""
    rules = list(required_state)
    if (_ANY, _ANY) in rules:
        return not any(kind == _MEMBER for kind, _ in rules)
    return (_MEMBER, _ANY) in rules


def _with_own_member(wanted: S) -> S:
    """Ask for our own membership as well: without it nobody can tell how we stand to the room."""
    if _brings_all_members(wanted.required_state) or (_MEMBER, ME) in wanted.required_state:
        return wanted
    changed = copy.copy(wanted)
    changed.required_state = [*wanted.required_state, (_MEMBER, ME)]
    return changed
