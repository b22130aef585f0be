"""Whatever stands in a list of typing and receipts, reading it gives values, and those a store can keep."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.codec import dumps
from gomatrix_py.errors import UsageError
from gomatrix_py.rooms.ephemera import RoomEphemera, read_ephemera
from tests.kit.strategies import any_text, damaged, json_values, mutants, poisoned_json, user_ids, wrong_values

QUICKLY = settings(max_examples=200, deadline=None)

_users = user_ids | any_text
_data = st.fixed_dictionaries(
    {}, optional={"ts": st.integers(0, 2**53) | wrong_values, "thread_id": any_text | wrong_values}
)
_contents = st.dictionaries(
    any_text,
    st.dictionaries(st.sampled_from(["m.read", "m.read.private"]) | any_text, st.dictionaries(_users, _data)),
    max_size=3,
)
_receipts = st.builds(lambda content: {"type": "m.receipt", "content": content}, _contents)
_typing = st.builds(lambda ids: {"type": "m.typing", "content": {"user_ids": ids}}, st.lists(_users, max_size=3))
_lists: st.SearchStrategy[Any] = st.lists(_receipts | _typing | json_values(), max_size=4)


def _can_be_sent(value: Any) -> bool:
    try:
        dumps(value)
    except UsageError:
        return False
    return True


def sound(array: bytes) -> None:
    """Assert that all that is read of it can be kept."""
    found = read_ephemera(array)
    for one in found.receipts:
        for text in (one.user_id, one.event_id, one.thread_id):
            text.encode()
        assert 0 <= one.ts < 2**53
        assert isinstance(one.is_private, bool)
    for user_id in found.typing or ():
        user_id.encode()


@QUICKLY
@given(mutants(_lists) | _lists)
def test_any_list_is_read(events: Any) -> None:
    sound(dumps(events, ascii_only=True))


@QUICKLY
@given(
    poisoned_json(_lists.filter(_can_be_sent)) | damaged(_lists.map(lambda events: dumps(events, ascii_only=True)))
)
def test_any_bytes_are_read(array: bytes) -> None:
    sound(array)


@QUICKLY
@given(st.lists(_lists.map(lambda events: dumps(events, ascii_only=True)), max_size=6), st.data())
def test_it_does_not_matter_when_somebody_looks(arrays: list[bytes], data: st.DataObject) -> None:
    curious, patient = RoomEphemera("!r"), RoomEphemera("!r")
    for array in arrays:
        curious.put_unread(array)
        patient.put_unread(array)
        if data.draw(st.booleans()):
            assert curious.receipts.all() is not None
    assert (curious.receipts, curious.typing) == (patient.receipts, patient.typing)
    known = {}
    for array in arrays:
        known.update({(one.user_id, one.thread_id, one.is_private): one for one in read_ephemera(array).receipts})
    assert set(patient.receipts.all()) == set(known.values())
