"""`CryptoMixin`: what is sent to encrypted rooms is encrypted, and what comes from them is read, unasked."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import attrs

from ..api.room_events import GetStateEvent, RespSendEvent
from ..api.sync import EventList, SyncResponse
from ..cancellation import CancelToken
from ..codec import dumps, loads
from ..crypto import spaces
from ..crypto.backend import BackendName
from ..crypto.engine import Engine, SyncChanges, SyncStep
from ..crypto.outbound import SessionReplaced
from ..crypto.sharing import EncryptionReport
from ..crypto.trust import TrustPolicy
from ..crypto.vault import Passphrase, StoreKey
from ..crypto.waiting import now_readable
from ..errors import (
    DecodeError,
    DecryptionFailed,
    HTTPError,
    MatrixError,
    NotFound,
    RequestCancelled,
    StoreError,
    TransportError,
    UsageError,
)
from ..events import Event, EventSource
from ..events.encryption_info import EncryptionInfo
from ..http.endpoint import Endpoint
from ..store import InMemoryStore, is_sync_storer
from ..store.key_values import key_values_of
from ..store.outbox import OutboxKind, OutboxRow
from ..store.records import InboxRow, SyncBatch
from ..sync import StoringSyncer
from .client import Client
from .client_warnings import StoreRolledBack
from .crypto_handle import TRUST_CONTEXT, CryptoHandle
from .crypto_requests import CryptoRequests, EncryptingClient
from .diagnosis import Finding, Level
from .encrypted_media import EncryptedMediaMethods
from .opened_answers import open_events
from .outgoing import SENT_IN_PLAIN
from .saved_sessions import store_key_from_keyring
from .sync_runs import SyncRun

__all__ = ["Crypto", "CryptoClient", "CryptoMixin"]

R = TypeVar("R")

log = logging.getLogger("gomatrix_py.crypto")

ENCRYPTED = "m.room.encrypted"


@attrs.frozen
class Crypto:
    """How a client encrypts.

    Attributes:
        key: what the store's secrets are encrypted under: 32 bytes, or a passphrase as text. A store in memory
            needs none.
        trust: who may read what is sent; `TrustOnFirstUse` where it is None.
        library: "vodozemac" or "olm"; vodozemac where both are installed.
    """

    key: StoreKey | str | None = attrs.field(default=None, repr=False)
    trust: TrustPolicy | None = None
    library: BackendName | None = None

    @classmethod
    def with_keyring(cls, name: str, **options: Any) -> Crypto:
        """Return options whose key is kept by the system's keyring; it is made where there is none.

        Args:
            name: under which the keyring keeps it, such as ``my bot's store``.
            options: the other attributes.

        Raises:
            UsageError: the keyring package is not installed.
            SessionError: the keyring cannot be used.
        """
        return cls(store_key_from_keyring(name), **options)

    def store_key(self, store: object) -> StoreKey:
        """Return the key for a store.

        Raises:
            UsageError: the store outlives the process, and no key was given.
        """
        if isinstance(self.key, str):
            return Passphrase(self.key)
        if self.key is not None:
            return self.key
        if isinstance(store, InMemoryStore):
            return os.urandom(32)
        raise UsageError("a store that outlives the process needs a key: Crypto(key=…), 32 bytes or a passphrase")


class CryptoMixin(EncryptedMediaMethods, Client, EncryptingClient):
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
        self._engine: tuple[tuple[object, str, str], Engine] | None = None
        self._reports: dict[str, EncryptionReport] = {}
        self._asked_after_uploads = 0
        self._held_back = 0
        self._plain_rooms: set[str] = set()
        self._asked_device_id = ""
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
        if not self.device_id:
            self.device_id = self._asked_device_id = self.whoami().device_id or ""
        if not self.own_user_id() or not self.device_id:
            raise UsageError("encryption needs a device: log in with a password or a token of a device")
        identity = (self.store, self.user_id, self.device_id)
        if self._engine is None or self._engine[0] != identity:
            key_values = key_values_of(self.store)
            if key_values is None or not is_sync_storer(self.store):
                raise UsageError("this store cannot keep what encryption needs: use InMemoryStore or SQLiteStore")
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
            self._engine = identity, engine
        return self._engine[1]

    @property
    def _crypto_requests(self) -> CryptoRequests:
        return CryptoRequests(self, self.engine)

    @contextmanager
    def holding_back(self) -> Iterator[None]:
        """Send nothing for the engine until the block has ended; see `CryptoHandle.catching_up`."""
        self._held_back += 1
        try:
            yield
        finally:
            self._held_back -= 1
        self._crypto_requests.after_sync()

    def warn_of_old_keys(self) -> None:
        """Say that the server knows other keys than this store."""
        place = str(getattr(self.store, "path", None) or self.store)
        self._warn(StoreRolledBack(place, "the server knows other keys under the ids of ours"))

    def deliver_late(self, keys: Sequence[tuple[str, str]]) -> None:
        """Tell the listeners of events that waited for these keys; they are journalled first, as any others."""
        engine, store = self.engine, self.store
        with engine.step() as step:
            late = now_readable(step, keys)
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
        engine = self.engine
        with engine.step() as step:
            waiting = sum(1 for _ in step.scan(spaces.WAITING))
            is_due = engine.account.needs_upload(step)
        queued = len(engine.queued_messages())
        found = [Finding(Level.OK, "encryption", f"by {engine.backend.name}, device {engine.own.device_id}")]
        if is_due:
            found.append(Finding(Level.WARNING, "encryption", "keys of ours must go up", "sync once"))
        if queued:
            found.append(Finding(Level.WARNING, "encryption", f"{queued} messages to devices wait", "sync once"))
        if waiting:
            advice = "wait for their keys, or import a key file"
            found.append(Finding(Level.WARNING, "encryption", f"{waiting} events cannot be read", advice))
        return found

    def _introduce_syncer(self) -> None:
        super()._introduce_syncer()
        syncer = self.syncer
        if isinstance(syncer, StoringSyncer):
            syncer.listeners.sealed_types = frozenset({ENCRYPTED})
            syncer.around_commit = self._around_commit
            syncer.open_event = self._open_event

    def close(self) -> None:
        """End the sync, note what was read, and close connections and store."""
        self.stop_sync()
        if self._engine is not None:
            with contextlib.suppress(StoreError):  # closed already
                self._engine[1].note_readings()
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
        with engine.receive_sync_changes(_changes(response), self._asked_after_uploads) as taken:
            batch.changes += taken.changes
            batch.inbox = self._rows(batch.inbox, taken)
            yield

    def _note_encrypted_rooms(self, batch: SyncBatch) -> None:
        for delta in batch.rooms:
            for kind, key, json in delta.all_state() if b"m.room.encryption" in _state_bytes(delta) else ():
                if (kind, key) == ("m.room.encryption", ""):
                    self.engine.note_encrypted(delta.room_id, Event.from_json(json, delta.room_id).content)

    def _rows(self, inbox: Sequence[InboxRow], taken: SyncStep) -> list[InboxRow]:
        """Return what the listeners are told: to-device events as they were meant, and what can be read now."""
        wanting = self.syncer.listeners.wanting if isinstance(self.syncer, StoringSyncer) else None
        rows = [
            InboxRow("", "", EventSource.TO_DEVICE, arrival.event.json)
            for arrival in taken.arrivals
            if arrival.is_for_application and (wanting is None or wanting(EventSource.TO_DEVICE, arrival.event.type))
        ]
        rows += [row for row in inbox if row.source is not EventSource.TO_DEVICE]
        # without an id in the row, as the journal has seen that one before
        return rows + [InboxRow(late.room_id, "", late.source, late.json) for late in taken.readable]

    # ------------------------------------------------------------ reading

    def _open_event(self, event: Event, row: InboxRow) -> Event:
        if not event.room_id or event.is_state:
            return event
        return self.opened(event, was_late=not row.event_id)

    def opened(self, event: Event, *, was_late: bool = False) -> Event:
        """Return an event as its sender wrote it; as it came, with `encryption.error`, where it cannot be read.

        Args:
            event: of a room, with its `room_id`.
            was_late: whether it could not be read before.
        """
        if event.type != ENCRYPTED or event.is_state:
            return event
        try:
            found = self.engine.decrypt(event)
        except DecryptionFailed as error:
            session_id = event.content.get("session_id")
            return attrs.evolve(event, encryption=EncryptionInfo(str(session_id or ""), error=error))
        key = found.key
        device = self.engine.device_with(event.sender, key.sender_key)
        info = EncryptionInfo(
            key.session_id,
            key.sender_key,
            device.device_id if device else "",
            key.ed25519,
            device.level if device else "",
            is_authentic=bool(key.sender),
            was_late=was_late,
        )
        return event.opened(found.type, found.content, info)

    def call(self, endpoint: Endpoint[R], **options: Any) -> R:
        """Send a declared request and return its parsed answer, encrypted events in it opened; see `Client.call`."""
        answer: Any = super().call(endpoint, **options)
        is_event = isinstance(answer, Event)
        if is_event:
            answer = self.opened(answer)
        if is_event or open_events(answer, self.opened):
            self.engine.note_readings()
        return answer  # type: ignore[no-any-return]

    # ------------------------------------------------------------ sending

    def _sent(self, row: OutboxRow) -> RespSendEvent:
        answer = super()._sent(row)
        # a field of the answer would be read from what the server says
        setattr(answer, "encryption", self._reports.pop(row.txn_id, None))  # noqa: B010
        return answer

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
        if found is None and self.store.load_room(room_id) is None:
            found = self._asked(room_id)
        if found is not None:
            self.engine.note_encrypted(room_id, dict(found))
        return found

    def _check_may_speak(self, room_id: str) -> None:
        """Nothing is refused: what goes into an encrypted room is encrypted."""

    def _asked(self, room_id: str) -> Mapping[str, Any] | None:
        """Ask the server, once, how a room that we never synced is encrypted."""
        if room_id in self._plain_rooms:
            return None
        try:
            return self.call(GetStateEvent(room_id, "m.room.encryption"))
        except NotFound:
            self._plain_rooms.add(room_id)
            return None

    def _sealed(self, row: OutboxRow, cancel: CancelToken | None) -> OutboxRow:
        if row.kind is not OutboxKind.EVENT or row.event_type in SENT_IN_PLAIN:
            return row
        settings = self._must_encrypt(row.room_id)
        if settings is None:
            return row
        while True:
            report = self._crypto_requests.share_key(row.room_id, settings, cancel, TRUST_CONTEXT.get())
            with contextlib.suppress(SessionReplaced):  # as by another thread: what nobody was given, nobody reads
                self._seal(row, report)
                return row

    def _seal(self, row: OutboxRow, report: EncryptionReport) -> None:
        content = loads(row.content)
        with self.engine.encrypt(row.room_id, report.session_id, row.event_type, content) as (encrypted, changes):
            row.event_type, row.content = ENCRYPTED, dumps(encrypted, ascii_only=True)
            self.outbox.rows.update([row], changes=changes)  # before a byte of it leaves
        self._reports[row.txn_id] = report


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
