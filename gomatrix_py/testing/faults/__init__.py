"""A network that fails on purpose, to test a bot with: a proxy on loopback between client and homeserver.

    rules = [
        Rule(reset_after(), method="PUT", path="/send/", probability=0.1),
        Rule(answer(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 50}), path="/send/", nth=(1, 2)),
    ]
    with DevServer() as hs, FaultProxy(hs.url, rules, seed=7) as proxy:
        client = Client(proxy.url, ...)

For each request the first rule that matches says what happens; where none does, it passes. The fate of a
request follows from the seed, the request and how often it came: threads that race do not change it. What
was promised to a bot is best asked of the server itself, not through the proxy.
"""

from .actions import answer, change, cut, delay, duplicate, reorder, reset_after, reset_before, stall
from .proxy import Action, FaultProxy, Passage, Passed, ProxiedAnswer, ProxiedRequest, Rule

__all__ = [
    "Action",
    "FaultProxy",
    "Passage",
    "Passed",
    "ProxiedAnswer",
    "ProxiedRequest",
    "Rule",
    "answer",
    "change",
    "cut",
    "delay",
    "duplicate",
    "reorder",
    "reset_after",
    "reset_before",
    "stall",
]
