"""Room keys to a file and back: vectors of other clients, hostile files, and what an import may not do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import stat
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gomatrix_py.codec import dumps, loads
from gomatrix_py.crypto import key_file_format, key_files, spaces
from gomatrix_py.crypto.array_entries import array_entries
from gomatrix_py.crypto.backend import BackendName, backend
from gomatrix_py.crypto.inbound import KeySource, RoomKey
from gomatrix_py.crypto.key_file_format import LEAST_ROUNDS, KeyFileWriter, opened_key_file
from gomatrix_py.crypto.key_files import ImportReport, export_keys, import_keys
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.crypto.waiting import now_readable
from gomatrix_py.errors import DecodeError, KeyFileError, MissingRoomKey, UsageError
from gomatrix_py.events import Event
from tests.kit.key_server import KeyServer, Peer

ROOM, OTHER = "!room:hs", "!other:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")
ALPHANUMERIC = "alphanumerically" * 4
PASSPHRASE = "a passphrase"
FEW = 10
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


def entry(library: BackendName = "vodozemac", room_id: str = ROOM, **changes: Any) -> dict[str, Any]:
    """A key as another client writes it."""
    ours = backend(library)
    made = ours.new_outbound_group()
    exported = ours.new_inbound_group(made.session_key()).export_at(0)
    return {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": room_id,
        "session_id": made.id,
        "session_key": exported,
        "sender_key": "curve",
        "sender_claimed_keys": {"ed25519": "ed"},
        "forwarding_curve25519_key_chain": ["one", "two"],
        **changes,
    }


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes guessing slow makes tests slow."""
    monkeypatch.setattr(key_file_format, "LEAST_ROUNDS", FEW)


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def alice(server: KeyServer) -> Peer:
    return Peer(server, ALICE, "A1", policy=BlindTrust())


@pytest.fixture
def bob(server: KeyServer) -> Peer:
    return Peer(server, BOB, "B1", policy=BlindTrust())


def exported(peer: Peer, passphrase: str = PASSPHRASE, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    export_keys(peer.engine, file, passphrase, rounds=FEW, **options)
    file.seek(0)
    return file


def kept(peer: Peer) -> dict[str, dict[str, Any]]:
    with peer.engine.step() as step:
        return dict(step.records(spaces.INBOUND))


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
    passphrase: str, rounds: int, alice: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file_format, "LEAST_ROUNDS", LEAST_ROUNDS)
    assert (LEAST_ROUNDS, key_file_format.ROUNDS) == (100_000, 500_000)
    file = io.BytesIO()
    with pytest.raises(UsageError):
        export_keys(alice.engine, file, passphrase, rounds=rounds)
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


@pytest.mark.parametrize(
    "text", [b'["\\ud800"]', b"[1,]", b"[,]", b"[,1]", b"[1 2]", b"[{]", b"[{}}", b"[NaN]", b"plain", b'["\xff"]']
)
def test_broken_json_inside_imports_nothing(text: bytes, alice: Peer) -> None:
    good = dumps([entry()])[:-1] + b","
    with pytest.raises(KeyFileError):
        import_keys(alice.engine, sealed(text), PASSPHRASE)
    with pytest.raises(KeyFileError):
        import_keys(alice.engine, sealed(good + text[1:]), PASSPHRASE)
    assert kept(alice) == {}


# ------------------------------------------------------------------ export and import


