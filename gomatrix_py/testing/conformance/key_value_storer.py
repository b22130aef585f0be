"""What a store must do that keeps small values, as encryption needs them."""
# ruff: noqa: S101 - these are tests, though they stand in the package

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...store import SyncBatch, SyncStorer
from ...store.key_values import Change, KeyValueStorer, key_values_of
from .specimens import ALICE, NOT_EVENTS, ODD_TEXTS, in_threads
from .storer import StorerConformance

__all__ = ["KeyValueStorerConformance"]

_Opened = Callable[[], SyncStorer]


class KeyValueStorerConformance(StorerConformance):
    """Tests for any store with an attribute `key_values`; see `StorerConformance` for how to use it."""

    def test_it_has_values(self, opened: _Opened) -> None:
        values = _values(opened)
        assert values.get("space", "key") is None
        assert (list(values.scan("space")), values.count("space")) == ([], 0)

    def test_a_value_is_kept(self, opened: _Opened) -> None:
        _values(opened).write([Change("space", "key", b"value")])
        assert _values(opened).get("space", "key") == b"value"
        assert _values(opened).count("space") == 1

    def test_values_are_bytes(self, opened: _Opened) -> None:
        data = {**NOT_EVENTS, "all": bytes(range(256)), "large": b"\0" * 1_000_000}
        _values(opened).write(Change("space", key, value) for key, value in data.items())
        assert dict(_values(opened).scan("space")) == data
        assert _values(opened).get("space", "nothing") == b""  # which is not None

    def test_spaces_and_keys_are_opaque(self, opened: _Opened) -> None:
        texts = (*ODD_TEXTS, "")
        _values(opened).write(Change(one, two, f"{one}|{two}".encode()) for one in texts for two in texts)
        values = _values(opened)
        for one in texts:
            assert values.count(one) == len(texts)
            assert {two: values.get(one, two) for two in texts} == {two: f"{one}|{two}".encode() for two in texts}

    def test_the_last_change_counts(self, opened: _Opened) -> None:
        _values(opened).write([Change("s", "a", b"1"), Change("s", "b", b"1"), Change("s", "a", b"2")])
        _values(opened).write([Change("s", "b", None), Change("s", "c", None), Change("s", "d", b"4")])
        _values(opened).write([Change("s", "d", None), Change("s", "d", b"5"), Change("s", "a", b"6")])
        assert list(_values(opened).scan("s")) == [("a", b"6"), ("d", b"5")]

    def test_nothing_is_a_change_as_well(self, opened: _Opened) -> None:
        _values(opened).write([])
        assert _values(opened).count("s") == 0

    def test_a_scan_comes_in_order_of_the_keys(self, opened: _Opened) -> None:
        keys = ["b", "a", "ab", "B", "\N{GRINNING FACE}", "\uffff", "z", "a\0", "10", "9", ""]
        _values(opened).write(Change("s", key, key.encode()) for key in keys)
        assert [key for key, _ in _values(opened).scan("s")] == sorted(keys)  # by code points

    def test_a_scan_takes_a_prefix_as_it_is(self, opened: _Opened) -> None:
        keys = ["a%", "a_b", "axb", "A_c", "a", "a_", "a\uffff", "a\U0010ffff", "b", "a\0x", "*", "**", "[a]", "?"]
        _values(opened).write(Change("s", key, b"") for key in keys)
        for prefix in (*keys, "a\0", "\U0010ffff", "[", "none"):
            found = [key for key, _ in _values(opened).scan("s", prefix)]
            assert found == sorted(key for key in keys if key.startswith(prefix))

    def test_spaces_are_kept_apart(self, opened: _Opened) -> None:
        _values(opened).write([Change("one", "key", b"1"), Change("two", "key", b"2")])
        _values(opened).write([Change("one", "key", None)])
        assert (_values(opened).get("one", "key"), _values(opened).get("two", "key")) == (None, b"2")

    def test_writing_may_go_on_during_a_scan(self, opened: _Opened) -> None:
        values = _values(opened)
        values.write(Change("s", f"{number:02}", b"") for number in range(20))
        for key, _ in values.scan("s"):
            values.write([Change("s", key, None), Change("s", f"x{key}", b"")])
        assert [key for key, _ in _values(opened).scan("s")] == [f"x{number:02}" for number in range(20)]

    def test_values_are_written_with_a_sync(self, opened: _Opened) -> None:
        _values(opened).write([Change("s", "gone", b"1")])
        changes = [Change("s", "key", b"value"), Change("s", "gone", None)]
        opened().commit_sync(SyncBatch(ALICE, "s1", changes=changes))
        assert list(_values(opened).scan("s")) == [("key", b"value")]
        assert opened().load_next_batch(ALICE) == "s1"

    def test_threads_may_share_the_values(self, opened: _Opened) -> None:
        values = _values(opened)

        def work(number: int) -> None:
            for turn in range(20):
                values.write([Change(f"{number}", "key", b"%d" % turn), Change("all", f"{number}-{turn}", b"")])
                assert values.get(f"{number}", "key") == b"%d" % turn
                assert values.count("all") >= turn
                assert len(list(values.scan("all", f"{number}-"))) == turn + 1

        in_threads(work, 8)
        assert _values(opened).count("all") == 160


def _values(opened: Callable[[], Any]) -> KeyValueStorer:
    found = key_values_of(opened())
    assert found is not None, "the store has no attribute `key_values`"
    return found
