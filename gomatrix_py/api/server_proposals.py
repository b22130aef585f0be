"""What a server tells of itself and its users, in proposals: MSC1763, MSC3720, MSC4143."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field
from ..http.endpoint import Call, Endpoint, Response
from .base import Api

__all__ = [
    "AccountStatus",
    "GetAccountStatuses",
    "GetRTCTransports",
    "GetRetentionConfiguration",
    "RespAccountStatuses",
    "RespRTCTransports",
    "RespRetentionConfiguration",
    "RetentionLimits",
    "RetentionPolicy",
    "RetentionRange",
    "ServerProposalsApi",
]


class RetentionPolicy(Document):
    """How long events are kept, in milliseconds; None where it is not said."""

    min_lifetime: int | None = None
    max_lifetime: int | None = None


class RetentionRange(Document):
    """The least and the most a room may choose, in milliseconds."""

    min: int | None = None
    max: int | None = None


class RetentionLimits(Document):
    """What a room may choose."""

    min_lifetime: RetentionRange | None = None
    max_lifetime: RetentionRange | None = None


class RespRetentionConfiguration(Response):
    """How long the server keeps events, by room id or "*", and what rooms may choose."""

    policies: dict[str, RetentionPolicy] = field(factory=dict)
    limits: RetentionLimits | None = None


class GetRetentionConfiguration(Endpoint[RespRetentionConfiguration]):
    """Ask how long the server keeps events. MSC1763: GET /retention/configuration."""

    METHOD, PATH, MSC = "GET", "/_matrix/client/unstable/org.matrix.msc1763/retention/configuration", 1763


class AccountStatus(Document):
    """Whether there is such an account, and whether it was deactivated."""

    exists: bool
    deactivated: bool | None = None


class RespAccountStatuses(Response):
    """What is known of accounts, by user id; `failures` are those nothing could be found out about."""

    account_statuses: dict[str, AccountStatus] = field(factory=dict)
    failures: list[str] = field(factory=list)


class GetAccountStatuses(Endpoint[RespAccountStatuses]):
    """Ask whether accounts exist. MSC3720: POST /account_status."""

    METHOD, PATH, MSC = "POST", "/_matrix/client/unstable/org.matrix.msc3720/account_status", 3720
    IS_REPEATABLE = True
    user_ids: list[str]


class RespRTCTransports(Response):
    """Where calls of several people can be held, each with its ``type``."""

    rtc_transports: list[dict[str, Any]] = field(factory=list)


class GetRTCTransports(Endpoint[RespRTCTransports]):
    """Ask where calls of several people can be held. MSC4143: GET /rtc/transports."""

    METHOD, PATH, MSC = "GET", "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", 4143
    UNSTABLE_FEATURE = "org.matrix.msc4143"


class ServerProposalsApi(Api):
    """What a server tells of itself and its users (MSC1763, MSC3720, MSC4143)."""

    get_retention_configuration = Call(GetRetentionConfiguration)
    get_account_statuses = Call(GetAccountStatuses)
    get_rtc_transports = Call(GetRTCTransports)
