"""Levels of trust in a text file: written, read again, and nothing lowered unasked."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.trust import BLACKLISTED, IGNORED, VERIFIED, BlindTrust, level_of
from gomatrix_py.crypto.trust_files import TrustConflict, TrustReport, export_trust, import_trust
from gomatrix_py.errors import UsageError
from tests.kit.key_server import KeyServer, Peer

ALICE, BOB = "@alice:hs", "@bob:hs"
KEYS = [f"{letter * 42}A" for letter in "ABCD"]
LINE = f"{BOB} PHONE matrix-ed25519 {KEYS[0]}"


@pytest.fixture
def alice() -> Peer:
    return Peer(KeyServer(), ALICE, "A1", policy=BlindTrust())


def levels(peer: Peer) -> dict[str, str]:
    with peer.engine.step() as step:
        return {place.split(" ")[1]: record["level"] for place, record in step.records(spaces.TRUST)}


def exported(peer: Peer, only: list[str] | None = None) -> str:
    file = io.BytesIO()
    with peer.engine.step() as step:
        export_trust(step, peer.engine.devices, file, only)
    return file.getvalue().decode()


def imported(peer: Peer, text: str | bytes, *, level: str | None = None, overwrite: bool = False) -> TrustReport:
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    with peer.engine.step() as step:
        return import_trust(step, file, level=level, overwrite=overwrite)


def test_what_is_written_is_read(alice: Peer, tmp_path: Path) -> None:
    ours = alice.engine.own.ed25519
    alice.engine.query_for([ALICE])
    alice.share("!room:hs", [ALICE])
    given = dict(zip(KEYS, [VERIFIED, BLACKLISTED, "my own level", "100%☃"], strict=True))
    alice.engine.set_levels(BOB, given)
    alice.engine.set_levels(ALICE, {ours: IGNORED})
    path = tmp_path / "trust"
    with alice.engine.step() as step:
        assert export_trust(step, alice.engine.devices, path) == 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert lines[0].startswith("#")
    assert f"{ALICE} A1 matrix-ed25519 {ours} {IGNORED}" in lines
    assert f"{BOB} - matrix-ed25519 {KEYS[0]} {VERIFIED}" in lines
    other = Peer(KeyServer(), BOB, "B1")
    with other.engine.step() as step:
        assert import_trust(step, path) == TrustReport(changed=5)
    assert levels(other) == levels(alice) == {**given, ours: IGNORED}
    with other.engine.step() as step:
        assert level_of(step, BOB, KEYS[0]) == VERIFIED
        assert import_trust(step, path) == TrustReport(same=5)


def test_levels_are_chosen(alice: Peer) -> None:
    alice.engine.set_levels(BOB, dict(zip(KEYS, [VERIFIED, BLACKLISTED, VERIFIED, "x"], strict=True)))
    assert exported(alice, [VERIFIED]).count("\n") == 3
    assert exported(alice, []).count("\n") == 1
    assert exported(alice).count("\n") == 5


def test_files_of_nio_are_read(alice: Peer) -> None:
    text = f"# This file contains trusted devices\n\n{LINE}\r\n"
    assert imported(alice, text, level=VERIFIED) == TrustReport(changed=1)
    assert levels(alice) == {KEYS[0]: VERIFIED}
    with pytest.raises(UsageError, match="line 3"):
        imported(alice, text)


def test_nothing_is_changed_unasked(alice: Peer) -> None:
    alice.engine.set_levels(BOB, {KEYS[0]: BLACKLISTED})
    text = f"{LINE} {VERIFIED}\n{BOB} TABLET matrix-ed25519 {KEYS[1]} {VERIFIED}"
    conflict = TrustConflict(BOB, "PHONE", KEYS[0], BLACKLISTED, VERIFIED)
    assert imported(alice, text) == TrustReport(changed=1, conflicts=(conflict,))
    assert levels(alice) == {KEYS[0]: BLACKLISTED, KEYS[1]: VERIFIED}
    assert imported(alice, text, overwrite=True) == TrustReport(changed=1, same=1, conflicts=(conflict,))
    assert levels(alice) == {KEYS[0]: VERIFIED, KEYS[1]: VERIFIED}


@pytest.mark.parametrize(
    "bad",
    [
        "one",
        LINE,
        f"{LINE} a b",
        f"bob PHONE matrix-ed25519 {KEYS[0]} verified",
        f"{BOB} PHONE ssh-rsa {KEYS[0]} verified",
        f"{BOB} PHONE matrix-ed25519 {KEYS[0]}A verified",
        f"{BOB} PHONE matrix-ed25519 {KEYS[0][:-1]}B verified",
        f"{BOB} PHONE matrix-ed25519 ☃ verified",
        f"{BOB} {'x' * 256} matrix-ed25519 {KEYS[0]} verified",
        f"{BOB} PH\x00ONE matrix-ed25519 {KEYS[0]} verified",
        f"{LINE} {'x' * 2000}",
        f"{LINE} %ED%A0%80",
        f"{LINE} %FF",
        b"\xff",
        f"{BOB} PHONE matrix-ed25519 {KEYS[1]} blacklisted",
    ],
)
def test_a_line_that_is_none_is_named_and_nothing_taken(bad: str | bytes, alice: Peer) -> None:
    start = f"# comment\n{BOB} TABLET matrix-ed25519 {KEYS[1]} verified\n".encode()
    with pytest.raises(UsageError, match="line 3: "):
        imported(alice, start + (bad.encode() if isinstance(bad, str) else bad) + b"\n")
    assert levels(alice) == {}
    assert imported(alice, start) == TrustReport(changed=1)


def test_an_empty_file_changes_nothing(alice: Peer) -> None:
    assert imported(alice, "") == imported(alice, "\n# x") == TrustReport()
    assert exported(alice).splitlines() == ["# user device algorithm fingerprint level"]
