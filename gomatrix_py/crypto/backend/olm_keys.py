"""How libolm's Python binding is given keys of bytes: it takes text."""

from __future__ import annotations

import base64

__all__ = ["migration_key", "passphrase"]


def passphrase(key: bytes) -> str:
    """Return the text that stands for a key; every key has one of its own."""
    return base64.b64encode(key).decode()


def migration_key(key: bytes) -> bytes:
    """Return the key under which vodozemac reads what libolm pickled under `key`."""
    return passphrase(key).encode()
