"""What answers are made of: moments in four units, flags that are numbers, records that keep what came."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import attrs
import pytest

from gomatrix_py.errors import DecodeError
from gomatrix_py.http.messages import HttpResponse
from gomatrix_py.synapse.accounts import GetUser, ListUsers, SearchUsers, SuspendUser, UserDetail, UserPage, UserRow
from gomatrix_py.synapse.activity import GetAccountData, WhoIsUser
from gomatrix_py.synapse.endpoint import AdminEndpoint
from gomatrix_py.synapse.federation import Destination, GetDestination
from gomatrix_py.synapse.media_records import GetMedia, ListQuarantineChanges
from gomatrix_py.synapse.registration import GetNonce, Registered
from gomatrix_py.synapse.registration_tokens import RegistrationToken

SECONDS = 1_700_000_000
MOMENT = datetime.fromtimestamp(SECONDS, timezone.utc)


def read(endpoint: AdminEndpoint[Any], document: Any) -> Any:
    body = json.dumps(document).encode()
    return endpoint.parse(HttpResponse(200, {}, body, len(body)))


def user(**members: Any) -> UserDetail:
    detail: UserDetail = read(GetUser("@a:x"), {"name": "@a:x", **members})
    return detail


# ------------------------------------------------------------------ moments


@pytest.mark.parametrize("stamp", [SECONDS, SECONDS * 1000, float(SECONDS)])
def test_the_moment_of_creation_is_the_same_in_seconds_and_milliseconds(stamp: float) -> None:
    assert user(creation_ts=stamp).created_at == MOMENT


def test_other_moments_are_milliseconds() -> None:
    assert user(last_seen_ts=SECONDS * 1000).last_seen_at == MOMENT
    last_seen = user(last_seen_ts=SECONDS).last_seen_at
    assert last_seen is not None
    assert last_seen.year == 1970


@pytest.mark.parametrize("stamp", [None, "soon", True, 1e300, 10**30, [], 1.5])
def test_what_is_no_moment_is_none_and_noted(stamp: Any) -> None:
    detail = user(creation_ts=stamp, last_seen_ts=stamp)
    assert (detail.created_at, detail.last_seen_at) == (None, None)
    assert len(detail.problems) == (0 if stamp is None else 2)


def test_never_is_no_moment_of_1970() -> None:
    found: Destination = read(GetDestination("x"), {"destination": "x", "retry_last_ts": 0, "failure_ts": None})
    assert (found.retry_last_at, found.failed_at) == (None, None)
    assert found.problems == ()


# ------------------------------------------------------------------ flags and page numbers


@pytest.mark.parametrize(("value", "flag"), [(True, True), (False, False), (1, True), (0, False), (1.0, True)])
def test_flags_may_be_numbers(value: Any, flag: bool) -> None:
    if isinstance(value, float):
        assert user(admin=value).is_admin is False  # no JSON that Synapse makes
    else:
        assert user(admin=value).is_admin is flag


@pytest.mark.parametrize("value", [2, -1, "true", [], {}])
def test_what_is_no_flag_takes_its_default(value: Any) -> None:
    detail = user(admin=value)
    assert detail.is_admin is False
    assert detail.problems[0].path == "admin"


@pytest.mark.parametrize(("token", "text"), [("100", "100"), (100, "100"), (None, None), (True, None), ([], None)])
def test_page_tokens_are_text(token: Any, text: str | None) -> None:
    page: UserPage = read(ListUsers(), {"users": [], "total": 0, "next_token": token})
    assert page.next_token == text


# ------------------------------------------------------------------ records


def test_records_cannot_be_changed() -> None:
    page: UserPage = read(ListUsers(), {"users": [{"name": "@a:x"}], "total": 1})
    for record in (page, page.users[0]):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            record.total = 5  # type: ignore[union-attr]


def test_every_record_keeps_what_came() -> None:
    row = {"name": "@a:x", "creation_ts": SECONDS, "org.example.more": {"a": 1}}
    page: UserPage = read(ListUsers(), {"users": [row], "total": 1, "more": 2})
    assert page.raw == {"users": [row], "total": 1, "more": 2}
    assert page.extra == {"more": 2}
    assert page.users[0].raw == row
    assert page.users[0].extra == {"org.example.more": {"a": 1}}


def test_a_row_that_is_none_leaves_the_rest_with_their_own() -> None:
    rows = [{"name": "@a:x"}, 3, {"no": "name"}, {"name": "@b:x", "more": 1}]
    page: UserPage = read(ListUsers(), {"users": rows, "total": 4})
    assert [one.user_id for one in page.users] == ["@a:x", "@b:x"]
    assert [one.raw for one in page.users] == [rows[0], rows[3]]
    assert [problem.path for problem in page.problems] == ["users[1]", "users[2].name"]


def test_records_in_mappings_and_in_records_keep_theirs() -> None:
    connection = {"ip": "127.0.0.1", "last_seen": SECONDS * 1000, "x": 1}
    devices = {"": {"sessions": [{"connections": [connection]}]}}
    (found,) = read(WhoIsUser("@a:x"), {"user_id": "@a:x", "devices": devices}).connections
    assert (found.raw, found.last_seen_at) == (connection, MOMENT)
    info = read(GetMedia("x", "m"), {"media_info": {"media_id": "m", "safe_from_quarantine": 1}}).media_info
    assert (info.raw["media_id"], info.is_safe_from_quarantine) == ("m", True)


def test_contents_may_be_nested_deeply() -> None:
    deep: Any = {}
    for _ in range(400):
        deep = {"a": [deep]}
    answer = {"account_data": {"global": {"org.example.deep": deep}, "rooms": {}}}
    found = read(GetAccountData("@a:x"), answer).account_data
    assert found.everywhere["org.example.deep"] == deep
    assert found.raw == answer["account_data"]


def test_changes_of_quarantine_are_flags() -> None:
    changes = read(ListQuarantineChanges(), {"next_batch": 3, "changes": [{"media_id": "m", "quarantined": 1}]})
    assert (changes.changes[0].is_quarantined, changes.next_batch) == (True, "3")


@pytest.mark.parametrize("document", [[], "x", 3, None, {"users": None}, {"users": 3}, {}])
def test_an_answer_of_another_shape_is_refused(document: Any) -> None:
    with pytest.raises(DecodeError):
        read(ListUsers(), document)


# ------------------------------------------------------------------ answers with a shape of their own


def test_a_search_forgets_password_hashes() -> None:
    rows = [{"name": "@a:x", "password_hash": "$2b$12$secret", "admin": 1}, "no row"]
    (found,) = read(SearchUsers("@a:x", "a"), rows)
    assert isinstance(found, UserRow)
    assert (found.user_id, found.is_admin) == ("@a:x", True)
    assert "secret" not in f"{found!r} {found.raw} {found.extra}"


def test_a_suspension_is_found_under_the_name_of_the_user() -> None:
    said = {"user_@a:x_suspended": True}
    found = read(SuspendUser("@a:x"), said)
    assert (found.is_suspended, found.raw) == (True, said)
    for wrong in ({}, {"user_@b:x_suspended": True}, {"user_@a:x_suspended": "yes"}):
        with pytest.raises(DecodeError):
            read(SuspendUser("@a:x"), wrong)


def test_secrets_show_nowhere() -> None:
    assert "tell-nobody" not in repr(read(GetNonce(), {"nonce": "tell-nobody"}))
    assert "tell-nobody" not in repr(Registered("@a:x", access_token="tell-nobody", refresh_token="tell-nobody"))
    assert "tell-nobody" not in repr(RegistrationToken("tell-nobody"))
