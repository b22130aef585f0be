"""Mixes of faults for the tests of reliability, how large those are, and what seeds them.

``GMPY_SEED`` sets the seed, ``GOMATRIX_PY_SOAK=1`` the full size; ``make soak`` does the latter.
"""

from __future__ import annotations

import os

from gomatrix_py.testing.faults import (
    Rule,
    answer,
    cut,
    reset_after,
    reset_before,
    stall,
)

__all__ = ["SEED", "SOAKS", "failing_sends", "of_size"]

SEED = int(os.environ.get("GMPY_SEED", "20260714"))
SOAKS = os.environ.get("GOMATRIX_PY_SOAK", "") not in ("", "0")

_LIMITED = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too fast", "retry_after_ms": 5}
_GATEWAY = b"<html><h1>502 Bad Gateway</h1></html>"


def of_size(reduced: int, full: int) -> int:
    """Return how much to do: `full` only where a soak was asked for."""
    return full if SOAKS else reduced


def failing_sends(share: float, *, method: str = "PUT", path: str = "/(send|redact)/") -> list[Rule]:
    """Return the rules that let this share of all tries to send fail, in eight ways.

    A third of the faults come before the server hears of the request, half of them after it has acted.
    """
    kinds = [
        (0.18, "reset before", reset_before()),
        (0.22, "reset after", reset_after()),
        (0.08, "cut in the head", cut(0.1)),
        (0.10, "cut in the body", cut(0.95, breaks=True)),
        (0.06, "stall", stall()),
        (0.16, "429", answer(429, _LIMITED)),
        (0.10, "502 before", answer(502, _GATEWAY)),
        (0.10, "502 after", answer(502, _GATEWAY, forwards=True)),
    ]
    rules, left = [], 1.0
    for part, name, action in kinds:  # each rule sees what those before it let pass
        rules.append(Rule(action, method, path, probability=share * part / left, name=name))
        left -= share * part
    return rules
