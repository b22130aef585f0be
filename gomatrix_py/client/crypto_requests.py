"""Carrying out what the engine of encryption wants sent, and telling it what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..api.keys import UploadKeys
from ..api.room_events import GetMembers
from ..cancellation import CancelToken
from ..crypto.device_info import DeviceInfo
from ..crypto.engine import Engine, OutgoingRequest
from ..crypto.outbound import RoomSettings
from ..crypto.sharing import EncryptionReport, Recipients
from ..errors import DecodeError, HTTPError
from .rooms import RoomMethods

__all__ = ["CryptoRequests", "EncryptingClient"]

log = logging.getLogger("gomatrix_py.crypto")

_ROUNDS = 20
_BAD_REQUEST = 400


class EncryptingClient(RoomMethods):
    """What the handle asks of its client."""

    def holding_back(self) -> AbstractContextManager[None]:
        """Send nothing for the engine until the block has ended."""
        raise NotImplementedError

    def forget_engine(self) -> None:
        """Begin with a new engine."""
        raise NotImplementedError

    def warn_of_old_keys(self) -> None:
        """Say that the server knows other keys than this store."""
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

    # ------------------------------------------------------------ whatever is wanted

    def send_outgoing(self, cancel: CancelToken | None = None) -> None:
        """Send what the engine wants sent: our keys, questions for devices, messages to devices.

        Raises:
            TransportError, HTTPError, DecodeError: as `Client.call`; what was not sent is wanted again.
        """
        with self.engine.sending:
            for wanted in self.engine.outgoing_requests():
                self._send(wanted, cancel)

    def after_sync(self, cancel: CancelToken | None = None) -> None:
        """Send what a sync made the engine want, and heal lost sessions."""
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
        try:
            answer = self.client.call(wanted.request, cancel=cancel)
        except HTTPError as error:
            is_refused = error.code == _BAD_REQUEST and "already exists" in str(error)
            if is_refused and isinstance(wanted.request, UploadKeys):
                self.engine.note_rolled_back()
                self.client.warn_of_old_keys()
                return
            raise
        self.engine.mark_request_as_sent(wanted.id, answer.raw)

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
            NoEligibleDevices: nobody else could read it.
            TransportError, HTTPError, DecodeError, StoreError: it could not be given to all.
        """
        with self.engine.step() as step:
            is_published = self.engine.account.is_published(step)
        if not is_published:  # a job that only sends never syncs, and nobody would know whose message it is
            self.send_outgoing(cancel)
        settings = self._settings(room_id, encryption)
        members = self._members(room_id, settings)
        self.query([*members, self.engine.own.user_id], cancel)
        recipients = self._decided(members, context)
        recipients.check_somebody(self.engine.own.user_id, members)
        lacking = self.engine.lacking_session(room_id, settings, recipients)
        if lacking:
            self._start_sessions(lacking, cancel)
        report = self.engine.share(room_id, settings, recipients)
        self.send_queue(cancel)
        return report

    def _decided(self, members: Sequence[str], context: object) -> Recipients:
        recipients = self.engine.recipients(members)
        if recipients.undecided:
            levels = self.engine.policy.decide(frozenset(recipients.undecided), context)
            for device in recipients.undecided:
                if device.ed25519 in levels:
                    self.engine.set_levels(device.user_id, {device.ed25519: levels[device.ed25519]})
            recipients = self.engine.recipients(members)
            recipients.check_decided()
        return recipients

    def _settings(self, room_id: str, encryption: Mapping[str, Any]) -> RoomSettings:
        room = self.client.store.load_room(room_id)
        visibility = room.get_state_event("m.room.history_visibility") if room is not None else None
        return RoomSettings.from_contents(dict(encryption), visibility.content if visibility is not None else None)

    def _members(self, room_id: str, settings: RoomSettings) -> list[str]:
        """Return who may read what is sent next: those who are in, and those invited where they may read."""
        wanted = {"join"} if settings.visibility == "joined" else {"join", "invite"}
        handle = self.client.room(room_id)
        if handle.is_known and handle.membership == "join":
            handle.load_members()
            return [one.user_id for kind in sorted(wanted) for one in handle.members_with(kind)]
        events = self.client.call(GetMembers(room_id)).chunk
        return [event.state_key for event in events if event.state_key and event.content.get("membership") in wanted]
