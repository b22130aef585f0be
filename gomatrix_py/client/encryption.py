"""`CryptoMixin`: what is sent to encrypted rooms is encrypted, and what comes from them is read, unasked."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import attrs

from ..api.sync import EventList, SyncResponse
from ..cancellation import CancelToken
from ..codec import dumps, loads
from ..crypto.device_changes import DeviceListener
from ..crypto.device_info import DeviceInfo
from ..crypto.engine import Engine
from ..crypto.exchanges import SyncChanges, SyncStep
from ..crypto.outbound import SessionReplaced
from ..crypto.sharing import EncryptionReport
from ..crypto.waiting import now_readable
from ..errors import (
    CryptoError,
    DecodeError,
    DecryptionFailed,
    HTTPError,
    MatrixError,
    RequestCancelled,
    StoreClosed,
    StoreError,
    TransportError,
    UsageError,
)
from ..events import Event, EventSource
from ..events.encryption_info import EncryptionInfo
from ..http.endpoint import Endpoint
from ..store import is_sync_storer
from ..store.outbox import OutboxKind, OutboxRow
from ..store.records import InboxRow, SyncBatch
from ..sync import StoringSyncer
from .client import Client
from .client_warnings import DeviceKeysChanged, StoreRolledBack
from .crypto_checkup import encryption_findings
from .crypto_handle import TRUST_CONTEXT, CryptoHandle
from .crypto_options import Crypto
from .crypto_requests import CryptoRequests, EncryptingClient
from .crypto_signing_in import CryptoSigningIn, key_values_for
from .device_messages import journalled, opened_message
from .diagnosis import Finding
from .encrypted_media import EncryptedMediaMethods
from .opened_answers import open_events
from .outgoing import SENT_IN_PLAIN
from .own_changes import OwnChanges, room_changed_by
from .reading import Reader
from .sync_runs import SyncRun

__all__ = ["CryptoClient", "CryptoMixin"]

R = TypeVar("R")

log = logging.getLogger("gomatrix_py.crypto")

ENCRYPTED = "m.room.encrypted"
ENCRYPTION = ("m.room.encryption", "")
REPORTS = 1000


class CryptoMixin(CryptoSigningIn, EncryptedMediaMethods, Client, EncryptingClient):
    """Encryption for a `Client`; see there, and `Crypto`.

    Args:
        homeserver_url, user_id, access_token, options: as for `Client`.
        crypto: how to encrypt.
    """

    def __init__(
        self,
        homeserver_url: str,
        user_id: str = "",
        access_token: str = "",
        *,
        crypto: Crypto | None = None,
        **options: Any,
    ) -> None:
        self.crypto_options = crypto or Crypto()
        self._made_in = os.getpid()
        self._engine: tuple[tuple[object, str, str], Engine] | None = None
        self._making_engine = threading.RLock()
        self._requests: CryptoRequests | None = None
        self._reports: OrderedDict[tuple[str, str], EncryptionReport] = OrderedDict()
        self._asked_after_uploads = 0
        self._held_back = 0
        self.own_changes = OwnChanges()
        self._asked_device_id = ""
        self._device_listeners: list[DeviceListener] = []
        super().__init__(homeserver_url, user_id, access_token, **options)

    # ------------------------------------------------------------ the engine

    @property
    def crypto(self) -> CryptoHandle:
        """Devices, trust, keys and verification.

        Raises:
            UsageError: the client is not logged in, or the store needs a key.
            CryptoError: the store's secrets cannot be opened.
        """
        return CryptoHandle(self, self.engine, self._crypto_requests)

    @property
    def engine(self) -> Engine:
        """What encrypts; see `crypto` for what people need of it."""
        self._check_not_forked()
        if not self.device_id:
            self.device_id = self._asked_device_id = self.whoami().device_id or ""
        if not self.own_user_id() or not self.device_id:
            raise UsageError("encryption needs a device: log in with a password or a token of a device")
        identity = (self.store, self.user_id, self.device_id)
        with self._making_engine:  # two on one store would go by two locks, and use one ratchet twice
            if self._engine is None or self._engine[0] != identity:
                self._engine = identity, self._new_engine()
            return self._engine[1]

    def _check_not_forked(self) -> None:
        """Refuse to use the keys of the parent in a forked child: two processes would use one ratchet twice."""
        if os.getpid() != self._made_in:
            raise StoreClosed("this client was made before a fork, and its keys are its parent's: make another one")

    def _new_engine(self) -> Engine:
        key_values = key_values_for(self.store)
        options = self.crypto_options
        engine = Engine(
            key_values,
            self.user_id,
            self.device_id,
            options.store_key(self.store),
            library=options.library,
            policy=options.trust,
            clock=self.clock,
        )
        if getattr(self.store, "was_rolled_back", False):
            engine.note_rolled_back()
        engine.on_rolled_back = self._warn_of_old_keys
        engine.device_watch.listeners = self._device_listeners
        engine.olm.heartbeat_after = options.heartbeat_after
        return engine

    @property
    def _crypto_requests(self) -> CryptoRequests:
        engine = self.engine
        if self._requests is None or self._requests.engine is not engine:
            self._requests = CryptoRequests(self, engine)
        return self._requests

    @contextmanager
    def holding_back(self) -> Iterator[None]:
        """Send nothing for the engine until the block has ended; see `CryptoHandle.catching_up`."""
        self._held_back += 1
        try:
            yield
        finally:
            self._held_back -= 1
        self._crypto_requests.after_sync()

    def _warn_of_old_keys(self) -> None:
        """Say that more was sent than this store knows of."""
        place = str(getattr(self.store, "path", None) or self.store)
        self._warn(StoreRolledBack(place, "more was sent from this device than it knows of: its keys are made anew"))

    def warn_of_changed_keys(self, device: DeviceInfo) -> None:
        """Say that the server gave other keys to a device."""
        self._warn(DeviceKeysChanged(device.user_id, device.device_id, device.fingerprint))

    def deliver_late(self, keys: Sequence[tuple[str, str]]) -> None:
        """Tell the listeners of events that waited for these keys; they are journalled first, as any others."""
        engine, store = self.engine, self.store
        with engine.step() as step:
            late = now_readable(step, engine.inbound, keys)
            rows = [InboxRow(one.room_id, "", one.source, one.json) for one in late]
            batch = SyncBatch(
                self.user_id, store.load_next_batch(self._position_key()), inbox=rows, changes=step.changes()
            )
            batch.position_key = self._position_key()
            fresh = store.commit_sync(batch) if is_sync_storer(store) else []
        if isinstance(self.syncer, StoringSyncer) and is_sync_storer(store):
            self.syncer.deliver(store, fresh)
        engine.note_readings()

    def forget_engine(self) -> None:
        """Begin with a new engine; see `CryptoHandle.reset`."""
        self._engine = None

    def _encryption_findings(self) -> list[Finding]:
        if not self.user_id:
            return []
        return encryption_findings(self._crypto_requests)

    def _introduce_syncer(self) -> None:
        super()._introduce_syncer()
        syncer = self.syncer
        if isinstance(syncer, StoringSyncer):
            syncer.listeners.sealed_types = frozenset({ENCRYPTED})
            syncer.around_commit = self._around_commit
            syncer.open_event = self._open_event

    def close(self) -> None:
        """End the sync, note what was read and where writing ended, and close connections and store."""
        self.stop_sync()
        if self._engine is not None:
            with contextlib.suppress(StoreError, CryptoError):  # closed already, or damaged
                self._check_not_forked()
                with self._engine[1].step() as step:
                    self._engine[1].outbound.give_back(step)
        super().close()

    # ------------------------------------------------------------ syncing

    def _next_answer(self, run: SyncRun, *args: Any) -> tuple[SyncResponse, str]:
        try:
            self._crypto_requests.send_outgoing(run.cancel)
        except RequestCancelled:
            raise
        except (TransportError, HTTPError, DecodeError) as error:  # it is wanted again, and stops no reading
            log.warning("what encryption wants sent must wait: %s", error)
        self._asked_after_uploads = self.engine.uploads
        self.own_changes.note_asked()
        response, since = super()._next_answer(run, *args)
        # whose device wrote a message is known only where the devices of its sender are
        senders = {event.sender for event in response.to_device.events if event.type == ENCRYPTED}
        if senders:
            try:
                self._crypto_requests.query(sorted(senders), run.cancel)
            except (HTTPError, DecodeError) as error:
                log.warning("the devices of %d senders are not known: %s", len(senders), error)
        return response, since

    def _process(self, run: SyncRun, response: SyncResponse, since: str) -> None:
        super()._process(run, response, since)
        self.own_changes.note_answered()
        self.engine.note_readings()
        if self._held_back:
            return
        try:
            self._crypto_requests.after_sync(run.cancel)
        except MatrixError as error:  # it is wanted again after the next answer
            log.warning("what encryption wants sent must wait: %s", error)

    @contextmanager
    def _around_commit(self, response: SyncResponse, since: str, batch: SyncBatch) -> Iterator[None]:
        engine = self.engine
        if not since:
            with engine.step() as step:
                engine.devices.outdate_all(step)
        self._note_encrypted_rooms(batch)
        self._crypto_requests.old_copies.note_sync(response)
        with engine.receive_sync_changes(_changes(response), self._asked_after_uploads) as taken:
            batch.changes += taken.changes
            batch.inbox = self._rows(batch.inbox, taken)
            yield

    def _note_encrypted_rooms(self, batch: SyncBatch) -> None:
        for delta in batch.rooms:
            for kind, key, json in delta.all_state() if b"m.room.encryption" in _state_bytes(delta) else ():
                if (kind, key) == ENCRYPTION:
                    self.engine.note_encrypted(delta.room_id, Event.from_json(json, delta.room_id).content)

    def _rows(self, inbox: Sequence[InboxRow], taken: SyncStep) -> list[InboxRow]:
        """Return what the listeners are told: to-device events as they were meant, and what can be read now."""
        wanting = self.syncer.listeners.wanting if isinstance(self.syncer, StoringSyncer) else None
        rows = [
            InboxRow("", "", EventSource.TO_DEVICE, journalled(arrival))
            for arrival in taken.arrivals
            if arrival.is_for_application and (wanting is None or wanting(EventSource.TO_DEVICE, arrival.event.type))
        ]
        rows += [row for row in inbox if row.source is not EventSource.TO_DEVICE]
        # without an id in the row, as the journal has seen that one before
        return rows + [InboxRow(late.room_id, "", late.source, late.json) for late in taken.readable]

    # ------------------------------------------------------------ reading

    def _open_event(self, event: Event, row: InboxRow) -> Event:
        if row.source is EventSource.TO_DEVICE:
            return opened_message(event, self._reader.of_message)
        return self.opened(event, was_late=not row.event_id)

    def opened(self, event: Event, *, was_late: bool = False) -> Event:
        """Return an event as its sender wrote it; as it came, with `encryption.error`, where it cannot be read.

        Args:
            event: of a room, with its `room_id`.
            was_late: whether it could not be read before.
        """
        if event.type != ENCRYPTED or event.is_state or not event.content:  # nothing is left of what was redacted
            return event
        try:
            found = self.engine.decrypt(event)
        except DecryptionFailed as error:
            session_id = event.content.get("session_id")
            return attrs.evolve(event, encryption=EncryptionInfo(str(session_id or ""), error=error))
        key = found.key
        sender = event.sender, key.sender_key, key.ed25519
        info = self._reader.of_room(sender, key.session_id, is_authentic=bool(key.sender), was_late=was_late)
        if info.error is not None:
            return attrs.evolve(event, encryption=info)
        return event.opened(found.type, found.content, info)

    @property
    def _reader(self) -> Reader:
        return Reader(self.engine, self.crypto_options.refuses_distrusted)

    def _as_written(self, event: Event) -> Event:
        return self.opened(event)

    def call(self, endpoint: Endpoint[R], **options: Any) -> R:
        """Send a declared request and return its parsed answer, encrypted events in it opened; see `Client.call`."""
        try:
            answer: Any = super().call(endpoint, **options)
        finally:
            room_id = room_changed_by(endpoint)
            if room_id:  # whatever became of it: nothing may follow in the clear, or for those who were there before
                self.own_changes.note(room_id)
                self._plain_at.pop(room_id, None)
        is_event = isinstance(answer, Event)
        if is_event:
            answer = self.opened(answer)
        if is_event or open_events(answer, self.opened):
            self.engine.note_readings()
        return answer  # type: ignore[no-any-return]

    # ------------------------------------------------------------ sending

    def encryption_report(self, row: OutboxRow) -> EncryptionReport | None:
        """Return how a row of the outbox was encrypted, None where it was not (yet).

        For what was queued; `send_text` and all others that send return it as `encryption`. Who got the key is
        known of the last thousand only, and while the process lives.
        """
        report = self._reports.get((row.room_id, row.txn_id))
        return report if report is not None or row.event_type != ENCRYPTED else EncryptionReport()

    def _report_of(self, row: OutboxRow) -> EncryptionReport | None:
        return self.encryption_report(row)

    def _keep_report(self, row: OutboxRow, report: EncryptionReport) -> None:
        self._reports[row.room_id, row.txn_id] = report
        while len(self._reports) > REPORTS:
            self._reports.popitem(last=False)

    @property
    def _device_ids(self) -> tuple[str, ...]:
        # rows from before we asked which device our token belongs to are ours, too
        was_asked = self.device_id and self.device_id == self._asked_device_id
        return (self.device_id, "") if was_asked else (self.device_id,)

    def _must_encrypt(self, room_id: str) -> Mapping[str, Any] | None:
        known = self.engine.room_settings(room_id)
        if known is not None:
            return known
        found = super()._must_encrypt(room_id)
        if found is not None:
            self.engine.note_encrypted(room_id, dict(found))
        return found

    def _is_surely_plain(self, room_id: str) -> bool:
        # what the store says of a room may be what a filter left of it: the server is asked once in any case
        return room_id in self._plain_at and super()._is_surely_plain(room_id)

    def _check_may_speak(self, room_id: str) -> None:
        """Nothing is refused: what goes into an encrypted room is encrypted."""

    def _known_encryption(self, room_id: str) -> Mapping[str, Any] | None:
        known = self.engine.room_settings(room_id)
        return known if known is not None else super()._known_encryption(room_id)

    def _sealed(self, row: OutboxRow, cancel: CancelToken | None) -> OutboxRow:
        if row.kind is not OutboxKind.EVENT or row.event_type in SENT_IN_PLAIN:
            self._note_sealed_before(row)
            return row
        settings = self._must_encrypt(row.room_id)
        if settings is None:
            return row
        while True:
            report = self._crypto_requests.share_key(row.room_id, settings, cancel, TRUST_CONTEXT.get())
            with contextlib.suppress(SessionReplaced):  # as by another thread: what nobody was given, nobody reads
                self._seal(row, report)
                return row

    def _note_sealed_before(self, row: OutboxRow) -> None:
        """Take in a row that an earlier process encrypted and did not bring to its end."""
        if row.event_type == ENCRYPTED and (row.room_id, row.txn_id) not in self._reports:
            self._keep_report(row, EncryptionReport(str(loads(row.content).get("session_id", ""))))

    def _seal(self, row: OutboxRow, report: EncryptionReport) -> None:
        content = loads(row.content)
        with self.engine.encrypt(row.room_id, report.session_id, row.event_type, content) as (encrypted, changes):
            row.event_type, row.content = ENCRYPTED, dumps(encrypted, ascii_only=True)
            self.outbox.rows.update([row], changes=changes)  # before a byte of it leaves
        self._keep_report(row, report)


class CryptoClient(CryptoMixin, Client):
    """A client that encrypts.

    ::

        client = CryptoClient("https://matrix.example.org", store=SQLiteStore(), crypto=Crypto(key="passphrase"))
        client.login_with_password("alice", "wonderland")
        client.send_text("!room:example.org", "for your eyes only")
    """


def _changes(response: SyncResponse) -> SyncChanges:
    lists = response.device_lists
    return SyncChanges(
        _events(response.to_device),
        lists.changed if lists is not None else (),
        lists.left if lists is not None else (),
        response.device_one_time_keys_count,
        response.device_unused_fallback_key_types,
    )


def _events(events: EventList) -> list[Event]:
    found = events.events
    for event in found:
        event.source = EventSource.TO_DEVICE
    return found


def _state_bytes(delta: Any) -> bytes:
    return b"".join((delta.base_state, *(kind.encode("utf-8", "replace") for kind, _, _ in delta.state)))
