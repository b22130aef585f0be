"""Pushers, push rules, and what they notified of. Spec: "Push Notifications"."""

from __future__ import annotations

from typing import Any

from ..codec import Document, field
from ..events import Event
from ..events.contents.push_rules import PushAction, PushCondition, PushRule, PushRules
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response, query
from .base import Api

__all__ = [
    "DeletePushRule",
    "GetGlobalPushRules",
    "GetNotifications",
    "GetPushRule",
    "GetPushRuleActions",
    "GetPushRuleEnabled",
    "GetPushRules",
    "GetPushers",
    "Notification",
    "PushApi",
    "PushFormat",
    "PushRuleKind",
    "Pusher",
    "PusherData",
    "PutPushRule",
    "PutPushRuleActions",
    "RespNotifications",
    "RespPushRuleActions",
    "RespPushRuleEnabled",
    "RespPushRules",
    "RespPushers",
    "SetPushRuleEnabled",
    "SetPusher",
]

_RULE = "/_matrix/client/v3/pushrules/global/{kind}/{rule_id}"


# ------------------------------------------------------------------ pushers


class PushFormat(OpenEnum):
    """What a pusher sends of an event, where that is not all of it."""

    EVENT_ID_ONLY = "event_id_only"


class PusherData(Document):
    """Where a pusher sends to, and in which form."""

    url: str | None = None
    format: PushFormat | str | None = None


class Pusher(Document):
    """Something that tells a device of news; `kind` is "http" or "email"."""

    pushkey: str = field(repr=False)
    kind: str
    app_id: str
    app_display_name: str
    device_display_name: str
    lang: str
    data: PusherData
    profile_tag: str | None = None


class RespPushers(Response):
    """The pushers of the account."""

    pushers: list[Pusher] = field(factory=list)


class GetPushers(Endpoint[RespPushers]):
    """List the pushers of the account. Spec: GET /pushers."""

    METHOD, PATH = "GET", "/_matrix/client/v3/pushers"


class SetPusher(Endpoint[Empty]):
    """Make or change a pusher, known by `pushkey` and `app_id`. Spec: POST /pushers/set.

    `kind` is "http" or "email"; None, which is sent as null, deletes the pusher. For any other kind the
    specification wants names, `lang` and `data` too.
    """

    METHOD, PATH, RATE_LIMITED = "POST", "/_matrix/client/v3/pushers/set", True
    pushkey: str = field(repr=False)
    app_id: str
    kind: str | None
    app_display_name: str | None = field(default=None, kw_only=True)
    device_display_name: str | None = field(default=None, kw_only=True)
    profile_tag: str | None = field(default=None, kw_only=True)
    lang: str | None = field(default=None, kw_only=True)
    data: PusherData | dict[str, Any] | None = field(default=None, kw_only=True)
    append: bool | None = field(default=None, kw_only=True)

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, headers, payload = super()._sort_fields()
        return in_path, in_query, headers, {**payload, "kind": self.kind}


# ------------------------------------------------------------------ rules


class PushRuleKind(OpenEnum):
    """The kinds of push rules, in the order in which they count."""

    OVERRIDE = "override"
    CONTENT = "content"
    ROOM = "room"
    SENDER = "sender"
    UNDERRIDE = "underride"


class RespPushRules(Response):
    """All push rules; the specification knows the global ones only."""

    global_: PushRules = field(name="global")


class GetPushRules(Endpoint[RespPushRules]):
    """Read all push rules. Spec: GET /pushrules/."""

    METHOD, PATH = "GET", "/_matrix/client/v3/pushrules/"


class GetGlobalPushRules(Endpoint[PushRules]):
    """Read the global push rules. Spec: GET /pushrules/global/."""

    METHOD, PATH = "GET", "/_matrix/client/v3/pushrules/global/"


class GetPushRule(Endpoint[PushRule]):
    """Read a push rule. Spec: GET /pushrules/global/{kind}/{ruleId}."""

    METHOD, PATH = "GET", _RULE
    kind: PushRuleKind | str
    rule_id: str


