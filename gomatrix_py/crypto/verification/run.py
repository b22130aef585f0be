"""What every run of a verification keeps: its state, the keys it is about, and who is to be told when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ...clock import Clock
from ...errors import UsageError, VerificationFailed
from ..account import OwnKeys
from ..backend.base import Backend
from ..devices import Devices
from ..steps import Step
from .keys import Identities, KeysAtStart
from .messages import METHOD, Code, Outgoing, cancel, message
from .sas import Exchange
from .states import FINISHED, TABLE, Action, Message, State

__all__ = ["PROMPT_S", "TIMEOUT_S", "Parts", "Run"]

TIMEOUT_S, PROMPT_S = 600.0, 120.0


@attrs.frozen
class Parts:
    """What all verifications of a device share."""

    backend: Backend
    devices: Devices
    clock: Clock
    identities: Identities
    note: Callable[[Step, Run], None]


class Run:
    """One run, without the protocol; see `Verification`.

    Args:
        parts: of the engine.
        own: our device.
        names: the other user, and the transaction id.
        state: where it begins.
        until_s: when it is over, by the monotonic clock.

    Attributes:
        own, other_user_id, transaction_id: of which verification.
        other_device_id: "" while no device has answered.
        state: how far it has come.
        cancel_code: why it was cancelled, such as ``m.user``; "" where it was not.
        is_ours: True where we asked for it.
        is_from_request: False where it began without one, as in older clients.
        methods: what the other side can do, where it has said so.
    """

    def __init__(self, parts: Parts, own: OwnKeys, names: tuple[str, str], state: State, until_s: float) -> None:
        self._parts = parts
        self.own = own
        self.other_user_id, self.transaction_id = names
        self.other_device_id = ""
        self.state = state
        self.cancel_code = ""
        self.is_ours = False
        self.is_from_request = True
        self.methods: tuple[str, ...] = (METHOD,)
        self._until_s = until_s
        self._prompt_until_s = min(until_s, parts.clock.monotonic() + PROMPT_S)
        self._asked: Mapping[str, KeysAtStart] = {}
        self._keys: KeysAtStart | None = None
        self._our_keys: dict[str, str] = {}
        self._exchange = Exchange(parts.backend, own, (self.other_user_id, ""), self.transaction_id)
        self._taken: set[bytes] = set()
        self._verified: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<Verification with {self.other_user_id} {self.other_device_id or '?'}: {self.state.value}>"

    @property
    def is_finished(self) -> bool:
        """True once nothing can change any more."""
        return self.state in FINISHED

    # ------------------------------------------------------------ keys

    def _set_device(self, device_id: str, step: Step, keys: KeysAtStart | None = None) -> None:
        self.other_device_id = device_id
        self._parts.note(step, self)
        names = (self.other_user_id, device_id)
        self._exchange = Exchange(self._parts.backend, self.own, names, self.transaction_id)
        self._keys = keys
        self._check_keys(step)

    def _check_keys(self, step: Step) -> None:
        """Read the keys once they are known, and see to it that they stay what they are."""
        if not self.other_device_id:
            return
        parts, names = self._parts, (self.other_user_id, self.other_device_id)
        now = KeysAtStart.find(step, parts.devices, parts.identities, self.own, names)
        if self._keys is not None:
            self._keys.check_unchanged(now)
        self._keys = self._keys or now
        if not self._our_keys:
            master = parts.identities.vouched_master_key(step)
            ours = {f"ed25519:{self.own.device_id}": self.own.ed25519}
            self._our_keys = {**ours, **({f"ed25519:{master}": master} if master else {})}

    def _known_keys(self) -> KeysAtStart:
        if self._keys is None:
            raise VerificationFailed(
                f"the keys of {self.other_user_id} {self.other_device_id} are not known yet: sync, and try again"
            )
        return self._keys

    # ------------------------------------------------------------ states

    def _guarded(self, step: Step, act: Callable[[], list[Outgoing]]) -> list[Outgoing]:
        try:
            return act()
        except VerificationFailed as failed:
            if not failed.cancel_code:
                raise
            return self._cancel(step, failed.cancel_code)

    def _go(self, step: Step, event: Message | Action, state: State) -> None:
        if state not in TABLE[self.state].get(event, ()):
            raise UsageError(f"{event.value} does not lead from {self.state.value} to {state.value}")
        self.state = state
        self._parts.note(step, self)

    def _end(self, step: Step, code: str) -> None:
        self.state, self.cancel_code = State.CANCELLED, code
        self._parts.note(step, self)

    def abandon(self) -> list[Outgoing]:
        """End it, whatever its state: what it did last was not stored, and not sent."""
        self.state, self.cancel_code = State.CANCELLED, Code.TIMEOUT
        return [self._cancellation(device_id, Code.TIMEOUT) for device_id in self._addressees]

    @property
    def _addressees(self) -> list[str]:
        return [self.other_device_id] if self.other_device_id else list(self._asked)

    def _cancel(self, step: Step, code: str) -> list[Outgoing]:
        self._end(step, code)
        return [self._cancellation(device_id, code) for device_id in self._addressees]

    def _cancellation(self, device_id: str, code: str) -> Outgoing:
        return cancel((self.other_user_id, device_id), self.transaction_id, code)

    def _message(self, kind: Message, members: Mapping[str, Any], device_id: str = "") -> Outgoing:
        return message((self.other_user_id, device_id or self.other_device_id), kind, self.transaction_id, **members)
