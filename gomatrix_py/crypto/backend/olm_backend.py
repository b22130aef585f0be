"""Olm and Megolm by libolm, which nobody maintains any more; what it lets pass is refused here."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from typing import Any

import olm

from ...errors import BadKey, BadPickle, BadSignature, DecryptionFailed, UnknownMessageIndex
from .base import GroupPlaintext, OlmMessage
from .guards import check_curve25519_key, check_ed25519_key, check_pre_key_message, check_signature
from .olm_keys import passphrase

__all__ = ["OlmBackend"]

_lib: Any = olm  # its types leave out what its package offers

_SESSION_KEY_PUBLIC_AT = 1 + 4 + 128
_KEY_BYTES = 32
_LOSSLESS = "surrogateescape"


def _read(reader: Callable[[bytes, str], Any], pickle: str, key: bytes) -> Any:
    try:
        return reader(pickle.encode(), passphrase(key))
    except Exception:  # noqa: BLE001 - each class of libolm has an error of its own
        raise BadPickle("what is stored is damaged, or was stored under another key") from None


def _pickled(thing: Any, key: bytes) -> str:
    pickled: bytes = thing.pickle(passphrase(key))
    return pickled.decode()


def _message(message: OlmMessage) -> Any:
    kind = _lib.OlmPreKeyMessage if message.type == 0 else _lib.OlmMessage
    try:
        return kind(message.body)
    except ValueError as error:
        raise DecryptionFailed(f"not an Olm message: {error}") from None


class _Session:
    def __init__(self, session: Any) -> None:
        self._session = session

    @property
    def id(self) -> str:
        return str(self._session.id)

    def matches(self, message: OlmMessage) -> bool:
        if message.type != 0:
            return False
        try:
            return bool(self._session.matches(_message(message)))
        except (DecryptionFailed, _lib.OlmSessionError):
            return False

    def encrypt(self, plaintext: bytes) -> OlmMessage:
        encrypted = self._session.encrypt(plaintext)
        return OlmMessage(0 if isinstance(encrypted, _lib.OlmPreKeyMessage) else 1, encrypted.ciphertext)

    def decrypt(self, message: OlmMessage) -> bytes:
        try:
            return _as_bytes(self._session.decrypt(_message(message), _LOSSLESS))
        except (_lib.OlmSessionError, ValueError) as error:
            raise DecryptionFailed(f"the Olm message cannot be read: {error}") from None

    def pickle(self, key: bytes) -> str:
        return _pickled(self._session, key)


class _OutboundGroup:
    def __init__(self, session: Any) -> None:
        self._session = session

    @property
    def id(self) -> str:
        return str(self._session.id)

    @property
    def message_index(self) -> int:
        return int(self._session.message_index)

    def session_key(self) -> str:
        return str(self._session.session_key)

    def encrypt(self, plaintext: bytes) -> str:
        return str(self._session.encrypt(plaintext))

    def pickle(self, key: bytes) -> str:
        return _pickled(self._session, key)


class _InboundGroup:
    def __init__(self, session: Any) -> None:
        self._session = session

    @property
    def id(self) -> str:
        return str(self._session.id)

    @property
    def first_known_index(self) -> int:
        return int(self._session.first_known_index)

    def decrypt(self, message: str) -> GroupPlaintext:
        try:
            plaintext, index = self._session.decrypt(message, _LOSSLESS)
        except (_lib.OlmGroupSessionError, ValueError) as error:
            if "UNKNOWN_MESSAGE_INDEX" in str(error):
                raise UnknownMessageIndex(f"the key begins at message {self.first_known_index}") from None
            raise DecryptionFailed(f"the Megolm message cannot be read: {error}") from None
        return GroupPlaintext(_as_bytes(plaintext), int(index))

    def export_at(self, index: int) -> str | None:
        try:
            return str(self._session.export_session(index))
        except (_lib.OlmGroupSessionError, ValueError):
            return None

    def pickle(self, key: bytes) -> str:
        return _pickled(self._session, key)


class _Account:
    def __init__(self, account: Any) -> None:
        self._account = account

    @property
    def curve25519_key(self) -> str:
        return str(self._account.identity_keys["curve25519"])

    @property
    def ed25519_key(self) -> str:
        return str(self._account.identity_keys["ed25519"])

    @property
    def max_one_time_keys(self) -> int:
        return int(self._account.max_one_time_keys)

    def sign(self, message: bytes) -> str:
        return str(self._account.sign(message))

    def generate_one_time_keys(self, count: int) -> None:
        self._account.generate_one_time_keys(count)

    def one_time_keys(self) -> dict[str, str]:
        return dict(self._account.one_time_keys["curve25519"])

    def generate_fallback_key(self) -> None:
        self._account.generate_fallback_key()

    def fallback_key(self) -> dict[str, str]:
        return dict(self._account.fallback_key["curve25519"])

    def mark_keys_as_published(self) -> None:
        self._account.mark_keys_as_published()

    def create_outbound_session(self, identity_key: str, one_time_key: str) -> _Session:
        check_curve25519_key(identity_key)
        check_curve25519_key(one_time_key)
        try:
            return _Session(_lib.OutboundSession(self._account, identity_key, one_time_key))
        except (_lib.OlmSessionError, ValueError) as error:
            raise BadKey(f"no session can be made with these keys: {error}") from None

    def create_inbound_session(self, sender_key: str, message: OlmMessage) -> tuple[_Session, bytes]:
        try:
            check_curve25519_key(sender_key)
        except BadKey as error:
            raise DecryptionFailed(f"no session can be made from this message: {error}") from None
        check_pre_key_message(message.body)
        parsed = _message(message)
        try:
            session = _lib.InboundSession(self._account, parsed, sender_key)
            plaintext = _as_bytes(session.decrypt(parsed, _LOSSLESS))
        except (_lib.OlmSessionError, ValueError) as error:
            raise DecryptionFailed(f"no session can be made from this message: {error}") from None
        with contextlib.suppress(_lib.OlmAccountError):  # it was the fallback key, which stays
            self._account.remove_one_time_keys(session)
        return _Session(session), plaintext

    def pickle(self, key: bytes) -> str:
        return _pickled(self._account, key)


class _Established:
    def __init__(self, sas: Any) -> None:
        self._sas = sas

    def emoji_indices(self, info: str) -> tuple[int, ...]:
        bits = int.from_bytes(self._sas.generate_bytes(info, 6), "big")
        return tuple(bits >> shift & 63 for shift in range(42, 0, -6))

    def decimals(self, info: str) -> tuple[int, int, int]:
        bits = int.from_bytes(self._sas.generate_bytes(info, 5), "big")
        first, second, third = ((bits >> shift & 8191) + 1000 for shift in (27, 14, 1))
        return first, second, third

    def mac(self, message: str, info: str) -> str:
        return str(self._sas.calculate_mac_fixed_base64(message, info))


class _Sas:
    def __init__(self) -> None:
        self._sas = _lib.Sas()

    @property
    def public_key(self) -> str:
        return str(self._sas.pubkey)

    def agree(self, their_key: str) -> _Established:
        check_curve25519_key(their_key)
        try:
            self._sas.set_their_pubkey(their_key)
        except (_lib.OlmSasError, ValueError) as error:
            raise BadKey(f"no agreement with this key: {error}") from None
        return _Established(self._sas)


class OlmBackend:
    """Olm and Megolm in C, behind guards."""

    name = "olm"

    def new_account(self) -> _Account:
        """Make the identity of a new device."""
        return _Account(_lib.Account())

    def account(self, pickle: str, key: bytes) -> _Account:
        """Read an account."""
        return _Account(_read(_lib.Account.from_pickle, pickle, key))

    def session(self, pickle: str, key: bytes) -> _Session:
        """Read a session."""
        return _Session(_read(_lib.Session.from_pickle, pickle, key))

    def new_outbound_group(self) -> _OutboundGroup:
        """Make a session to encrypt a room's messages with."""
        return _OutboundGroup(_lib.OutboundGroupSession())

    def outbound_group(self, pickle: str, key: bytes) -> _OutboundGroup:
        """Read a session."""
        return _OutboundGroup(_read(_lib.OutboundGroupSession.from_pickle, pickle, key))

    def new_inbound_group(self, session_key: str) -> _InboundGroup:
        """Make a session that reads, from the key its owner shared."""
        _check_group_key(session_key)
        try:
            return _InboundGroup(_lib.InboundGroupSession(session_key))
        except (_lib.OlmGroupSessionError, ValueError) as error:
            raise BadKey(f"not a session key: {error}") from None

    def imported_inbound_group(self, exported: str) -> _InboundGroup:
        """Make a session that reads, from what was exported."""
        _check_group_key(exported)
        try:
            return _InboundGroup(_lib.InboundGroupSession.import_session(exported))
        except (_lib.OlmGroupSessionError, ValueError) as error:
            raise BadKey(f"not an exported session key: {error}") from None

    def inbound_group(self, pickle: str, key: bytes) -> _InboundGroup:
        """Read a session."""
        return _InboundGroup(_read(_lib.InboundGroupSession.from_pickle, pickle, key))

    def new_sas(self) -> _Sas:
        """Begin a key agreement."""
        return _Sas()

    def verify(self, ed25519_key: str, message: bytes, signature: str) -> None:
        """Check a signature."""
        try:
            check_ed25519_key(ed25519_key)
        except BadKey as error:
            raise BadSignature(f"the signature is by {error}") from None
        check_signature(signature)
        try:
            _lib.ed25519_verify(ed25519_key, message, signature)
        except (_lib.OlmVerifyError, ValueError) as error:
            raise BadSignature(f"the signature is wrong: {error}") from None


def _check_group_key(key: str) -> None:
    """Refuse a session whose messages anybody could sign."""
    try:
        data = base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
    except ValueError:
        raise BadKey("not a session key: no base64") from None
    public = data[_SESSION_KEY_PUBLIC_AT : _SESSION_KEY_PUBLIC_AT + _KEY_BYTES]
    check_ed25519_key(base64.b64encode(public).decode().rstrip("="))


def _as_bytes(plaintext: str) -> bytes:
    return plaintext.encode("utf-8", _LOSSLESS)
