"""One verification with another device: what it does about each message and each decision of our side.

Its methods return what is to be sent and change the step they are given; they send nothing. What comes in may be
forged: a message out of place, a wrong value or a key that changed ends the verification with the specification's
code, and once it has ended, nothing that comes counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from ...canonical_json import canonical_json
from ...errors import UsageError, VerificationFailed
from ...events.contents.verification import (
    KeyVerificationReadyContent,
    KeyVerificationRequestContent,
    KeyVerificationStartContent,
)
from ..device_info import DeviceInfo
from ..spaces import is_sound_id
from ..steps import Step
from ..trust import VERIFIED, set_level
from .emoji import Symbol, symbols
from .keys import KeysAtStart
from .messages import METHOD, Code, Outgoing, read
from .run import Run
from .states import Action, Message, State, is_allowed

__all__ = ["Verification"]


class Verification(Run):
    """A verification with another device; `Verifications` makes them. See `Run` for what it shows of itself."""

    # ------------------------------------------------------------ what people ask

    @property
    def is_verified(self) -> bool:
        """True once both sides have said that all is well."""
        return self.state is State.DONE

    @property
    def is_supported(self) -> bool:
        """False where the other side knows no method that we do."""
        return METHOD in self.methods

    @property
    def other_device(self) -> DeviceInfo | None:
        """The other device, with the keys that are being verified; None while it or they are not known."""
        return self._keys.device if self._keys is not None else None

    @property
    def emoji(self) -> tuple[Symbol, ...]:
        """Seven emoji to compare, named in English; none where the other side shows no emoji: see `decimals`.

        Raises:
            UsageError: there is nothing to compare yet.
        """
        return self.emoji_in("en")

    def emoji_in(self, language: str) -> tuple[Symbol, ...]:
        """Return `emoji` with names in a language, such as "de"."""
        return symbols(self._exchange.emoji_indices, language)

    @property
    def decimals(self) -> tuple[int, int, int]:
        """Three numbers to compare instead of the emoji.

        Raises:
            UsageError: there is nothing to compare yet.
        """
        return self._exchange.decimals

    # ------------------------------------------------------------ how it begins

    def request(self, step: Step, asked: Mapping[str, KeysAtStart], now_ms: int) -> list[Outgoing]:
        """Ask devices; the first that answers is the one."""
        self._asked, self.is_ours = asked, True
        self._parts.note(step, self)
        members = {"from_device": self.own.device_id, "methods": [METHOD], "timestamp": now_ms}
        return [self._message(Message.REQUEST, members, device_id) for device_id in asked]

    def begin(self, step: Step, device_id: str, keys: KeysAtStart) -> list[Outgoing]:
        """Start without a request, for older clients."""
        self.is_ours, self.is_from_request = True, False
        self._set_device(device_id, step, keys)
        return self._do_start(step)

    def offered(self, step: Step, device_id: str, content: dict[str, Any]) -> list[Outgoing]:
        """Take in that they asked."""
        self.other_device_id = device_id

        def take() -> list[Outgoing]:
            self._taken.add(self._digest(Message.REQUEST, content))
            self.methods = tuple(read(content, KeyVerificationRequestContent).methods)
            self._set_device(device_id, step)
            return []

        return self._guarded(step, take)

    def asked(self, step: Step, device_id: str, content: dict[str, Any]) -> list[Outgoing]:
        """Take in that they started without a request."""
        self.is_from_request = False
        self.other_device_id = device_id

        def take() -> list[Outgoing]:
            self._taken.add(self._digest(Message.START, content))
            self._set_device(device_id, step)
            self._exchange.take_start(content)
            return []

        return self._guarded(step, take)

    # ------------------------------------------------------------ what they send

    def receive(
        self, step: Step, kind: Message, content: dict[str, Any], device: DeviceInfo | None = None
    ) -> list[Outgoing]:
        """Take in a message.

        Args:
            step: to change.
            kind, content: the message.
            device: that encrypted it, None where it came in plain text.

        Returns:
            What is to be sent.
        """
        if self.is_finished or self._is_of_another_device(kind, content, device):
            return []
        if kind is Message.CANCEL:
            return self._take_cancel(step, content, device)
        return self._guarded(step, lambda: self._take(step, kind, content))

    def _is_of_another_device(self, kind: Message, content: dict[str, Any], device: DeviceInfo | None) -> bool:
        known = {self.other_device_id} if self.other_device_id else set(self._asked)
        if device is not None and device.device_id not in known:
            return True
        return kind is Message.READY and self.is_ours and content.get("from_device") not in [*known]

    def _take(self, step: Step, kind: Message, content: dict[str, Any]) -> list[Outgoing]:
        digest = self._digest(kind, content)
        if digest in self._taken:
            return []  # the server may hand out a message twice
        if not is_allowed(self.state, kind):
            raise VerificationFailed(
                f"{kind.value} does not belong here: {self.state.value}", cancel_code=Code.UNEXPECTED_MESSAGE
            )
        self._check_keys(step)
        outgoing = _HANDLERS[kind](self, step, content)
        self._taken.add(digest)
        return outgoing

    def _digest(self, kind: Message, content: dict[str, Any]) -> bytes:
        try:
            return hashlib.sha256(kind.value.encode() + canonical_json(content)).digest()
        except UsageError as error:
            raise VerificationFailed(f"no canonical JSON: {error}", cancel_code=Code.INVALID_MESSAGE) from None

    def _take_ready(self, step: Step, content: dict[str, Any]) -> list[Outgoing]:
        ready = read(content, KeyVerificationReadyContent)
        if METHOD not in ready.methods:
            raise VerificationFailed("they know no method that we do", cancel_code=Code.UNKNOWN_METHOD)
        self.methods = tuple(ready.methods)
        self._set_device(ready.from_device, step, self._asked[ready.from_device])
        self._go(step, Message.READY, State.READY)
        others = [device_id for device_id in self._asked if device_id != ready.from_device]
        return [self._cancellation(device_id, Code.ACCEPTED) for device_id in others]

    def _take_start(self, step: Step, content: dict[str, Any]) -> list[Outgoing]:
        start = read(content, KeyVerificationStartContent)
        if start.from_device != self.other_device_id:
            raise VerificationFailed("the start names another device", cancel_code=Code.INVALID_MESSAGE)
        if self.state is State.STARTED:
            if start.method != METHOD:
                raise VerificationFailed("both started, differently", cancel_code=Code.UNEXPECTED_MESSAGE)
            if (self.own.user_id, self.own.device_id) < (self.other_user_id, self.other_device_id):
                return []
        self._exchange.take_start(content)
        return self._send_accept(step, Message.START)

    def _send_accept(self, step: Step, event: Message | Action) -> list[Outgoing]:
        self._known_keys()
        self._go(step, event, State.ACCEPTED)
        return [self._message(Message.ACCEPT, self._exchange.accept())]

    def _take_accept(self, step: Step, content: dict[str, Any]) -> list[Outgoing]:
        self._exchange.take_accept(content)
        self._go(step, Message.ACCEPT, State.KEY_SENT)
        return [self._message(Message.KEY, {"key": self._exchange.public_key})]

    def _take_key(self, step: Step, content: dict[str, Any]) -> list[Outgoing]:
        self._exchange.take_key(content)
        self._go(step, Message.KEY, State.COMPARING)
        if self._exchange.has_started:
            return []
        return [self._message(Message.KEY, {"key": self._exchange.public_key})]

    def _take_mac(self, step: Step, content: dict[str, Any]) -> list[Outgoing]:
        self._verified = self._exchange.take_mac(content, self._known_keys().by_key_id())
        if not self._verified:
            raise VerificationFailed("they vouch for no key that we know", cancel_code=Code.KEY_MISMATCH)
        if self.state is State.CONFIRMED:
            return self._send_done(step, Message.MAC)
        self._go(step, Message.MAC, State.MAC_RECEIVED)
        return []

    def _send_done(self, step: Step, event: Message | Action) -> list[Outgoing]:
        """Both confirmed; those who know no requests do not say that they are done."""
        if self.is_from_request:
            self._go(step, event, State.AWAITING_DONE)
        else:
            self._finish(step, event)
        return [self._message(Message.DONE, {})]

    def _take_done(self, step: Step, content: dict[str, Any]) -> list[Outgoing]:
        self._finish(step, Message.DONE)
        return []

    def _finish(self, step: Step, event: Message | Action) -> None:
        keys = self._known_keys()
        self._go(step, event, State.DONE)
        if f"ed25519:{keys.device.device_id}" in self._verified:
            set_level(step, self.other_user_id, keys.device.ed25519, VERIFIED)
        if keys.identity is not None and f"ed25519:{keys.identity.master}" in self._verified:
            self._parts.identities.note_verified(step, self.other_user_id, keys.identity.master)

    def _take_cancel(self, step: Step, content: dict[str, Any], device: DeviceInfo | None) -> list[Outgoing]:
        others = (
            [] if self.other_device_id else [one for one in self._asked if device is None or one != device.device_id]
        )
        code = content.get("code")
        self._end(step, code if isinstance(code, str) and is_sound_id(code) else Code.USER)
        return [self._cancellation(device_id, Code.USER) for device_id in others] if len(self._asked) > 1 else []

    # ------------------------------------------------------------ what our side decides

    def accept(self, step: Step) -> list[Outgoing]:
        """Say yes to what they asked or started.

        Returns:
            What is to be sent. As with all decisions: where the verification turns out to be over, or keys have
            changed, that is the cancellation, and `state` says so.

        Raises:
            VerificationFailed: it was cancelled; or their keys are not known yet, and it goes on.
            UsageError: there is nothing to accept, or no common method.
        """
        if not self.is_supported:
            raise UsageError("the other side knows no method that we do")
        return self._act(step, Action.ACCEPT, self._do_accept)

    def _do_accept(self, step: Step) -> list[Outgoing]:
        if self.state is State.ASKED:
            return self._send_accept(step, Action.ACCEPT)
        self._known_keys()
        self._go(step, Action.ACCEPT, State.READY)
        return [self._message(Message.READY, {"from_device": self.own.device_id, "methods": [METHOD]})]

    def start_sas(self, step: Step) -> list[Outgoing]:
        """Start comparing short strings; nothing happens where either side did so already.

        Raises:
            VerificationFailed: it was cancelled.
            UsageError: the other side is not ready.
        """
        return self._act(step, Action.START, self._do_start)

    def _do_start(self, step: Step) -> list[Outgoing]:
        if self.state is not State.READY:
            return []
        self._go(step, Action.START, State.STARTED)
        return [self._message(Message.START, self._exchange.start())]

    def confirm(self, step: Step) -> list[Outgoing]:
        """Say that both sides show the same.

        Raises:
            VerificationFailed: it was cancelled.
            UsageError: there is nothing to compare yet, or our side said so before.
        """
        return self._act(step, Action.CONFIRM, self._do_confirm)

    def _do_confirm(self, step: Step) -> list[Outgoing]:
        mac = self._message(Message.MAC, self._exchange.mac(self._our_keys))
        if self.state is State.MAC_RECEIVED:
            return [mac, *self._send_done(step, Action.CONFIRM)]
        self._go(step, Action.CONFIRM, State.CONFIRMED)
        return [mac]

    def mismatch(self, step: Step) -> list[Outgoing]:
        """Say that they show different things: somebody may be in between.

        Raises:
            VerificationFailed: it was cancelled.
            UsageError: there is nothing to compare yet, or our side said that they are the same.
        """
        return self._act(step, Action.MISMATCH, lambda _: self._cancel(step, Code.MISMATCHED_SAS))

    def cancel(self, step: Step, code: str = Code.USER) -> list[Outgoing]:
        """End it; nothing happens where it has ended already."""
        return [] if self.is_finished else self._cancel(step, code)

    def expire(self, step: Step) -> list[Outgoing]:
        """End it where it took too long. A question nobody answered goes away: another device may answer it."""
        now_s = self._parts.clock.monotonic()
        if self.state is State.OFFERED and now_s >= self._prompt_until_s:
            self._end(step, Code.TIMEOUT)
        return self._cancel(step, Code.TIMEOUT) if not self.is_finished and now_s >= self._until_s else []

    def _act(self, step: Step, action: Action, do: Callable[[Step], list[Outgoing]]) -> list[Outgoing]:
        if self.state is State.CANCELLED:
            raise VerificationFailed(f"it was cancelled: {self.cancel_code}", cancel_code=self.cancel_code)
        if not is_allowed(self.state, action):
            raise UsageError(f"{action.value} has no place here: the verification is {self.state.value}")
        expired = self.expire(step)
        if self.is_finished:
            return expired

        def act() -> list[Outgoing]:
            self._check_keys(step)
            return do(step)

        return self._guarded(step, act)


_HANDLERS: Mapping[Message, Callable[[Verification, Step, dict[str, Any]], list[Outgoing]]] = {
    Message.READY: Verification._take_ready,
    Message.START: Verification._take_start,
    Message.ACCEPT: Verification._take_accept,
    Message.KEY: Verification._take_key,
    Message.MAC: Verification._take_mac,
    Message.DONE: Verification._take_done,
}