@pytest.mark.parametrize("giver", LIBRARIES)
@pytest.mark.parametrize("taker", LIBRARIES)
def test_what_was_exported_reads_messages(
    server: KeyServer, giver: BackendName, taker: BackendName, tmp_path: Path
) -> None:
    alice = Peer(server, ALICE, "A1", library=giver, policy=BlindTrust())
    bob = Peer(server, BOB, "B1", library=taker, policy=BlindTrust())
    event = alice.say(ROOM, [ALICE], "said before Bob came")
    with pytest.raises(MissingRoomKey):
        bob.read(event)
    path = tmp_path / "keys.txt"
    assert export_keys(alice.engine, path, PASSPHRASE, rounds=FEW) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    report = import_keys(bob.engine, path, PASSPHRASE)
    session_id = event.content["session_id"]
    assert report == ImportReport(1, new_keys=((ROOM, session_id),))
    with bob.engine.step() as step:
        (waiting,) = now_readable(step, report.new_keys)
    assert bob.read(Event.from_json(waiting.json, waiting.room_id)) == "said before Bob came"
    record = kept(bob)[f"{ROOM} {session_id}"]
    own = alice.engine.own
    assert (record["source"], record["sender"]) == (KeySource.IMPORTED, "")
    assert (record["sender_key"], record["ed25519"]) == (own.curve25519, own.ed25519)
    assert import_keys(bob.engine, path, PASSPHRASE) == ImportReport(0, 1)


def test_what_others_wrote_of_a_key_is_kept(alice: Peer) -> None:
    given = {**entry(), "org.matrix.msc3061.shared_history": True}
    assert import_keys(alice.engine, file_of([given]), PASSPHRASE).taken == 1
    (again,) = loads(plaintext_of(exported(alice).getvalue(), PASSPHRASE))
    assert {name: again[name] for name in given} == given
    (record,) = kept(alice).values()
    assert record["shared_history"] is True


def test_rooms_are_chosen(alice: Peer) -> None:
    import_keys(alice.engine, file_of([entry(), entry(), entry(room_id=OTHER)]), PASSPHRASE)
    told: list[tuple[int, int | None]] = []
    for rooms, count in (([ROOM], 2), ([OTHER, OTHER], 1), (OTHER, 1), (["!x:hs"], 0), (None, 3), ([ROOM, OTHER], 3)):
        file = exported(alice, rooms=rooms, progress=lambda done, total: told.append((done, total)))
        assert len(loads(plaintext_of(file.getvalue(), PASSPHRASE))) == count
    assert told == [(2, 2), (1, 1), (1, 1), (0, 0), (3, 3), (3, 3)]


def test_a_damaged_key_does_not_hold_up_the_others(alice: Peer, caplog: pytest.LogCaptureFixture) -> None:
    import_keys(alice.engine, file_of([entry(), entry()]), PASSPHRASE)
    place = next(iter(kept(alice)))
    alice.key_values._spaces[spaces.INBOUND][place] = b"damaged"
    assert len(loads(plaintext_of(exported(alice).getvalue(), PASSPHRASE))) == 1
    assert "damaged, and left out" in caplog.text


def test_keys_that_are_none_are_counted_and_the_others_taken(alice: Peer) -> None:
    good, other = entry(), entry()
    bad = [
        3,
        {},
        {**other, "algorithm": "m.olm"},
        {**other, "session_id": good["session_id"]},
        {**other, "session_key": "?"},
        {**other, "session_key": 3},
        {**other, "room_id": "!a b"},
    ]
    file = sealed(dumps([*bad, good, good], ascii_only=True))
    report = import_keys(alice.engine, file, PASSPHRASE)
    assert (report.taken, report.known, report.refused, report.total) == (1, 1, len(bad), len(bad) + 2)
    assert [fault.partition(":")[0] for fault in report.faults] == [f"key {at}" for at in range(1, len(bad) + 1)]
    assert list(kept(alice)) == [f"{ROOM} {good['session_id']}"]
    assert not any(good["session_key"] in text or other["session_key"] in text for text in (repr(report),))


def test_only_the_first_faults_are_told(alice: Peer) -> None:
    report = import_keys(alice.engine, file_of([{}] * 1203), PASSPHRASE)
    assert (report.refused, len(report.faults)) == (1203, 20)


@pytest.mark.parametrize(
    "change", [{"forwarding_curve25519_key_chain": "x"}, {"sender_claimed_keys": []}, {"sender_key": 3}]
)
def test_odd_members_cost_only_themselves(change: dict[str, Any], alice: Peer) -> None:
    assert import_keys(alice.engine, file_of([entry(**change)]), PASSPHRASE).taken == 1


