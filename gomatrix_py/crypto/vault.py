"""Values of the store under a key of 32 bytes: AES-256-GCM, bound to the place where each value stands."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from ..errors import BadPickle, CryptoUnavailable, UsageError, WrongStoreKey
from ..store.key_values import Change, KeyValueStorer

__all__ = ["KEY_BYTES", "Passphrase", "StoreKey", "Vault", "check_installed"]

KEY_BYTES = 32
SPACE, SALT_SPACE = "vault", "vault.salt"
_NONCE_BYTES = 12
_CHECK = b"gomatrix_py store key"
_PICKLES = "pickles"
_LANES, _MEMORY_KIB, _ROUNDS = 4, 64 * 1024, 3


@attrs.frozen
class Passphrase:
    """A passphrase from which the key of a store is derived (Argon2id, 64 MiB, with a salt kept beside it).

    Raises:
        UsageError: it is empty.
    """

    text: str = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.text:
            raise UsageError("an empty passphrase protects nothing: give one, or a key of 32 random bytes")


StoreKey = bytes | Passphrase
"""What a store's secrets are encrypted under."""


class Vault:
    """Reads and writes values of a store that only the holder of its key can read.

    Args:
        key_values: where they are.
        key: 32 bytes.

    Raises:
        UsageError: the key is not of 32 bytes.
        CryptoUnavailable: the library for it is not installed.
    """

    def __init__(self, key_values: KeyValueStorer, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise UsageError(f"the key of a store has {KEY_BYTES} bytes, not {len(key)}")
        self.key_values = key_values
        self._cipher = _aead(_derived(key, b"values"))
        self.pickle_key = _derived(key, b"pickles")
        self._editions: Counter[str] = Counter()

    @classmethod
    def open(cls, key_values: KeyValueStorer, key: StoreKey) -> Vault:
        """Open a store's secrets, or begin them.

        Args:
            key_values: where they are.
            key: 32 bytes, or a passphrase.

        Raises:
            WrongStoreKey: they were written under another key; nothing was changed.
            UsageError, CryptoUnavailable: see `Vault`.
            StoreError: the store cannot be read or written.
        """
        salt = key_values.get(SALT_SPACE, "salt")
        is_new = key_values.get(SPACE, "check") is None
        if is_new and isinstance(key, Passphrase):
            salt = os.urandom(16)
        vault = cls(key_values, _key_bytes(key, salt))
        if is_new:
            check = Change(SPACE, "check", vault.sealed(SPACE, "check", _CHECK))
            key_values.write([Change(SALT_SPACE, "salt", salt), check])
        else:
            vault._check()
            vault.pickle_key = vault.get(SPACE, _PICKLES) or vault.pickle_key
        return vault

    def _check(self) -> None:
        try:
            is_ours = self.get(SPACE, "check") == _CHECK
        except BadPickle:
            is_ours = False
        if not is_ours:
            raise WrongStoreKey("the store was written under another key; nothing was changed")

    # ------------------------------------------------------------ values

    def sealed(self, space: str, key: str, value: bytes) -> bytes:
        """Return a value as it is stored."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext: bytes = self._cipher.encrypt(nonce, value, _place(space, key))
        return nonce + ciphertext

    def opened(self, space: str, key: str, stored: bytes) -> bytes:
        """Return what was stored as a value.

        Raises:
            BadPickle: it is damaged, or stood somewhere else.
        """
        try:
            value: bytes = self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], _place(space, key))
        except Exception:  # noqa: BLE001 - the library names its error in a module of its own
            raise BadPickle(f"what is stored under {space} is damaged") from None
        return value

    def get(self, space: str, key: str) -> bytes | None:
        """Return a value, or None.

        Raises:
            BadPickle: it is damaged.
        """
        stored = self.key_values.get(space, key)
        return None if stored is None else self.opened(space, key, stored)

    def scan(self, space: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Return the keys that start with `prefix` and their values, in order.

        Raises:
            BadPickle: one of them is damaged.
        """
        for key, stored in self.key_values.scan(space, prefix):
            yield key, self.opened(space, key, stored)

    # ------------------------------------------------------------ how new they are

    def editions(self, spaces: Iterable[str]) -> tuple[int, ...]:
        """Return a number for each space, which is another one whenever something in it may have changed."""
        return tuple(map(self._editions.__getitem__, spaces))

    def note_changed(self, spaces: Iterable[str]) -> None:
        """Note that something in spaces may have changed."""
        self._editions.update(list(spaces))

    # ------------------------------------------------------------ the key

    def change_key(self, key: StoreKey, spaces: Iterable[str]) -> Vault:
        """Write everything under a new key, in one transaction, and return the vault to go on with.

        Args:
            key: the new one.
            spaces: all there are.

        Raises:
            BadPickle: something is damaged; nothing was changed.
            StoreError: nothing was changed.
        """
        salt = os.urandom(16) if isinstance(key, Passphrase) else None
        vault = Vault(self.key_values, _key_bytes(key, salt))
        vault.pickle_key, vault._editions = self.pickle_key, self._editions
        changes = [Change(SALT_SPACE, "salt", salt)]
        for space in (SPACE, *spaces):
            for name, value in self.scan(space):
                changes.append(Change(space, name, vault.sealed(space, name, value)))
        # the pickles in the values stay as they are, under the key that was derived from the first one
        changes.append(Change(SPACE, _PICKLES, vault.sealed(SPACE, _PICKLES, self.pickle_key)))
        self.key_values.write(changes)
        return vault


def _place(space: str, key: str) -> bytes:
    return f"{space}\0{key}".encode("utf-8", "surrogatepass")


def _key_bytes(key: StoreKey, salt: bytes | None) -> bytes:
    if not isinstance(key, Passphrase):
        return key
    if salt is None:
        raise WrongStoreKey("the store was written under a key of bytes, not under a passphrase")
    with _installed():
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        kdf = Argon2id(salt=salt, length=KEY_BYTES, iterations=_ROUNDS, lanes=_LANES, memory_cost=_MEMORY_KIB)
        return kdf.derive(key.text.encode("utf-8", "surrogatepass"))


def _derived(key: bytes, purpose: bytes) -> bytes:
    with _installed():
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), KEY_BYTES, None, b"gomatrix_py " + purpose).derive(key)


def check_installed() -> None:
    """Check that the library for it is installed.

    Raises:
        CryptoUnavailable: it is not.
    """
    _aead(bytes(KEY_BYTES))


def _aead(key: bytes) -> Any:
    with _installed():
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(key)


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise CryptoUnavailable("cryptography is not installed: pip install 'gomatrix_py[crypto]'") from None
