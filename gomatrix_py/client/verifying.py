"""Verifying devices: two people, or a person and a bot, compare short strings."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable

from ..crypto.device_info import DeviceInfo
from ..crypto.engine import Engine
from ..crypto.steps import Step
from ..crypto.verification import AutoAccept, Outgoing, State, Symbol, Verification, as_html, as_text
from ..errors import UsageError
from .crypto_requests import CryptoRequests

__all__ = ["DeviceVerification", "VerificationListener", "VerificationMethods"]


class DeviceVerification:
    """One verification; what is done in it is sent at once.

    Args:
        verification: of the engine.
        engine, requests: who computes, and who sends.
    """

    def __init__(self, verification: Verification, engine: Engine, requests: CryptoRequests) -> None:
        self.verification = verification
        self._engine = engine
        self._requests = requests

    @property
    def state(self) -> State:
        """How far it is."""
        return self.verification.state

    @property
    def user_id(self) -> str:
        """Who is on the other side."""
        return self.verification.other_user_id

    @property
    def device(self) -> DeviceInfo | None:
        """The device on the other side, None while that is open."""
        return self.verification.other_device

    @property
    def is_ours(self) -> bool:
        """True where our side asked for it."""
        return self.verification.is_ours

    @property
    def cancel_code(self) -> str:
        """Why it was cancelled, such as ``m.mismatched_sas``; "" where it was not."""
        return self.verification.cancel_code

    @property
    def is_finished(self) -> bool:
        """True once it ended, well or not."""
        return self.verification.is_finished

    @property
    def is_verified(self) -> bool:
        """True once both sides confirmed."""
        return self.verification.is_verified

    @property
    def emoji(self) -> tuple[Symbol, ...]:
        """What to compare, named in English; () while there is nothing yet, or the other side shows no emoji."""
        return self.emoji_in("en")

    def emoji_in(self, language: str) -> tuple[Symbol, ...]:
        """Return `emoji` with the names of a language, such as "de"; `crypto.verification.LANGUAGES` are there."""
        try:
            return self.verification.emoji_in(language)
        except UsageError:
            return ()

    @property
    def decimals(self) -> tuple[int, ...]:
        """The same as three numbers, () while there is nothing yet."""
        try:
            return self.verification.decimals
        except UsageError:
            return ()

    def accept(self) -> None:
        """Accept what the other side asked for.

        Raises:
            VerificationFailed: it has ended, or the other side's keys are not known yet.
        """
        self._do(self.verification.accept)

    def start_sas(self) -> None:
        """Begin, once both sides are ready.

        Raises:
            VerificationFailed: it has ended.
        """
        self._do(self.verification.start_sas)

    def confirm(self) -> None:
        """Say that the strings are the same on both sides.

        Raises:
            VerificationFailed: it has ended.
        """
        self._do(self.verification.confirm)

    def mismatch(self) -> None:
        """Say that the strings differ: somebody is in between."""
        self._do(self.verification.mismatch)

    def cancel(self) -> None:
        """End it."""
        self._do(self.verification.cancel)

    def _do(self, act: Callable[[Step], list[Outgoing]]) -> None:
        self._engine.verify(act)
        self._engine.verifications.tell()
        self._engine.device_watch.tell()
        self._requests.send_queue()

    def show(self, language: str = "en") -> None:
        """Print what to compare, in a terminal or a notebook; a notebook shows the verification itself larger.

        Args:
            language: of the names.
        """
        print(self._text(language))

    def _text(self, language: str) -> str:
        if not self.decimals:
            return f"there is nothing to compare: the verification is {self.state.value}"
        return as_text(self.emoji_in(language), self.decimals)

    def __str__(self) -> str:
        return self._text("en")

    def _repr_html_(self) -> str:
        return as_html(self.emoji, self.decimals) if self.decimals else f"<p>{html.escape(str(self))}</p>"

    def __repr__(self) -> str:
        return f"<DeviceVerification with {self.user_id}: {self.state.value}>"


VerificationListener = Callable[[DeviceVerification], object]
"""Called with a verification each time its state has changed."""


class VerificationMethods:
    """What `CryptoHandle` offers of verification."""

    _engine: Engine
    _requests: CryptoRequests

    @property
    def verifications(self) -> list[DeviceVerification]:
        """Those that are under way, oldest first: also what others asked for."""
        return [self._wrapped(one) for one in self._engine.verifications.running]

    def request_verification(self, devices: DeviceInfo | Iterable[DeviceInfo]) -> DeviceVerification:
        """Ask devices of one user to verify each other with ours; go on syncing until its `state` says more.

        Raises:
            UsageError: they are not devices of one user that we know, or our own.
            TransportError, HTTPError: it could not be sent.
        """
        several = [devices] if isinstance(devices, DeviceInfo) else list(devices)
        verification = self._engine.request_verification(several)
        self._requests.send_queue()
        return self._wrapped(verification)

    def start_verification(self, device: DeviceInfo) -> DeviceVerification:
        """Start with a device of an old client, which knows no requests; see `request_verification`."""
        verification = self._engine.start_verification(device)
        self._requests.send_queue()
        return self._wrapped(verification)

    def on_verification(self, callback: VerificationListener) -> VerificationListener:
        """Call a function with each verification that begins or whose `state` changes; also as a decorator.

        It is called by the thread that syncs, or that did something in the verification; what it raises is logged.
        It may itself accept, start and confirm, but must not wait for the other side: that takes a sync.
        """
        self._engine.verifications.listeners.append(lambda run: callback(self._wrapped(run)))
        return callback

    def auto_accept_sas(self, allow: Iterable[str]) -> None:
        """Let a bot verify devices of these users without a person on its side; see `AutoAccept`."""
        self._engine.verifications.policy = AutoAccept(allow)

    def _wrapped(self, verification: Verification) -> DeviceVerification:
        return DeviceVerification(verification, self._engine, self._requests)
