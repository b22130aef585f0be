"""Canonical JSON against a second implementation, written from the grammar of the specification."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py import canonical_json as module
from gomatrix_py.canonical_json import canonical_json
from gomatrix_py.errors import UsageError
from tests.kit.canonical_reference import LARGEST, is_canonical, reference
from tests.kit.strategies import any_text, json_values, texts

tricky_texts = st.text(st.sampled_from('a"\\/\b\f\n\r\t\x00\x1f\x7f\x80\u2028\ue000\uffff😀é'), max_size=6)
canonical_values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | texts | tricky_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | tricky_texts, inner, max_size=5),
    max_leaves=15,
)


def check_against_the_reference() -> None:
    @settings(max_examples=300, deadline=None, database=None)
    @given(canonical_values)
    def check(value: Any) -> None:
        data = canonical_json(value)
        assert data.decode() == reference(value)
        assert json.loads(data) == value
        assert canonical_json(json.loads(data)) == data

    check()


def test_it_equals_the_reference() -> None:
    check_against_the_reference()


@pytest.mark.parametrize(
    "careless",
    [{"ensure_ascii": True}, {"sort_keys": False}, {"separators": (", ", ": ")}],
    ids=lambda options: next(iter(options)),
)
def test_the_reference_finds_a_careless_encoder(careless: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def dumps(value: Any, **options: Any) -> str:
        return json.dumps(value, **{**options, **careless})

    monkeypatch.setattr(module, "json", type("Json", (), {"dumps": staticmethod(dumps)}))
    with pytest.raises(AssertionError):
        check_against_the_reference()


@settings(max_examples=300, deadline=None)
@given(json_values(keys=any_text) | any_text)
def test_any_value_has_a_canonical_form_or_is_a_usage_error(value: Any) -> None:
    try:
        data = canonical_json(value)
    except UsageError:
        assert not is_canonical(value)
        return
    assert is_canonical(value)
    assert data.decode() == reference(value)
