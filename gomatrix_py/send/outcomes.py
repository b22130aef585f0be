"""What a failed sending means for what was to be sent."""

from __future__ import annotations

from enum import Enum

from ..errors import (
    AddressRefused,
    ConnectError,
    CryptoError,
    CryptoUnavailable,
    DecodeError,
    DeviceKeysLost,
    HTTPError,
    LimitExceeded,
    MatrixError,
    MissingToken,
    RequestCancelled,
    SendError,
    TLSError,
    TransportError,
    UnknownToken,
    UsageError,
    UserDeactivated,
    UserLocked,
    WrongStoreKey,
)

__all__ = ["Outcome", "outcome_of"]


class Outcome(Enum):
    """How a sending failed."""

    REFUSED = "the server refused it, or it cannot be sent at all"
    SHUT_OUT = "the server does not accept us"
    UNABLE = "we lack what sending anything takes"
    BUSY = "the server asked us to come again"
    UNREACHED = "the server was not reached"
    UNANSWERED = "no answer of the server itself came"
    FAILED = "the server failed at it"
    STOPPED = "somebody stopped it"
    NOT_TRIED = "it did not come to a sending"

    @property
    def is_passing(self) -> bool:
        """True where trying again may help."""
        return self in _PASSING

    @property
    def may_be_sent(self) -> bool:
        """True where the server may have it nevertheless."""
        return self in _UNCERTAIN


_PASSING = frozenset({Outcome.BUSY, Outcome.UNREACHED, Outcome.UNANSWERED, Outcome.FAILED})
_UNCERTAIN = frozenset({Outcome.UNANSWERED, Outcome.FAILED, Outcome.STOPPED})
# said by what stands in front of a server that is down or slow: nothing is wrong with what was to be sent
_OF_GATEWAYS = frozenset({408, 502, 503, 504, 520, 521, 522, 523, 524})
_UNABLE = (CryptoUnavailable, WrongStoreKey, DeviceKeysLost)
_SHUT_OUT = (UnknownToken, MissingToken, UserLocked, UserDeactivated)


def outcome_of(error: MatrixError) -> Outcome:
    """Return what an error says about the fate of what was to be sent."""
    if isinstance(error, TransportError):
        return _of_transport(error)
    if isinstance(error, HTTPError):
        return _of_answer(error)
    if isinstance(error, DecodeError):  # a 2xx answer that makes no sense
        return Outcome.UNANSWERED
    if isinstance(error, _UNABLE):
        return Outcome.UNABLE
    return Outcome.REFUSED if isinstance(error, (UsageError, CryptoError, SendError)) else Outcome.NOT_TRIED


def _of_transport(error: TransportError) -> Outcome:
    if isinstance(error, RequestCancelled):
        return Outcome.STOPPED if error.was_sent else Outcome.NOT_TRIED
    if isinstance(error, (TLSError, AddressRefused)):
        return Outcome.NOT_TRIED
    return Outcome.UNREACHED if isinstance(error, ConnectError) or not error.was_sent else Outcome.UNANSWERED


def _of_answer(error: HTTPError) -> Outcome:
    if isinstance(error, LimitExceeded):
        return Outcome.BUSY
    if isinstance(error, _SHUT_OUT):
        return Outcome.SHUT_OUT
    if error.code in _OF_GATEWAYS:
        return Outcome.UNANSWERED
    return Outcome.FAILED if error.code >= 500 else Outcome.REFUSED
