"""Secrets the server keeps encrypted, and the keys to them. Spec: module "Secrets"."""

from __future__ import annotations

from typing import Any

from ...codec import Document

__all__ = [
    "AesHmacSha2EncryptedData",
    "EncryptedSecretContent",
    "SecretPassphrase",
    "SecretStorageDefaultKeyContent",
    "SecretStorageKeyContent",
]


class SecretStorageDefaultKeyContent(Document):
    """Content of ``m.secret_storage.default_key``: the id of the key to use."""

    key: str


class SecretPassphrase(Document):
    """How a key is made of a passphrase; `bits` not said is 256."""

    algorithm: str
    salt: str
    iterations: int
    bits: int | None = None


class SecretStorageKeyContent(Document):
    """Content of ``m.secret_storage.key.[key ID]``; `iv` and `mac` tell a wrong key from the right one."""

    algorithm: str
    name: str | None = None
    passphrase: SecretPassphrase | None = None
    iv: str | None = None
    mac: str | None = None


class AesHmacSha2EncryptedData(Document):
    """A secret encrypted with ``m.secret_storage.v1.aes-hmac-sha2``; all Base64, padded or not."""

    iv: str
    ciphertext: str
    mac: str


class EncryptedSecretContent(Document):
    """Content of a secret in the account data: encrypted forms by key id, as the key's algorithm wants them."""

    encrypted: dict[str, dict[str, Any]]
