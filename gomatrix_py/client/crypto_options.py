"""`Crypto`: how a client encrypts, and what its store is locked with."""

from __future__ import annotations

import os
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from ..crypto.backend import BackendName
from ..crypto.olm import HEARTBEAT_AFTER
from ..crypto.trust import TrustPolicy
from ..crypto.vault import KEY_BYTES, Passphrase, StoreKey
from ..errors import UsageError
from ..store import InMemoryStore
from .saved_sessions import store_key_from_keyring

__all__ = ["Crypto"]

_KEYS_IN_MEMORY: WeakKeyDictionary[InMemoryStore, bytes] = WeakKeyDictionary()


@attrs.frozen
class Crypto:
    """How a client encrypts.

    Attributes:
        key: what the store's secrets are encrypted under: 32 bytes, or a passphrase as text. A store in memory
            needs none.
        trust: who may read what is sent; `TrustOnFirstUse` where it is None.
        refuses_distrusted: True leaves closed what was written by devices that the policy distrusts: listeners get
            the encrypted event, whose `encryption.error` is `SenderDistrusted`. Otherwise it is opened as any other,
            and marked: `encryption.trust` is `Trust.DISTRUSTED`.
        heartbeat_after: how many messages between devices one may send us without an answer before it gets an empty
            one, so that the keys of their session move on.
        library: "vodozemac" or "olm"; vodozemac where both are installed.

    Raises:
        UsageError: the key is neither, or a number is below 1.
    """

    key: StoreKey | str | None = attrs.field(default=None, repr=False)
    trust: TrustPolicy | None = None
    library: BackendName | None = None
    refuses_distrusted: bool = attrs.field(default=False, kw_only=True)
    heartbeat_after: int = attrs.field(default=HEARTBEAT_AFTER, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.heartbeat_after < 1:
            raise UsageError(f"an answer after {self.heartbeat_after} messages is none: give 1 or more")
        if isinstance(self.key, (bytes, bytearray)):
            if len(self.key) != KEY_BYTES:
                raise UsageError(f"the key of a store has {KEY_BYTES} bytes, not {len(self.key)}")
        elif isinstance(self.key, str):
            Passphrase(self.key)
        elif self.key is not None and not isinstance(self.key, Passphrase):
            raise UsageError(
                f"the key of a store is {KEY_BYTES} bytes or a passphrase, not {type(self.key).__name__}"
            )

    @classmethod
    def with_keyring(cls, name: str, **options: Any) -> Crypto:
        """Return options whose key is kept by the system's keyring; it is made where there is none.

        Args:
            name: under which the keyring keeps it, such as ``my bot's store``.
            options: the other attributes.

        Raises:
            UsageError: the keyring package is not installed.
            SessionError: the keyring cannot be used.
        """
        return cls(store_key_from_keyring(name), **options)

    def store_key(self, store: object) -> StoreKey:
        """Return the key for a store.

        Raises:
            UsageError: the store outlives the process, and no key was given.
        """
        if isinstance(self.key, str):
            return Passphrase(self.key)
        if self.key is not None:
            return self.key
        if isinstance(store, InMemoryStore):
            return _KEYS_IN_MEMORY.setdefault(store, os.urandom(KEY_BYTES))
        raise UsageError("a store that outlives the process needs a key: Crypto(key=…), 32 bytes or a passphrase")
