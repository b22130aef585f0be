"""What files of room keys are wrapped in. Spec: "Key exports"."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import IO

from ..errors import KeyFileError, UsageError
from .counter_mode import COUNTER_BYTES, AesCounter

__all__ = ["LEAST_ROUNDS", "MOST_ROUNDS", "ROUNDS", "KeyFileWriter", "opened_key_file"]

ROUNDS, LEAST_ROUNDS, MOST_ROUNDS = 500_000, 100_000, 10_000_000
_BEGIN, _END = b"-----BEGIN MEGOLM SESSION DATA-----", b"-----END MEGOLM SESSION DATA-----"
_BEGINS_WITHIN = 1024 * 1024
_PIECE = 64 * 1024
_LINE_BYTES = 72  # 96 letters
_IN_MEMORY = 4 * 1024 * 1024
_VERSION, _SALT_BYTES, _ROUNDS_BYTES, _MAC_BYTES = b"\x01", 16, 4, 32
_HEAD_BYTES = len(_VERSION) + _SALT_BYTES + COUNTER_BYTES + _ROUNDS_BYTES


def _keys(passphrase: bytes, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    """Return the keys for encryption and for the MAC."""
    derived = hashlib.pbkdf2_hmac("sha512", passphrase, salt, rounds, 64)
    return derived[:32], derived[32:]


# ------------------------------------------------------------------ writing


class KeyFileWriter:
    """Encrypts what is written to it, and writes that on; `finish` makes it whole.

    Args:
        file: a binary file.
        passphrase: to encrypt under.
        rounds: how long a guess at the passphrase takes.

    Raises:
        UsageError: the passphrase is empty, or the rounds are too few or too many.
        CryptoUnavailable: the library for it is not installed.
    """

    def __init__(self, file: IO[bytes], passphrase: str, rounds: int = ROUNDS) -> None:
        if not passphrase:
            raise UsageError("an empty passphrase protects nothing")
        if not LEAST_ROUNDS <= rounds <= MOST_ROUNDS:
            raise UsageError(f"rounds must be from {LEAST_ROUNDS} to {MOST_ROUNDS}, not {rounds}")
        salt, start = os.urandom(_SALT_BYTES), bytearray(os.urandom(COUNTER_BYTES))
        start[8] &= 0x7F  # bit 63, so that the counter never turns over
        key, mac_key = _keys(passphrase.encode("utf-8", "surrogatepass"), salt, rounds)
        self._file = file
        self._waiting = b""
        self._cipher = AesCounter(key, bytes(start))
        self._mac = hmac.new(mac_key, digestmod=hashlib.sha256)
        file.write(_BEGIN + b"\n")
        self._put(_VERSION + salt + start + rounds.to_bytes(_ROUNDS_BYTES, "big"))

    def write(self, data: bytes) -> None:
        """Encrypt the next piece."""
        self._put(self._cipher.apply(data))

    def finish(self) -> None:
        """Write the end. What was written before is of no use without it."""
        self._lines(self._mac.digest())
        if self._waiting:
            self._file.write(base64.b64encode(self._waiting) + b"\n")
        self._file.write(_END + b"\n")

    def _put(self, data: bytes) -> None:
        self._mac.update(data)
        self._lines(data)

    def _lines(self, data: bytes) -> None:
        self._waiting += data
        whole = len(self._waiting) - len(self._waiting) % _LINE_BYTES
        for at in range(0, whole, _LINE_BYTES):
            self._file.write(base64.b64encode(self._waiting[at : at + _LINE_BYTES]) + b"\n")
        self._waiting = self._waiting[whole:]


# ------------------------------------------------------------------ reading


@contextlib.contextmanager
def opened_key_file(source: IO[bytes], passphrase: str) -> Iterator[Callable[[], Iterator[bytes]]]:
    """Check a whole file, and yield what returns its plaintext in pieces, as often as needed.

    What was checked is kept in a temporary file, still encrypted: nobody can change it in between.

    Args:
        source: a binary file, read from where it stands to its end.
        passphrase: it was encrypted under.

    Raises:
        KeyFileError: it is no such file, it is damaged, or the passphrase is wrong.
        CryptoUnavailable: the library for it is not installed.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        for piece in _decoded(source):
            spool.write(piece)
        length = spool.tell() - _HEAD_BYTES - _MAC_BYTES
        spool.seek(0)
        head = spool.read(_HEAD_BYTES)
        if head[:1] not in (b"", _VERSION):
            raise KeyFileError(f"the file has version {head[0]}; there is only 1")
        if length < 0:
            raise KeyFileError("the file of room keys is too short")
        key = _checked_key(spool, head, length, passphrase)
        start = head[len(_VERSION) + _SALT_BYTES :][:COUNTER_BYTES]

        def plaintext() -> Iterator[bytes]:
            cipher = AesCounter(key, start)
            spool.seek(_HEAD_BYTES)
            return map(cipher.apply, _pieces(spool, length))

        yield plaintext