def test_a_wrong_passphrase_imports_nothing(alice: Peer, bob: Peer, tmp_path: Path) -> None:
    alice.say(ROOM, [ALICE], "1")
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        import_keys(bob.engine, exported(alice), "another")
    assert kept(bob) == {}
    with pytest.raises(FileNotFoundError):
        import_keys(bob.engine, tmp_path / "nothing", PASSPHRASE)


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_import_overwrites_nothing_better(server: KeyServer, library: BackendName) -> None:
    alice = Peer(server, ALICE, "A1", library=library, policy=BlindTrust())
    bob = Peer(server, BOB, "B1", library=library, policy=BlindTrust())
    first = alice.say(ROOM, [ALICE, BOB], "1")
    bob.sync()
    before = kept(bob)
    (record,) = before.values()
    assert record["source"] == KeySource.OLM
    (forged,) = loads(plaintext_of(exported(alice).getvalue(), PASSPHRASE))
    for change in ({}, {"sender_key": "mallory"}):
        report = import_keys(bob.engine, file_of([{**forged, **change}]), PASSPHRASE)
        assert (report.taken, report.known) == (0, 1)
    assert kept(bob) == before
    assert bob.read(first) == "1"


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_import_reaches_further_back_than_another(server: KeyServer, library: BackendName) -> None:
    alice = Peer(server, ALICE, "A1", library=library, policy=BlindTrust())
    events = [alice.say(ROOM, [ALICE], text) for text in "123"]
    session_id = events[0].content["session_id"]
    with alice.engine.step() as step:
        keys = [alice.engine.inbound.exported(step, ROOM, session_id, at) for at in (2, 1)]
    (whole,) = loads(plaintext_of(exported(alice).getvalue(), PASSPHRASE))
    bob = Peer(server, BOB, "B1", library=library, policy=BlindTrust())
    for expected, key in ((1, keys[0]), (1, keys[1]), (0, keys[0]), (1, whole["session_key"]), (0, keys[1])):
        assert import_keys(bob.engine, file_of([{**whole, "session_key": key}]), PASSPHRASE).taken == expected
    assert [bob.read(event) for event in events] == ["1", "2", "3"]


# ------------------------------------------------------------------ large files, and interruptions


def test_keys_are_stored_in_batches_and_told_of(alice: Peer, bob: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files, "_PER_STEP", 3)
    import_keys(alice.engine, file_of([entry() for _ in range(8)]), PASSPHRASE)
    told: list[tuple[int, int | None]] = []
    file = exported(alice, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 8), (6, 8), (8, 8)]
    writes: list[int] = []
    write = bob.key_values.write

    def counted(changes: Any) -> None:
        writes.append(1)
        write(changes)

    monkeypatch.setattr(bob.key_values, "write", counted)
    told.clear()
    import_keys(bob.engine, file, PASSPHRASE, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 8), (6, 8), (8, 8)]
    assert len(writes) == 3


def test_an_import_that_is_stopped_keeps_whole_batches(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files, "_PER_STEP", 2)

    def stop(done: int, total: int | None) -> None:
        if done == 4:
            raise KeyboardInterrupt

    file = file_of([entry() for _ in range(6)])
    with pytest.raises(KeyboardInterrupt):
        import_keys(alice.engine, file, PASSPHRASE, progress=stop)
    assert len(kept(alice)) == 4
    file.seek(0)
    assert import_keys(alice.engine, file, PASSPHRASE) == ImportReport(2, 4)


def test_an_export_that_fails_leaves_the_old_file(
    alice: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.say(ROOM, [ALICE], "1")
    path = tmp_path / "keys.txt"
    path.write_text("the old file")
    monkeypatch.setattr(KeyFileWriter, "finish", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_keys(alice.engine, path, PASSPHRASE, rounds=FEW)
    assert (path.read_text(), os.listdir(tmp_path)) == ("the old file", ["keys.txt"])


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


def test_a_room_key_names_what_is_exported() -> None:
    """Control: a record lacks nothing that the export reads."""
    assert {"room_id", "session_id", "sender_key", "ed25519"} <= {one.name for one in RoomKey.__attrs_attrs__}
