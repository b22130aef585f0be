"""gomatrix_py: the synchronous Matrix SDK.

The names a script needs are here; endpoints as values are in `gomatrix_py.api`, errors in
`gomatrix_py.errors`, the development server and conformance suites in `gomatrix_py.testing`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .api.filters import Filter, FilterPart, RoomFilter, default_filter, default_filter_part
from .api.login import PhoneIdentifier, ThirdpartyIdentifier, UserIdentifier
from .api.server import DiscoveryInformation
from .api.sync import SyncResponse
from .client import Client, Session, SyncHandle
from .errors import HTTPError, MatrixError, RespError, UsageError
from .events import (
    AudioInfo,
    AudioMessage,
    Event,
    EventSource,
    FileInfo,
    FileMessage,
    HTMLMessage,
    ImageInfo,
    ImageMessage,
    LocationMessage,
    TagContent,
    TagProperties,
    TextMessage,
    ThumbnailInfo,
    VideoInfo,
    VideoMessage,
    get_html_message,
)
from .http.messages import Limits
from .http.retry import RetryPolicy
from .http.uia import DummyAuth, EmailAuth, FallbackAuth, MultiAuth, PasswordAuth, RecaptchaAuth, TermsAuth, TokenAuth
from .ids import decode_user_localpart, encode_user_localpart, extract_user_localpart
from .rooms import Room
from .store import InMemoryStore, Storer
from .sync import DefaultSyncer, Syncer

if TYPE_CHECKING:
    from .client.crypto_options import Crypto
    from .client.encryption import CryptoClient, CryptoMixin
    from .store import SQLiteStore
    from .sync import SlidingSyncer

__all__ = [
    "__version__",
    # the client and its parts
    "Client",
    "Crypto",
    "CryptoClient",
    "CryptoMixin",
    "DefaultSyncer",
    "InMemoryStore",
    "Limits",
    "RetryPolicy",
    "SQLiteStore",
    "Session",
    "SlidingSyncer",
    "Storer",
    "SyncHandle",
    "Syncer",
    # what it speaks of
    "Event",
    "EventSource",
    "Room",
    "SyncResponse",
    # contents
    "AudioInfo",
    "AudioMessage",
    "FileInfo",
    "FileMessage",
    "HTMLMessage",
    "ImageInfo",
    "ImageMessage",
    "LocationMessage",
    "TagContent",
    "TagProperties",
    "TextMessage",
    "ThumbnailInfo",
    "VideoInfo",
    "VideoMessage",
    "get_html_message",
    # requests
    "DiscoveryInformation",
    "Filter",
    "FilterPart",
    "PhoneIdentifier",
    "RoomFilter",
    "ThirdpartyIdentifier",
    "UserIdentifier",
    "default_filter",
    "default_filter_part",
    # proofs of who one is
    "DummyAuth",
    "EmailAuth",
    "FallbackAuth",
    "MultiAuth",
    "PasswordAuth",
    "RecaptchaAuth",
    "TermsAuth",
    "TokenAuth",
    # ids
    "decode_user_localpart",
    "encode_user_localpart",
    "extract_user_localpart",
    # errors; the whole tree is in gomatrix_py.errors
    "HTTPError",
    "MatrixError",
    "RespError",
    "UsageError",
]


_LATE = {
    "Crypto": ".client.crypto_options",
    "CryptoClient": ".client.encryption",
    "CryptoMixin": ".client.encryption",
    "SQLiteStore": ".store",
    "SlidingSyncer": ".sync",
}


def __getattr__(name: str) -> Any:
    """Import what many scripts do without when it is first asked for."""
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
