"""Room keys to a file and back: what is read with them, and what an import may not do."""

from __future__ import annotations

import base64
import io
import os
import stat
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py.codec import dumps, loads
from gomatrix_py.crypto import key_file_format, key_files, spaces
from gomatrix_py.crypto.backend import BackendName, backend
from gomatrix_py.crypto.inbound import KeySource
from gomatrix_py.crypto.key_file_format import KeyFileWriter
from gomatrix_py.crypto.key_files import ImportReport, export_keys, import_keys
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.crypto.waiting import now_readable
from gomatrix_py.errors import KeyFileError, MismatchedSender, MissingRoomKey
from gomatrix_py.events import Event
from gomatrix_py.store.key_values import Change
from tests.kit.key_file_samples import FEW, PASSPHRASE, file_of, plaintext_of, sealed
from tests.kit.key_server import KeyServer, Peer

ROOM, OTHER = "!room:hs", "!other:hs"
ALICE, BOB, CAROL = "@alice:hs", "@bob:hs", "@carol:hs"
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


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
    # as if the process had ended before what waited was delivered
    assert import_keys(bob.engine, path, PASSPHRASE) == ImportReport(0, 1, new_keys=report.new_keys)
    with bob.engine.step() as step:
        (waiting,) = now_readable(step, bob.engine.inbound, report.new_keys)
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
    alice.key_values.write([Change(spaces.INBOUND, place, b"damaged")])
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


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_file_reads_what_was_said_before_we_came_and_the_owner_is_still_known(
    server: KeyServer, library: BackendName
) -> None:
    """What continues into the key that its owner gave us is of the same session; a forged one does not."""
    alice = Peer(server, ALICE, "A1", library=library, policy=BlindTrust())
    before = alice.say(ROOM, [ALICE], "before")
    bob = Peer(server, BOB, "B1", library=library, policy=BlindTrust())
    after = alice.say(ROOM, [ALICE, BOB], "after")
    assert after.content["session_id"] == before.content["session_id"]
    bob.sync()
    (record,) = kept(bob).values()
    assert (record["first_index"], record["sender"]) == (1, ALICE)
    file = exported(alice)
    (whole,) = loads(plaintext_of(file.getvalue(), PASSPHRASE))
    key = bytearray(base64.b64decode(whole["session_key"] + "=="))
    key[10] ^= 1  # of the ratchet: still a key of that name
    forged = {**whole, "session_key": base64.b64encode(key).decode().rstrip("=")}
    assert import_keys(bob.engine, file_of([forged]), PASSPHRASE).known == 1
    assert import_keys(bob.engine, file, PASSPHRASE).taken == 1
    assert [bob.read(event) for event in (before, after)] == ["before", "after"]
    (record,) = kept(bob).values()
    assert (record["first_index"], record["sender"], record["source"]) == (0, ALICE, KeySource.OLM)
    with pytest.raises(MismatchedSender):
        bob.read(attrs.evolve(before, sender=CAROL))


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
