"""All verifications of a device: which message belongs to which, and what becomes of those that belong to none."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

from ...clock import Clock
from ...errors import UsageError, VerificationFailed
from ...events import Event
from ...events.contents.verification import KeyVerificationRequestContent
from ..account import OwnKeys
from ..backend.base import Backend
from ..device_info import DeviceInfo
from ..devices import Devices
from ..spaces import is_sound_id
from ..steps import Step
from .keys import Identities, KeysAtStart
from .messages import Code, Outgoing, cancel, read
from .policy import VerificationPolicy
from .run import TIMEOUT_S, Parts, Run
from .states import Message, State
from .verification import Verification

__all__ = ["Verifications"]

log = logging.getLogger("gomatrix_py.crypto")

AHEAD_MS, BEHIND_MS = 5 * 60 * 1000, 10 * 60 * 1000
OFFERS_PER_USER, OFFERS = 10, 100
REFUSALS_PER_TIMEOUT = 50
REMEMBERED = 1000
_KINDS = {kind.value: kind for kind in Message}
_Key = tuple[str, str]


class Verifications:
    """Runs the verifications of a device, in memory: none survives a restart, but what they found does.

    Args:
        backend, devices, clock: the engine's parts.
        identities: what is known of cross-signing; nothing where it is None.
        policy: decides where nobody is there to be asked; None where somebody is.
    """

    def __init__(
        self,
        backend: Backend,
        devices: Devices,
        clock: Clock,
        *,
        identities: Identities | None = None,
        policy: VerificationPolicy | None = None,
    ) -> None:
        self.policy = policy
        self._parts = Parts(backend, devices, clock, identities or Identities(), self._note)
        self._running: dict[_Key, Verification] = {}
        self._ended: OrderedDict[_Key, float] = OrderedDict()
        self._refused: deque[float] = deque(maxlen=REFUSALS_PER_TIMEOUT)
        self.listeners: list[Callable[[Any], object]] = []
        self._changed: OrderedDict[Run, None] = OrderedDict()
        self._unsent: list[Outgoing] = []
        self._step: Step | None = None
        self._in_step: dict[Run, None] = {}
        self._new_in_step: set[_Key] = set()

    # ------------------------------------------------------------ what people ask

    @property
    def running(self) -> list[Verification]:
        """Those that have not ended, oldest first."""
        return [one for one in self._running.values() if not one.is_finished]

    def take_changed(self) -> list[Run]:
        """Return those whose state changed since the last call, to tell listeners."""
        changed = []
        with contextlib.suppress(KeyError):  # one by one: others may note more meanwhile
            while True:
                changed.append(self._changed.popitem(last=False)[0])
        return changed

    def tell(self) -> None:
        """Call the listeners with those whose state changed; what they raise is logged. Not within a step."""
        for run in self.take_changed():
            for listener in list(self.listeners):
                try:
                    listener(run)
                except Exception:
                    log.exception("an on_verification callback raised")

    def request(self, step: Step, own: OwnKeys, devices: Sequence[DeviceInfo]) -> tuple[Verification, list[Outgoing]]:
        """Ask devices of one user to verify each other with ours; the first that answers is the one.

        Args:
            step: to change.
            own: our device.
            devices: of one user, which may be our own.

        Returns:
            The verification, and what is to be sent.

        Raises:
            UsageError: no devices, or of several users, or our own, or one we do not know (any more).
            VerificationFailed: a device of theirs or ours poses as a cross-signing key.
        """
        user_ids = {device.user_id for device in devices}
        if len(user_ids) != 1:
            raise UsageError("a verification is with devices of one user")
        asked = {device.device_id: self._keys(step, own, device) for device in devices}
        verification = self._new(step, own, (user_ids.pop(), uuid.uuid4().hex), State.REQUESTED)
        return verification, verification.request(step, asked, self._parts.clock.now_ms())

    def start(self, step: Step, own: OwnKeys, device: DeviceInfo) -> tuple[Verification, list[Outgoing]]:
        """Start with a device that knows no requests: an old client; see `request`."""
        keys = self._keys(step, own, device)
        verification = self._new(step, own, (device.user_id, uuid.uuid4().hex), State.READY)
        return verification, verification.begin(step, device.device_id, keys)

    def _keys(self, step: Step, own: OwnKeys, device: DeviceInfo) -> KeysAtStart:
        names = (device.user_id, device.device_id)
        if names == (own.user_id, own.device_id):
            raise UsageError("this is our own device")
        found = KeysAtStart.find(step, self._parts.devices, self._parts.identities, own, names)
        if found is None or found.device.ed25519 != device.ed25519:
            raise UsageError(f"{device.user_id} has no device {device.device_id} with these keys")
        return found

    def _new(self, step: Step, own: OwnKeys, names: _Key, state: State, within_s: float = TIMEOUT_S) -> Verification:
        until_s = self._parts.clock.monotonic() + within_s
        verification = self._running[names] = Verification(self._parts, own, names, state, until_s)
        self._note(step, verification)
        self._new_in_step.add(names)
        return verification

    # ------------------------------------------------------------ what comes

    def receive(self, step: Step, own: OwnKeys, event: Event, device: DeviceInfo | None = None) -> list[Outgoing]:
        """Take in a to-device event; any but ``m.key.verification.*`` is left alone.

        Args:
            step: to change.
            own: our device.
            event: as it was meant: opened, where it came encrypted.
            device: that encrypted it, None where it came in plain text or from a device we do not know.

        Returns:
            What is to be sent.
        """
        outgoing = self._expire(step)
        kind, content = _KINDS.get(event.type), event.content
        transaction_id = content.get("transaction_id")
        if kind is None or not is_sound_id(event.sender) or not is_sound_id(transaction_id):
            return outgoing
        if (event.sender, content.get("from_device")) == (own.user_id, own.device_id):
            return outgoing  # our own words
        names = (event.sender, str(transaction_id))
        running = self._running.get(names)
        if running is not None:
            outgoing += running.receive(step, kind, content, device)
        elif names not in self._ended:
            outgoing += self._take_first(step, own, names, kind, content, device)
        return outgoing + self._decide(step)

    def tick(self, step: Step) -> list[Outgoing]:
        """End what took too long, and let the policy decide again; to be called now and then.

        Returns:
            What is to be sent.
        """
        return self._expire(step) + self._decide(step)

    def drop(self, step: Step) -> None:
        """Take in that a step was dropped: what it changed never happened.

        What began in it is forgotten, so that its message can come again; what went on in it cannot go back, and
        is cancelled by what the next call returns.
        """
        if step is not self._step:
            return
        for names in self._new_in_step:
            self._running.pop(names, None)
            self._ended.pop(names, None)
        for run in self._in_step:
            told = run.abandon()
            if (run.other_user_id, run.transaction_id) in self._new_in_step:
                self._changed.pop(run, None)
            else:
                self._unsent += told
        self._step = None

    def _note(self, step: Step, run: Run) -> None:
        if step is not self._step:
            self._step, self._in_step, self._new_in_step = step, {}, set()
        self._in_step[run] = self._changed[run] = None
        if len(self._changed) > REMEMBERED:
            self._changed.popitem(last=False)

    # ------------------------------------------------------------ what belongs to none

    def _take_first(
        self,
        step: Step,
        own: OwnKeys,
        names: _Key,
        kind: Message,
        content: dict[str, Any],
        device: DeviceInfo | None,
    ) -> list[Outgoing]:
        if kind is Message.CANCEL:
            return []
        sender_id, named = names[0], content.get("from_device")
        if kind not in (Message.REQUEST, Message.START):
            known = device.device_id if device is not None else named if is_sound_id(named) else "*"
            return self._refuse(names, str(known))
        if not is_sound_id(named) or (device is not None and device.device_id != named):
            return []
        within_s = TIMEOUT_S if kind is Message.START else self._time_left(content)
        if within_s is None:
            return []
        others = self._offers(sender_id)
        doubles = [one for one in others if one.other_device_id == named]
        if doubles:
            self._remember(names)
            told = [message for one in doubles for message in one.cancel(step, Code.UNEXPECTED_MESSAGE)]
            return self._rarely([*told, cancel((sender_id, str(named)), names[1], Code.UNEXPECTED_MESSAGE)])
        if len(others) >= OFFERS_PER_USER or len(self._offers()) >= OFFERS:
            log.warning("a verification is ignored: %s has asked for too many", sender_id)
            return []
        self._learn(step, sender_id, str(named))
        return self._rarely(self._open(step, own, names, kind, content, within_s))

    def _open(
        self, step: Step, own: OwnKeys, names: _Key, kind: Message, content: dict[str, Any], within_s: float
    ) -> list[Outgoing]:
        if kind is Message.START:
            verification = self._new(step, own, names, State.ASKED, within_s)
            return verification.asked(step, content["from_device"], content)
        verification = self._new(step, own, names, State.OFFERED, within_s)
        return verification.offered(step, content["from_device"], content)

    def _time_left(self, content: dict[str, Any]) -> float | None:
        """Return how many seconds a request has, None where it is none, or too old or too new."""
        try:
            timestamp = read(content, KeyVerificationRequestContent).timestamp
        except VerificationFailed:
            return None
        age_ms = self._parts.clock.now_ms() - timestamp if timestamp is not None else BEHIND_MS
        return TIMEOUT_S - max(age_ms, 0) / 1000 if -AHEAD_MS <= age_ms < BEHIND_MS else None

    def _offers(self, user_id: str | None = None) -> list[Verification]:
        return [one for one in self.running if not one.is_ours and user_id in (None, one.other_user_id)]

    def _learn(self, step: Step, user_id: str, device_id: str) -> None:
        """See to it that the keys of a device are asked for where they are not known."""
        devices = self._parts.devices
        if devices.device(step, user_id, device_id) is None:
            devices.track(step, [user_id])
            devices.changed(step, [user_id])

    def _refuse(self, names: _Key, device_id: str) -> list[Outgoing]:
        """Answer a message of an unknown verification, once."""
        self._remember(names)
        is_of_another = any(one.transaction_id == names[1] for one in self.running)
        code = Code.USER_MISMATCH if is_of_another else Code.UNKNOWN_TRANSACTION
        return self._rarely([cancel((names[0], device_id), names[1], code)])

    def _rarely(self, refusals: list[Outgoing]) -> list[Outgoing]:
        """Return cancellations of what never began, unless there were too many of late."""
        now_s = self._parts.clock.monotonic()
        is_full = len(self._refused) == REFUSALS_PER_TIMEOUT and now_s - self._refused[0] < TIMEOUT_S
        if not refusals or is_full:
            return []
        self._refused.append(now_s)
        return refusals

    # ------------------------------------------------------------ time and policy

    def _remember(self, names: _Key) -> None:
        self._ended[names] = self._parts.clock.monotonic()
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def _expire(self, step: Step) -> list[Outgoing]:
        outgoing, self._unsent = self._unsent, []
        for names, verification in list(self._running.items()):
            outgoing += verification.expire(step)
            if verification.is_finished:
                del self._running[names]
                self._remember(names)
        oldest_s = self._parts.clock.monotonic() - TIMEOUT_S
        while self._ended and next(iter(self._ended.values())) < oldest_s:
            self._ended.popitem(last=False)
        return outgoing

    def _decide(self, step: Step) -> list[Outgoing]:
        if self.policy is None:
            return []
        return [message for one in self.running for message in _decided(step, one, self.policy)]


def _decided(step: Step, one: Verification, policy: VerificationPolicy) -> list[Outgoing]:
    """Do what a policy wants with a verification, and return what is to be sent."""
    outgoing: list[Outgoing] = []
    if one.state in (State.OFFERED, State.ASKED) and one.is_supported and policy.accepts(one):
        try:
            outgoing += one.accept(step)
        except VerificationFailed:
            log.info("%r waits for their keys", one)
    if one.state is State.READY and policy.starts(one):
        outgoing += one.start_sas(step)
    if one.state in (State.COMPARING, State.MAC_RECEIVED) and policy.confirms(one):
        outgoing += one.confirm(step)
    return outgoing
