"""Where an encrypted file is, and how it is read. Spec: module "End-to-end encryption", EncryptedFile."""

from __future__ import annotations

from ...codec import Document, field, secret

__all__ = ["EncryptedFile", "JsonWebKey"]


class JsonWebKey(Document):
    """The key of one file: `k` is URL-safe unpadded Base64 and never shown."""

    kty: str
    alg: str
    k: str = secret()
    key_ops: list[str] = field(factory=lambda: ["encrypt", "decrypt"])
    ext: bool = True


class EncryptedFile(Document):
    """A file that was encrypted before it was uploaded; the hashes are of what was uploaded."""

    url: str
    key: JsonWebKey
    iv: str
    hashes: dict[str, str]
    v: str
