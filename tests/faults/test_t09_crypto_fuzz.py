"""T9: flipped bits in what comes encrypted, and in what is stored: never a crash, never a false text."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gomatrix_py.codec import dumps, loads
from gomatrix_py.crypto.backend import BackendName, backend
from gomatrix_py.crypto.backend.base import Backend, OlmMessage
from gomatrix_py.crypto.vault import Vault
from gomatrix_py.errors import BadKey, BadPickle, BadSignature, DecryptionFailed
from gomatrix_py.store.key_values import MemoryKeyValues
from tests.kit.fault_mixes import of_size
from tests.kit.fuzz import FuzzFailure, fuzz
from tests.kit.key_server import KEY

ROUNDS = of_size(400, 67_000)
TEXT = b'{"type":"m.room.message","content":{"body":"hello"},"room_id":"!r:hs"}'
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


def flipped(data: bytes, decider: random.Random) -> bytes:
    """Flip bits, cut, or repeat."""
    changed = bytearray(data)
    kind = decider.randrange(4)
    if kind == 0:
        return bytes(changed[: decider.randrange(len(changed))])
    if kind == 1:
        return bytes(changed + changed[: decider.randrange(1, 40)])
    for _ in range(decider.randint(1, 3)):
        changed[decider.randrange(len(changed))] ^= 1 << decider.randrange(8)
    return bytes(changed)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def raw(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


Reader = Callable[[bytes], object]


def readers(library: Backend) -> dict[str, tuple[bytes, Reader]]:
    """Return what can be damaged, and what reads it, by kind."""
    alice, bob = library.new_account(), library.new_account()
    bob.generate_one_time_keys(1)
    session = alice.create_outbound_session(bob.curve25519_key, next(iter(bob.one_time_keys().values())))
    first = session.encrypt(TEXT)
    back, _ = bob.create_inbound_session(alice.curve25519_key, first)
    session.decrypt(back.encrypt(TEXT))
    second = session.encrypt(TEXT)
    kept = back.pickle(KEY)
    group = library.new_outbound_group()
    inbound = library.new_inbound_group(group.session_key())
    signature = alice.sign(TEXT)
    unread = {"bob": bob.pickle(KEY)}
    return {
        "megolm": (raw(group.encrypt(TEXT)), lambda data: inbound.decrypt(b64(data)).plaintext),
        "olm": (raw(second.body), lambda data: library.session(kept, KEY).decrypt(OlmMessage(1, b64(data)))),
        "olm first": (
            raw(first.body),
            lambda data: library.account(unread["bob"], KEY).create_inbound_session(
                alice.curve25519_key, OlmMessage(0, b64(data))
            )[1],
        ),
        "room key": (raw(group.session_key()), lambda data: library.new_inbound_group(b64(data)).decrypt("AAAA")),
        "signature": (raw(signature), lambda data: library.verify(alice.ed25519_key, TEXT, b64(data))),
        "pickled session": (
            kept.encode(),
            lambda data: library.session(data.decode("latin-1"), KEY).pickle(KEY).encode(),
        ),
        "pickled account": (
            bob.pickle(KEY).encode(),
            lambda data: library.account(data.decode("latin-1"), KEY).pickle(KEY).encode(),
        ),
    }


KINDS = ["megolm", "olm", "olm first", "room key", "signature", "pickled session", "pickled account"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_damage_is_found(library: BackendName, kind: str) -> None:
    sound, read = readers(backend(library))[kind]

    def check(data: bytes) -> None:
        if b64(data) == b64(sound) or data == sound:
            return
        try:
            found = read(data)
        except (DecryptionFailed, BadKey, BadSignature, BadPickle):
            return
        # vodozemac authenticates what it understood: a field more, or a zero left out, changes no text; and of the
        # last letter of base64 not every bit counts
        assert found == (sound if kind.startswith("pickled") else TEXT), "it was accepted as something else"

    fuzz(f"crypto-{library}-{kind.replace(' ', '-')}", ROUNDS, lambda decider: flipped(sound, decider), check)


def test_damage_in_the_store_is_found() -> None:
    values = MemoryKeyValues()
    vault = Vault.open(values, KEY)
    sound = vault.sealed("space", "key", dumps({"a": 1}))

    def check(data: bytes) -> None:
        if data == sound:
            return
        with pytest.raises(BadPickle):
            vault.opened("space", "key", data)

    fuzz("crypto-vault", ROUNDS, lambda decider: flipped(sound, decider), check)
    with pytest.raises(BadPickle):
        vault.opened("space", "another key", sound)
    assert loads(vault.opened("space", "key", sound)) == {"a": 1}


def test_a_reader_that_checks_nothing_is_found_out(tmp_path: Path) -> None:
    def check(data: bytes) -> None:
        assert data == TEXT, "it reads as something nobody said"

    with pytest.raises(FuzzFailure):
        fuzz("crypto-control", 10, lambda decider: flipped(TEXT, decider), check, folder=tmp_path)
