"""State that says what a room is. Spec: "Room Events" and the modules named at each class."""

from __future__ import annotations

from ...codec import Document, field
from ..messages import ImageInfo
from ..open_enum import OpenEnum
from .extensible import TextRepresentation, text_of

__all__ = [
    "AllowCondition",
    "GuestAccess",
    "HistoryVisibility",
    "JoinRule",
    "PreviousRoom",
    "RoomAliasesContent",
    "RoomAvatarContent",
    "RoomCanonicalAliasContent",
    "RoomCreateContent",
    "RoomGuestAccessContent",
    "RoomHistoryVisibilityContent",
    "RoomJoinRulesContent",
    "RoomNameContent",
    "RoomPinnedEventsContent",
    "RoomServerAclContent",
    "RoomTombstoneContent",
    "RoomTopicContent",
    "TopicBlock",
]


class PreviousRoom(Document):
    """The room that this one was made to replace; `event_id`, its last event, is no longer said."""

    room_id: str
    event_id: str | None = None


class RoomCreateContent(Document):
    """Content of ``m.room.create``.

    Attributes:
        creator: of rooms before version 11; the sender of the event is the creator in all versions.
        federate: False keeps users of other servers out; not said is True.
        room_version: not said is "1".
        type: such as ``m.space``, None for an ordinary room.
        predecessor: the room it was made to replace.
        additional_creators: further creators, from version 12 on.
    """

    creator: str | None = None
    federate: bool | None = field(default=None, name="m.federate")
    room_version: str | None = None
    type: str | None = None
    predecessor: PreviousRoom | None = None
    additional_creators: list[str] | None = None

    @property
    def is_space(self) -> bool:
        """True for a space."""
        return self.type == "m.space"


class RoomNameContent(Document):
    """Content of ``m.room.name``; "" and None say that there is no name. Spec: module "Instant messaging"."""

    name: str | None = None


class TopicBlock(Document):
    """The topic in several forms."""

    text: list[TextRepresentation] | None = field(default=None, name="m.text")


class RoomTopicContent(Document):
    """Content of ``m.room.topic``; "" and None say that there is no topic. Spec: module "Instant messaging"."""

    topic: str | None = None
    blocks: TopicBlock | None = field(default=None, name="m.topic")

    @property
    def text(self) -> str | None:
        """The topic as plain text, None where there is none."""
        said = text_of(self.blocks.text) if self.blocks is not None else None
        return said or self.topic or None


class RoomAvatarContent(Document):
    """Content of ``m.room.avatar``; without `url` there is none. Spec: module "Instant messaging"."""

    url: str | None = None
    info: ImageInfo | None = None


class RoomCanonicalAliasContent(Document):
    """Content of ``m.room.canonical_alias``: the main alias and others that are good."""

    alias: str | None = None
    alt_aliases: list[str] | None = None


class RoomAliasesContent(Document):
    """Content of ``m.room.aliases``, which no longer means anything. Spec: "Historical events"."""

    aliases: list[str] | None = None


class RoomPinnedEventsContent(Document):
    """Content of ``m.room.pinned_events``: event ids. Spec: module "Instant messaging"."""

    pinned: list[str]


class RoomTombstoneContent(Document):
    """Content of ``m.room.tombstone``: where the room moved to. Spec: module "Room upgrades"."""

    body: str
    replacement_room: str


# ------------------------------------------------------------------ who may come in, and see what


class JoinRule(OpenEnum):
    """How one becomes a member."""

    PUBLIC = "public"
    KNOCK = "knock"
    INVITE = "invite"
    PRIVATE = "private"
    RESTRICTED = "restricted"
    KNOCK_RESTRICTED = "knock_restricted"


class AllowCondition(Document):
    """Who else may join a restricted room: for ``m.room_membership``, the members of a room."""

    type: str
    room_id: str | None = None


class RoomJoinRulesContent(Document):
    """Content of ``m.room.join_rules``; `allow` is for restricted rooms."""

    join_rule: JoinRule
    allow: list[AllowCondition] | None = None


class GuestAccess(OpenEnum):
    """Whether guests may join."""

    CAN_JOIN = "can_join"
    FORBIDDEN = "forbidden"


class RoomGuestAccessContent(Document):
    """Content of ``m.room.guest_access``. Spec: module "Guest Access"."""

    guest_access: GuestAccess


class HistoryVisibility(OpenEnum):
    """From when on a member sees what was said."""

    INVITED = "invited"
    JOINED = "joined"
    SHARED = "shared"
    WORLD_READABLE = "world_readable"


class RoomHistoryVisibilityContent(Document):
    """Content of ``m.room.history_visibility``. Spec: module "Room history visibility"."""

    history_visibility: HistoryVisibility


class RoomServerAclContent(Document):
    """Content of ``m.room.server_acl``: servers by glob; `allow_ip_literals` not said is True.

    Spec: module "Server Access Control Lists (ACLs) for rooms".
    """

    allow_ip_literals: bool | None = None
    allow: list[str] | None = None
    deny: list[str] | None = None
