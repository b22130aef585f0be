"""What files of room keys are wrapped in: vectors of other clients, and hostile files."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import tracemalloc
from collections.abc import Iterator
from typing import Any, cast

import pytest

from gomatrix_py.codec import dumps, loads
from gomatrix_py.crypto import key_file_format
from gomatrix_py.crypto.array_entries import array_entries
from gomatrix_py.crypto.key_file_format import LEAST_ROUNDS, KeyFileWriter, opened_key_file
from gomatrix_py.errors import DecodeError, KeyFileError, UsageError
from tests.kit.key_file_samples import FEW, PASSPHRASE, plaintext_of, sealed, wrapped

ALPHANUMERIC = "alphanumerically" * 4
VECTORS = [
    pytest.param(
        "plain",
        "password",
        "AXNhbHRzYWx0c2FsdHNhbHSIiIiIiIiIiIiIiIiIiIiIAAAACmIRUW2OjZ3L2l6j9h0lHlV3M2dx\ncissyYBxjsfsAndErh065A8=",
        id="plain",
    ),
    pytest.param(
        "Hello, World",
        "betterpassword",
        "AW1vcmVzYWx0bW9yZXNhbHT//////////wAAAAAAAAAAAAAD6KyBpe1Niv5M5NPm4ZATsJo5nghk\nKYu63a0YQ5DRhUWEKk7CcMkrKnAUiZny",
        id="short",
    ),
    pytest.param(
        ALPHANUMERIC,
        "SWORDFISH",
        "AXllc3NhbHR5Z29vZG5lc3P//////////wAAAAAAAAAAAAAD6OIW+Je7gwvjd4kYrb+49gKCfExw\nMgJBMD4mrhLkmgAngwR1pHjbWXaoGybtiAYr0moQ93GrBQsCzPbvl82rZhaXO3iH5uHo/RCEpOqp\nPgg29363BGR+/Ripq/VCLKGNbw==",
        id="double padded",
    ),
    pytest.param(
        ALPHANUMERIC,
        "password" * 32,
        "Af//////////////////////////////////////////AAAD6IAZJy7IQ7Y0idqSw/bmpngEEVVh\ngsH+8ptgqxw6ZVWQnohr8JsuwH9SwGtiebZuBu5smPCO+RFVWH2cQYslZijXv/BEH/txvhUrrtCd\nbWnSXS9oymiqwUIGs08sXI33ZA==",
        id="a counter that turns over",
    ),
]


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes guessing slow makes tests slow."""
    monkeypatch.setattr(key_file_format, "LEAST_ROUNDS", FEW)


# ------------------------------------------------------------------ the format


@pytest.mark.parametrize(("plain", "passphrase", "body"), VECTORS)
def test_files_of_other_clients_are_read(plain: str, passphrase: str, body: str) -> None:
    assert plaintext_of(wrapped(body), passphrase) == plain.encode()
    one_line = body.replace("\n", "").rstrip("=")  # as matrix-nio writes it
    assert plaintext_of(wrapped(one_line), passphrase) == plain.encode()
    with_more = b"made by a client\r\n" + wrapped(body).replace(b"\n", b"\r\n") + b"\r\nthe end"
    assert plaintext_of(with_more, passphrase) == plain.encode()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 71, 72, 73, 65_535, 65_536, 200_001])
def test_what_is_written_is_read(size: int) -> None:
    plain = os.urandom(size)
    file = sealed(plain, "passphrase ☃")
    assert plaintext_of(file.getvalue(), "passphrase ☃") == plain
    first, *body, last = file.getvalue().splitlines()
    assert (first, last) == (b"-----BEGIN MEGOLM SESSION DATA-----", b"-----END MEGOLM SESSION DATA-----")
    assert {len(line) for line in body[:-1]} <= {96}
    data = base64.b64decode(b"".join(body))
    assert data[0] == 1
    assert not data[25] & 0x80, "bit 63 of the counter"
    assert int.from_bytes(data[33:37], "big") == FEW


def test_two_files_share_nothing() -> None:
    first, second = (base64.b64decode(b"".join(sealed(b"[]").getvalue().splitlines()[1:-1])) for _ in range(2))
    assert first[1:17] != second[1:17]
    assert first[17:33] != second[17:33]


def by_hand(passphrase: bytes, rounds: int, *, version: int = 1, plain: bytes = b"") -> bytes:
    """A file that holds nothing, whatever the rounds it asks for."""
    head = bytes([version]) + bytes(32) + rounds.to_bytes(4, "big") + plain
    keys = hashlib.pbkdf2_hmac("sha512", passphrase, bytes(16), rounds if 0 < rounds < 10**6 else 1, 64)
    mac = hmac.new(keys[32:], head, hashlib.sha256).digest()
    return wrapped(base64.b64encode(head + mac).decode())


def test_a_passphrase_that_nio_reads_as_latin_1() -> None:
    assert plaintext_of(by_hand("é".encode("latin-1"), 10), "é") == b""
    assert plaintext_of(by_hand("é".encode(), 10), "é") == b""


