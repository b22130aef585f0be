"""Sending events: every one goes through the outbox, so that nothing is lost and nothing is sent twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import attrs

from ..api.base import carries_out
from ..api.room_events import GetStateEvent, RedactEvent, RespSendEvent, SendMessageEvent, SendStateEvent
from ..api.room_history import GetMessages
from ..api.sync import SyncResponse
from ..cancellation import CancelToken
from ..codec import dumps, loads, unstructure
from ..crypto import spaces
from ..crypto.freshness import FRESH_FOR_S
from ..errors import EncryptionRequired, NotFound, SendError, TransportError, UsageError
from ..events import Event
from ..events.sizes import check_event_size
from ..http.endpoint import Endpoint
from ..http.retry import RetryPolicy
from ..send.echoes import echoes_in, local_echo
from ..send.outbox import Outbox
from ..send.row_sender import RowWatcher
from ..store.key_values import key_values_of
from ..store.outbox import MemoryOutbox, OutboxKind, OutboxRow, OutboxState, OutboxStorer, outbox_of
from ..sync import DefaultSyncer
from ..sync.handling import next_transaction_id
from ..times import Moment, in_milliseconds
from .base import BaseClient

__all__ = ["SENT_IN_PLAIN", "OutgoingMethods"]

R = TypeVar("R")

_PAGES = 20
_PAGE = 500
# reactions are never encrypted: servers count them
SENT_IN_PLAIN = frozenset({"m.room.encrypted", "m.reaction"})
_TOO_MANY = 429


class OutgoingMethods(BaseClient):
    """`send_message_event`, `redact_event`, `queue_event`, and the outbox they go through."""

    def _set_up(self) -> None:
        super()._set_up()
        self._made_outbox: tuple[object, Outbox] | None = None
        self._outbox_lock = threading.Lock()
        self._row_watchers: list[RowWatcher] = []
        self._encrypted_rooms: dict[str, Mapping[str, Any]] = {}
        self._plain_at: dict[str, float] = {}
        self._heard_at: float | None = None

    @property
    def outbox(self) -> Outbox:
        """What waits to be sent; kept by the store, for the life of the process where that cannot.

        Raises:
            StoreError: the store cannot be opened.
        """
        store, made = self.store, self._made_outbox
        if made is None or made[0] is not store:
            with self._outbox_lock:  # two of them would not wait for each other
                made = self._made_outbox
                if made is None or made[0] is not store:
                    outbox = self._new_outbox(outbox_of(store))
                    for watcher in self._row_watchers:
                        outbox.on_change(watcher)
                    made = self._made_outbox = store, outbox
        return made[1]

    def _watch_rows(self, watcher: RowWatcher) -> None:
        """Call a function with each row that changes, whatever store the client is given later."""
        with self._outbox_lock:
            self._row_watchers.append(watcher)
            if self._made_outbox is not None:
                self._made_outbox[1].on_change(watcher)

    def _new_outbox(self, rows: OutboxStorer | None) -> Outbox:
        return Outbox(
            MemoryOutbox() if rows is None else rows,
            self._transmit,
            self._find_sent,
            policy=self._exchange.policy,
            clock=self.clock,
        )

    def new_transaction_id(self) -> str:
        """Return an id no request of this device had before; the same again for a listener that is run again.

        A listener that handles an event once more, after a crash, thus sends nothing twice.
        """
        return next_transaction_id(self.device_id or self.user_id) or super().new_transaction_id()

    # ------------------------------------------------------------ sending now

    @carries_out(SendMessageEvent)
    def send_message_event(
        self,
        room_id: str,
        event_type: str,
        content: Any,
        *,
        txn_id: str | None = None,
        ts: Moment | None = None,
    ) -> RespSendEvent:
        """Send an event that is no state; blocks until the server has it.

        Args:
            room_id: where to.
            event_type: such as ``m.room.message``.
            content: a content class (`TextMessage`), or a dict.
            txn_id: makes a repeated call the same event; a new one where it is left out.
            ts: origin_server_ts in milliseconds, for application services.

        Returns:
            The event's id.

        Raises:
            UsageError: it is too large, or no JSON; nothing was sent.
            SendBlocked: an earlier message of the room waits and cannot be sent; this one was not tried.
            EncryptionRequired: the room is encrypted, and this client cannot encrypt; nothing was sent. The server
                is asked about a room that never came in a sync, and, where no sync runs, once a minute.
            TransportError, HTTPError, DecodeError: where it may have been sent all the same, it stays in the
                outbox; the same `txn_id`, or `outbox.flush()`, settles it without sending it twice.
            SendError: the same `txn_id` was used long ago, and nobody can tell any more whether it was sent.
            StoreError: it could not be kept, and was not sent.

        Spec: PUT /rooms/{roomId}/send/{eventType}/{txnId}.
        """
        return self._sent(self._event_row(room_id, event_type, content, txn_id, ts))

    @carries_out(RedactEvent)
    def redact_event(
        self, room_id: str, event_id: str, reason: str | None = None, *, txn_id: str | None = None
    ) -> RespSendEvent:
        """Strip an event of its content.

        Raises:
            UsageError, SendBlocked, SendError, TransportError, HTTPError, DecodeError, StoreError: see
                `send_message_event`.

        Spec: PUT /rooms/{roomId}/redact/{eventId}/{txnId}.
        """
        return self._sent(self._redaction_row(room_id, event_id, reason, txn_id))

    def _sent(self, row: OutboxRow) -> RespSendEvent:
        sent = self.outbox.send(row)
        answer = RespSendEvent(sent.event_id, raw={"event_id": sent.event_id})
        report = self._report_of(sent)
        if report is not None:  # a field of the answer would be read from what the server says
            setattr(answer, "encryption", report)  # noqa: B010
        return answer

    def _report_of(self, row: OutboxRow) -> Any:
        """Return how what was sent was encrypted, None where it was not."""
        return None

    # ------------------------------------------------------------ sending later

    def queue_event(
        self,
        room_id: str,
        event_type: str,
        content: Any,
        *,
        txn_id: str | None = None,
        ts: Moment | None = None,
        time_to_live: timedelta | int | None = None,
    ) -> OutboxRow:
        """Keep an event for the next `outbox.flush`, or the next sending to its room; works without a network.

        Args:
            room_id, event_type, content, txn_id, ts: as for `send_message_event`.
            time_to_live: after how long it is no longer worth sending, in milliseconds; None for never.

        Raises:
            UsageError: it is too large, or no JSON.
            OutboxFull: too many wait already.
            StoreError: it could not be kept.
        """
        row = self._event_row(room_id, event_type, content, txn_id, ts)
        self._limit_life(row, time_to_live)
        return self.outbox.queue(row)

    def _limit_life(self, row: OutboxRow, time_to_live: timedelta | int | None) -> None:
        if time_to_live is not None:
            row.expires_ts = self.clock.now_ms() + in_milliseconds(time_to_live)

    def queue_text(self, room_id: str, text: str, *, time_to_live: timedelta | int | None = None) -> OutboxRow:
        """Keep a text message for later; see `queue_event`."""
        content = {"msgtype": "m.text", "body": text, "m.mentions": {}}
        return self.queue_event(room_id, "m.room.message", content, time_to_live=time_to_live)

    def queue_redaction(self, room_id: str, event_id: str, reason: str | None = None) -> OutboxRow:
        """Keep a redaction for later; see `queue_event`."""
        return self.outbox.queue(self._redaction_row(room_id, event_id, reason, None))

    # ------------------------------------------------------------ echoes

    def on_local_echo(self, listener: Callable[[Event], Any]) -> Callable[[Event], Any]:
        """Call a function with each message event as soon as it is kept to be sent; also as a decorator.

        The event has no id yet. What a sync brings later is the same one where `send.echoes.is_same_event`
        says so: both have the same `transaction_id`.
        """

        def watch(row: OutboxRow) -> None:
            if not row.tries and row.state in (OutboxState.QUEUED, OutboxState.SENDING):
                event = local_echo(row, self.user_id)
                if event is not None:
                    listener(event)

        self._watch_rows(watch)
        return listener

    def _settle_echoes(self, response: SyncResponse) -> None:
        """Take in which rows of the outbox came back in a sync."""
        self._heard_at = self.clock.monotonic()
        if not self.outbox.may_have_unsettled:
            return
        for room_id, room in response.rooms.join.items():
            if room.timeline is not None:
                for txn_id, event_id in echoes_in(bytes(room.timeline.array), self.user_id):
                    for device_id in self._device_ids:
                        self.outbox.settle(room_id, device_id, txn_id, event_id)

    # ------------------------------------------------------------ rows

    def _event_row(
        self, room_id: str, event_type: str, content: Any, txn_id: str | None, ts: Moment | None
    ) -> OutboxRow:
        plain = unstructure(content)
        check_event_size(room_id, event_type, plain)
        return self._row(room_id, event_type, plain, txn_id, ts=in_milliseconds(ts))

    def _redaction_row(self, room_id: str, event_id: str, reason: str | None, txn_id: str | None) -> OutboxRow:
        content = {} if reason is None else {"reason": reason}
        return self._row(room_id, "m.room.redaction", content, txn_id, kind=OutboxKind.REDACTION, target=event_id)

    def _row(self, room_id: str, event_type: str, content: Any, txn_id: str | None, **further: Any) -> OutboxRow:
        return OutboxRow(
            room_id,
            event_type,
            dumps(content, ascii_only=True),
            txn_id or self.new_transaction_id(),
            self.device_id,
            sender=self.app_service_user_id,
            **further,
        )

    def _transmit(self, row: OutboxRow, cancel: CancelToken | None) -> str:
        """Send a row once; the outbox tries again."""
        self._check_ours(row)
        row = self._sealed(row, cancel)
        return self.call(_endpoint_of(row), cancel=cancel, retry=self._once).event_id

    @property
    def _device_ids(self) -> tuple[str, ...]:
        """What rows are kept for where they are kept for our device."""
        return (self.device_id,)

    def _check_ours(self, row: OutboxRow) -> None:
        if row.device_id not in self._device_ids or row.sender != self.app_service_user_id:
            raise UsageError(
                f"it was kept for device {row.device_id!r} and user {row.sender!r}: another one would send it twice"
            )

    @property
    def _once(self) -> RetryPolicy:
        """Send once, but wait where the server asks for it: all rooms then share the pause."""
        policy = self._exchange.policy
        return attrs.evolve(policy, attempts=1, statuses=policy.statuses & {_TOO_MANY})

    def _sealed(self, row: OutboxRow, cancel: CancelToken | None) -> OutboxRow:
        """Return a row as it may leave: encrypted where its room is, and this client can."""
        return row

    def _check_may_speak(self, room_id: str) -> None:
        """Refuse to let anything into a room that this client cannot encrypt for; see `_check_may_be_read`."""
        self._check_may_be_read(room_id)

    def _check_may_be_read(self, room_id: str) -> None:
        """Refuse to let plain text, or a plain file, into an encrypted room.

        Raises:
            EncryptionRequired: it is encrypted.
        """
        if not self.allow_plaintext and self._must_encrypt(room_id) is not None:
            raise EncryptionRequired(
                f"{room_id} is encrypted: use the sending methods of CryptoClient, or Client(…, allow_plaintext=True)"
                " if everybody may read it"
            )

    def _must_encrypt(self, room_id: str) -> Mapping[str, Any] | None:
        """Return how a room wants to be encrypted, None where it does not.

        The server is asked about a room that never came in a sync, and where no sync runs that would tell of a
        change. What it cannot say stops the sending.
        """
        found = self._known_encryption(room_id)
        if found is None and not self._is_surely_plain(room_id):
            found = self._ask_for_encryption(room_id)
            if found is None:
                self._plain_at[room_id] = self.clock.monotonic()
            else:
                self._encrypted_rooms[room_id] = found
        return found

    def _known_encryption(self, room_id: str) -> Mapping[str, Any] | None:
        """Return how a room wants to be encrypted, as far as we know without asking; once is for ever."""
        if room_id in self._encrypted_rooms:
            return self._encrypted_rooms[room_id]
        room = self.store.load_room(room_id)
        event = room.get_state_event("m.room.encryption") if room is not None else None
        if event is not None:
            return event.content
        key_values = key_values_of(self.store)
        # noted by a client that encrypts; what it noted, only that one can read
        was_noted = key_values is not None and key_values.get(spaces.ROOMS, room_id) is not None
        return {} if was_noted else None

    def _carry_out(self, endpoint: Endpoint[R], **options: Any) -> R:
        if isinstance(endpoint, SendMessageEvent) and endpoint.event_type not in SENT_IN_PLAIN:
            self._check_may_be_read(endpoint.room_id)
        answer = super()._carry_out(endpoint, **options)
        if isinstance(endpoint, SendStateEvent) and endpoint.event_type == "m.room.encryption":
            self._encrypted_rooms[endpoint.room_id] = dict(unstructure(endpoint.content))
        return answer

    def _is_surely_plain(self, room_id: str) -> bool:
        """Tell whether the server said that a room is plain, and would have told us of a change."""
        if isinstance(self.syncer, DefaultSyncer) and self._heard_a_moment_ago(self._heard_at):
            return room_id in self._plain_at or self.store.load_room(room_id) is not None
        return self._heard_a_moment_ago(self._plain_at.get(room_id))

    def _heard_a_moment_ago(self, at: float | None) -> bool:
        return at is not None and self.clock.monotonic() - at < FRESH_FOR_S

    def _ask_for_encryption(self, room_id: str) -> Mapping[str, Any] | None:
        try:
            return self.call(GetStateEvent(room_id, "m.room.encryption"), retry=self._once)
        except NotFound:
            return None
        except TransportError as error:
            error.was_sent = False  # nothing was, of what is to be sent
            raise

    def _find_sent(self, row: OutboxRow) -> str | None:
        """Look for a row among the room's history: the server has forgotten its transaction id by now.

        No stamp ends the search: ours come from a clock that may be wrong, those of events from anybody.

        Raises:
            SendError: the history is too long to tell.
        """
        token: str | None = None
        for _ in range(_PAGES):
            page = self.call(GetMessages(row.room_id, token, limit=_PAGE))
            for event in page.chunk:
                if event.transaction_id == row.txn_id and event.sender == (row.sender or self.user_id):
                    return event.event_id
            if not page.end or page.end == token:
                return None
            token = page.end
        raise SendError(
            f"it may have been sent long ago, and is not among the last {_PAGES * _PAGE} events of {row.room_id}:"
            " look there, and forget it or send it anew"
        )


def _endpoint_of(row: OutboxRow) -> Endpoint[RespSendEvent]:
    content = loads(row.content)
    if row.kind is OutboxKind.REDACTION:
        return RedactEvent(row.room_id, row.target, row.txn_id, content.get("reason"))
    return SendMessageEvent(row.room_id, row.event_type, row.txn_id, content, ts=row.ts)
