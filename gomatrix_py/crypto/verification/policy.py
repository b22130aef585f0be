"""Who decides about verifications where nobody is there to be asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..trust import REFUSED
from .verification import Verification

__all__ = ["AutoAccept", "VerificationPolicy"]


class VerificationPolicy(Protocol):
    """Decides in the place of a person; asked often, so it must not block or raise."""

    def accepts(self, verification: Verification) -> bool:
        """Say whether to accept what another device asked for."""

    def starts(self, verification: Verification) -> bool:
        """Say whether to start as soon as both sides are ready."""

    def confirms(self, verification: Verification) -> bool:
        """Say that the short strings are the same, without having seen the other side's."""


class AutoAccept:
    """Verifies devices of some users without a person on our side.

    Nobody compares the strings on our side, so a server in between shows only to the person on the other one:
    what is verified here is as good as that person's look. A device that was blacklisted stays so.

    Args:
        allow: user ids; everybody else is left alone.
        starts: False to leave the starting to the other side.
    """

    def __init__(self, allow: Iterable[str], *, starts: bool = True) -> None:
        self.allow = frozenset([allow] if isinstance(allow, str) else allow)
        self._starts = starts

    def accepts(self, verification: Verification) -> bool:
        """Accept from users that are allowed."""
        return self._allows(verification)

    def starts(self, verification: Verification) -> bool:
        """Start with users that are allowed."""
        return self._starts and self._allows(verification)

    def confirms(self, verification: Verification) -> bool:
        """Confirm to users that are allowed."""
        return self._allows(verification)

    def _allows(self, verification: Verification) -> bool:
        device = verification.other_device
        is_refused = device is not None and device.level in REFUSED
        return verification.other_user_id in self.allow and not is_refused