@pytest.mark.parametrize("rounds", [0, 10_000_001, 2**31, 2**32 - 1])
def test_rounds_that_would_never_end_are_refused(rounds: int) -> None:
    with pytest.raises(KeyFileError, match=f"{rounds} rounds"):
        plaintext_of(by_hand(b"x", rounds), "x")
    assert plaintext_of(by_hand(b"x", 1), "x") == b""


def test_another_version_is_refused() -> None:
    with pytest.raises(KeyFileError, match="version 2"):
        plaintext_of(by_hand(b"x", 1, version=2), "x")


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        (b"", "first line"),
        (b"-----", "first line"),
        (b"x" * 2_000_000, "first line"),
        (b"-----BEGIN MEGOLM SESSION DATA-----\n-----", "last line"),
        (b"-----BEGIN MEGOLM SESSION DATA-----\nAAAA", "last line"),
        (b"-----BEGIN MEGOLM SESSION DATA-----\nAAAA\n-----END PGP MESSAGE-----" + b" " * 40, "last line"),
        (wrapped(""), "too short"),
        (
            wrapped("AXNhbHRzYWx0c2FsdHNhbHSIiIiIiIiIiIiIiIiIiIiIAAAACmIRUW2OjZ3L2l6j9h0lHlV3M2dxcissyYBxjsfsAn"),
            "short",
        ),
        (wrapped("A===" * 30), "no base64"),
        (wrapped("AAA=AAAA" * 30), "no base64"),
        (wrapped("A?AA" * 30), "no base64"),
        (wrapped("A" * 81), "no base64"),
    ],
)
def test_what_is_no_key_file_is_refused(file: bytes, complaint: str) -> None:
    with pytest.raises(KeyFileError, match=complaint):
        plaintext_of(file, "password")


def test_every_flipped_bit_is_noticed() -> None:
    data = bytearray(base64.b64decode(b"".join(by_hand(b"x", 1, plain=b"[{}]").splitlines()[1:-1])))
    for at in [at for at in range(len(data)) if at not in (33, 34, 35)]:  # asking for more rounds only takes long
        for bit in (0, 7):
            data[at] ^= 1 << bit
            with pytest.raises(KeyFileError):
                plaintext_of(wrapped(base64.b64encode(data).decode()), "x")
            data[at] ^= 1 << bit
    assert len(plaintext_of(wrapped(base64.b64encode(data).decode()), "x")) == 4


@pytest.mark.parametrize(("passphrase", "rounds"), [("", 500_000), ("x", 99_999), ("x", 10_000_001), ("x", -1)])
def test_a_file_that_protects_nothing_is_not_written(
    passphrase: str, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file_format, "LEAST_ROUNDS", LEAST_ROUNDS)
    assert (LEAST_ROUNDS, key_file_format.ROUNDS) == (100_000, 500_000)
    file = io.BytesIO()
    with pytest.raises(UsageError):
        KeyFileWriter(file, passphrase, rounds)
    assert file.getvalue() == b""


# ------------------------------------------------------------------ arrays of any size

ARRAYS = [
    b"[]",
    b" [ ]\n",
    b"[1]",
    b'[{"a":"]},\\"["}, [1, [2]] ,"x,y" , null]',
    b'["\\\\", {"a": {"b": []}}]',
    b"[1,2,3]",
]


@pytest.mark.parametrize("text", ARRAYS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_arrays_are_cut_at_their_commas(text: bytes, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [loads(one) for one in array_entries(pieces)] == loads(text)


@pytest.mark.parametrize(
    "text", [b"", b" ", b"{}", b"null", b"[", b"[1", b'["]', b"[1,", b"[]]", b"[] x", b"[[]", b"[" * 1_200_000]
)
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(DecodeError):
        list(array_entries(text[at : at + 65_536] for at in range(0, len(text), 65_536)))


def test_an_entry_without_an_end_is_not_held() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'["'
        while True:
            taken += 1
            yield b"x" * 65_536

    with pytest.raises(DecodeError, match="larger"):
        list(array_entries(endless()))
    assert taken < 20


class _Pipe(io.RawIOBase):
    """A file of many megabytes that is made while it is read, and cannot seek."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


class _Counted(io.RawIOBase):
    """A file that forgets what is written to it."""

    size = 0

    def write(self, data: Any) -> int:
        self.size += len(data)
        return len(data)


def test_the_format_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file_format, "_IN_MEMORY", 64 * 1024)
    piece = dumps({"filler": "x" * 60_000}) + b","
    body = io.BytesIO()
    writer = KeyFileWriter(body, PASSPHRASE, FEW)
    writer.write(b"[" + piece * 40 + b"{}]")
    writer.finish()
    text = body.getvalue()
    lines = iter([text[at : at + 60_000] for at in range(0, len(text), 60_000)])
    del body, writer
    tracemalloc.start()
    try:
        with opened_key_file(cast("io.BytesIO", _Pipe(lines)), PASSPHRASE) as plaintext:
            assert sum(1 for _ in array_entries(plaintext())) == 41
        counted = _Counted()
        writer = KeyFileWriter(cast("io.BytesIO", counted), PASSPHRASE, FEW)
        for _ in range(40):
            writer.write(piece)
        writer.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counted.size > 2_400_000
    assert peak < 1_000_000
