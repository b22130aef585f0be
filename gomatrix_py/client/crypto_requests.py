"""Carrying out what the engine of encryption wants sent, and telling it what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..api.keys import QueryKeys, UploadKeys
from ..api.room_events import GetMembers
from ..cancellation import CancelToken
from ..crypto.device_info import DeviceInfo
from ..crypto.engine import Engine
from ..crypto.exchanges import OutgoingRequest
from ..crypto.outbound import RoomSettings
from ..crypto.sharing import EncryptionReport, Recipients
from ..crypto.trust import levels_decided
from ..errors import DecodeError, DeviceKeysLost, HTTPError
from ..events import Event
from ..rooms.members import membership_in
from ..rooms.state import RoomState
from .old_copies import OldCopies
from .own_changes import OwnChanges
from .rooms import RoomMethods

__all__ = ["CryptoRequests", "EncryptingClient"]

log = logging.getLogger("gomatrix_py.crypto")

ROOMS_IN_MIND = 20
_ROUNDS = 20
_BAD_REQUEST = 400


class EncryptingClient(RoomMethods):
    """What the handle asks of its client."""

    own_changes: OwnChanges

    def holding_back(self) -> AbstractContextManager[None]:
        """Send nothing for the engine until the block has ended."""
        raise NotImplementedError

    def forget_engine(self) -> None:
        """Begin with a new engine."""
        raise NotImplementedError

    def warn_of_changed_keys(self, device: DeviceInfo) -> None:
        """Say that the server gave other keys to a device; `device` has those that count."""
        raise NotImplementedError

    def opened(self, event: Event, *, was_late: bool = False) -> Event:
        """Return an event as its sender wrote it, as far as it can be read."""
        raise NotImplementedError

    def deliver_late(self, keys: Sequence[tuple[str, str]]) -> None:
        """Tell the listeners of events that waited for these keys, each as (room id, session id)."""
        raise NotImplementedError


class CryptoRequests:
    """Sends for the engine.

    Args:
        client: who sends.
        engine: who wants it sent.
    """

    def __init__(self, client: EncryptingClient, engine: Engine) -> None:
        self.client = client
        self.engine = engine
        self.old_copies = OldCopies(engine)
        self._looked_through: dict[tuple[str, tuple[str, ...]], tuple[RoomState, int, tuple[str, ...]]] = {}
        self._answered: dict[tuple[str, str, int], tuple[float, list[str]]] = {}

    # ------------------------------------------------------------ whatever is wanted

    def send_outgoing(self, cancel: CancelToken | None = None) -> None:
        """Send what the engine wants sent: our keys, questions for devices, messages to devices.

        Raises:
            TransportError, HTTPError, DecodeError: as `Client.call`; what was not sent is wanted again.
            DeviceKeysLost: others know our device by other keys.
        """
        with self.engine.sending:
            for wanted in self.engine.outgoing_requests():
                self._send(wanted, cancel)
        self.engine.device_watch.tell()

    def after_sync(self, cancel: CancelToken | None = None) -> None:
        """Send what a sync made the engine want, and heal lost sessions."""
        self.engine.verifications.tell()
        self.engine.device_watch.tell()
        wedged = self.engine.wedged_devices()
        if wedged:
            self._start_sessions(wedged, cancel)
            self.engine.send_dummies(wedged)
        lacking = self.engine.answer_key_requests()
        if lacking:
            self._start_sessions(lacking, cancel)
            self.engine.answer_key_requests()
        self.send_outgoing(cancel)

    def _send(self, wanted: OutgoingRequest, cancel: CancelToken | None) -> None:
        if isinstance(wanted.request, UploadKeys) and wanted.request.device_keys is not None:
            self._check_keys_of_device(cancel)
        try:
            answer = self.client.call(wanted.request, cancel=cancel)
        except HTTPError as error:
            is_refused = error.code == _BAD_REQUEST and "already exists" in str(error)
            if is_refused and isinstance(wanted.request, UploadKeys):
                self.engine.note_rolled_back()
                return
            raise
        self.engine.mark_request_as_sent(wanted.id, answer.raw)
        for device in self.engine.devices.take_refused():
            self.client.warn_of_changed_keys(device)

    def published_keys(self, cancel: CancelToken | None = None) -> dict[str, Any] | None:
        """Return the keys that the server has of our device, None where it has none."""
        own = self.engine.own
        answer = self.client.call(QueryKeys({own.user_id: [own.device_id]}), cancel=cancel).raw
        devices = answer.get("device_keys", {}).get(own.user_id, {})
        found = devices.get(own.device_id) if isinstance(devices, dict) else None
        return found if isinstance(found, dict) else None

    def is_ours(self, published: dict[str, Any]) -> bool:
        """Tell whether what `published_keys` returned are the keys of our store."""
        own, keys = self.engine.own, published.get("keys")
        ours = {f"curve25519:{own.device_id}": own.curve25519, f"ed25519:{own.device_id}": own.ed25519}
        return isinstance(keys, dict) and all(keys.get(name) == key for name, key in ours.items())

    def _check_keys_of_device(self, cancel: CancelToken | None) -> None:
        """Never put other keys under the name of a device that has some: whoever knows it would refuse them."""
        published = self.published_keys(cancel)
        if published is not None and not self.is_ours(published):
            raise DeviceKeysLost(
                f"device {self.engine.own.device_id} has keys already, and this store does not hold them: open the"
                " store it had, or log in anew, without the saved session, to be a new device"
            )

    def send_queue(self, cancel: CancelToken | None = None) -> None:
        """Send the messages to devices that wait, in order."""
        with self.engine.sending:
            for wanted in self.engine.queued_messages():
                self._send(wanted, cancel)

    def query(self, user_ids: Iterable[str], cancel: CancelToken | None = None) -> None:
        """Bring what we know of users' devices up to date, as far as the server answers."""
        user_ids = list(dict.fromkeys(user_ids))
        for _ in range(_ROUNDS):
            wanted = self.engine.query_for(user_ids)
            if wanted is None:
                return
            try:
                self._send(wanted, cancel)
            except DecodeError as error:
                self._query_halves(user_ids, error, cancel)
                return
            self.engine.device_watch.tell()
            if self.engine.query_for(user_ids) == wanted:  # some servers did not answer, and will not now
                return

    def _query_halves(self, user_ids: list[str], error: DecodeError, cancel: CancelToken | None) -> None:
        """Find the users whose devices make an answer unreadable: they must not hide those of the others."""
        if len(user_ids) == 1:
            log.warning("what the server says of the devices of %s is left out: %s", user_ids[0], error)
            return
        middle = len(user_ids) // 2
        self.query(user_ids[:middle], cancel)
        self.query(user_ids[middle:], cancel)

    def _start_sessions(self, devices: Sequence[DeviceInfo], cancel: CancelToken | None) -> None:
        claim = self.engine.claim_for(devices)
        if claim is not None:
            failed = self.engine.take_claimed(devices, self.client.call(claim, cancel=cancel).raw)
            for device, error in failed.items():
                log.info("no session with %s %s: %s", device.user_id, device.device_id, error)

    # ------------------------------------------------------------ rooms

    def share_key(
        self,
        room_id: str,
        encryption: Mapping[str, Any],
        cancel: CancelToken | None = None,
        context: object = None,
    ) -> EncryptionReport:
        """Give the room's key to all who may read what is sent next.

        Args:
            room_id: of the room.
            encryption: the content of its ``m.room.encryption``.
            cancel: lets another thread end it.
            context: for the trust policy.

        Raises:
            StillUndecided: the policy did not decide on devices.
            TrustDecisionFailed: it could not.
            NoEligibleDevices: nobody else could read it.
            TransportError, HTTPError, DecodeError, StoreError: it could not be given to all.
        """
        is_following = self.engine.freshness.is_following
        self.old_copies.check(room_id, lambda one: self.client.call(one, cancel=cancel), is_following=is_following)
        settings = self._settings(room_id, encryption)
        members = self._members(room_id, settings)
        settled = self.engine.settled(room_id, settings, members)
        if settled is not None:
            return settled
        if not self.engine.is_published:  # a job that only sends never syncs, and whose message is it?
            self.send_outgoing(cancel)
        self.query([*members, self.engine.own.user_id], cancel)
        recipients = self._decided(members, context)
        recipients.check_somebody(self.engine.own.user_id, members)
        self.send_queue(cancel)  # while that fails, nothing is added
        lacking = self.engine.lacking_session(room_id, settings, recipients)
        if lacking:
            self._start_sessions(lacking, cancel)
        report = self.engine.share(room_id, settings, recipients)
        self.send_queue(cancel)
        recipients.check_given(self.engine.own.user_id, report)
        return report

    def readers(self, room_id: str) -> Sequence[str]:
        """Return the ids of all who may read what is sent to a room next.

        Raises:
            TransportError, HTTPError, DecodeError: the server could not be asked.
        """
        return self._members(room_id, self._settings(room_id, {}))

    def _decided(self, members: Sequence[str], context: object) -> Recipients:
        recipients = self.engine.recipients(members)
        if recipients.undecided:
            levels = levels_decided(self.engine.policy, frozenset(recipients.undecided), context)
            for device in recipients.undecided:
                if device.ed25519 in levels:
                    self.engine.set_levels(device.user_id, {device.ed25519: levels[device.ed25519]})
            self.engine.device_watch.tell()
            recipients = self.engine.recipients(members)
            recipients.check_decided()
        return recipients

    def _settings(self, room_id: str, encryption: Mapping[str, Any]) -> RoomSettings:
        room = self.client.store.load_room(room_id)
        visibility = room.get_state_event("m.room.history_visibility") if room is not None else None
        return RoomSettings.from_contents(dict(encryption), visibility.content if visibility is not None else None)

    def _known_members(self, room_id: str, state: RoomState, wanted: tuple[str, ...]) -> Sequence[str]:
        """Return the members as the syncs left them; to look through all takes long where there are many."""
        edition = state.edition
        kept = self._looked_through.get((room_id, wanted))
        if kept is None or kept[0] is not state or kept[1] != edition:
            known = state.of_type("m.room.member")
            found = tuple(one for one, event in known.items() if one and membership_in(event.content) in wanted)
            kept = self._looked_through[room_id, wanted] = state, edition, found
            while len(self._looked_through) > ROOMS_IN_MIND:
                self._looked_through.pop(next(iter(self._looked_through)), None)
        return kept[2]

    def _members(self, room_id: str, settings: RoomSettings) -> Sequence[str]:
        """Return who may read what is sent next: those who are in, and those invited where they may read."""
        wanted = ("join",) if settings.visibility == "joined" else ("invite", "join")
        handle = self.client.room(room_id)
        change = self.client.own_changes.unheard_of(room_id)
        if self.engine.freshness.is_following and not change and handle.is_known and handle.membership == "join":
            handle.load_members()
            return self._known_members(room_id, handle.state, wanted)
        names = room_id, settings.visibility, change
        asked_at, members = self._answered.get(names, (None, []))
        if not self.engine.freshness.holds(asked_at):
            events = self.client.call(GetMembers(room_id)).chunk
            members = [one.state_key for one in events if one.state_key and one.content.get("membership") in wanted]
            self._answered[names] = self.engine.clock.monotonic(), members
        return members
