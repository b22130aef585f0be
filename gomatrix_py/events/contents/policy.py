"""Rules of moderation lists, and a room's policy server. Spec: "Moderation policy lists", "Policy Servers"."""

from __future__ import annotations

from ...codec import Document

__all__ = [
    "PolicyRuleContent",
    "PolicyRuleRoomContent",
    "PolicyRuleServerContent",
    "PolicyRuleUserContent",
    "RoomPolicyContent",
]


class PolicyRuleContent(Document):
    """What is recommended for all entities that match a glob.

    Attributes:
        entity: the glob.
        recommendation: ``m.ban`` is the one the specification knows.
        reason: why; a rule without one is a rule all the same.
    """

    entity: str
    recommendation: str
    reason: str | None = None

    @property
    def is_ban(self) -> bool:
        """True where a ban is recommended."""
        return self.recommendation == "m.ban"


class PolicyRuleUserContent(PolicyRuleContent):
    """Content of ``m.policy.rule.user``: for user ids."""


class PolicyRuleRoomContent(PolicyRuleContent):
    """Content of ``m.policy.rule.room``: for room ids and aliases."""


class PolicyRuleServerContent(PolicyRuleContent):
    """Content of ``m.policy.rule.server``: for server names."""


class RoomPolicyContent(Document):
    """Content of ``m.room.policy``: the server that checks events, and its keys by algorithm."""

    via: str
    public_keys: dict[str, str]
