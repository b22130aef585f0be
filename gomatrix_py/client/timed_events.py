"""Events that are sent later, or stick for a while: nothing encrypts them, so nothing secret may be in them."""

from __future__ import annotations

from ..errors import EncryptionRequired
from .outgoing import SENT_IN_PLAIN, OutgoingMethods

__all__ = ["TimedEventMethods"]


class TimedEventMethods(OutgoingMethods):
    """`send_delayed_event` and `send_sticky_event`, for rooms that are not encrypted."""

    def _check_may_be_plain(self, room_id: str, event_type: str) -> None:
        if event_type in SENT_IN_PLAIN or self.allow_plaintext or self._must_encrypt(room_id) is None:
            return
        raise EncryptionRequired(
            f"{room_id} is encrypted, and events that are delayed or sticky are not: set `allow_plaintext` if"
            " everybody may read it"
        )
