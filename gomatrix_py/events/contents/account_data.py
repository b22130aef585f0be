"""What a user keeps for all their devices. Spec: module "Client Config" and those named at each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...codec import Document, Problem, field, structure

__all__ = [
    "AcceptedTermsContent",
    "DirectContent",
    "FullyReadContent",
    "IdentityServerContent",
    "IgnoredUserListContent",
    "InvitePermissionConfigContent",
    "MarkedUnreadContent",
    "RecentEmoji",
    "RecentEmojiContent",
]


class _Rooms(Document):
    rooms: dict[str, list[str]] = field(factory=dict)


class DirectContent(Document):
    """Content of ``m.direct``: direct chats by user id, which are members of the content themselves.

    They stand in `extra` as they came, and in `rooms` as lists of room ids. Spec: module "Direct Messaging".
    """

    def __attrs_post_init__(self) -> None:
        wrong = self._read().problems
        self.problems += tuple(Problem(path.partition(".")[2], message) for path, message in wrong)

    def _read(self) -> _Rooms:
        return structure({"rooms": self.extra}, _Rooms)

    @classmethod
    def of(cls, rooms: Mapping[str, list[str]]) -> DirectContent:
        """Make the content that says which rooms are direct chats with whom."""
        return cls(extra=dict(rooms))

    @property
    def rooms(self) -> dict[str, list[str]]:
        """Room ids by user id; what is not as specified is left out and stands in `problems`."""
        return self._read().rooms


class IgnoredUserListContent(Document):
    """Content of ``m.ignored_user_list``: by user id, objects without members. Spec: module "Ignoring Users"."""

    ignored_users: dict[str, dict[str, Any]]


class FullyReadContent(Document):
    """Content of ``m.fully_read``: up to where a room was read. Spec: module "Read and unread markers"."""

    event_id: str


class MarkedUnreadContent(Document):
    """Content of ``m.marked_unread``: to be shown as unread. Spec: module "Read and unread markers"."""

    unread: bool


class IdentityServerContent(Document):
    """Content of ``m.identity_server``. Spec: "Identity server account data".

    Null is not the same as nothing here, so `base_url` is read from `extra` and written there.
    """

    @property
    def base_url(self) -> str | None:
        """The identity server to use, None where none is named."""
        value = self.extra.get("base_url")
        return value if isinstance(value, str) else None

    @property
    def is_refused(self) -> bool:
        """True where the user wants no identity server at all, False where there is a choice or a name."""
        return "base_url" in self.extra and self.extra["base_url"] is None


class AcceptedTermsContent(Document):
    """Content of ``m.accepted_terms``: the URLs of terms the user agreed to. Spec: "Terms of service"."""

    accepted: list[str] | None = None


class InvitePermissionConfigContent(Document):
    """Content of ``m.invite_permission_config``; `default_action` "block" refuses all invites.

    Spec: module "Invite permission".
    """

    default_action: str | None = None

    @property
    def blocks_invites(self) -> bool:
        """True where the server is to refuse all invites."""
        return self.default_action == "block"


class RecentEmoji(Document):
    """An emoji and how often it was used."""

    emoji: str
    total: float


class RecentEmojiContent(Document):
    """Content of ``m.recent_emoji``, the latest first. Spec: module "Recently used emoji"."""

    recent_emoji: list[RecentEmoji]
