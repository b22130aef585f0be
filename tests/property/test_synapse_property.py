"""The admin API against generated input: any JSON is read or refused, ids and moments arrive or are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.codec import dumps, fields_of, wire_name
from gomatrix_py.errors import DecodeError, MatrixError, UsageError
from gomatrix_py.http.endpoint import Target
from gomatrix_py.http.messages import HttpResponse
from gomatrix_py.synapse import UNSET, bulk, devices_to_prune
from gomatrix_py.synapse.accounts import GetUser, ListUsers, PutUser
from gomatrix_py.synapse.devices import Device, GetDevice
from gomatrix_py.synapse.endpoint import AdminEndpoint
from gomatrix_py.synapse.moments import MomentRule, check_moment
from gomatrix_py.synapse.registration_tokens import UpdateRegistrationToken
from gomatrix_py.synapse.wire import Record
from tests.kit.strategies import any_text, json_objects, json_values, mutants, texts
from tests.meta.test_synapse_operations import OPERATIONS

quick = settings(max_examples=150, deadline=None)
HERE = Target("https://example.org", "a-token")
moments = (
    st.integers(0, 2**45)
    | st.integers(-(10**6), 10**12)
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)


def record_classes(cls: type[Record] = Record) -> Iterator[type[Record]]:
    """Yield every class of record."""
    for child in cls.__subclasses__():
        yield child
        yield from record_classes(child)


# The members of all answers: what is generated under these names is looked at.
NAMES = sorted({wire_name(one) for cls in record_classes() for one in fields_of(cls)} - {"raw", "extra", "problems"})
documents = st.dictionaries(
    st.sampled_from(NAMES),
    json_values(st.sampled_from(NAMES)) | moments | st.booleans() | st.lists(json_objects, max_size=2),
    max_size=10,
)


def instance(endpoint: type[AdminEndpoint[Any]]) -> AdminEndpoint[Any]:
    """Return a call without arguments that matter: reading an answer does not look at most of them."""
    made: AdminEndpoint[Any] = object.__new__(endpoint)
    object.__setattr__(made, "user_id", "@a:x")
    return made


def read(endpoint: AdminEndpoint[Any], document: Any) -> Any:
    body = dumps(document)
    return endpoint.parse(HttpResponse(200, {}, body, len(body)))


def check(endpoint: AdminEndpoint[Any], document: Any) -> None:
    """Fail unless reading kept its promise: a record that shows, and keeps what came, or the documented error."""
    before = json.dumps(document)
    try:
        made = read(endpoint, document)
    except DecodeError:
        return
    assert isinstance(repr(made), str)
    if isinstance(made, Record):
        assert json.dumps(made.raw) == before
        known = {path.partition(".")[0].partition("[")[0] for path, _ in made.problems}
        assert known <= set(document)


@given(st.sampled_from(OPERATIONS), documents | json_values())
@example(GetUser, {"name": "@a:x", "creation_ts": 1e308, "threepids": [{}, 3]})
@example(GetUser, {"name": "@a:x", "creation_ts": -(10**17), "admin": 2})
@settings(max_examples=300, deadline=None)
def test_any_answer_is_read_or_refused(endpoint: type[AdminEndpoint[Any]], document: Any) -> None:
    check(instance(endpoint), document)


FULL: dict[str, Any] = {
    "name": "@a:x",
    "admin": 1,
    "creation_ts": 1_700_000_000,
    "threepids": [{"medium": "email", "address": "a@b", "added_at": 1}],
    "external_ids": [{"auth_provider": "p", "external_id": "e"}],
    "last_seen_ts": None,
}


@given(mutants(st.just(FULL)))
@quick
def test_a_spoiled_user_is_a_user_without_what_was_spoiled(document: Any) -> None:
    check(GetUser("@a:x"), document)


@given(st.lists(st.just(FULL) | json_values(), max_size=5))
@quick
def test_each_row_keeps_its_own_raw(rows: list[Any]) -> None:
    page = read(ListUsers(), {"users": rows})
    for user in page.users:
        assert user.raw in rows
        assert user.raw["name"] == user.user_id


# ------------------------------------------------------------------ requests


@given(any_text, any_text)
@example("@a/b?c#d%2F:x", "..")
@quick
def test_ids_arrive_whole_or_are_refused(user_id: str, device_id: str) -> None:
    try:
        url = GetDevice(user_id, device_id).to_request(HERE).url
    except UsageError:
        assert not all(_is_sendable(one) for one in (user_id, device_id))
        return
    parts = urlsplit(url)
    assert (parts.query, parts.fragment) == ("", "")
    segments = parts.path.split("/")
    assert [unquote(one, errors="strict") for one in segments[5:]] == [user_id, "devices", device_id]


def _is_sendable(text: str) -> bool:
    try:
        return 0 < len(text.encode()) <= 255 and text not in (".", "..")
    except UnicodeEncodeError:
        return False


unset_or = st.sampled_from([UNSET, None, "", "bot"])


@given(unset_or, st.sampled_from([UNSET, None, 0, 7]), st.sampled_from([None, "", "name"]))
@quick
def test_unset_none_and_empty_are_three_things(user_type: Any, uses_allowed: Any, displayname: str | None) -> None:
    body = json.loads(_body(PutUser("@a:x", user_type=user_type, displayname=displayname)))
    assert ("user_type" in body) is (user_type is not UNSET)
    assert body.get("user_type", UNSET) == user_type
    assert ("displayname" in body) is (displayname is not None)
    token = json.loads(_body(UpdateRegistrationToken("t", uses_allowed=uses_allowed)))
    assert token == ({} if uses_allowed is UNSET else {"uses_allowed": uses_allowed})


def _body(endpoint: AdminEndpoint[Any]) -> bytes:
    body = endpoint.to_request(HERE).body
    assert isinstance(body, bytes)
    return body


@given(
    st.integers() | st.datetimes() | st.datetimes(timezones=st.timezones()) | st.timedeltas() | json_values(),
    st.sampled_from(MomentRule),
)
@settings(max_examples=300, deadline=None)
def test_a_moment_is_plausible_or_refused(value: Any, rule: MomentRule) -> None:
    try:
        moment = check_moment(value, rule, "before")
    except UsageError:
        return
    assert type(moment) is int
    if moment != 0 or rule is not MomentRule.SINCE:
        assert 30_000_000_000 <= moment < 253_402_300_800_000
    assert not (isinstance(value, datetime) and value.tzinfo is None)


# ------------------------------------------------------------------ rules

ages = st.none() | st.integers(0, 400)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


@given(st.lists(ages, max_size=8), st.integers(0, 200), st.integers(0, 5), st.booleans())
@quick
def test_pruning_keeps_its_rules(found: list[int | None], days: int, keep: int, prune_unseen: bool) -> None:
    devices = [
        Device(f"D{number}", last_seen_at=None if age is None else NOW - timedelta(days=age))
        for number, age in enumerate(found)
    ]
    going = devices_to_prune(
        devices, idle_for=timedelta(days=days), keep=keep, prune_unseen=prune_unseen, protect=["D0"], now=NOW
    )
    names = [one.device_id for one in going]
    assert len(set(names)) == len(names)
    assert "D0" not in names
    assert not going or len(devices) - len(going) >= keep
    for one in going:
        assert prune_unseen if one.last_seen_at is None else one.last_seen_at <= NOW - timedelta(days=days)
    staying = [one for one in devices[1:] if one not in going and one.last_seen_at is not None]
    seen = [one.last_seen_at for one in going if one.last_seen_at is not None]
    assert all(other.last_seen_at >= max(seen) for other in staying if seen and other.last_seen_at)


@given(st.lists(st.integers(0, 20), max_size=12), st.integers(1, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_bulk_has_an_outcome_for_everything(items: list[int], max_workers: int, stop_on_error: bool) -> None:
    def action(item: int) -> int:
        if item % 3 == 0:
            raise MatrixError(str(item))
        return -item

    report = bulk(items, action, max_workers=max_workers, stop_on_error=stop_on_error)
    assert [one.item for one in report.outcomes] == items
    for one in report.outcomes:
        if one.state.value == "done":
            assert one.result == -one.item
        elif one.state.value == "failed":
            assert str(one.error) == str(one.item)
            assert one.item % 3 == 0
        else:
            assert stop_on_error
            assert report.failed


def test_a_reader_that_breaks_its_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.synapse.endpoint.keep_raw", lambda made, document: None)
    with pytest.raises(AssertionError):
        check(GetUser("@a:x"), FULL)
