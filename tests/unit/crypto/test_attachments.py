"""Encrypted files: vectors of other clients, fresh keys, and nothing of a file that was changed on its way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import stat
import tracemalloc
from pathlib import Path
from typing import Any, cast

import pytest

from gomatrix_py.codec import structure, unstructure
from gomatrix_py.crypto.attachments import EncryptingReader, decrypt_to, decrypt_unchecked
from gomatrix_py.crypto.counter_mode import AesCounter
from gomatrix_py.errors import AttachmentError, DecodeError, UsageError
from gomatrix_py.events.contents.encrypted_file import EncryptedFile

URL = "mxc://server.example/1"
ONES = "__________________________________________8"
VECTORS = [
    pytest.param("", "A" * 22, "A" * 43, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "", id="empty"),
    pytest.param(
        "5xJZTt5cQicm+9f4",
        "//////////8AAAAAAAAAAA",
        ONES,
        "YzF08lARDdOCzJpzuSwsjTNlQc4pHxpdHcXiD/wpK6k",
        "SGVsbG8sIFdvcmxk",
        id="short",
    ),
    pytest.param(
        "zhtFStAeFx0s+9L/sSQO+WQMtldqYEHqTxMduJrCIpnkyer09kxJJuA4K+adQE4w+7jZe/vR9kIcqj9rOhDR8Q",
        "//////////8AAAAAAAAAAA",
        ONES,
        "IOq7/dHHB+mfHfxlRY5XMeCWEwTPmlf4cJcgrkf6fVU",
        "YWxwaGFudW1lcmljYWxseWFscGhhbnVtZXJpY2FsbHlhbHBoYW51bWVyaWNhbGx5YWxwaGFudW1lcmljYWxseQ",
        id="four blocks",
    ),
]


def decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


def encrypted(plain: bytes) -> tuple[bytes, EncryptedFile]:
    reader = EncryptingReader(io.BytesIO(plain))
    return reader.read(), reader.file_info(URL)


def changed(info: EncryptedFile, **changes: Any) -> EncryptedFile:
    """What a message tells, with members changed as they would come."""
    told = unstructure(info)
    for name, value in changes.items():
        holder = told["key"] if name in ("k", "kty", "alg") else told
        holder[name] = value
    return structure(told, EncryptedFile)


# ------------------------------------------------------------------ what is made


@pytest.mark.parametrize(("ciphertext", "iv", "k", "sha256", "plain"), VECTORS)
def test_files_of_other_clients_are_read(ciphertext: str, iv: str, k: str, sha256: str, plain: str) -> None:
    key = {"kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": k, "ext": True}
    info = structure({"v": "v2", "url": URL, "key": key, "iv": iv, "hashes": {"sha256": sha256}}, EncryptedFile)
    out = io.BytesIO()
    assert decrypt_to(io.BytesIO(decoded(ciphertext)), info, out) == len(decoded(plain))
    assert out.getvalue() == decoded(plain)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 65_535, 65_536, 200_001])
@pytest.mark.parametrize("at_once", [-1, 1000, 65_536])
def test_what_was_encrypted_is_read(size: int, at_once: int) -> None:
    plain = os.urandom(size)
    reader = EncryptingReader(io.BytesIO(plain))
    ciphertext = b"".join(iter(lambda: reader.read(at_once), b""))
    info = reader.file_info(URL)
    assert len(ciphertext) == size
    assert size < 16 or ciphertext != plain
    assert decoded(info.hashes["sha256"]) == hashlib.sha256(ciphertext).digest()
    out = io.BytesIO()
    assert decrypt_to(io.BytesIO(ciphertext), info, out) == size
    assert out.getvalue() == plain


def test_what_the_message_tells() -> None:
    _, info = encrypted(b"some bytes")
    told = unstructure(info)
    assert told == {
        "url": URL,
        "v": "v2",
        "key": {"kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": info.key.k, "ext": True},
        "iv": info.iv,
        "hashes": info.hashes,
    }
    assert len(base64.urlsafe_b64decode(info.key.k + "=")) == 32
    assert decoded(info.iv)[8:] == bytes(8)
    assert "=" not in info.key.k + info.iv + info.hashes["sha256"]
    assert info.key.k not in repr(info)


def test_no_key_and_no_start_comes_twice() -> None:
    infos = [encrypted(b"the same")[1] for _ in range(2000)]
    assert len({info.key.k for info in infos}) == len({info.iv for info in infos}) == 2000


def test_a_key_that_came_twice_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of the test above."""
    monkeypatch.setattr(os, "urandom", bytes)
    assert len({encrypted(b"the same")[1].key.k for _ in range(2)}) == 1


def test_nothing_is_told_of_a_file_that_was_not_read() -> None:
    reader = EncryptingReader(io.BytesIO(b"x" * 10))
    for size in (5, 0, 5):
        reader.read(size)
        with pytest.raises(UsageError, match="to its end"):
            reader.file_info(URL)
    assert reader.read(5) == b""
    assert reader.file_info(URL).url == URL


def test_a_text_file_is_refused() -> None:
    with pytest.raises(UsageError, match="binary"):
        EncryptingReader(cast("Any", io.StringIO("text"))).read()


