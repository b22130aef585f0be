"""Files of room keys, made quickly."""

from __future__ import annotations

import io
from typing import Any

from gomatrix_py.codec import dumps
from gomatrix_py.crypto.key_file_format import KeyFileWriter, opened_key_file

__all__ = ["FEW", "PASSPHRASE", "file_of", "plaintext_of", "sealed", "wrapped"]

PASSPHRASE = "a passphrase"
FEW = 10
"""Rounds; a test that uses them lets `LEAST_ROUNDS` be as few."""


def wrapped(body: str) -> bytes:
    return f"-----BEGIN MEGOLM SESSION DATA-----\n{body}\n-----END MEGOLM SESSION DATA-----".encode()


def plaintext_of(file: bytes, passphrase: str) -> bytes:
    with opened_key_file(io.BytesIO(file), passphrase) as plaintext:
        return b"".join(plaintext())


def sealed(plaintext: bytes, passphrase: str = PASSPHRASE) -> io.BytesIO:
    file = io.BytesIO()
    writer = KeyFileWriter(file, passphrase, FEW)
    writer.write(plaintext)
    writer.finish()
    file.seek(0)
    return file


def file_of(entries: Any) -> io.BytesIO:
    return sealed(dumps(entries))
