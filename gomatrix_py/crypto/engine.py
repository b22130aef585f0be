"""The engine of encryption: it decides, remembers and computes, and never sends anything itself.

Each method is one step: what it changes is stored together, or not at all. What must be sent is asked for with
`outgoing_requests`, and what came of it is told with `mark_request_as_sent`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from ..api.keys import ClaimKeys, QueryKeys
from ..clock import Clock, SystemClock
from ..errors import CryptoError, MissingRoomKey, UnknownMessageIndex
from ..events import Event
from ..store.key_values import Change, KeyValueStorer
from . import spaces
from .account import OwnAccount
from .arrivals import Arrival, Arrivals
from .authors import Author, Authors
from .backend import BackendName, backend
from .backend.base import Backend
from .device_changes import DeviceWatch
from .device_info import DeviceInfo
from .devices import USERS_PER_QUERY, Devices
from .exchanges import OutgoingRequest, SyncChanges, SyncStep
from .freshness import Freshness
from .inbound import DecryptedEvent, Inbound
from .key_asking import KeyAsking
from .key_requests import KeyRequests
from .olm import OlmMachine
from .outbound import Outbound, RoomSettings
from .sharing import EncryptionReport, Recipients, Sharing
from .steps import Step
from .to_device_queue import enqueue, has_room, queued
from .trust import TrustOnFirstUse, TrustPolicy, set_level
from .vault import StoreKey, Vault
from .verification import Outgoing, Verification, Verifications
from .waiting import keep_waiting, now_readable

__all__ = ["Engine"]

T = TypeVar("T")

ONE_TIME_KEY = "signed_curve25519"


class Engine:
    """Encryption of one device; threads may share one.

    Args:
        key_values: where the store keeps values.
        user_id, device_id: our own.
        key: what the values are encrypted under.
        library: "vodozemac" or "olm"; the best one installed where it is None.
        policy: who may read what we send; `TrustOnFirstUse` where it is None.
        clock: for stamps and ages.

    Raises:
        CryptoUnavailable: no library is installed.
        WrongStoreKey: the store was written under another key.
        CryptoError: the store belongs to another device.
    """

    def __init__(
        self,
        key_values: KeyValueStorer,
        user_id: str,
        device_id: str,
        key: StoreKey,
        *,
        library: BackendName | None = None,
        policy: TrustPolicy | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.backend: Backend = backend(library)
        self.vault = Vault.open(key_values, key)
        self.clock = clock or SystemClock()
        self.freshness = Freshness(self.clock)
        self.policy: TrustPolicy = policy or TrustOnFirstUse()
        own = (user_id, device_id)
        self.account = OwnAccount(self.backend, own, self.clock)
        self.devices = Devices(self.backend, own, self.clock)
        self.olm = OlmMachine(self.backend, self.account, self.devices, self.clock)
        self.inbound = Inbound(self.backend)
        self.outbound = Outbound(self.backend, self.inbound, self.clock)
        self.device_watch = DeviceWatch(self.devices)
        self.authors = Authors(self.devices, self.policy, self.clock)
        self.sharing = Sharing(self.devices, self.olm, self.outbound, self.policy)
        self.requests = KeyRequests(self.devices, self.olm, self.inbound, self.outbound, self.policy, self.clock)
        self.asking = KeyAsking(self.devices, self.inbound, self.clock)
        self.arrivals = Arrivals(self.devices, self.olm, self.inbound, self.requests, self.asking, self.clock)
        self.verifications = Verifications(self.backend, self.devices, self.clock)
        self.on_rolled_back: Callable[[], None] = lambda: None
        self.lock = threading.RLock()
        self.sending = threading.RLock()  # held by whoever sends what is wanted: it goes out once, in order
        self._uploads = 0
        self._reading = Step(self.vault)
        with self.step() as step:
            self.own = self.account.open(step)
            self.devices.track(step, [user_id])

    @contextmanager
    def step(self) -> Iterator[Step]:
        """Make changes together: stored where the block ends, forgotten where it raises."""
        with self._dropped_on_error(_itself) as step:
            yield step
            changes = self.device_watch.changes(step)
            step.commit()
            self.device_watch.note(changes)

    @contextmanager
    def _dropped_on_error(self, begin: Callable[[Step], T]) -> Iterator[T]:
        with self.lock:
            if not self._reading.is_empty:
                self.note_readings()
            step = Step(self.vault)
            try:
                yield begin(step)
            except BaseException:
                self.inbound.drop_open()
                self.verifications.drop(step)
                raise
            finally:
                step.end()

    # ------------------------------------------------------------ syncing

    @property
    def uploads(self) -> int:
        """How often keys went up; counts in an answer that was asked for before the last time are old."""
        return self._uploads

    @contextmanager
    def receive_sync_changes(self, news: SyncChanges, uploads: int | None = None) -> Iterator[SyncStep]:
        """Take in what a sync says.

        The block stores `changes` with the sync; where it raises, nothing happened.

        Args:
            news: what it says.
            uploads: `uploads` when the sync was asked for; older counts are left alone.
        """
        with self._dropped_on_error(_itself) as step:
            taken = SyncStep()
            self.devices.changed(step, news.changed)
            self.olm.unreached.forget_users(news.changed)
            self.devices.left(step, news.left)
            if news.counts is not None and uploads in (None, self._uploads):
                types = news.unused_fallback_types
                self.account.note_counts(step, dict(news.counts), None if types is None else list(types))
            for event in news.to_device:
                arrival = self.arrivals.take(step, self.own, event)
                if arrival is not None:
                    taken.arrivals.append(arrival)
                    taken.readable += now_readable(step, self.inbound, arrival.new_keys)
                    self._verify(step, arrival)
                    self._answer_long_talk(step, arrival)
            self._answer(step, self.verifications.tick(step))
            self.asking.ask_newly_verified(step, self.own)
            taken.changes = step.changes()
            changes = self.device_watch.changes(step)
            yield taken
            self.device_watch.note(changes)
        self.freshness.note_sync()

    # ------------------------------------------------------------ verification

    def _verify(self, step: Step, arrival: Arrival) -> None:
        device = arrival.message.device if arrival.message is not None else None
        self._answer(step, self.verifications.receive(step, self.own, arrival.event, device))

    def _answer_long_talk(self, step: Step, arrival: Arrival) -> None:
        """Say something, once, to a device that has said much without an answer, so that its ratchet moves on."""
        device = arrival.message.device if arrival.message is not None else None
        if device is not None and self.olm.needs_heartbeat(step, device) and has_room(step):
            content = self.olm.encrypt(step, self.own, device, "m.dummy", {})
            enqueue(step, "m.room.encrypted", [(device, content)])

    def _answer(self, step: Step, messages: Sequence[Outgoing]) -> None:
        """Queue what others make us say."""
        if messages and has_room(step):
            self._queue(step, messages)

    def _queue(self, step: Step, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            enqueue(step, message.event_type, [(message, message.content)])

    def verify(self, act: Callable[[Step], list[Outgoing]]) -> None:
        """Do something in a verification, such as `Verification.accept`, and queue what is to be sent.

        Raises:
            VerificationFailed: it has ended.
            UsageError: this is not the time for it.
        """
        with self.step() as step:
            self._queue(step, act(step))

    def request_verification(self, devices: Sequence[DeviceInfo]) -> Verification:
        """Ask devices of one user to verify each other with ours; see `Verifications.request`."""
        with self.step() as step:
            verification, messages = self.verifications.request(step, self.own, devices)
            self._queue(step, messages)
        return verification

    def start_verification(self, device: DeviceInfo) -> Verification:
        """Start with a device that knows no requests; see `Verifications.start`."""
        with self.step() as step:
            verification, messages = self.verifications.start(step, self.own, device)
            self._queue(step, messages)
        return verification

    # ------------------------------------------------------------ requests

    def outgoing_requests(self) -> list[OutgoingRequest]:
        """Return what should be sent now, in this order. What is not marked as sent comes again."""
        with self.step() as step:
            found = []
            if self.account.needs_upload(step):
                found.append(OutgoingRequest("upload", self.account.prepare_upload(step)))
            query = self._query(step, None)
            if query is not None:
                found.append(query)
            found += self._queued(step)
        return found

    def _queued(self, step: Step) -> list[OutgoingRequest]:
        return [OutgoingRequest(f"to-device {one.key}", one.request, one.purpose) for one in queued(step)]

    def queued_messages(self) -> list[OutgoingRequest]:
        """Return the to-device messages that should be sent now, in this order."""
        with self.step() as step:
            return self._queued(step)

    def query_for(self, user_ids: Iterable[str]) -> OutgoingRequest | None:
        """Return the request that brings the devices of users up to date, None where they are."""
        with self.step() as step:
            user_ids = list(user_ids)
            stale = self.freshness.stale(user_ids)
            if not stale and self.devices.are_up_to_date(step, user_ids):
                return None
            self.devices.track(step, user_ids)
            self.devices.changed(step, stale)
            return self._query(step, user_ids)

    def _query(self, step: Step, user_ids: Iterable[str] | None) -> OutgoingRequest | None:
        outdated = dict(list(self.devices.outdated(step, user_ids).items())[:USERS_PER_QUERY])
        if not outdated:
            return None
        numbers = " ".join(f"{user_id} {changes}" for user_id, changes in outdated.items())
        return OutgoingRequest(f"query {numbers}", QueryKeys({user_id: [] for user_id in outdated}))

    def mark_request_as_sent(self, request_id: str, answer: dict[str, Any]) -> None:
        """Take in the answer to an outgoing request.

        Args:
            request_id: its id.
            answer: the JSON of the answer.
        """
        kind, _, rest = request_id.partition(" ")
        with self.step() as step:
            if kind == "upload":
                counts = answer.get("one_time_key_counts")
                self.account.uploaded(step, counts if isinstance(counts, dict) else {})
                self._uploads += 1
            elif kind == "query":
                names = rest.split(" ")
                asked = {user_id: int(changes) for user_id, changes in zip(names[::2], names[1::2], strict=True)}
                self.devices.take(step, asked, answer)
                self.account.note_listed(step, answer)
                self.freshness.note_queried(asked)
                self._answer(step, self.verifications.tick(step))
            elif kind == "to-device":
                step.remove(spaces.QUEUE, rest)

    def note_rolled_back(self) -> None:
        """Take in that this store is older than what was sent from it: no ratchet in it may be used again."""
        with self.step() as step:
            self.account.refused(step)
            self.outbound.invalidate_all(step)
            for key, _ in list(step.scan(spaces.OLM)):
                step.remove(spaces.OLM, key)
        self.on_rolled_back()

    # ------------------------------------------------------------ sessions

    def claim_for(self, devices: Iterable[DeviceInfo]) -> ClaimKeys | None:
        """Return the request that claims a one-time key of each device, None where there is none."""
        wanted: dict[str, dict[str, str]] = {}
        for device in devices:
            wanted.setdefault(device.user_id, {})[device.device_id] = ONE_TIME_KEY
        return ClaimKeys(wanted) if wanted else None

    def take_claimed(self, devices: Iterable[DeviceInfo], answer: dict[str, Any]) -> dict[DeviceInfo, CryptoError]:
        """Start sessions with the keys that were claimed, and return for which devices that failed."""
        with self.step() as step:
            return self.olm.take_claimed(step, devices, answer)

    @property
    def is_published(self) -> bool:
        """Tell whether the server was given the keys of our device."""
        with self.step() as step:
            return self.account.is_published(step)

    def wedged_devices(self) -> list[DeviceInfo]:
        """Return the devices that need a new session because they lost ours, or we theirs, if it can be told them."""
        with self.step() as step:
            wedged = self.arrivals.wedged(step) if has_room(step) else []
            found = [self.devices.device(step, *names) for names in wedged]
        return [device for device in found if device is not None]

    def answer_key_requests(self) -> list[DeviceInfo]:
        """Queue the answers to requests for keys, and return the devices that need a session first."""
        with self.step() as step:
            self.requests.answer(step, self.own)
            return self.requests.lacking_session(step, self.own)

    def send_dummies(self, devices: Iterable[DeviceInfo]) -> None:
        """Queue an empty message to each device, by the newest session, so that it uses that one."""
        with self.step() as step:
            messages = []
            for device in dict.fromkeys(devices):
                content = self.olm.encrypt(step, self.own, device, "m.dummy", {})
                self.arrivals.note_unwedged(step, device.user_id, device.device_id)
                if content is not None:
                    messages.append((device, content))
            enqueue(step, "m.room.encrypted", messages)

    # ------------------------------------------------------------ rooms

    def settled(self, room_id: str, settings: RoomSettings, member_ids: Sequence[str]) -> EncryptionReport | None:
        """Return the report of `share` where nothing is to be asked, decided, given or sent first, else None.

        Raises:
            NoEligibleDevices: nobody else could read what is sent.
        """
        with self.step() as step:
            followed = (*member_ids, self.own.user_id)
            if (
                not self.account.is_published(step)
                or self.freshness.stale(followed)
                or not self.devices.are_up_to_date(step, followed)
                or any(True for _ in step.scan(spaces.QUEUE))
            ):
                return None
            recipients = self.sharing.recipients(step, self.own, member_ids)
            if recipients.undecided:
                return None
            recipients.check_somebody(self.own.user_id, member_ids)
            return self.sharing.settled(step, room_id, settings, recipients)

    def recipients(self, member_ids: Sequence[str]) -> Recipients:
        """Return the devices of a room's members, by what the policy makes of them."""
        with self.step() as step:
            return self.sharing.recipients(step, self.own, member_ids)

    def lacking_session(self, room_id: str, settings: RoomSettings, recipients: Recipients) -> list[DeviceInfo]:
        """Return the devices whose one-time keys must be claimed before `share`."""
        with self.step() as step:
            return self.sharing.lacking_session(step, self.own, room_id, settings, recipients)

    def share(self, room_id: str, settings: RoomSettings, recipients: Recipients) -> EncryptionReport:
        """Queue the room's key for all who lack it; nothing may be sent before the queue is empty."""
        with self.step() as step:
            return self.sharing.share(step, self.own, room_id, settings, recipients)

    def encrypt(
        self, room_id: str, session_id: str, event_type: str, content: dict[str, Any]
    ) -> AbstractContextManager[tuple[dict[str, Any], list[Change]]]:
        """Encrypt an event for a room, by the session that `share` gave out.

        The block stores the changes it is given, together with the ciphertext, before that leaves; where it
        raises, nothing happened.

        Raises:
            SessionReplaced: `share` must be called again.
        """

        def encrypted(step: Step) -> tuple[dict[str, Any], list[Change]]:
            found = self.outbound.encrypt(step, self.own, room_id, session_id, event_type, content)
            return found, step.changes()

        return self._dropped_on_error(encrypted)

    def decrypt(self, event: Event) -> DecryptedEvent:
        """Read an encrypted event of a room; where its key is missing, it is kept until that comes.

        Which place it was is stored by `note_readings`, and with every other change.

        Raises:
            DecryptionFailed: it cannot be read (yet), and why.
        """
        with self.lock:
            try:
                found = self.inbound.decrypt(self._reading, event)
            except (MissingRoomKey, UnknownMessageIndex):
                session_id = str(event.content.get("session_id"))
                if keep_waiting(self._reading, event, session_id):
                    self.asking.request_key(self._reading, self.own, event.room_id, session_id)
                self.note_readings()  # the journal forgets the event now
                raise
            if found.key.sender_key == self.own.curve25519 and self.outbound.is_behind(self._reading, found):
                self.note_rolled_back()
            return found

    def note_readings(self) -> None:
        """Store which places were read: one commit for many events."""
        with self.lock:
            self._reading.commit()
            self._reading = Step(self.vault)  # not before: what is not stored yet must be stored the next time

    def room_settings(self, room_id: str) -> dict[str, Any] | None:
        """Return how a room was encrypted when we first saw that it is, None where we never did."""
        with self.step() as step:
            return step.record(spaces.ROOMS, room_id) if spaces.is_sound_id(room_id) else None

    def note_encrypted(self, room_id: str, content: dict[str, Any]) -> None:
        """Remember for ever that a room is encrypted."""
        with self.step() as step:
            if step.get(spaces.ROOMS, spaces.place(room_id)) is None:
                step.put_record(spaces.ROOMS, room_id, content)

    # ------------------------------------------------------------ trust

    def devices_of(self, user_id: str) -> list[DeviceInfo]:
        """Return all devices of a user that were ever seen."""
        with self.step() as step:
            return self.devices.of_user(step, user_id)

    def author(self, user_id: str, curve25519: str, ed25519: str, *, is_authentic: bool) -> Author:
        """Return which device wrote something, and what the policy makes of it; see `Authors.of`."""
        with self.lock:
            sender = user_id, curve25519, ed25519
            return self.authors.of(self._reading, self.own, sender, is_authentic=is_authentic)

    def set_levels(self, user_id: str, levels: Mapping[str, str]) -> None:
        """Set levels of trust by fingerprint; "" removes one."""
        with self.step() as step:
            for ed25519, level in levels.items():
                set_level(step, user_id, ed25519, level)


def _itself(step: Step) -> Step:
    return step
