"""Who may read what is sent to a room, and giving them the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from ..errors import CryptoError, NoEligibleDevices, StillUndecided, TrustDecisionFailed
from . import spaces
from .account import OwnKeys
from .device_info import DeviceInfo, Trust
from .devices import Devices
from .inbound import MEGOLM
from .memo import Memo
from .olm import OlmMachine
from .outbound import GIVEN, Outbound, RoomSettings, lacks
from .steps import Step
from .to_device_queue import enqueue
from .trust import BLACKLISTED, TrustPolicy, grounds_of

__all__ = ["DeviceError", "EncryptionReport", "Recipients", "Sharing"]

ROOMS_IN_MIND = 20
"""For how many rooms it is known, without reading it again, who is there and who has the key."""


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
        if any(one.user_id != own_user_id for one in self.trusted):
            return
        others = [user_id for user_id in member_ids if user_id != own_user_id]
        if others:
            raise NoEligibleDevices(
                f"nobody else has a device that may read it: {', '.join(others[:10])}", user_ids=others
            )

    def check_given(self, own_user_id: str, report: EncryptionReport) -> None:
        """Refuse to send what none of the others could read because no session with them could be started.

        Raises:
            NoEligibleDevices: they have no one-time keys left, or their server cannot be reached.
        """
        if not any(error.code == "m.no_olm" for error in report.errors):
            return
        without = {(error.user_id, error.device_id) for error in report.errors}
        others = [one for one in self.trusted if one.user_id != own_user_id]
        if others and all((one.user_id, one.device_id) in without for one in others):
            user_ids = list(dict.fromkeys(one.user_id for one in others))
            raise NoEligibleDevices(
                f"no device of anybody else could be given the key, as none has a one-time key:"
                f" {', '.join(user_ids[:10])}",
                user_ids=user_ids,
            )


@attrs.define(eq=False)
class _Group:
    """The devices of some users, each with all ever seen of its user, and what a policy made of them last.

    Where it makes the same of them again, it is the same object again: what depends on that need not be compared.
    """

    devices: Sequence[tuple[DeviceInfo, frozenset[DeviceInfo]]]
    without: tuple[str, ...]
    _judged: Recipients | None = None
    _grounds: tuple[object, ...] = ()

    def judged(self, policy: TrustPolicy) -> Recipients:
        grounds = grounds_of(policy)
        if self._judged is None or not grounds or grounds != self._grounds:
            fresh = self._evaluated(policy)
            if fresh != self._judged:
                self._judged = fresh
            self._grounds = grounds
        return self._judged

    def _evaluated(self, policy: TrustPolicy) -> Recipients:
        sorted_out: dict[Trust, list[DeviceInfo]] = {trust: [] for trust in Trust}
        try:
            for device, of_user in self.devices:
                sorted_out[policy.evaluate(device, of_user)].append(device)
        except Exception as error:
            raise TrustDecisionFailed(f"the trust policy raised {type(error).__name__} over a device") from error
        return Recipients(
            tuple(sorted_out[Trust.TRUSTED]),
            tuple(sorted_out[Trust.DISTRUSTED]),
            tuple(sorted_out[Trust.UNDECIDED]),
            self.without,
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
        self._groups: Memo[_Group] = Memo(spaces.DEVICES, spaces.TRUST, at_most=ROOMS_IN_MIND)
        self._settled: Memo[tuple[object, EncryptionReport | None]] = Memo(spaces.SHARES, at_most=ROOMS_IN_MIND)

    def recipients(self, step: Step, own: OwnKeys, member_ids: Sequence[str]) -> Recipients:
        """Return the devices of members, our own user's other ones included."""
        names = own, tuple(member_ids)
        return self._groups.of(step, names, lambda: self._group(step, own, member_ids)).judged(self.policy)

    def _group(self, step: Step, own: OwnKeys, member_ids: Sequence[str]) -> _Group:
        devices, without = [], []
        for user_id in dict.fromkeys((*member_ids, own.user_id)):
            ever_seen = self.devices.of_user(step, user_id)
            active = [one for one in ever_seen if one.is_active and one.can_megolm]
            if not active and user_id != own.user_id:
                without.append(user_id)
            of_user = frozenset(ever_seen)  # a server that hides the old ones must not make a new one the first
            devices += [
                (one, of_user) for one in active if (one.user_id, one.device_id) != (own.user_id, own.device_id)
            ]
        return _Group(devices, tuple(without))

    def lacking_session(
        self, step: Step, own: OwnKeys, room_id: str, settings: RoomSettings, recipients: Recipients
    ) -> list[DeviceInfo]:
        """Return the devices that must be given the key, that we have no session with, and that may be asked now.

        Where nobody else would be given it, all are asked: nothing is refused before the server was.
        """
        session_id = self.outbound.ensure(step, own, room_id, settings, recipients.trusted)
        if self._settled_report(step, session_id, recipients) is not None:
            return []
        told = self.outbound.told(step, session_id)
        lacking = [one for one in recipients.trusted if lacks(told, one) and not self.olm.has_session(step, one)]
        is_for_others = [one.user_id != own.user_id for one in recipients.trusted]
        would_be_for_nobody = sum(is_for_others) == sum(one.user_id != own.user_id for one in lacking) > 0
        return lacking if would_be_for_nobody else self.olm.unreached.due(lacking)

    def settled(
        self, step: Step, room_id: str, settings: RoomSettings, recipients: Recipients
    ) -> EncryptionReport | None:
        """Return the report of `share` where that would change nothing, else None."""
        session_id = self.outbound.current(step, room_id, settings, recipients.trusted)
        return None if session_id is None else self._settled_report(step, session_id, recipients)

    def _settled_report(self, step: Step, session_id: str, recipients: Recipients) -> EncryptionReport | None:
        """Return the report where nobody is to be given the key or told anything, None where somebody is."""

        def looked_through() -> tuple[object, EncryptionReport | None]:
            told = self.outbound.told(step, session_id)
            refused = [_refusal(one) for one in recipients.distrusted]
            is_open = any(lacks(told, one) for one in recipients.trusted) or any(
                lacks(told, one, error.code) for one, error in zip(recipients.distrusted, refused, strict=True)
            )
            report = EncryptionReport(session_id, (), tuple(refused), recipients.without)
            return recipients, None if is_open else report

        # what is kept holds the recipients, so that their id is nobody else's
        return self._settled.of(step, (session_id, id(recipients)), looked_through)[1]

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
        report = self._settled_report(step, session_id, recipients)
        if report is not None:
            return report
        key, index = self.outbound.room_key(step, room_id)
        messages: list[tuple[DeviceInfo, dict[str, Any]]] = []
        refused = [_refusal(one) for one in recipients.distrusted]
        told = self.outbound.told(step, session_id)
        for device in recipients.trusted:
            if not lacks(told, device):
                continue
            try:
                content = self.olm.encrypt(step, own, device, "m.room_key", key)
            except CryptoError as error:
                refused.append(DeviceError(device.user_id, device.device_id, "m.no_olm", str(error)))
                continue
            if content is None:
                why = self.olm.unreached.why(device)
                refused.append(DeviceError(device.user_id, device.device_id, "m.no_olm", why))
                continue
            messages.append((device, content))
            self.outbound.note_told(step, session_id, device, GIVEN, index)
        enqueue(step, "m.room.encrypted", messages, session_id)
        by_id = {(one.user_id, one.device_id): one for one in (*recipients.trusted, *recipients.distrusted)}
        news = [(by_id[one.user_id, one.device_id], one) for one in refused]
        self._say_why_not(step, own, room_id, session_id, [one for one in news if lacks(told, one[0], one[1].code)])
        return EncryptionReport(session_id, tuple(one for one, _ in messages), tuple(refused), recipients.without)

    def _say_why_not(
        self,
        step: Step,
        own: OwnKeys,
        room_id: str,
        session_id: str,
        refused: Sequence[tuple[DeviceInfo, DeviceError]],
    ) -> None:
        for device, error in refused:
            self.outbound.note_told(step, session_id, device, error.code)
        notices = [(device, _withheld(own, room_id, session_id, error)) for device, error in refused]
        enqueue(step, "m.room_key.withheld", notices)


def _refusal(device: DeviceInfo) -> DeviceError:
    is_blacklisted = device.level in (BLACKLISTED, "blocked")
    why = ("m.blacklisted", "it is blacklisted") if is_blacklisted else ("m.unverified", "it is not trusted")
    return DeviceError(device.user_id, device.device_id, *why)


def _withheld(own: OwnKeys, room_id: str, session_id: str, error: DeviceError) -> dict[str, Any]:
    content = {"algorithm": MEGOLM, "sender_key": own.curve25519, "code": error.code, "reason": error.message}
    if error.code != "m.no_olm":
        content |= {"room_id": room_id, "session_id": session_id}
    return content
