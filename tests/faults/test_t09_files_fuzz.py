"""T9: damaged and hostile attachments and files of room keys: all, or nothing and a documented error; quickly."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from gomatrix_py.codec import structure
from gomatrix_py.crypto import key_file_format
from gomatrix_py.crypto.attachments import decrypt_to
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.key_files import import_keys
from gomatrix_py.errors import AttachmentError, KeyFileError
from gomatrix_py.events.contents.encrypted_file import EncryptedFile
from tests.kit.fault_mixes import of_size
from tests.kit.file_roads import (
    asking_for,
    check_attachment,
    check_key_file,
    make_attachment,
    make_key_file,
    no_long_derivations,
)
from tests.kit.fuzz import FuzzFailure, fuzz, inputs_of
from tests.kit.key_file_samples import FEW, PASSPHRASE
from tests.kit.key_server import KeyServer, Peer

ROUNDS = of_size(1_500, 100_000)
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")
MOST_BYTES = 12 * 1024 * 1024


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file_format, "LEAST_ROUNDS", FEW)
    monkeypatch.setattr(key_file_format, "_keys", no_long_derivations)


@pytest.fixture(params=LIBRARIES)
def keeper(request: pytest.FixtureRequest, few_rounds: None) -> Peer:
    return Peer(KeyServer(), "@alice:hs", "A1", library=request.param)


def test_any_attachment_is_read_whole_or_refused(tmp_path: Path) -> None:
    taken: list[bool] = []
    fuzz("attachments", ROUNDS * 2, make_attachment, lambda data: taken.append(check_attachment(data, tmp_path)))
    assert 0 < sum(taken) < len(taken), "some are sound, and not all"


def test_any_key_file_is_taken_in_or_refused(keeper: Peer) -> None:
    taken: list[bool] = []
    fuzz("key_files", ROUNDS, make_key_file, lambda data: taken.append(check_key_file(data, keeper.engine)))
    assert 0 < sum(taken) < len(taken), "some are sound, and not all"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in inputs_of("attachments")])
def test_attachments_that_once_hurt(path: Path, tmp_path: Path) -> None:
    check_attachment(path.read_bytes(), tmp_path)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in inputs_of("key_files")])
def test_key_files_that_once_hurt(path: Path, keeper: Peer) -> None:
    check_key_file(path.read_bytes(), keeper.engine)


# ------------------------------------------------------------------ memory and time


def most_bytes_of(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Endless(io.RawIOBase):
    """So many bytes, which nobody holds."""

    def __init__(self, head: bytes, filler: bytes, count: int) -> None:
        self.parts: Iterator[bytes] = iter([head, *([filler] * count)])

    def read(self, size: int = -1) -> bytes:
        return next(self.parts, b"")


def endless(head: bytes, filler: bytes) -> IO[bytes]:
    return Endless(head, filler * (64 * 1024 // len(filler)), of_size(1_000, 8_000))  # type: ignore[return-value]


def test_an_attachment_without_end_costs_no_memory(tmp_path: Path) -> None:
    key = {"kty": "oct", "alg": "A256CTR", "k": "A" * 43, "key_ops": [], "ext": True}
    told = {"url": "mxc://hs/1", "key": key, "iv": "A" * 22, "hashes": {"sha256": "A" * 43}, "v": "v2"}

    def act() -> None:
        with pytest.raises(AttachmentError):
            decrypt_to(endless(b"", b"\0"), structure(told, EncryptedFile), tmp_path / "file")

    assert most_bytes_of(act) < MOST_BYTES
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("filler", [b"A", b" ", b"\n", b"=", b"-", b"AAAA=", b"-----BEGIN"])
@pytest.mark.parametrize("head", [b"", b"-----BEGIN MEGOLM SESSION DATA-----\n"])
def test_a_key_file_without_end_costs_no_memory(keeper: Peer, head: bytes, filler: bytes) -> None:
    def act() -> None:
        with pytest.raises(KeyFileError):
            import_keys(keeper.engine, endless(head, filler), PASSPHRASE)

    assert most_bytes_of(act) < MOST_BYTES


@pytest.mark.parametrize("rounds", [0, 10_000_001, 2**31, 2**32 - 1])
def test_rounds_that_would_take_hours_are_not_begun(
    keeper: Peer, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def begin(secret: bytes, salt: bytes, count: int) -> tuple[bytes, bytes]:
        begun.append(count)
        return b"", b""

    file = asking_for(rounds)
    monkeypatch.setattr(key_file_format, "_keys", begin)
    with pytest.raises(KeyFileError, match="rounds"):
        import_keys(keeper.engine, io.BytesIO(file), PASSPHRASE)
    assert begun == []


# ------------------------------------------------------------------ controls: readers that check less


def test_a_hash_that_is_not_compared_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmac.compare_digest", lambda *_: True)
    (tmp_path / "files").mkdir()

    def check(data: bytes) -> None:
        check_attachment(data, tmp_path / "files")

    with pytest.raises(FuzzFailure):
        fuzz(
            "attachments",
            500,
            make_attachment,
            check,
            folder=tmp_path / "corpus",
        )


def test_a_mac_that_is_not_compared_is_found_out(
    keeper: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hmac.compare_digest", lambda *_: True)

    def check(data: bytes) -> None:
        check_key_file(data, keeper.engine)

    with pytest.raises(FuzzFailure):
        fuzz("key_files", 500, make_key_file, check, folder=tmp_path)


def test_rounds_without_a_bound_are_found_out(keeper: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(secret: bytes, salt: bytes, rounds: int) -> Any:
        assert rounds <= 10_000_000, "it would take hours"
        return no_long_derivations(secret, salt, rounds)

    monkeypatch.setattr(key_file_format, "_keys", unbounded)
    monkeypatch.setattr(key_file_format, "MOST_ROUNDS", 2**40)

    def check(data: bytes) -> None:
        check_key_file(data, keeper.engine)

    with pytest.raises(FuzzFailure, match="hours"):
        fuzz("key_files", 500, make_key_file, check, folder=tmp_path)
