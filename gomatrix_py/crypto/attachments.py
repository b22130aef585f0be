"""Files that only the receivers of a message can read. Spec: "Sending encrypted attachments"."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import attrs

from ..errors import AttachmentError, UsageError
from ..events.contents.encrypted_file import EncryptedFile, JsonWebKey
from ..media.arrival import appearing_whole
from .counter_mode import COUNTER_BYTES, AesCounter

__all__ = ["EncryptingReader", "decrypt_to", "decrypt_unchecked"]

_KEY_BYTES, _HASH_BYTES = 32, 32
_PIECE = 64 * 1024
_IN_MEMORY = 1024 * 1024


def _unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


class EncryptingReader:
    """A file as it is uploaded: encrypted while it is read, once, under a key of its own.

    It cannot be wound back. What is to be uploaded again after a failure must be kept as it was read: the same
    key must never meet a file that changed meanwhile.

    Args:
        file: a binary file, read from where it stands.

    Raises:
        CryptoUnavailable: the library for it is not installed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._key = os.urandom(_KEY_BYTES)
        self._start = os.urandom(COUNTER_BYTES // 2) + bytes(COUNTER_BYTES // 2)
        self._cipher = AesCounter(self._key, self._start)
        self._hash = hashlib.sha256()
        self._has_ended = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the ciphertext; b"" at its end.

        Args:
            size: how many at most, below zero for all.

        Raises:
            UsageError: the file is not opened in binary mode.
        """
        plain = self._file.read() if size is None or size < 0 else self._file.read(size)
        if not isinstance(plain, bytes):
            raise UsageError("the file must be opened in binary mode")
        self._has_ended = size is None or size < 0 or (size > 0 and not plain)
        ciphertext = self._cipher.apply(plain)
        self._hash.update(ciphertext)
        return ciphertext

    def file_info(self, url: str) -> EncryptedFile:
        """Return what the receivers must know. A secret.

        Args:
            url: where the ciphertext was uploaded to.

        Raises:
            UsageError: the file was not read to its end.
        """
        if not self._has_ended:
            raise UsageError("the file was not read to its end")
        k = base64.urlsafe_b64encode(self._key).decode().rstrip("=")
        return EncryptedFile(
            url=url,
            key=JsonWebKey(kty="oct", key_ops=["encrypt", "decrypt"], alg="A256CTR", k=k, ext=True),
            iv=_unpadded(self._start),
            hashes={"sha256": _unpadded(self._hash.digest())},
            v="v2",
        )


# ------------------------------------------------------------------ reading


@attrs.frozen
class _Opening:
    """What it takes to read a file, checked."""

    key: bytes = attrs.field(repr=False)
    start: bytes
    sha256: bytes

    @classmethod
    def of(cls, file: EncryptedFile) -> _Opening:
        if file.v != "v2":
            raise AttachmentError(f"the file is encrypted in the way {file.v!r}; there is only 'v2'")
        if (file.key.kty, file.key.alg) != ("oct", "A256CTR"):
            raise AttachmentError(f"the file is encrypted with {file.key.alg!r}; there is only 'A256CTR'")
        sha256 = file.hashes.get("sha256")
        if not isinstance(sha256, str):
            raise AttachmentError("the message does not tell the SHA-256 of its file")
        return cls(
            _exactly(_KEY_BYTES, file.key.k, "key"),
            _exactly(COUNTER_BYTES, file.iv, "initialisation vector"),
            _exactly(_HASH_BYTES, sha256, "SHA-256"),
        )


def _exactly(count: int, text: str, what: str) -> bytes:
    """Return the bytes of a text in either alphabet of Base64, padded or not."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != count:
        raise AttachmentError(f"the {what} of the file is none")
    return data


def decrypt_to(ciphertext: IO[bytes], file: EncryptedFile, to: str | os.PathLike[str] | IO[bytes]) -> int:
    """Decrypt a file, and return how many bytes it has. Nothing of it is seen before its hash was checked.

    Args:
        ciphertext: a binary file, read once, from where it stands to its end.
        file: what the message tells of it.
        to: a path, which appears when the file is whole and only its owner may read; or a binary file object,
            for which the plaintext waits in a temporary file.

    Raises:
        AttachmentError: the ciphertext is not the one the message tells of, or it does not tell how to read it;
            nothing was written.
        CryptoUnavailable: the library for it is not installed.
        OSError: the file cannot be written; nothing changed at the path.

    Spec: "Sending encrypted attachments".
    """
    if isinstance(to, (str, os.PathLike)):
        with appearing_whole(Path(to)) as whole:
            return decrypt_unchecked(ciphertext, file, whole)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        size = decrypt_unchecked(ciphertext, file, spool)
        spool.seek(0)
        shutil.copyfileobj(spool, to, _PIECE)
        return size


def decrypt_unchecked(ciphertext: IO[bytes], file: EncryptedFile, plaintext: IO[bytes]) -> int:
    """Decrypt into a file that nobody looks at before this returns: the hash is known only at the end.

    Args:
        ciphertext: a binary file, read once, from where it stands to its end.
        file: what the message tells of it.
        plaintext: a binary file; throw it away where this raises.

    Returns:
        How many bytes it has.

    Raises:
        AttachmentError, CryptoUnavailable, OSError: see `decrypt_to`.
    """
    opening = _Opening.of(file)
    cipher, seen, size = AesCounter(opening.key, opening.start), hashlib.sha256(), 0
    while piece := ciphertext.read(_PIECE):
        seen.update(piece)
        plaintext.write(cipher.apply(piece))
        size += len(piece)
    if not hmac.compare_digest(seen.digest(), opening.sha256):
        raise AttachmentError("the file does not have the hash that the message tells: it was changed on its way")
    return size
