"""Mutations of a recorded /sync answer, at the level of JSON, and what must be left of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import attrs

from tests.kit.poison import NOT_JSON, POISON, SOUND_BUT_STRANGE, nested
from tests.kit.strategies import places, with_value

__all__ = ["Mutated", "Mutation", "mutate", "recorded_answer"]

Place = tuple[Any, ...]
LARGE, HUGE = 100_000, 10_000_000
_RECORDED = Path(__file__).parents[1] / "corpus" / "sync" / "rich.json"


@attrs.frozen
class Mutation:
    """These bytes stand where the value at `path` stood; None takes it out."""

    path: Place
    data: bytes | None


@attrs.frozen
class Mutated:
    """An answer with some of its values mutated.

    Attributes:
        answer: as it was recorded.
        mutations: no two in each other.
    """

    answer: dict[str, Any]
    mutations: tuple[Mutation, ...]

    @classmethod
    def load(cls, data: bytes) -> Mutated:
        """Return what `dump` wrote."""
        return cls(
            recorded_answer(),
            tuple(
                Mutation(tuple(path), None if text is None else text.encode("latin-1"))
                for path, text in json.loads(data)
            ),
        )

    def dump(self) -> bytes:
        """Return the mutations as a file of the corpus holds them."""
        return json.dumps(
            [[one.path, None if one.data is None else one.data.decode("latin-1")] for one in self.mutations]
        ).encode()

    def body(self, prefix: str = "") -> bytes:
        """Return the answer as bytes; `prefix` goes into each event id, so that answers are not repetitions."""
        value: Any = self.answer
        slices: dict[bytes, bytes | None] = {}
        # the last ones first: taking out a member of a list moves those behind it
        for number, one in enumerate(sorted(self.mutations, key=lambda one: list(map(str, one.path)), reverse=True)):
            mark = f"\ue000{number}\ue000"
            value = with_value(value, one.path, ... if one.data is None else mark) if one.path else mark
            slices[f'"{mark}"'.encode()] = one.data
        body = json.dumps(value, ensure_ascii=False).encode()
        body = body.replace(b'"$', f'"${prefix}'.encode())
        for mark_bytes, data in slices.items():
            if data is not None:
                body = body.replace(mark_bytes, data)
        return body

    def touches(self, path: Place) -> bool:
        """Tell whether something at this path, inside it or around it was mutated."""
        return any(one.path[: len(path)] == path or path[: len(one.path)] == one.path for one in self.mutations)


def recorded_answer() -> dict[str, Any]:
    """Return the recorded answer."""
    answer: dict[str, Any] = json.loads(_RECORDED.read_bytes())
    return answer


def mutate(answer: dict[str, Any], chance: random.Random) -> Mutated:
    """Return the answer with one to four values mutated."""
    mutations: list[Mutation] = []
    mutated = Mutated(answer, ())
    everywhere = places(answer)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        path = chance.choice(everywhere)
        if not path or mutated.touches(path):
            continue
        mutations.append(Mutation(path, _bytes_for(answer, path, chance)))
        mutated = Mutated(answer, tuple(mutations))
    return mutated


def _bytes_for(answer: Any, path: Place, chance: random.Random) -> bytes | None:
    for key in path:
        answer = answer[key]
    match chance.randrange(100):
        case 0 if chance.random() < 0.1:
            return json.dumps("x" * HUGE).encode()
        case 0 | 1:
            return json.dumps(chance.choice(("x", "\0", "\N{FOX FACE}")) * LARGE).encode()
        case n if n < 15:
            return None
        case n if n < 25:
            return nested(chance.choice((2, 149, 151, 300, 900, 5000)), chance.choice((b"0", b"NaN", b'"\\ud800"')))
        case n if n < 35 and isinstance(path[-1], str):  # the key twice: the last one counts
            return json.dumps(answer).encode() + b"," + json.dumps(path[-1]).encode() + b":" + _poison(chance)
        case n if n < 65:
            return _poison(chance)
        case _:
            return json.dumps(_other_value(chance)).encode()


def _poison(chance: random.Random) -> bytes:
    data = chance.choice(list((POISON if chance.random() < 0.6 else SOUND_BUT_STRANGE).values()))
    # those of 100,000 levels take as long as forty others
    return data if len(data) < LARGE or chance.random() < 0.05 else chance.choice(list(NOT_JSON.values()))


def _other_value(chance: random.Random) -> Any:
    scalars = (
        None,
        True,
        False,
        0,
        -1,
        2**63,
        -(2**63),
        2**53,
        1e300,
        -0.0,
        "",
        ".",
        "..",
        "$",
        "m.room.member",
        "s",
    )
    return chance.choice([*scalars, [], {}, [[]], [None], {"": None}, {"events": 7}, {"events": [7, {}]}, ["a", "b"]])
