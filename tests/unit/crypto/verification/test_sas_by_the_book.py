"""The arithmetic of short strings against a second one, written from the specification with other primitives."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from gomatrix_py.canonical_json import canonical_json
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.verification import Message, State
from tests.kit.verifying import ALICE, BOB, Side, acquainted

LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


def unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def hkdf(secret: bytes, info: str, length: int) -> bytes:
    """Return the first bytes of HKDF-SHA-256 without salt (RFC 5869); at most 32."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info.encode() + b"\x01", "sha256")[:length]


class Book:
    """Bob, as the specification describes him."""

    def __init__(self, alice: Side, *, has_started: bool) -> None:
        self.alice = alice
        self.has_started = has_started
        self.private = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"bob").digest())
        self.key = unpadded(self.private.public_key().public_bytes_raw())
        self.secret = b""
        self.their_key = ""

    def agree(self, their_key: str) -> None:
        self.their_key = their_key
        self.secret = self.private.exchange(X25519PublicKey.from_public_bytes(base64.b64decode(their_key + "=")))

    def info(self, transaction_id: str) -> str:
        bob, alice = f"{BOB}|B1|{self.key}", f"{ALICE}|A1|{self.their_key}"
        first, second = (bob, alice) if self.has_started else (alice, bob)
        return f"MATRIX_KEY_VERIFICATION_SAS|{first}|{second}|{transaction_id}"

    def emoji(self, transaction_id: str) -> list[int]:
        bits = "".join(f"{byte:08b}" for byte in hkdf(self.secret, self.info(transaction_id), 6))
        return [int(bits[at : at + 6], 2) for at in range(0, 42, 6)]

    def decimals(self, transaction_id: str) -> tuple[int, ...]:
        b = hkdf(self.secret, self.info(transaction_id), 5)
        return (
            (b[0] << 5 | b[1] >> 3) + 1000,
            ((b[1] & 0x7) << 10 | b[2] << 2 | b[3] >> 6) + 1000,
            ((b[3] & 0x3F) << 7 | b[4] >> 1) + 1000,
        )

    def mac(self, transaction_id: str, key_id: str, text: str, *, is_alices: bool = False) -> str:
        names = f"{ALICE}A1{BOB}B1" if is_alices else f"{BOB}B1{ALICE}A1"
        key = hkdf(self.secret, f"MATRIX_KEY_VERIFICATION_MAC{names}{transaction_id}{key_id}", 32)
        return unpadded(hmac.digest(key, text.encode(), "sha256"))

    def mac_content(self, transaction_id: str, ed25519: str) -> dict[str, Any]:
        return {
            "transaction_id": transaction_id,
            "mac": {
                "ed25519:B1": self.mac(transaction_id, "ed25519:B1", ed25519),
                "ed25519:Zebra": self.mac(transaction_id, "ed25519:Zebra", "some key"),
                "ed25519:Ant": self.mac(transaction_id, "ed25519:Ant", "another key"),
            },
            "keys": self.mac(transaction_id, "KEY_IDS", "ed25519:Ant,ed25519:B1,ed25519:Zebra"),
        }


def check_strings(alice: Side, book: Book, transaction_id: str, ed25519: str) -> None:
    """Compare what both show, and let each verify the other."""
    ours = alice.only
    assert [symbol.number for symbol in ours.emoji] == book.emoji(transaction_id)
    assert ours.decimals == book.decimals(transaction_id)
    (mac,) = alice.do(ours.confirm)
    expected = {
        "transaction_id": transaction_id,
        "mac": {"ed25519:A1": book.mac(transaction_id, "ed25519:A1", alice.own.ed25519, is_alices=True)},
        "keys": book.mac(transaction_id, "KEY_IDS", "ed25519:A1", is_alices=True),
    }
    assert mac.content == expected
    (done,) = alice.take(BOB, Message.MAC.value, book.mac_content(transaction_id, ed25519))
    assert (done.event_type, done.content) == (Message.DONE.value, {"transaction_id": transaction_id})
    assert ours.state in (State.DONE, State.AWAITING_DONE)


@pytest.mark.parametrize("library", LIBRARIES)
def test_they_start(library: BackendName) -> None:
    alice, bob = Side(ALICE, "A1", library), Side(BOB, "B1")
    acquainted(alice, bob)
    book = Book(alice, has_started=True)
    start = {
        "transaction_id": "t1",
        "from_device": "B1",
        "method": "m.sas.v1",
        "key_agreement_protocols": ["curve25519", "curve25519-hkdf-sha256"],
        "hashes": ["sha256"],
        "message_authentication_codes": ["hkdf-hmac-sha256.v2", "hkdf-hmac-sha256"],
        "short_authentication_string": ["emoji", "decimal", "org.example"],
        "org.example.more": [1, {"ä": None}],
    }
    assert alice.take(BOB, Message.START.value, start) == []
    (accept,) = alice.do(alice.only.accept)
    (key,) = alice.take(BOB, Message.KEY.value, {"transaction_id": "t1", "key": book.key})
    digest = hashlib.sha256(key.content["key"].encode() + canonical_json(start)).digest()
    assert accept.content == {
        "transaction_id": "t1",
        "method": "m.sas.v1",
        "key_agreement_protocol": "curve25519-hkdf-sha256",
        "hash": "sha256",
        "message_authentication_code": "hkdf-hmac-sha256.v2",
        "short_authentication_string": ["emoji", "decimal"],
        "commitment": unpadded(digest),
    }
    book.agree(key.content["key"])
    check_strings(alice, book, "t1", bob.own.ed25519)
    assert alice.has_verified(bob)


@pytest.mark.parametrize("library", LIBRARIES)
def test_we_start(library: BackendName) -> None:
    alice, bob = Side(ALICE, "A1", library), Side(BOB, "B1")
    acquainted(alice, bob)
    book = Book(alice, has_started=False)
    name = alice.request(bob).transaction_id
    (request,) = alice.sent
    assert request.content == {
        "transaction_id": name,
        "from_device": "A1",
        "methods": ["m.sas.v1"],
        "timestamp": alice.clock.now_ms(),
    }
    ready = {"transaction_id": name, "from_device": "B1", "methods": ["m.qr_code.show.v1", "m.sas.v1"]}
    assert alice.take(BOB, Message.READY.value, ready) == []
    (start,) = alice.do(alice.only.start_sas)
    accept = {
        "transaction_id": name,
        "key_agreement_protocol": "curve25519-hkdf-sha256",
        "hash": "sha256",
        "message_authentication_code": "hkdf-hmac-sha256.v2",
        "short_authentication_string": ["decimal", "emoji"],
        "commitment": unpadded(hashlib.sha256(book.key.encode() + canonical_json(start.content)).digest()),
    }
    (key,) = alice.take(BOB, Message.ACCEPT.value, accept)
    book.agree(key.content["key"])
    assert alice.take(BOB, Message.KEY.value, {"transaction_id": name, "key": book.key}) == []
    check_strings(alice, book, name, bob.own.ed25519)
    assert not alice.has_verified(bob), "they have not said that they are done"
    alice.take(BOB, Message.DONE.value, {"transaction_id": name})
    assert alice.has_verified(bob)
