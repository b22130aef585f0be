"""What each failure means for what was to be sent: tried again, given up, perhaps there already."""

from __future__ import annotations

import pytest

from gomatrix_py.errors import (
    AnswerTooLarge,
    ConnectError,
    DecodeError,
    EncryptionRequired,
    Forbidden,
    HTTPError,
    LimitExceeded,
    MatrixError,
    MissingToken,
    NoEligibleDevices,
    NotFound,
    RequestCancelled,
    RequestTimeout,
    SendError,
    ServerError,
    StoreFull,
    TLSError,
    TooLarge,
    TransportError,
    TruncatedAnswer,
    UnknownToken,
    UsageError,
    UserDeactivated,
    UserLocked,
)
from gomatrix_py.send.outcomes import Outcome, outcome_of

CASES: list[tuple[MatrixError, Outcome]] = [
    (Forbidden("no", code=403), Outcome.REFUSED),
    (NotFound("no", code=404), Outcome.REFUSED),
    (TooLarge("no", code=413), Outcome.REFUSED),
    (HTTPError("no", code=400), Outcome.REFUSED),
    (UsageError("cannot be encoded"), Outcome.REFUSED),
    (EncryptionRequired("plain text"), Outcome.REFUSED),
    (SendError("nobody can tell"), Outcome.REFUSED),
    (UnknownToken("no", code=401), Outcome.SHUT_OUT),
    (MissingToken("no", code=401), Outcome.SHUT_OUT),
    (UserLocked("no", code=401), Outcome.SHUT_OUT),
    (UserDeactivated("no", code=403), Outcome.SHUT_OUT),
    (LimitExceeded("slowly", code=429), Outcome.BUSY),
    (ConnectError("nobody there"), Outcome.UNREACHED),
    (RequestTimeout("no answer", was_sent=False), Outcome.UNREACHED),
    (RequestTimeout("no answer"), Outcome.UNANSWERED),
    (TruncatedAnswer("cut"), Outcome.UNANSWERED),
    (AnswerTooLarge("endless"), Outcome.UNANSWERED),
    (TransportError("something"), Outcome.UNANSWERED),
    (DecodeError("200 and no sense"), Outcome.UNANSWERED),
    (ServerError("oops", code=500), Outcome.FAILED),
    (ServerError("not made for it", code=501), Outcome.FAILED),
    (ServerError("in front of it", code=502), Outcome.UNANSWERED),
    (ServerError("in front of it", code=503), Outcome.UNANSWERED),
    (ServerError("in front of it", code=524), Outcome.UNANSWERED),
    (HTTPError("late", code=408), Outcome.UNANSWERED),
    (RequestCancelled("ended", was_sent=True), Outcome.STOPPED),
    (RequestCancelled("ended", was_sent=False), Outcome.NOT_TRIED),
    (TLSError("whose certificate"), Outcome.NOT_TRIED),
    (StoreFull("full"), Outcome.NOT_TRIED),
]


@pytest.mark.parametrize(
    ("error", "outcome"), CASES, ids=lambda one: str(one)[:30] if isinstance(one, Outcome) else repr(one)[:30]
)
def test_what_a_failure_means(error: MatrixError, outcome: Outcome) -> None:
    assert outcome_of(error) is outcome


def test_an_encryption_that_cannot_be_is_no_passing_thing() -> None:
    assert issubclass(NoEligibleDevices, MatrixError)
    assert outcome_of(EncryptionRequired("x")).is_passing is False


def test_only_what_may_pass_is_tried_again() -> None:
    assert {one for one in Outcome if one.is_passing} == {
        Outcome.BUSY,
        Outcome.UNREACHED,
        Outcome.UNANSWERED,
        Outcome.FAILED,
    }


def test_only_what_the_server_said_no_to_is_certain() -> None:
    assert {one for one in Outcome if one.may_be_sent} == {Outcome.UNANSWERED, Outcome.FAILED, Outcome.STOPPED}
