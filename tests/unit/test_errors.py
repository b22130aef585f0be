"""The error tree: its shape, what an error says, what it keeps to itself, and that it travels."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from gomatrix_py import errors
from gomatrix_py.errors import (
    ConnectError,
    DecodeError,
    DiscoveryError,
    FileTooLarge,
    HTTPError,
    LimitExceeded,
    MatrixError,
    MissingRoomKey,
    NoEligibleDevices,
    PagingError,
    RequestTimeout,
    RespError,
    SignInError,
    StillUndecided,
    StoreLocked,
    TaskError,
    TLSError,
    TransportError,
    UnknownToken,
    UsageError,
    UserInteractive,
    VerificationFailed,
)

PARENTS = {
    "UsageError": "MatrixError",
    "FileTooLarge": "UsageError",
    "TransportError": "MatrixError",
    "ConnectError": "TransportError",
    "TLSError": "ConnectError",
    "AddressRefused": "ConnectError",
    "RequestTimeout": "TransportError",
    "TruncatedAnswer": "TransportError",
    "AnswerTooLarge": "TransportError",
    "RedirectRefused": "TransportError",
    "RequestCancelled": "TransportError",
    "HTTPError": "MatrixError",
    "UnknownToken": "HTTPError",
    "MissingToken": "HTTPError",
    "Forbidden": "HTTPError",
    "NotFound": "HTTPError",
    "Conflict": "HTTPError",
    "TooLarge": "HTTPError",
    "Unrecognized": "HTTPError",
    "UnsupportedByServer": "Unrecognized",
    "LimitExceeded": "HTTPError",
    "UserInteractive": "HTTPError",
    "UserLocked": "HTTPError",
    "UnknownPosition": "HTTPError",
    "UserDeactivated": "HTTPError",
    "InvalidParam": "HTTPError",
    "OAuthError": "HTTPError",
    "ServerError": "HTTPError",
    "DecodeError": "MatrixError",
    "DiscoveryError": "MatrixError",
    "PagingError": "MatrixError",
    "SessionError": "MatrixError",
    "SignInError": "MatrixError",
    "SendError": "MatrixError",
    "OutboxFull": "SendError",
    "SendBlocked": "SendError",
    "CryptoError": "MatrixError",
    "CryptoUnavailable": "CryptoError",
    "EncryptionRequired": "CryptoError",
    "WrongStoreKey": "CryptoError",
    "BadPickle": "CryptoError",
    "BadKey": "CryptoError",
    "DeviceKeysLost": "CryptoError",
    "BadSignature": "CryptoError",
    "DecryptionFailed": "CryptoError",
    "MissingRoomKey": "DecryptionFailed",
    "UnknownMessageIndex": "DecryptionFailed",
    "ReplayedMessage": "DecryptionFailed",
    "MismatchedSender": "DecryptionFailed",
    "MismatchedRoom": "DecryptionFailed",
    "SenderDistrusted": "DecryptionFailed",
    "TooManySkipped": "DecryptionFailed",
    "NoEligibleDevices": "CryptoError",
    "StillUndecided": "CryptoError",
    "TrustDecisionFailed": "CryptoError",
    "VerificationFailed": "CryptoError",
    "KeyFileError": "CryptoError",
    "AttachmentError": "CryptoError",
    "SyncError": "MatrixError",
    "SyncTokenRejected": "SyncError",
    "ListenerFailed": "SyncError",
    "HandlerTimeout": "SyncError",
    "TaskError": "MatrixError",
    "TaskFailed": "TaskError",
    "TaskTimeout": "TaskError",
    "StoreError": "MatrixError",
    "StoreLocked": "StoreError",
    "StoreCorrupt": "StoreError",
    "StoreTooNew": "StoreError",
    "StoreFull": "StoreError",
    "StoreClosed": "StoreError",
}

ANSWER = RespError("M_FORBIDDEN", "no", {"soft_logout": True})


def limit_exceeded() -> LimitExceeded:
    error = LimitExceeded("GET /x failed", code=429, contents=b"{}", wrapped_error=ANSWER)
    error.retry_after_s = 2.5
    return error


def user_interactive() -> UserInteractive:
    error = UserInteractive("POST /x failed", code=401)
    error.flows, error.session = [["m.login.dummy"]], "s"
    return error


TRAVELLERS: list[MatrixError] = [
    MatrixError("plain"),
    UsageError("usage"),
    FileTooLarge("too large", size=3, limit=2),
    TransportError("lost", was_sent=False),
    ConnectError("refused"),
    ConnectError("reset", was_sent=True),
    HTTPError("PUT /x failed", code=502, contents=b"<html>"),
    UnknownToken("GET /x failed", code=401, wrapped_error=ANSWER),
    limit_exceeded(),
    user_interactive(),
    DecodeError("expected a string", path="rooms.join"),
    DiscoveryError("no address", action="FAIL_PROMPT"),
    PagingError("again", operation="GET /things"),
    SignInError("denied", reason="access_denied"),
    StoreLocked("in use", pid=41),
    TaskError("gave up", task_id="purge"),
    MissingRoomKey("no key", withheld="m.unverified"),
    NoEligibleDevices("nobody", user_ids=["@b:hs"]),
    StillUndecided("which", devices=[("@b:hs", "B")]),
    VerificationFailed("no", cancel_code="m.user"),
]


# ------------------------------------------------------------------ the tree


def test_the_tree_is_as_drawn() -> None:
    assert {name: getattr(errors, name).__bases__[0].__name__ for name in PARENTS} == PARENTS


def test_every_public_error_stands_in_the_tree_and_in_the_drawing() -> None:
    public = {name for name in errors.__all__ if name not in ("MatrixError", "RespError")}
    assert public == set(PARENTS)
    assert [name for name in public if name not in (errors.__doc__ or "")] == []


def test_all_lists_every_class_of_the_module() -> None:
    visible = {name for name, value in vars(errors).items() if isinstance(value, type) and not name.startswith("_")}
    assert {name for name in visible if getattr(errors, name).__module__.startswith(errors.__name__)} == set(
        errors.__all__
    )


def test_a_usage_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        raise UsageError("empty")


def test_the_error_object_of_a_server_is_no_exception() -> None:
    assert not issubclass(RespError, BaseException)


# ------------------------------------------------------------------ answers that are not 2xx


def test_an_http_error_says_what_was_tried_and_what_was_answered() -> None:
    error = HTTPError("GET /x failed", code=403, contents=b"{}", wrapped_error=RespError("M_FORBIDDEN", "no"))
    assert str(error) == "GET /x failed: HTTP 403, M_FORBIDDEN: no"
    assert (error.message, error.code, error.contents, error.errcode) == ("GET /x failed", 403, b"{}", "M_FORBIDDEN")


def test_an_answer_that_is_no_matrix_error_has_no_errcode() -> None:
    error = HTTPError("GET /x failed", code=502, contents=b"<html>Bad gateway</html>")
    assert error.errcode == ""
    assert error.wrapped_error is None
    assert "not a Matrix error" in str(error)
    assert error.contents == b"<html>Bad gateway</html>"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [({"soft_logout": True}, True), ({"soft_logout": False}, False), ({"soft_logout": "true"}, False), ({}, False)],
)
def test_soft_logout_is_true_only_where_the_server_says_true(extra: dict[str, object], expected: bool) -> None:
    error = UnknownToken("x", code=401, wrapped_error=RespError("M_UNKNOWN_TOKEN", "", extra))
    assert error.soft_logout is expected


def test_soft_logout_without_an_error_object_is_false() -> None:
    assert UnknownToken("x", code=401).soft_logout is False


def test_a_rate_limit_without_a_wait_says_none() -> None:
    assert LimitExceeded("x", code=429).retry_after_s is None


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        ([["m.login.dummy"]], True),
        ([["m.login.recaptcha"], ["m.login.dummy"]], True),
        ([["m.login.dummy", "m.login.email.identity"]], False),
        ([["m.login.password"]], False),
        ([[]], False),
        ([], False),
    ],
)
def test_a_single_stage_flow_is_one_that_needs_that_stage_alone(flows: list[list[str]], expected: bool) -> None:
    error = UserInteractive("x", code=401)
    error.flows = flows
    assert error.has_single_stage_flow("m.login.dummy") is expected


def test_a_challenge_without_flows_has_none() -> None:
    assert UserInteractive("x", code=401).has_single_stage_flow("m.login.dummy") is False


# ------------------------------------------------------------------ the server's error object


def test_the_error_object_reads_as_code_and_text() -> None:
    assert str(RespError("M_X", "why")) == "M_X: why"
    assert str(RespError("M_X")) == "M_X"


def test_the_error_object_compares_by_value_and_keeps_a_copy_of_extra() -> None:
    extra = {"a": 1}
    one = RespError("M_X", "why", extra)
    extra["a"] = 2
    assert one == RespError("M_X", "why", {"a": 1})
    assert one != RespError("M_X", "why", extra)
    assert one != "M_X: why"


def test_the_error_object_is_mutable_so_it_has_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(RespError("M_X"))


def test_neither_contents_nor_extra_are_shown() -> None:
    hidden = RespError("M_X", "why", {"access_token": "syt_hidden"})
    error = HTTPError("GET /x failed", code=400, contents=b"syt_hidden", wrapped_error=hidden)
    assert "syt_hidden" not in f"{error} {error!r} {hidden} {hidden!r}"
    assert hidden.extra["access_token"] == "syt_hidden"  # it is there; it is not shown


# ------------------------------------------------------------------ no answer, wrong answer


def test_what_was_sent_is_told() -> None:
    assert TransportError("x").was_sent is True
    assert RequestTimeout("x", was_sent=False).was_sent is False
    assert ConnectError("x").was_sent is False
    assert TLSError("x").was_sent is False


def test_a_decode_error_names_the_place() -> None:
    error = DecodeError("expected a string", path="rooms.join")
    assert (error.path, str(error)) == ("rooms.join", "rooms.join: expected a string")
    assert (DecodeError("not JSON").path, str(DecodeError("not JSON"))) == ("", "not JSON")


def test_a_discovery_error_keeps_the_word_of_the_specification() -> None:
    error = DiscoveryError("no address", action="FAIL_ERROR")
    assert error.action == "FAIL_ERROR"
    assert "FAIL_ERROR" in str(error)


def test_a_locked_store_names_its_owner() -> None:
    assert StoreLocked("in use", pid=41).pid == 41
    assert StoreLocked("in use").pid == 0


# ------------------------------------------------------------------ travelling between processes


@pytest.mark.parametrize("error", TRAVELLERS, ids=lambda error: f"{type(error).__name__}")
@pytest.mark.parametrize("road", ["pickle", "copy", "deepcopy"])
def test_an_error_travels_whole(error: MatrixError, road: str) -> None:
    roads: dict[str, Callable[[MatrixError], MatrixError]] = {
        "pickle": lambda one: pickle.loads(pickle.dumps(one)),  # noqa: S301 - our own bytes
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
    }
    again = roads[road](error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)


def test_every_kind_of_error_is_among_the_travellers_by_its_constructor() -> None:
    """A class with a constructor of its own that no traveller stands for would go untested."""
    with_constructor = {
        kind
        for name in PARENTS
        if "__init__" in vars(kind := getattr(errors, name)) and issubclass(kind, MatrixError)
    }
    assert with_constructor <= {type(error) for error in TRAVELLERS}
