"""Signals of calls between two. Spec: module "Voice over IP"."""

from __future__ import annotations

from ...codec import Document, field
from ..open_enum import OpenEnum

__all__ = [
    "CallAnswerContent",
    "CallCandidate",
    "CallCandidatesContent",
    "CallContent",
    "CallHangupContent",
    "CallInviteContent",
    "CallNegotiateContent",
    "CallRejectContent",
    "CallSdpStreamMetadataChangedContent",
    "CallSelectAnswerContent",
    "HangupReason",
    "SessionDescription",
    "StreamMetadata",
    "StreamPurpose",
]


class CallContent(Document):
    """What all events of a call have in common.

    Attributes:
        call_id: of the call.
        version: "1"; the integer 0 in the older protocol, which has no `party_id`.
        party_id: of the device that sent it.
    """

    call_id: str
    version: str | int
    party_id: str | None = field(default=None, kw_only=True)


class SessionDescription(Document):
    """An offer or an answer of WebRTC; `type` says which."""

    type: str
    sdp: str


class StreamPurpose(OpenEnum):
    """What a stream shows."""

    USERMEDIA = "m.usermedia"
    SCREENSHARE = "m.screenshare"


class StreamMetadata(Document):
    """What a stream is for, and what of it is muted."""

    purpose: StreamPurpose
    audio_muted: bool | None = None
    video_muted: bool | None = None


class CallInviteContent(CallContent):
    """Content of ``m.call.invite``: good for `lifetime` milliseconds; for anybody, or for `invitee` only."""

    offer: SessionDescription
    lifetime: int
    invitee: str | None = field(default=None, kw_only=True)
    sdp_stream_metadata: dict[str, StreamMetadata] | None = field(default=None, kw_only=True)


class CallAnswerContent(CallContent):
    """Content of ``m.call.answer``."""

    answer: SessionDescription
    sdp_stream_metadata: dict[str, StreamMetadata] | None = field(default=None, kw_only=True)


class CallCandidate(Document):
    """One way to reach a device; an empty one says that there are no more."""

    candidate: str
    sdp_mid: str | None = field(default=None, name="sdpMid")
    sdp_m_line_index: int | None = field(default=None, name="sdpMLineIndex")


class CallCandidatesContent(CallContent):
    """Content of ``m.call.candidates``."""

    candidates: list[CallCandidate]


class CallSelectAnswerContent(CallContent):
    """Content of ``m.call.select_answer``: the caller's choice among those who answered."""

    selected_party_id: str


class CallNegotiateContent(CallContent):
    """Content of ``m.call.negotiate``: a change during the call, good for `lifetime` milliseconds."""

    description: SessionDescription
    lifetime: int
    sdp_stream_metadata: dict[str, StreamMetadata] | None = field(default=None, kw_only=True)


class CallSdpStreamMetadataChangedContent(CallContent):
    """Content of ``m.call.sdp_stream_metadata_changed``."""

    sdp_stream_metadata: dict[str, StreamMetadata]


class CallRejectContent(CallContent):
    """Content of ``m.call.reject``."""


class HangupReason(OpenEnum):
    """Why a call ended."""

    ICE_TIMEOUT = "ice_timeout"
    ICE_FAILED = "ice_failed"
    INVITE_TIMEOUT = "invite_timeout"
    USER_HANGUP = "user_hangup"
    USER_MEDIA_FAILED = "user_media_failed"
    USER_BUSY = "user_busy"
    UNKNOWN_ERROR = "unknown_error"


class CallHangupContent(CallContent):
    """Content of ``m.call.hangup``; the older protocol gives no reason for an ordinary end."""

    reason: HangupReason | None = None
