"""State that says who is in a room, or is asked in. Spec: "Room Events", module "Third-party invites"."""

from __future__ import annotations

from ...codec import Document
from ..open_enum import OpenEnum

__all__ = [
    "InviteKey",
    "Membership",
    "RoomMemberContent",
    "RoomThirdPartyInviteContent",
    "SignedThirdPartyInvite",
    "ThirdPartyInvite",
]


class Membership(OpenEnum):
    """How a user stands to a room."""

    INVITE = "invite"
    JOIN = "join"
    KNOCK = "knock"
    LEAVE = "leave"
    BAN = "ban"


class SignedThirdPartyInvite(Document):
    """What the identity server signed; for servers to verify."""

    mxid: str
    signatures: dict[str, dict[str, str]]
    token: str


class ThirdPartyInvite(Document):
    """The invite by e-mail or telephone that a membership follows from; a redaction leaves `signed` only."""

    display_name: str | None = None
    signed: SignedThirdPartyInvite | None = None


class RoomMemberContent(Document):
    """Content of ``m.room.member``: how the user whose id is the state key stands to the room.

    Attributes:
        membership: the standing.
        displayname: the name in this room, None where there is none.
        avatar_url: the picture in this room.
        reason: why it changed, as the one who changed it says.
        is_direct: True where the invite is to a direct chat.
        join_authorised_via_users_server: the user whose server let this one into a restricted room.
        third_party_invite: the invite it follows from.
    """

    membership: Membership
    displayname: str | None = None
    avatar_url: str | None = None
    reason: str | None = None
    is_direct: bool | None = None
    join_authorised_via_users_server: str | None = None
    third_party_invite: ThirdPartyInvite | None = None


class InviteKey(Document):
    """A key with which the token of an invite may be signed."""

    public_key: str
    key_validity_url: str | None = None


class RoomThirdPartyInviteContent(Document):
    """Content of ``m.room.third_party_invite``: an invite to somebody known by e-mail or telephone."""

    display_name: str
    key_validity_url: str
    public_key: str
    public_keys: list[InviteKey] | None = None