class PutPushRule(Endpoint[Empty]):
    """Make or replace a push rule. Spec: PUT /pushrules/global/{kind}/{ruleId}.

    `before` and `after` name the rule it is put next to; `conditions` are for override and underride rules,
    `pattern` is for content rules.
    """

    METHOD, PATH, RATE_LIMITED = "PUT", _RULE, True
    kind: PushRuleKind | str
    rule_id: str
    actions: list[PushAction]
    conditions: list[PushCondition | dict[str, Any]] | None = field(default=None, kw_only=True)
    pattern: str | None = field(default=None, kw_only=True)
    before: str | None = query(default=None, kw_only=True)
    after: str | None = query(default=None, kw_only=True)


class DeletePushRule(Endpoint[Empty]):
    """Delete a push rule of the user's own. Spec: DELETE /pushrules/global/{kind}/{ruleId}."""

    METHOD, PATH = "DELETE", _RULE
    kind: PushRuleKind | str
    rule_id: str


class RespPushRuleEnabled(Response):
    """Whether a push rule counts."""

    enabled: bool


class GetPushRuleEnabled(Endpoint[RespPushRuleEnabled]):
    """Ask whether a push rule counts. Spec: GET /pushrules/global/{kind}/{ruleId}/enabled."""

    METHOD, PATH = "GET", _RULE + "/enabled"
    kind: PushRuleKind | str
    rule_id: str


class SetPushRuleEnabled(Endpoint[Empty]):
    """Switch a push rule on or off. Spec: PUT /pushrules/global/{kind}/{ruleId}/enabled."""

    METHOD, PATH = "PUT", _RULE + "/enabled"
    kind: PushRuleKind | str
    rule_id: str
    enabled: bool


class RespPushRuleActions(Response):
    """What a push rule does."""

    actions: list[PushAction]


class GetPushRuleActions(Endpoint[RespPushRuleActions]):
    """Ask what a push rule does. Spec: GET /pushrules/global/{kind}/{ruleId}/actions."""

    METHOD, PATH = "GET", _RULE + "/actions"
    kind: PushRuleKind | str
    rule_id: str


class PutPushRuleActions(Endpoint[Empty]):
    """Change what a push rule does. Spec: PUT /pushrules/global/{kind}/{ruleId}/actions."""

    METHOD, PATH = "PUT", _RULE + "/actions"
    kind: PushRuleKind | str
    rule_id: str
    actions: list[PushAction]


# ------------------------------------------------------------------ notifications


class Notification(Document):
    """An event the user was notified of; `ts` is milliseconds since the epoch."""

    event: Event
    room_id: str
    ts: int
    read: bool
    actions: list[PushAction]
    profile_tag: str | None = None


class RespNotifications(Response):
    """One page of notifications, newest first; `next_token` is None where there are no more."""

    notifications: list[Notification]
    next_token: str | None = None


class GetNotifications(Endpoint[RespNotifications]):
    """Read what the user was notified of; `only` is "highlight" or left out. Spec: GET /notifications."""

    METHOD, PATH = "GET", "/_matrix/client/v3/notifications"
    from_: str | None = query(default=None, name="from")
    limit: int | None = query(default=None)
    only: str | None = query(default=None, kw_only=True)


class PushApi(Api):
    """Pushers, push rules and notifications."""

    get_pushers = Call(GetPushers)
    set_pusher = Call(SetPusher)
    get_push_rules = Call(GetPushRules)
    get_global_push_rules = Call(GetGlobalPushRules)
    get_push_rule = Call(GetPushRule)
    put_push_rule = Call(PutPushRule)
    delete_push_rule = Call(DeletePushRule)
    get_push_rule_enabled = Call(GetPushRuleEnabled)
    set_push_rule_enabled = Call(SetPushRuleEnabled)
    get_push_rule_actions = Call(GetPushRuleActions)
    put_push_rule_actions = Call(PutPushRuleActions)
    get_notifications = Call(GetNotifications)
