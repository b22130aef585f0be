"""Rounds of a check on inputs made by chance: a failing one is saved, told with its seed, and replayed for ever.

Inputs live in ``tests/corpus/<area>/``; whoever finds one commits it with the fix.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

from tests.kit.fault_mixes import SEED

__all__ = ["FuzzFailure", "chance", "fuzz", "inputs_of"]

CORPUS = Path(__file__).parents[1] / "corpus"


class FuzzFailure(AssertionError):
    """An input that the check does not stand; says where it was saved."""


def chance(name: str) -> random.Random:
    """Return what decides in a test of this name; ``GMPY_SEED`` decides what it decides."""
    return random.Random(f"{SEED} {name}")


def fuzz(
    area: str,
    rounds: int,
    make: Callable[[random.Random], bytes],
    check: Callable[[bytes], None],
    *,
    folder: Path = CORPUS,
) -> None:
    """Check so many inputs.

    Args:
        area: names the folder of the corpus, and seeds the inputs together with `SEED`.
        rounds: how many.
        make: returns an input.
        check: raises where something is wrong.
        folder: where the areas are.

    Raises:
        FuzzFailure: an input failed; it is in the corpus now.
    """
    decider = chance(area)
    for number in range(rounds):
        data = make(decider)
        try:
            check(data)
        except Exception as error:
            path = folder / area / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            raise FuzzFailure(f"round {number} of GMPY_SEED={SEED}, saved as {path.name}: {error}") from error


def inputs_of(area: str) -> list[Path]:
    """Return the inputs of an area, to be replayed."""
    return sorted(path for path in (CORPUS / area).glob("*") if path.is_file())
