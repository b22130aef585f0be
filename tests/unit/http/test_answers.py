"""Error answers: which class each becomes, and what it keeps."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from gomatrix_py import errors
from gomatrix_py.errors import DecodeError, HTTPError, LimitExceeded, RespError, UnknownToken, UserInteractive
from gomatrix_py.http.answers import error_from, json_object
from gomatrix_py.http.messages import HttpResponse

TRIED = "GET /v3/thing"
PROXY_PAGE = b"<html><head><title>502 Bad Gateway</title></head></html>\n"


def failed(status: int, document: Any, headers: dict[str, str] | None = None) -> HTTPError:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return error_from(HttpResponse(status, headers or {}, content, len(content)), TRIED)


# ------------------------------------------------------------------ which class

BY_ERRCODE = [
    ("M_UNKNOWN_TOKEN", 401, errors.UnknownToken),
    ("M_UNKNOWN_TOKEN", 403, errors.UnknownToken),
    ("M_MISSING_TOKEN", 401, errors.MissingToken),
    ("M_FORBIDDEN", 403, errors.Forbidden),
    ("M_FORBIDDEN", 401, errors.Forbidden),
    ("M_NOT_FOUND", 404, errors.NotFound),
    ("M_UNRECOGNIZED", 404, errors.Unrecognized),
    ("M_UNRECOGNIZED", 405, errors.Unrecognized),
    ("M_UNRECOGNIZED", 400, errors.Unrecognized),
    ("M_LIMIT_EXCEEDED", 429, errors.LimitExceeded),
    ("M_LIMIT_EXCEEDED", 400, errors.LimitExceeded),
    ("M_TOO_LARGE", 413, errors.TooLarge),
    ("M_INVALID_PARAM", 400, errors.InvalidParam),
    ("M_USER_LOCKED", 401, errors.UserLocked),
    ("M_UNKNOWN_POS", 400, errors.UnknownPosition),
    ("M_USER_DEACTIVATED", 403, errors.UserDeactivated),
    ("M_USER_IN_USE", 400, errors.Conflict),
    ("M_ROOM_IN_USE", 400, errors.Conflict),
]
BY_STATUS = [
    (301, errors.HTTPError),
    (400, errors.HTTPError),
    (401, errors.HTTPError),
    (403, errors.Forbidden),
    (404, errors.NotFound),
    (405, errors.HTTPError),
    (409, errors.Conflict),
    (413, errors.TooLarge),
    (418, errors.HTTPError),
    (429, errors.LimitExceeded),
    (500, errors.ServerError),
    (502, errors.ServerError),
    (504, errors.ServerError),
    (524, errors.ServerError),
    (599, errors.ServerError),
    (999, errors.ServerError),
]


@pytest.mark.parametrize(("errcode", "status", "kind"), BY_ERRCODE)
def test_the_error_code_decides(errcode: str, status: int, kind: type[HTTPError]) -> None:
    error = failed(status, {"errcode": errcode, "error": "because", "more": 1})
    assert type(error) is kind
    assert (error.code, error.errcode) == (status, errcode)
    assert error.wrapped_error == RespError(errcode, "because", {"more": 1})
    assert str(error) == f"GET /v3/thing failed: HTTP {status}, {errcode}: because"


@pytest.mark.parametrize(("status", "kind"), BY_STATUS)
@pytest.mark.parametrize(
    "document",
    [
        {"errcode": "M_UNKNOWN", "error": "?"},
        {"errcode": "ORG.EXAMPLE.OWN"},
        {},
        {"errcode": 7},
        {"errcode": ""},
        {"errcode": None, "error": ["x"]},
        [],
        b"",
        b"null",
        PROXY_PAGE,
        b"\xff\xfe",
        b"[" * 100_000,
    ],
    ids=lambda document: repr(document)[:30],
)
def test_where_the_code_says_nothing_the_status_does(status: int, kind: type[HTTPError], document: Any) -> None:
    error = failed(status, document)
    assert type(error) is kind
    assert error.code == status


def test_the_page_of_a_proxy_is_kept_to_the_byte() -> None:
    error = failed(502, PROXY_PAGE, {"content-type": "text/html"})
    assert (error.code, error.contents, error.wrapped_error, error.errcode) == (502, PROXY_PAGE, None, "")
    assert "not a Matrix error" in str(error)


def test_what_is_wrong_in_an_error_object_does_no_harm() -> None:
    error = failed(400, {"errcode": "M_BAD_JSON", "error": {"not": "a text"}, "extra": [1]})
    assert error.wrapped_error == RespError("M_BAD_JSON", "", {"extra": [1]})


@pytest.mark.parametrize(
    "content", [b'{"errcode":"M_FORBIDDEN","error":"\\ud800"}', b'{"errcode":"M_FORBIDDEN","error":"\xff"}']
)
def test_an_error_that_quotes_poison_keeps_its_code(content: bytes) -> None:
    assert type(failed(400, content)) is errors.Forbidden


@pytest.mark.parametrize(
    ("document", "soft"),
    [({"soft_logout": True}, True), ({"soft_logout": False}, False), ({}, False), ({"soft_logout": "true"}, False)],
)
def test_a_soft_logout_is_told_apart(document: dict[str, Any], soft: bool) -> None:
    error = failed(401, {"errcode": "M_UNKNOWN_TOKEN", **document})
    assert isinstance(error, UnknownToken)
    assert error.soft_logout is soft


def test_a_limit_says_how_long() -> None:
    def wait(document: Any, headers: dict[str, str]) -> float | None:
        error = failed(429, document, headers)
        assert isinstance(error, LimitExceeded)
        return error.retry_after_s

    assert wait({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, {}) == 1.5
    assert wait({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, {"retry-after": "3"}) == 3
    assert wait({"errcode": "M_LIMIT_EXCEEDED"}, {}) is None
    assert wait(PROXY_PAGE, {"retry-after": "3"}) == 3
    assert wait(PROXY_PAGE, {}) is None


# ------------------------------------------------------------------ user-interactive authentication


def stages_of(document: Any) -> UserInteractive:
    error = failed(401, document)
    assert isinstance(error, UserInteractive)
    return error


def test_the_stages_are_read() -> None:
    error = stages_of(
        {
            "flows": [{"stages": ["m.login.dummy"]}, {"stages": ["m.login.terms", "m.login.email.identity"]}],
            "session": "xyz",
            "params": {"m.login.terms": {"policies": {}}},
            "completed": ["m.login.terms"],
            "errcode": "M_FORBIDDEN",
            "error": "wrong password",
        }
    )
    assert error.flows == [["m.login.dummy"], ["m.login.terms", "m.login.email.identity"]]
    assert error.has_single_stage_flow("m.login.dummy")
    assert not error.has_single_stage_flow("m.login.terms")
    assert (error.session, error.params) == ("xyz", {"m.login.terms": {"policies": {}}})
    assert error.completed == ["m.login.terms"]
    assert error.errcode == "M_FORBIDDEN"


@pytest.mark.parametrize(
    ("flows", "kept"),
    [
        ([], []),
        (["m.login.dummy", 7, None, []], []),
        ([{}], []),
        ([{"stages": "m.login.dummy"}], []),
        ([{"stages": [1, None]}, {"stages": ["m.login.dummy"]}], [["m.login.dummy"]]),
        ([{"stages": []}], [[]]),
    ],
)
def test_garbage_among_the_flows_is_dropped(flows: Any, kept: list[list[str]]) -> None:
    error = stages_of({"flows": flows, "session": 7, "params": [], "completed": [1]})
    assert error.flows == kept
    assert (error.session, error.params, error.completed) == ("", {}, [])


@pytest.mark.parametrize("document", [{"flows": "all"}, {"flows": {}}, {"flows": None}, {"session": "x"}])
def test_without_flows_it_is_no_such_thing(document: Any) -> None:
    assert type(failed(401, document)) is HTTPError


def test_only_401_asks_for_stages() -> None:
    assert type(failed(403, {"flows": []})) is errors.Forbidden


# ------------------------------------------------------------------ copies


@pytest.mark.parametrize(
    "error",
    [
        failed(403, {"errcode": "M_FORBIDDEN", "error": "no", "more": [1]}),
        failed(429, {"retry_after_ms": 50}),
        failed(401, {"flows": [{"stages": ["a"]}], "session": "s", "params": {"a": 1}, "completed": ["b"]}),
        failed(502, PROXY_PAGE),
        failed(400, b'{"errcode":"M_X","error":"\\ud800"}'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_pickling_and_copying(error: HTTPError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - our own
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


# ------------------------------------------------------------------ answers


def test_an_answer_is_a_json_object() -> None:
    assert json_object(HttpResponse(200, {}, b'{"a":1}')) == {"a": 1}
    assert json_object(HttpResponse(204)) == {}


@pytest.mark.parametrize("content", [b"[]", b'"planted"', b"1", b"null", b"true", b"planted", b"{", b'{"a":\xff}'])
def test_anything_else_is_refused_and_not_shown(content: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        json_object(HttpResponse(200, {}, content))
    assert "planted" not in str(caught.value)
