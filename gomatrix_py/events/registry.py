"""Which class reads the content of which event.

The tables name modules of `gomatrix_py.events.contents`; each is imported when a content of its family is
first read.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, TypeVar

from ..codec import Document, structure
from ..errors import DecodeError, UsageError

__all__ = [
    "BadContent",
    "Content",
    "UnknownContent",
    "content_class",
    "event_types_of",
    "parse_content",
    "register_content",
]

log = logging.getLogger("gomatrix_py.events")

D = TypeVar("D", bound=type[Document])


class UnknownContent:
    """The content of an event whose type has no class; its repr shows names only, as it may hold keys."""

    __slots__ = ("content",)
    __match_args__ = ("content",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        return self.content == other.content if isinstance(other, UnknownContent) else NotImplemented

    def __repr__(self) -> str:
        return f"UnknownContent(<{', '.join(map(repr, self.content))}>)"


class BadContent:
    """A content that is not what the specification says of its type, as it came, and why it is not."""

    __slots__ = ("raw", "why")
    __match_args__ = ("raw", "why")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, raw: Any, why: str) -> None:
        self.raw = raw
        self.why = why

    def __eq__(self, other: object) -> bool:
        return (self.raw, self.why) == (other.raw, other.why) if isinstance(other, BadContent) else NotImplemented

    def __repr__(self) -> str:
        return f"BadContent({self.why!r})"


Content = Document | UnknownContent | BadContent
"""What reading a content gives."""


_Key = tuple[str, bool, str]
"""Event type, whether it is state, and variant ("" for the type itself)."""


# ------------------------------------------------------------------ the tables

_STATE: Final = {
    "im.ponies.room_emotes": "image_packs.RoomImagePackContent",
    "m.policy.rule.room": "policy.PolicyRuleRoomContent",
    "m.policy.rule.server": "policy.PolicyRuleServerContent",
    "m.policy.rule.user": "policy.PolicyRuleUserContent",
    "m.room.aliases": "room_state.RoomAliasesContent",
    "m.room.avatar": "room_state.RoomAvatarContent",
    "m.room.canonical_alias": "room_state.RoomCanonicalAliasContent",
    "m.room.create": "room_state.RoomCreateContent",
    "m.room.encryption": "encryption.RoomEncryptionContent",
    "m.room.guest_access": "room_state.RoomGuestAccessContent",
    "m.room.history_visibility": "room_state.RoomHistoryVisibilityContent",
    "m.room.image_pack": "image_packs.RoomImagePackContent",
    "m.room.join_rules": "room_state.RoomJoinRulesContent",
    "m.room.member": "members.RoomMemberContent",
    "m.room.name": "room_state.RoomNameContent",
    "m.room.pinned_events": "room_state.RoomPinnedEventsContent",
    "m.room.policy": "policy.RoomPolicyContent",
    "m.room.power_levels": "power_levels.RoomPowerLevelsContent",
    "m.room.server_acl": "room_state.RoomServerAclContent",
    "m.room.third_party_invite": "members.RoomThirdPartyInviteContent",
    "m.room.tombstone": "room_state.RoomTombstoneContent",
    "m.room.topic": "room_state.RoomTopicContent",
    "m.space.child": "spaces.SpaceChildContent",
    "m.space.parent": "spaces.SpaceParentContent",
}

_IN_ROOMS: Final = {
    "m.call.answer": "calls.CallAnswerContent",
    "m.call.candidates": "calls.CallCandidatesContent",
    "m.call.hangup": "calls.CallHangupContent",
    "m.call.invite": "calls.CallInviteContent",
    "m.call.negotiate": "calls.CallNegotiateContent",
    "m.call.reject": "calls.CallRejectContent",
    "m.call.sdp_stream_metadata_changed": "calls.CallSdpStreamMetadataChangedContent",
    "m.call.select_answer": "calls.CallSelectAnswerContent",
    "m.location": "location.LocationContent",
    "m.message": "extensible.MessageContent",
    "m.poll.end": "polls.PollEndContent",
    "m.poll.response": "polls.StablePollResponseContent",
    "m.poll.start": "polls.PollStartContent",
    "m.reaction": "relations.ReactionContent",
    "m.room.encrypted": "encryption.RoomEncryptedContent",
    "m.room.message": "messages.RoomMessage",
    "m.room.redaction": "redaction.RoomRedactionContent",
    "m.sticker": "stickers.StickerContent",
    "m.voice": "voice.VoiceContent",
    "org.matrix.msc1767.message": "extensible.UnstableMessageContent",
    "org.matrix.msc3245.voice.v2": "voice.UnstableVoiceContent",
    "org.matrix.msc3381.poll.end": "polls.UnstablePollEndContent",
    "org.matrix.msc3381.poll.response": "polls.UnstablePollResponseContent",
    "org.matrix.msc3381.poll.start": "polls.UnstablePollStartContent",
    "org.matrix.msc3488.location": "location.UnstableLocationContent",
}

_OUTSIDE_TIMELINES: Final = {
    "com.famedly.marked_unread": "account_data.MarkedUnreadContent",
    "im.ponies.emote_rooms": "image_packs.ImagePackRoomsContent",
    "m.accepted_terms": "account_data.AcceptedTermsContent",
    "m.cross_signing.master": "secret_storage.EncryptedSecretContent",
    "m.cross_signing.self_signing": "secret_storage.EncryptedSecretContent",
    "m.cross_signing.user_signing": "secret_storage.EncryptedSecretContent",
    "m.direct": "account_data.DirectContent",
    "m.dummy": "encryption.DummyContent",
    "m.forwarded_room_key": "encryption.ForwardedRoomKeyContent",
    "m.fully_read": "account_data.FullyReadContent",
    "m.identity_server": "account_data.IdentityServerContent",
    "m.ignored_user_list": "account_data.IgnoredUserListContent",
    "m.image_pack.rooms": "image_packs.ImagePackRoomsContent",
    "m.invite_permission_config": "account_data.InvitePermissionConfigContent",
    "m.key.verification.accept": "verification.KeyVerificationAcceptContent",
    "m.key.verification.cancel": "verification.KeyVerificationCancelContent",
    "m.key.verification.done": "verification.KeyVerificationDoneContent",
    "m.key.verification.key": "verification.KeyVerificationKeyContent",
    "m.key.verification.mac": "verification.KeyVerificationMacContent",
    "m.key.verification.ready": "verification.KeyVerificationReadyContent",
    "m.key.verification.request": "verification.KeyVerificationRequestContent",
    "m.key.verification.start": "verification.KeyVerificationStartContent",
    "m.key_backup": "encryption.KeyBackupContent",
    "m.marked_unread": "account_data.MarkedUnreadContent",
    "m.megolm_backup.v1": "secret_storage.EncryptedSecretContent",
    "m.presence": "ephemeral.PresenceContent",
    "m.push_rules": "push_rules.PushRulesContent",
    "m.receipt": "ephemeral.ReceiptContent",
    "m.recent_emoji": "account_data.RecentEmojiContent",
    "m.room_key": "encryption.RoomKeyContent",
    "m.room_key.withheld": "encryption.RoomKeyWithheldContent",
    "m.room_key_bundle": "encryption.RoomKeyBundleContent",
    "m.room_key_request": "encryption.RoomKeyRequestContent",
    "m.secret.request": "encryption.SecretRequestContent",
    "m.secret.send": "encryption.SecretSendContent",
    "m.secret_storage.default_key": "secret_storage.SecretStorageDefaultKeyContent",
    "m.tag": "tags.TagContent",
    "m.typing": "ephemeral.TypingContent",
}

_MESSAGES: Final = {
    "m.audio": "messages.RoomMessageAudio",
    "m.emote": "messages.RoomMessageEmote",
    "m.file": "messages.RoomMessageFile",
    "m.image": "messages.RoomMessageImage",
    "m.key.verification.request": "verification.RoomMessageKeyVerificationRequest",
    "m.location": "messages.RoomMessageLocation",
    "m.notice": "messages.RoomMessageNotice",
    "m.server_notice": "messages.RoomMessageServerNotice",
    "m.text": "messages.RoomMessageText",
    "m.video": "messages.RoomMessageVideo",
}

_METHODS: Final = {
    "m.reciprocate.v1": "verification.KeyVerificationReciprocateStartContent",
    "m.sas.v1": "verification.KeyVerificationSasStartContent",
}

_VARIANTS: Final = {"m.room.message": ("msgtype", _MESSAGES), "m.key.verification.start": ("method", _METHODS)}
"""Types of which one member of the content tells the class, the member, and the classes."""

_PREFIXES: Final = {"m.secret_storage.key.": "secret_storage.SecretStorageKeyContent"}
"""Types that end in an id."""

_OURS: Final[Mapping[_Key, str]] = {
    **{(name, True, ""): place for name, place in _STATE.items()},
    **{(name, False, ""): place for name, place in (_IN_ROOMS | _OUTSIDE_TIMELINES).items()},
    **{(name, False, one): place for name, (_, table) in _VARIANTS.items() for one, place in table.items()},
}
_REDACTED: Final = "redaction.RedactedContent"


@lru_cache(maxsize=256)
def _class_at(place: str) -> type[Document]:
    module, _, name = place.partition(".")
    found: type[Document] = getattr(import_module(f".contents.{module}", __package__), name)
    return found


# ------------------------------------------------------------------ classes of one's own

_registered: dict[_Key, type[Document]] = {}
_lock = threading.Lock()


def register_content(content_class: D, event_type: str, *, is_state: bool = False, variant: str = "") -> D:
    """Let a class read the contents of a type from now on; it takes precedence over ours.

    Args:
        content_class: a `Document`.
        event_type: such as ``org.example.temperature``.
        is_state: True where events of this type are state.
        variant: the msgtype, for ``m.room.message``; the method, for ``m.key.verification.start``.

    Returns:
        The class.

    Raises:
        UsageError: the class is no `Document`, or a type without variants was given one.
    """
    global _registered
    if not (isinstance(content_class, type) and issubclass(content_class, Document)):
        raise UsageError("a content class is a subclass of Document")
    if variant and (is_state or event_type not in _VARIANTS):
        raise UsageError(f"{event_type} has no variants; those that have are {', '.join(_VARIANTS)}")
    with _lock:  # readers take whichever dict is there, so it is replaced and never changed
        _registered = {**_registered, (event_type, is_state, variant): content_class}
    return content_class


def content_class(event_type: str, *, is_state: bool, variant: str = "") -> type[Document] | None:
    """Return the class that reads the contents of a type, None where there is none.

    Args:
        event_type: such as ``m.room.message``.
        is_state: True for a state event; no type is both.
        variant: see `register_content`; one without a class of its own is read by that of the type.
    """
    registered = _registered
    for one in dict.fromkeys((variant, "")):
        key = (event_type, is_state, one)
        if key in registered:
            return registered[key]
        if key in _OURS:
            return _class_at(_OURS[key])
    if not is_state:
        for prefix, place in _PREFIXES.items():
            if event_type.startswith(prefix):
                return _class_at(place)
    return None


def event_types_of(content_class: type[Any]) -> tuple[str, ...]:
    """Return the types, sorted, whose contents may be read as this class or as a subclass of it.

    Imports all families. Types that end in an id stand here by their beginning, with a final ``*``.
    """
    found = {name for name, cls in _all_classes() if issubclass(cls, content_class)}
    return tuple(sorted(found))


def _all_classes() -> Iterator[tuple[str, type[Document]]]:
    registered = _registered
    for key, cls in registered.items():
        yield key[0], cls
    for key, place in _OURS.items():
        if key not in registered:
            yield key[0], _class_at(place)
    for prefix, place in _PREFIXES.items():
        yield f"{prefix}*", _class_at(place)


# ------------------------------------------------------------------ reading


def parse_content(event_type: str, content: Any, *, is_state: bool, is_redacted: bool = False) -> Content:
    """Read a content; never raises.

    Args:
        event_type: such as ``m.room.message``.
        content: what `loads` returned.
        is_state: True for a state event.
        is_redacted: True where the event was redacted; what is left may be too little for its class.

    Returns:
        An object of the type's class, with `problems` where optional members were not as specified;
        `RedactedContent`; `UnknownContent` for a type without a class; `BadContent` where a required
        member is missing or wrong.
    """
    if not isinstance(content, dict):
        return BadContent(content, "expected an object")
    if is_redacted and not content:
        return structure(content, _class_at(_REDACTED))
    cls = content_class(event_type, is_state=is_state, variant=_variant(event_type, content))
    if cls is None:
        return UnknownContent(content)
    try:
        return structure(content, cls)
    except DecodeError as error:
        return structure(content, _class_at(_REDACTED)) if is_redacted else BadContent(content, str(error))
    except Exception as error:  # a class that was registered may raise anything, and reading must not
        log.warning("%s raised on a content of %s", cls.__qualname__, event_type, exc_info=True)
        return BadContent(content, f"{cls.__qualname__} raised {type(error).__name__}")


def _variant(event_type: str, content: dict[str, Any]) -> str:
    if event_type not in _VARIANTS:
        return ""
    value = content.get(_VARIANTS[event_type][0])
    return value if isinstance(value, str) else ""
