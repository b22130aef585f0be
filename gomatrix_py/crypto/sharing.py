"""Who may read what is sent to a room, and giving them the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from ..errors import CryptoError, NoEligibleDevices, StillUndecided
from .account import OwnKeys
from .device_info import DeviceInfo, Trust
from .devices import Devices
from .inbound import MEGOLM
from .olm import OlmMachine
from .outbound import Outbound, RoomSettings
from .steps import Step
from .to_device_queue import enqueue
from .trust import BLACKLISTED, TrustPolicy

__all__ = ["DeviceError", "EncryptionReport", "Recipients", "Sharing"]


@attrs.frozen
class DeviceError:
    """Why a device cannot read what was sent.

    Attributes:
        user_id, device_id: which device.
        code: ``m.no_olm``, ``m.unverified``, ``m.blacklisted``, … as the device is told.
        message: the same for people.
    """

    user_id: str
    device_id: str
    code: str
    message: str = ""


@attrs.frozen
class EncryptionReport:
    """How a message was encrypted.

    Attributes:
        session_id: of the room's session.
        shared_with: the devices that were given the key just now.
        errors: the devices that were not, and why.
        users_without_devices: those who have no device that could read it.
    """

    session_id: str = ""
    shared_with: tuple[DeviceInfo, ...] = ()
    errors: tuple[DeviceError, ...] = ()
    users_without_devices: tuple[str, ...] = ()


@attrs.frozen
class Recipients:
    """The devices of a room's members, by what the policy makes of them.

    Attributes:
        trusted, distrusted, undecided: the devices.
        without: the users who have no active device that knows encryption.
    """

    trusted: tuple[DeviceInfo, ...] = ()
    distrusted: tuple[DeviceInfo, ...] = ()
    undecided: tuple[DeviceInfo, ...] = ()
    without: tuple[str, ...] = ()

    def check_decided(self) -> None:
        """Refuse to go on while devices are undecided.

        Raises:
            StillUndecided: some are; it names them.
        """
        if self.undecided:
            named = [(one.user_id, one.device_id) for one in self.undecided]
            listed = ", ".join(" ".join(one) for one in named[:10])
            raise StillUndecided(
                f"nobody decided on {len(named)} devices ({listed}): set their level, or use another policy",
                devices=named,
            )

    def check_somebody(self, own_user_id: str, member_ids: Iterable[str]) -> None:
        """Refuse to send what none of the others could read.

        Raises:
            NoEligibleDevices: there are others, and none of them has a device that may read it.
        """
        others = [user_id for user_id in member_ids if user_id != own_user_id]
        if others and not any(one.user_id != own_user_id for one in self.trusted):
            raise NoEligibleDevices(
                f"nobody else has a device that may read it: {', '.join(others[:10])}", user_ids=others
            )


class Sharing:
    """Gives the keys of our sessions to those who may have them.

    Args:
        devices, olm, outbound: the engine's parts.
        policy: who may have them.
    """

    def __init__(self, devices: Devices, olm: OlmMachine, outbound: Outbound, policy: TrustPolicy) -> None:
        self.devices = devices
        self.olm = olm
        self.outbound = outbound
        self.policy = policy

    def recipients(self, step: Step, own: OwnKeys, member_ids: Sequence[str]) -> Recipients:
        """Return the devices of members, our own user's other ones included."""
        sorted_out: dict[Trust, list[DeviceInfo]] = {trust: [] for trust in Trust}
        without = []
        for user_id in dict.fromkeys((*member_ids, own.user_id)):
            active = [one for one in self.devices.of_user(step, user_id) if one.is_active and one.can_megolm]
            others = [one for one in active if (one.user_id, one.device_id) != (own.user_id, own.device_id)]
            if not active and user_id != own.user_id:
                without.append(user_id)
            of_user = frozenset(active)
            for device in others:
                sorted_out[self.policy.evaluate(device, of_user)].append(device)
        return Recipients(
            tuple(sorted_out[Trust.TRUSTED]),
            tuple(sorted_out[Trust.DISTRUSTED]),
            tuple(sorted_out[Trust.UNDECIDED]),
            tuple(without),
        )

    def lacking_session(
        self, step: Step, own: OwnKeys, room_id: str, settings: RoomSettings, recipients: Recipients
    ) -> list[DeviceInfo]:
        """Return the devices that must be given the key and that we have no session with."""
        session_id = self.outbound.ensure(step, own, room_id, settings, recipients.trusted)
        waiting = self.outbound.not_told(step, session_id, recipients.trusted, "given")
        return [one for one in waiting if not self.olm.has_session(step, one)]

    def share(
        self, step: Step, own: OwnKeys, room_id: str, settings: RoomSettings, recipients: Recipients
    ) -> EncryptionReport:
        """Queue the key of the room's session for all who lack it, and say why for those who do not get it.

        Args:
            step: to change; it must be committed before anything is sent.
            own: our keys.
            room_id: of the room.
            settings: of the room.
            recipients: from `recipients`, all decided.
        """
        session_id = self.outbound.ensure(step, own, room_id, settings, recipients.trusted)
        key, index = self.outbound.room_key(step, room_id)
        messages: list[tuple[DeviceInfo, dict[str, Any]]] = []
        refused = [DeviceError(one.user_id, one.device_id, *_why_distrusted(one)) for one in recipients.distrusted]
        for device in self.outbound.not_told(step, session_id, recipients.trusted, "given"):
            try:
                content = self.olm.encrypt(step, own, device, "m.room_key", key)
            except CryptoError as error:
                refused.append(DeviceError(device.user_id, device.device_id, "m.no_olm", str(error)))
                continue
            if content is None:
                refused.append(DeviceError(device.user_id, device.device_id, "m.no_olm", "it has no one-time key"))
                continue
            messages.append((device, content))
            self.outbound.note_told(step, session_id, device, "given", index)
        enqueue(step, "m.room.encrypted", messages, session_id)
        self._say_why_not(step, own, room_id, session_id, recipients, refused)
        return EncryptionReport(session_id, tuple(one for one, _ in messages), tuple(refused), recipients.without)

    def _say_why_not(
        self,
        step: Step,
        own: OwnKeys,
        room_id: str,
        session_id: str,
        recipients: Recipients,
        refused: list[DeviceError],
    ) -> None:
        by_id = {(one.user_id, one.device_id): one for one in (*recipients.trusted, *recipients.distrusted)}
        notices = []
        for error in refused:
            device = by_id[error.user_id, error.device_id]
            if self.outbound.not_told(step, session_id, [device], error.code):
                notices.append((device, _withheld(own, room_id, session_id, error)))
                self.outbound.note_told(step, session_id, device, error.code)
        enqueue(step, "m.room_key.withheld", notices)


def _why_distrusted(device: DeviceInfo) -> tuple[str, str]:
    if device.level in (BLACKLISTED, "blocked"):
        return "m.blacklisted", "it is blacklisted"
    return "m.unverified", "it is not trusted"


def _withheld(own: OwnKeys, room_id: str, session_id: str, error: DeviceError) -> dict[str, Any]:
    content = {"algorithm": MEGOLM, "sender_key": own.curve25519, "code": error.code, "reason": error.message}
    if error.code != "m.no_olm":
        content |= {"room_id": room_id, "session_id": session_id}
    return content