def _checked_key(spool: IO[bytes], head: bytes, length: int, passphrase: str) -> bytes:
    rounds = int.from_bytes(head[-_ROUNDS_BYTES:], "big")
    if not 1 <= rounds <= MOST_ROUNDS:
        raise KeyFileError(f"the file asks for {rounds} rounds of PBKDF2; 1 to {MOST_ROUNDS} are taken")
    for secret in _as_bytes(passphrase):
        key, mac_key = _keys(secret, head[len(_VERSION) :][:_SALT_BYTES], rounds)
        mac = hmac.new(mac_key, head, hashlib.sha256)
        spool.seek(_HEAD_BYTES)
        for piece in _pieces(spool, length):
            mac.update(piece)
        if hmac.compare_digest(mac.digest(), spool.read(_MAC_BYTES)):
            return key
    raise KeyFileError("the passphrase is wrong, or the file of room keys is damaged")


def _as_bytes(passphrase: str) -> list[bytes]:
    """Return the bytes a passphrase may stand for: matrix-nio reads it as Latin-1 where it can."""
    found = [passphrase.encode("utf-8", "surrogatepass")]
    if not passphrase.isascii():
        with contextlib.suppress(UnicodeEncodeError):
            found.append(passphrase.encode("latin-1"))
    return found


def _pieces(file: IO[bytes], length: int) -> Iterator[bytes]:
    while length > 0:
        piece = file.read(min(_PIECE, length))
        if not piece:
            raise KeyFileError("the file of room keys became shorter while it was read")
        length -= len(piece)
        yield piece


def _decoded(source: IO[bytes]) -> Iterator[bytes]:
    waiting = b""
    for piece in _letters(source):
        waiting += piece
        whole = max(0, len(waiting) - 1) // 4 * 4  # the last four may be padded
        yield _bytes(waiting[:whole], is_end=False)
        waiting = waiting[whole:]
    yield _bytes(waiting, is_end=True)


def _bytes(letters: bytes, *, is_end: bool) -> bytes:
    if is_end:
        letters = letters.rstrip(b"=")
        letters += b"=" * (-len(letters) % 4)
    elif b"=" in letters:
        raise KeyFileError("what is between the first and the last line is no base64")
    try:
        return base64.b64decode(letters, validate=True)
    except (binascii.Error, ValueError):
        raise KeyFileError("what is between the first and the last line is no base64") from None


def _letters(source: IO[bytes]) -> Iterator[bytes]:
    """Return what is between the first and the last line, without blanks; it may all be one line."""
    piece = _after_begin(source)
    while True:
        body, dash, _ = piece.partition(b"-")
        yield body.translate(None, b" \t\r\n")
        if dash:
            break
        piece = _read(source)
        if not piece:
            raise KeyFileError("the file of room keys has no last line: it is not whole")
    end = piece[len(body) :]
    while len(end) < len(_END) and (more := _read(source)):
        end += more
    if not end.startswith(_END):
        raise KeyFileError("the file of room keys has no last line: it is not whole")


def _after_begin(source: IO[bytes]) -> bytes:
    seen = b""
    while _BEGIN not in seen:
        piece = _read(source)
        if not piece or len(seen) > _BEGINS_WITHIN:
            raise KeyFileError("it is no file of room keys: its first line is missing")
        seen += piece
    return seen.partition(_BEGIN)[2]


def _read(source: IO[bytes]) -> bytes:
    piece = source.read(_PIECE)
    if not isinstance(piece, bytes):
        raise UsageError("the file must be opened in binary mode")
    return piece
