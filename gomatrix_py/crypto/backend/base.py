"""What the engine asks of a library for Olm and Megolm; keys and messages are unpadded base64.

Every object is used by one thread at a time. Whatever a peer sends, a method returns or raises one of
`gomatrix_py.errors`; nothing changes in an object whose method raised.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = [
    "Account",
    "Backend",
    "EstablishedSas",
    "GroupPlaintext",
    "InboundGroupSession",
    "OlmMessage",
    "OlmSession",
    "OutboundGroupSession",
    "Sas",
]

PRE_KEY, NORMAL = 0, 1


class OlmMessage(NamedTuple):
    """A message of an Olm session: `type` is 0 for one that can start a session, 1 for any other."""

    type: int
    body: str


class GroupPlaintext(NamedTuple):
    """What a Megolm message says, and its place in its session."""

    plaintext: bytes
    message_index: int


class OlmSession(Protocol):
    """A channel between two devices."""

    @property
    def id(self) -> str:
        """What tells this session from others; both sides have the same."""

    def matches(self, message: OlmMessage) -> bool:
        """Tell whether a message of type 0 is of this session."""

    def encrypt(self, plaintext: bytes) -> OlmMessage:
        """Encrypt, and move the ratchet on."""

    def decrypt(self, message: OlmMessage) -> bytes:
        """Decrypt, and move the ratchet on.

        Raises:
            DecryptionFailed: of another session, a duplicate, forged or damaged.
        """

    def pickle(self, key: bytes) -> str:
        """Return the session as text, encrypted under a key of 32 bytes."""


class OutboundGroupSession(Protocol):
    """What one device encrypts a room's messages with."""

    @property
    def id(self) -> str:
        """What tells this session from others."""

    @property
    def message_index(self) -> int:
        """The place of the next message."""

    def session_key(self) -> str:
        """Return what lets others read from the next message on. A secret."""

    def encrypt(self, plaintext: bytes) -> str:
        """Encrypt, and move the ratchet on."""

    def pickle(self, key: bytes) -> str:
        """Return the session as text, encrypted under a key of 32 bytes."""


class InboundGroupSession(Protocol):
    """What reads the messages of somebody's outbound session."""

    @property
    def id(self) -> str:
        """What tells this session from others."""

    @property
    def first_known_index(self) -> int:
        """The place of the first message it can read."""

    def decrypt(self, message: str) -> GroupPlaintext:
        """Decrypt a message; its signature is checked, whether it came before is not.

        Raises:
            UnknownMessageIndex: it is older than what this session can read.
            DecryptionFailed: forged or damaged.
        """

    def export_at(self, index: int) -> str | None:
        """Return what reads from a place on, None where this session cannot. A secret."""

    def pickle(self, key: bytes) -> str:
        """Return the session as text, encrypted under a key of 32 bytes."""


class Account(Protocol):
    """The identity of a device, and its keys for those who want to start a session."""

    @property
    def curve25519_key(self) -> str:
        """The public key that others start sessions with."""

    @property
    def ed25519_key(self) -> str:
        """The public key that what we sign is checked with: the device's fingerprint."""

    @property
    def max_one_time_keys(self) -> int:
        """How many one-time keys the account can hold."""

    def sign(self, message: bytes) -> str:
        """Return a signature."""

    def generate_one_time_keys(self, count: int) -> None:
        """Make one-time keys; the oldest are dropped where there would be too many."""

    def one_time_keys(self) -> dict[str, str]:
        """Return the public one-time keys that are not marked as published, by id."""

    def generate_fallback_key(self) -> None:
        """Make a fallback key; the one before stays usable until the next."""

    def fallback_key(self) -> dict[str, str]:
        """Return the public fallback key, by its id, {} where it is marked as published."""

    def mark_keys_as_published(self) -> None:
        """Remember that the server has the keys of now."""

    def create_outbound_session(self, identity_key: str, one_time_key: str) -> OlmSession:
        """Start a session with a device.

        Raises:
            BadKey: a key is none, or of low order.
        """

    def create_inbound_session(self, sender_key: str, message: OlmMessage) -> tuple[OlmSession, bytes]:
        """Start a session from a message of type 0, and return it with what the message says.

        The one-time key it used is gone then.

        Raises:
            DecryptionFailed: no key of ours fits, or it is forged or damaged.
        """

    def pickle(self, key: bytes) -> str:
        """Return the account as text, encrypted under a key of 32 bytes."""


class EstablishedSas(Protocol):
    """A short authentication string that both sides can compute."""

    def emoji_indices(self, info: str) -> tuple[int, ...]:
        """Return seven numbers below 64."""

    def decimals(self, info: str) -> tuple[int, int, int]:
        """Return three numbers from 1000 to 9191."""

    def mac(self, message: str, info: str) -> str:
        """Return the MAC of a text (``hkdf-hmac-sha256.v2``)."""


class Sas(Protocol):
    """Our half of a key agreement for short authentication strings."""

    @property
    def public_key(self) -> str:
        """What we send to the other side."""

    def agree(self, their_key: str) -> EstablishedSas:
        """Agree with the other side; once only.

        Raises:
            BadKey: it is none, or of low order.
        """


class Backend(Protocol):
    """A library for Olm and Megolm. Pickles of one are not for another, but see `migrated`."""

    name: str
    """Tags what it pickles: "vodozemac" or "olm"."""

    def new_account(self) -> Account:
        """Make the identity of a new device."""

    def account(self, pickle: str, key: bytes) -> Account:
        """Read an account.

        Raises:
            BadPickle: damaged, or the key is another one.
        """

    def session(self, pickle: str, key: bytes) -> OlmSession:
        """Read a session; see `account`."""

    def new_outbound_group(self) -> OutboundGroupSession:
        """Make a session to encrypt a room's messages with."""

    def outbound_group(self, pickle: str, key: bytes) -> OutboundGroupSession:
        """Read a session; see `account`."""

    def new_inbound_group(self, session_key: str) -> InboundGroupSession:
        """Make a session that reads, from the key its owner shared.

        Raises:
            BadKey: it is none, or its signature is wrong.
        """

    def imported_inbound_group(self, exported: str) -> InboundGroupSession:
        """Make a session that reads, from what was exported: nobody vouches for it.

        Raises:
            BadKey: it is none.
        """

    def inbound_group(self, pickle: str, key: bytes) -> InboundGroupSession:
        """Read a session; see `account`."""

    def new_sas(self) -> Sas:
        """Begin a key agreement."""

    def verify(self, ed25519_key: str, message: bytes, signature: str) -> None:
        """Check a signature.

        Raises:
            BadSignature: it is wrong, or malleable, or the key is none or of small order.
        """
