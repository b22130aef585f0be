"""AES-256 in counter mode, as files are encrypted with it."""

from __future__ import annotations

from typing import Any

from ..errors import CryptoUnavailable

__all__ = ["COUNTER_BYTES", "AesCounter"]

COUNTER_BYTES = 16
_TURNS_AT = 2**64


class AesCounter:
    """Encrypts or decrypts a stream, piece by piece; both are the same.

    Only the low 64 bits count, as in browsers. Who writes sees to it that they never turn over, because libraries
    differ about the bits above them.

    Args:
        key: 32 bytes.
        start: the counter of the first block, 16 bytes.

    Raises:
        CryptoUnavailable: the library for it is not installed.
    """

    def __init__(self, key: bytes, start: bytes) -> None:
        self._key = key
        self._high = start[:8]
        self._left = (_TURNS_AT - int.from_bytes(start[8:], "big")) * COUNTER_BYTES
        self._cipher = _cipher(key, start)

    def apply(self, data: bytes) -> bytes:
        """Return the next piece encrypted, or decrypted."""
        if len(data) <= self._left:
            self._left -= len(data)
            return bytes(self._cipher.update(data))
        before, after = data[: self._left], data[self._left :]
        done = self.apply(before)
        self._left = _TURNS_AT * COUNTER_BYTES
        self._cipher = _cipher(self._key, self._high + bytes(8))
        return done + self.apply(after)


def _cipher(key: bytes, start: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError:
        raise CryptoUnavailable("cryptography is not installed: pip install 'gomatrix_py[crypto]'") from None
    return Cipher(algorithms.AES(key), modes.CTR(start)).encryptor()
