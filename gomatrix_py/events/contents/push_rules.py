"""What to be notified of. Spec: module "Push Notifications"."""

from __future__ import annotations

from typing import Any

from ...codec import Document, field

__all__ = ["PushAction", "PushCondition", "PushRule", "PushRules", "PushRulesContent"]

PushAction = str | dict[str, Any]
"""What a rule does: ``notify``, or a tweak such as ``{"set_tweak": "highlight"}``."""


class PushCondition(Document):
    """When a rule applies; `kind` tells which of the others count.

    Null is a value to compare with, so `value` is read from `extra` and written there.
    """

    kind: str
    key: str | None = None
    pattern: str | None = None
    is_: str | None = field(default=None, name="is")

    @property
    def value(self) -> str | int | bool | None:
        """What a property of the event is compared with; None where that is null, or not said."""
        value = self.extra.get("value")
        return value if isinstance(value, (str, int)) else None


class PushRule(Document):
    """What to do with events that match; `conditions` are for override and underride, `pattern` for content."""

    rule_id: str
    actions: list[PushAction]
    default: bool
    enabled: bool
    conditions: list[PushCondition] | None = None
    pattern: str | None = None


class PushRules(Document):
    """Rules by kind; kinds and rules stand in the order in which they are tried."""

    override: list[PushRule] | None = None
    content: list[PushRule] | None = None
    room: list[PushRule] | None = None
    sender: list[PushRule] | None = None
    underride: list[PushRule] | None = None


class PushRulesContent(Document):
    """Content of ``m.push_rules``; the specification knows the global rules only."""

    global_: PushRules | None = field(default=None, name="global")
