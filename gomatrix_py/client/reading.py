"""What is told of an encrypted event beside what it says: who wrote it, and what the policy makes of that."""

from __future__ import annotations

from ..crypto.authors import Author
from ..crypto.engine import Engine
from ..errors import SenderDistrusted
from ..events.encryption_info import EncryptionInfo, Trust

__all__ = ["Reader"]


class Reader:
    """Says who wrote what an engine has read.

    Args:
        engine: that read it.
        refuses_distrusted: what devices wrote that the policy distrusts must not be opened.
    """

    __slots__ = ("_engine", "_refuses_distrusted")

    def __init__(self, engine: Engine, refuses_distrusted: bool) -> None:
        self._engine = engine
        self._refuses_distrusted = refuses_distrusted

    def of_room(
        self, sender: tuple[str, str, str], session_id: str, *, is_authentic: bool, was_late: bool
    ) -> EncryptionInfo:
        """Return what is told of an event of a room; its `error` is set where it must not be opened.

        Args:
            sender: user id, identity key, and fingerprint as the giver of the key says.
            session_id: it was read with.
            is_authentic: whether its key came from its owner.
            was_late: whether it could not be read before.
        """
        author = self._engine.author(*sender, is_authentic=is_authentic)
        return self._info(author, sender, session_id, is_authentic, was_late)

    def of_message(self, user_id: str, sender_key: str, ed25519: str) -> EncryptionInfo:
        """Return what is told of a message to our device; its `error` is set where it must not be opened."""
        sender = user_id, sender_key, ed25519
        author = self._engine.author(*sender, is_authentic=True)
        return self._info(author, sender, "", author.device is not None, was_late=False)

    def _info(
        self, author: Author, sender: tuple[str, str, str], session_id: str, is_authentic: bool, was_late: bool
    ) -> EncryptionInfo:
        device_id = author.device.device_id if author.device is not None else ""
        is_refused = self._refuses_distrusted and author.trust is Trust.DISTRUSTED
        return EncryptionInfo(
            session_id,
            sender[1],
            device_id,
            sender[2],
            author.level,
            trust=author.trust,
            is_authentic=is_authentic,
            was_late=was_late,
            error=_refusal(sender[0], device_id) if is_refused else None,
        )


def _refusal(user_id: str, device_id: str) -> SenderDistrusted:
    named = f"device {device_id}" if device_id else "a device that we do not know"
    return SenderDistrusted(f"it was written by {named} of {user_id}, which the policy distrusts")
