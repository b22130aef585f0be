"""Files of trust that matrix-nio itself wrote are read, and nio reads those that are written here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nio.crypto.device import OlmDevice
from nio.store import DefaultStore

from gomatrix_py.crypto import spaces
from gomatrix_py.crypto.trust import BLACKLISTED, IGNORED, VERIFIED, BlindTrust
from gomatrix_py.crypto.trust_files import TrustReport, export_trust, import_trust
from tests.kit.key_server import KeyServer, Peer

ALICE, BOB = "@alice:hs", "@bob:hs"
FILES = {VERIFIED: "trusted", BLACKLISTED: "blacklisted", IGNORED: "ignored"}


class Nio:
    """The store of a device that uses nio."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.store = DefaultStore("@nio:hs", "NIO", str(folder), "pickle key", "nio.db")
        self.store.database.close()

    def file(self, level: str) -> Path:
        """Return the file in which nio keeps the devices of a level."""
        return self.folder / f"@nio:hs_NIO.{FILES[level]}_devices"

    def set(self, level: str, device: OlmDevice) -> None:
        acts: dict[str, Callable[[OlmDevice], bool]] = {
            VERIFIED: self.store.verify_device,
            BLACKLISTED: self.store.blacklist_device,
            IGNORED: self.store.ignore_device,
        }
        assert acts[level](device)

    def level_of(self, device: OlmDevice) -> str:
        found = {
            VERIFIED: self.store.is_device_verified(device),
            BLACKLISTED: self.store.is_device_blacklisted(device),
            IGNORED: self.store.is_device_ignored(device),
        }
        return "".join(level for level, is_so in found.items() if is_so)


@pytest.fixture
def alice() -> Peer:
    """Who knows three devices of Bob's."""
    server = KeyServer()
    for name in ("B1", "B2", "B3"):
        Peer(server, BOB, name).sync()
    alice = Peer(server, ALICE, "A1", policy=BlindTrust())
    alice.share("!room:hs", [ALICE, BOB])
    return alice


def devices(alice: Peer) -> dict[str, OlmDevice]:
    """Return Bob's devices as nio has them, by the level that each is to have."""
    found = alice.engine.devices_of(BOB)
    made = [OlmDevice(one.user_id, one.device_id, {"ed25519": one.ed25519}) for one in found]
    return dict(zip(FILES, made, strict=True))


def levels(alice: Peer) -> dict[str, str]:
    return {one.device_id: one.level for one in alice.engine.devices_of(BOB)}


@pytest.fixture
def nio(tmp_path: Path) -> Nio:
    return Nio(tmp_path / "nio")


def test_what_nio_wrote(alice: Peer, nio: Nio) -> None:
    for level, device in devices(alice).items():
        nio.set(level, device)
    with alice.engine.step() as step:
        reports = [import_trust(step, nio.file(level), level=level) for level in FILES]
    assert reports == [TrustReport(changed=1)] * 3
    assert levels(alice) == dict(zip(("B1", "B2", "B3"), FILES, strict=True))
    with alice.engine.step() as step:
        assert [import_trust(step, nio.file(level), level=level) for level in FILES] == [TrustReport(same=1)] * 3


def test_what_nio_reads(alice: Peer, nio: Nio) -> None:
    theirs = devices(alice)
    alice.engine.set_levels(BOB, {str(device.ed25519): level for level, device in theirs.items()})
    with alice.engine.step() as step:
        assert [export_trust(step, alice.engine.devices, nio.file(level), [level]) for level in FILES] == [1, 1, 1]
    again = Nio(nio.folder)
    assert {level: again.level_of(device) for level, device in theirs.items()} == {level: level for level in FILES}
    again.store.unverify_device(theirs[VERIFIED])
    again.set(BLACKLISTED, theirs[VERIFIED])  # nio goes on with them, and we with what it makes of them
    with alice.engine.step() as step:
        report = import_trust(step, again.file(BLACKLISTED), level=BLACKLISTED, overwrite=True)
    assert (report.changed, report.same, len(report.conflicts)) == (1, 1, 1)
    assert levels(alice)["B1"] == BLACKLISTED


def test_a_level_that_is_only_in_the_file_name_is_asked_for(alice: Peer, nio: Nio) -> None:
    device = devices(alice)[VERIFIED]
    nio.set(VERIFIED, device)
    (line,) = nio.file(VERIFIED).read_text().splitlines()
    assert line == f"{BOB} B1 matrix-ed25519 {device.ed25519}"
    with alice.engine.step() as step, pytest.raises(Exception, match="line 1"):
        import_trust(step, nio.file(VERIFIED))
    with alice.engine.step() as step:
        assert list(step.scan(spaces.TRUST)) == []
