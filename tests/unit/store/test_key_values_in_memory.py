"""Values in memory, asked for while another thread writes the first of their space."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gomatrix_py.store.key_values import Change, MemoryKeyValues
from gomatrix_py.store.prefix_map import PrefixMap


def _left_of_a_first_value(asking: Callable[[MemoryKeyValues], object]) -> bytes | None:
    """Return what is left of a value that was written just when somebody else's question made its space."""
    values = MemoryKeyValues()

    def overtaken() -> PrefixMap[bytes]:
        values._spaces.default_factory = PrefixMap
        values.write([Change("s", "a", b"1")])
        return PrefixMap()

    values._spaces.default_factory = overtaken
    asking(values)
    values._spaces.default_factory = PrefixMap
    values.write([Change("s", "b", b"2")])
    found = dict(values.scan("s"))
    assert found["b"] == b"2"
    return found.get("a")


@pytest.mark.parametrize(
    "asking", [lambda values: values.get("s", "a"), lambda values: values.count("s")], ids=["get", "count"]
)
def test_asking_makes_no_space(asking: Callable[[MemoryKeyValues], object]) -> None:
    values = MemoryKeyValues()
    asking(values)
    assert not values._spaces
    values.write([Change("s", "a", b"1")])
    assert (values.get("s", "a"), values.count("s")) == (b"1", 1)


def test_a_space_that_is_made_by_asking_loses_what_was_written() -> None:
    assert _left_of_a_first_value(lambda values: values._spaces["s"]) is None