def test_the_counter_turns_over_below_its_upper_half() -> None:
    key, high = os.urandom(32), os.urandom(8)
    plain = os.urandom(100)
    last = AesCounter(key, high + b"\xff" * 8).apply(plain[:16])
    first = AesCounter(key, high + bytes(8)).apply(plain[16:])
    for cut in (1, 16, 40):
        counter = AesCounter(key, high + b"\xff" * 8)
        assert counter.apply(plain[:cut]) + counter.apply(plain[cut:]) == last + first


# ------------------------------------------------------------------ what was changed on its way

CHANGES: list[dict[str, Any]] = [
    {"v": "v1"},
    {"v": "v3"},
    {"v": ""},
    {"hashes": {}},
    {"hashes": {"sha512": "AAAA"}},
    {"hashes": {"sha256": 3}},
    {"hashes": {"sha256": ""}},
    {"hashes": {"sha256": "?" * 43}},
    {"hashes": {"sha256": "A" * 43}},
    {"iv": ""},
    {"iv": "AAAA"},
    {"iv": "A" * 44},
    {"k": ""},
    {"k": "A" * 22},
    {"k": "A" * 44 + "A"},
    {"k": "ÿ" * 43},
    {"alg": "A256GCM"},
    {"alg": ""},
    {"kty": "RSA"},
]


@pytest.mark.parametrize("change", CHANGES, ids=repr)
def test_a_message_that_does_not_tell_enough(change: dict[str, Any], tmp_path: Path) -> None:
    ciphertext, info = encrypted(b"secret")
    _nothing_comes_of(ciphertext, changed(info, **change), tmp_path)


@pytest.mark.parametrize("size", [1, 100, 200_000])
@pytest.mark.parametrize("damage", ["flipped at the front", "flipped at the end", "shorter", "longer", "empty"])
def test_a_file_that_was_changed(size: int, damage: str, tmp_path: Path) -> None:
    ciphertext, info = encrypted(os.urandom(size))
    hurt = {
        "flipped at the front": bytes([ciphertext[0] ^ 1]) + ciphertext[1:],
        "flipped at the end": ciphertext[:-1] + bytes([ciphertext[-1] ^ 128]),
        "shorter": ciphertext[:-1],
        "longer": ciphertext + b"\0",
        "empty": b"",
    }[damage]
    _nothing_comes_of(hurt, info, tmp_path)


def _nothing_comes_of(ciphertext: bytes, info: EncryptedFile, folder: Path) -> None:
    (folder / "old").write_bytes(b"before")
    out = io.BytesIO(b"untouched")
    for to in (out, folder / "new", folder / "old"):
        with pytest.raises(AttachmentError) as failed:
            decrypt_to(io.BytesIO(ciphertext), info, to)
        assert not info.key.k or info.key.k not in str(failed.value)
    assert out.getvalue() == b"untouched"
    assert [(one.name, one.read_bytes()) for one in folder.iterdir()] == [("old", b"before")]


def test_what_is_not_checked_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of the tests above: without the comparison, the changed file is there."""
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: True)
    ciphertext, info = encrypted(b"secret")
    with pytest.raises(pytest.fail.Exception):
        _nothing_comes_of(bytes([ciphertext[0] ^ 1]) + ciphertext[1:], info, tmp_path)


# ------------------------------------------------------------------ where it goes


def test_a_path_appears_when_the_file_is_whole(tmp_path: Path) -> None:
    ciphertext, info = encrypted(b"secret" * 100_000)
    path = tmp_path / "file"
    seen: list[list[str]] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            seen.append([one.name for one in tmp_path.iterdir() if not one.name.startswith(".")])
            return super().read(size)

    assert decrypt_to(Watched(ciphertext), info, str(path)) == 600_000
    assert path.read_bytes() == b"secret" * 100_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert seen
    assert not any(seen)


def test_padding_and_either_alphabet_are_taken() -> None:
    ciphertext, info = encrypted(b"secret")
    padded = changed(
        info,
        hashes={"sha256": info.hashes["sha256"] + "="},
        iv=info.iv.replace("+", "-").replace("/", "_") + "==",
        k=info.key.k.replace("-", "+").replace("_", "/") + "=",
    )
    out = io.BytesIO()
    decrypt_to(io.BytesIO(ciphertext), padded, out)
    assert out.getvalue() == b"secret"


@pytest.mark.parametrize("name", ["url", "key", "iv", "hashes", "v"])
def test_a_description_that_lacks_a_member_is_none(name: str) -> None:
    told = unstructure(encrypted(b"secret")[1])
    del told[name]
    with pytest.raises(DecodeError):
        structure(told, EncryptedFile)


class _Endless(io.RawIOBase):
    """Megabytes that are made while they are read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        size = min(self.left, size)
        self.left -= size
        return bytes(size)


def test_files_take_no_memory() -> None:
    size = 20_000_000
    tracemalloc.start()
    try:
        reader = EncryptingReader(cast("io.BytesIO", _Endless(size)))
        with open(os.devnull, "wb") as nowhere:
            while reader.read(65_536):
                pass
            info = reader.file_info(URL)
            zeros = EncryptingReader(cast("io.BytesIO", _Endless(size)))
            with pytest.raises(AttachmentError):
                decrypt_unchecked(cast("io.BytesIO", zeros), info, nowhere)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
