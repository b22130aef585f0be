"""Olm and Megolm by vodozemac."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

import vodozemac

from ...errors import BadKey, BadPickle, BadSignature, DecryptionFailed, TooManySkipped, UnknownMessageIndex
from .base import GroupPlaintext, OlmMessage

__all__ = ["VodozemacBackend"]

T = TypeVar("T")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise DecryptionFailed("the message is no base64") from None


def _key(text: str) -> vodozemac.Curve25519PublicKey:
    try:
        return vodozemac.Curve25519PublicKey.from_base64(text)
    except ValueError as error:
        raise BadKey(f"not a Curve25519 key: {error}") from None


def _read(reader: Callable[[str, bytes], T], pickle: str, key: bytes) -> T:
    try:
        return reader(pickle, key)
    except ValueError:
        raise BadPickle("what is stored is damaged, or was stored under another key") from None


class _Session:
    def __init__(self, session: vodozemac.Session) -> None:
        self._session = session

    @property
    def id(self) -> str:
        return self._session.session_id

    def matches(self, message: OlmMessage) -> bool:
        if message.type != 0:
            return False
        try:
            return self._session.session_matches(vodozemac.PreKeyMessage.from_base64(message.body))
        except ValueError:
            return False

    def encrypt(self, plaintext: bytes) -> OlmMessage:
        kind, ciphertext = self._session.encrypt(plaintext).to_parts()
        return OlmMessage(kind, base64.b64encode(ciphertext).decode().rstrip("="))

    def decrypt(self, message: OlmMessage) -> bytes:
        try:
            return self._session.decrypt(vodozemac.AnyOlmMessage.from_parts(message.type, _bytes(message.body)))
        except ValueError as error:
            is_far = "message gap" in str(error)  # the library has one class for all
            kind = TooManySkipped if is_far else DecryptionFailed
            raise kind(f"the Olm message cannot be read: {error}") from None

    def pickle(self, key: bytes) -> str:
        return self._session.pickle(key)


class _OutboundGroup:
    def __init__(self, session: vodozemac.GroupSession) -> None:
        self._session = session

    @property
    def id(self) -> str:
        return self._session.session_id

    @property
    def message_index(self) -> int:
        return self._session.message_index

    def session_key(self) -> str:
        return self._session.session_key.to_base64()

    def encrypt(self, plaintext: bytes) -> str:
        return self._session.encrypt(plaintext).to_base64()

    def pickle(self, key: bytes) -> str:
        return self._session.pickle(key)


class _InboundGroup:
    def __init__(self, session: vodozemac.InboundGroupSession) -> None:
        self._session = session

    @property
    def id(self) -> str:
        return self._session.session_id

    @property
    def first_known_index(self) -> int:
        return self._session.first_known_index

    def decrypt(self, message: str) -> GroupPlaintext:
        try:
            parsed = vodozemac.MegolmMessage.from_base64(message)
            if parsed.message_index() < self._session.first_known_index:
                raise UnknownMessageIndex(
                    f"the key begins at message {self._session.first_known_index}, this is {parsed.message_index()}"
                )
            decrypted = self._session.decrypt(parsed)
        except ValueError as error:
            raise DecryptionFailed(f"the Megolm message cannot be read: {error}") from None
        return GroupPlaintext(decrypted.plaintext, decrypted.message_index)

    def export_at(self, index: int) -> str | None:
        exported = self._session.export_at(index)
        return exported.to_base64() if exported is not None else None

    def pickle(self, key: bytes) -> str:
        return self._session.pickle(key)


class _Account:
    def __init__(self, account: Any) -> None:  # its types leave out the fallback key
        self._account = account

    @property
    def curve25519_key(self) -> str:
        return str(self._account.curve25519_key.to_base64())

    @property
    def ed25519_key(self) -> str:
        return str(self._account.ed25519_key.to_base64())

    @property
    def max_one_time_keys(self) -> int:
        return int(self._account.max_number_of_one_time_keys)

    def sign(self, message: bytes) -> str:
        return str(self._account.sign(message).to_base64())

    def generate_one_time_keys(self, count: int) -> None:
        self._account.generate_one_time_keys(count)

    def one_time_keys(self) -> dict[str, str]:
        return {key_id: key.to_base64() for key_id, key in self._account.one_time_keys.items()}

    def generate_fallback_key(self) -> None:
        self._account.generate_fallback_key()

    def fallback_key(self) -> dict[str, str]:
        return {key_id: key.to_base64() for key_id, key in self._account.fallback_key.items()}

    def mark_keys_as_published(self) -> None:
        self._account.mark_keys_as_published()

    def create_outbound_session(self, identity_key: str, one_time_key: str) -> _Session:
        try:
            return _Session(self._account.create_outbound_session(_key(identity_key), _key(one_time_key)))
        except ValueError as error:
            raise BadKey(f"no session can be made with these keys: {error}") from None

    def create_inbound_session(self, sender_key: str, message: OlmMessage) -> tuple[_Session, bytes]:
        try:
            parsed = vodozemac.PreKeyMessage.from_base64(message.body)
            session, plaintext = self._account.create_inbound_session(_key(sender_key), parsed)
        except ValueError as error:
            raise DecryptionFailed(f"no session can be made from this message: {error}") from None
        return _Session(session), plaintext

    def pickle(self, key: bytes) -> str:
        return str(self._account.pickle(key))


class _Established:
    def __init__(self, established: vodozemac.EstablishedSas) -> None:
        self._established = established

    def emoji_indices(self, info: str) -> tuple[int, ...]:
        return tuple(self._established.bytes(info).emoji_indices)

    def decimals(self, info: str) -> tuple[int, int, int]:
        first, second, third = self._established.bytes(info).decimals
        return first, second, third

    def mac(self, message: str, info: str) -> str:
        return self._established.calculate_mac(message, info)


class _Sas:
    def __init__(self) -> None:
        self._sas = vodozemac.Sas()
        self._public_key = self._sas.public_key.to_base64()

    @property
    def public_key(self) -> str:
        return self._public_key

    def agree(self, their_key: str) -> _Established:
        try:
            return _Established(self._sas.diffie_hellman(_key(their_key)))
        except ValueError as error:
            raise BadKey(f"no agreement with this key: {error}") from None


class VodozemacBackend:
    """Olm and Megolm in Rust; refuses malleable signatures and keys of low order by itself."""

    name = "vodozemac"

    def new_account(self) -> _Account:
        """Make the identity of a new device."""
        return _Account(vodozemac.Account())

    def account(self, pickle: str, key: bytes) -> _Account:
        """Read an account."""
        return _Account(_read(vodozemac.Account.from_pickle, pickle, key))

    def session(self, pickle: str, key: bytes) -> _Session:
        """Read a session."""
        return _Session(_read(vodozemac.Session.from_pickle, pickle, key))

    def new_outbound_group(self) -> _OutboundGroup:
        """Make a session to encrypt a room's messages with."""
        return _OutboundGroup(vodozemac.GroupSession())

    def outbound_group(self, pickle: str, key: bytes) -> _OutboundGroup:
        """Read a session."""
        return _OutboundGroup(_read(vodozemac.GroupSession.from_pickle, pickle, key))

    def new_inbound_group(self, session_key: str) -> _InboundGroup:
        """Make a session that reads, from the key its owner shared."""
        try:
            return _InboundGroup(vodozemac.InboundGroupSession(vodozemac.SessionKey(session_key)))
        except ValueError as error:
            raise BadKey(f"not a session key: {error}") from None

    def imported_inbound_group(self, exported: str) -> _InboundGroup:
        """Make a session that reads, from what was exported."""
        try:
            return _InboundGroup(vodozemac.InboundGroupSession.import_session(vodozemac.ExportedSessionKey(exported)))
        except ValueError as error:
            raise BadKey(f"not an exported session key: {error}") from None

    def inbound_group(self, pickle: str, key: bytes) -> _InboundGroup:
        """Read a session."""
        return _InboundGroup(_read(vodozemac.InboundGroupSession.from_pickle, pickle, key))

    def new_sas(self) -> _Sas:
        """Begin a key agreement."""
        return _Sas()

    def verify(self, ed25519_key: str, message: bytes, signature: str) -> None:
        """Check a signature."""
        try:
            key = vodozemac.Ed25519PublicKey.from_base64(ed25519_key)
            key.verify_signature(message, vodozemac.Ed25519Signature.from_base64(signature))
        except ValueError as error:
            raise BadSignature(f"the signature is wrong: {error}") from None

    # ------------------------------------------------------------ what libolm kept

    def migrated_account(self, pickle: str, key: bytes) -> _Account:
        """Read an account that libolm pickled."""
        return _Account(_read(vodozemac.Account.from_libolm_pickle, pickle, key))

    def migrated_session(self, pickle: str, key: bytes) -> _Session:
        """Read a session that libolm pickled."""
        return _Session(_read(vodozemac.Session.from_libolm_pickle, pickle, key))

    def migrated_inbound_group(self, pickle: str, key: bytes) -> _InboundGroup:
        """Read a session that libolm pickled."""
        reader: Any = vodozemac.InboundGroupSession
        return _InboundGroup(_read(reader.from_libolm_pickle, pickle, key))
