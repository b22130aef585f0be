"""What is told of sessions between devices, to look at; and which of their failures have a name."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.device_info import DeviceInfo
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.olm import SessionInfo
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import DecryptionFailed, MissingRoomKey, TooManySkipped
from tests.kit.key_server import KeyServer, Peer

ALICE, BOB = "@alice:hs", "@bob:hs"
FURTHER_THAN_ANY = 2_100


class Scene:
    """Alice and Bob, who have a session that Alice has started."""

    def __init__(self, library: BackendName = "vodozemac") -> None:
        server = KeyServer()
        self.alice, self.bob = (
            Peer(server, user_id, "D", policy=BlindTrust(), library=library) for user_id in (ALICE, BOB)
        )
        self.bob.share("!own:hs", [BOB, ALICE])
        with self.bob.engine.step() as step:
            (device,) = self.bob.engine.devices.of_user(step, ALICE)
            self.bob.engine.olm.drop_sessions(step, device)
        self.bob.server.inboxes.clear()
        self.alice.share("!room:hs", [ALICE, BOB])

    def session(self, of: Peer, other: str) -> SessionInfo:
        with of.engine.step() as step:
            (found,) = of.engine.olm.sessions(step, _device(of.engine, other))
        return found

    def said(self, by: Peer, to: str) -> dict[str, Any]:
        """Return the content of a message."""
        device = _device(by.engine, to)
        with by.engine.step() as step:
            content: Any = by.engine.olm.encrypt(step, by.engine.own, device, "org.example.word", {})
        return dict(content)

    def hear(self, by: Peer, sender: str, content: dict[str, Any]) -> None:
        with by.engine.step() as step:
            by.engine.olm.decrypt(step, by.engine.own, sender, content)


def _device(engine: Engine, user_id: str) -> DeviceInfo:
    (device,) = engine.devices_of(user_id)
    return device


def _facts(session: SessionInfo) -> tuple[bool, bool, int, int]:
    return session.is_ours, session.is_confirmed, session.sent_since, session.heard_since


@pytest.mark.parametrize("library", ["vodozemac", "olm"])
def test_a_session_from_its_start_to_its_answer(library: BackendName) -> None:
    scene = Scene(library)
    alice, bob = scene.alice, scene.bob
    assert _facts(scene.session(alice, BOB)) == (True, False, 1, 0)
    scene.said(alice, BOB)
    assert _facts(scene.session(alice, BOB)) == (True, False, 2, 0)
    bob.sync()
    assert _facts(scene.session(bob, ALICE)) == (False, True, 0, 1)
    scene.hear(bob, ALICE, scene.said(alice, BOB))
    assert _facts(scene.session(bob, ALICE)) == (False, True, 0, 2)
    scene.hear(alice, BOB, scene.said(bob, ALICE))
    assert _facts(scene.session(bob, ALICE)) == (False, True, 1, 0)
    assert _facts(scene.session(alice, BOB)) == (True, True, 0, 1)
    assert scene.session(alice, BOB).session_id == scene.session(bob, ALICE).session_id


def test_how_long_a_device_has_been_silent() -> None:
    scene = Scene()
    alice, bob = scene.alice, scene.bob
    device = _device(alice.engine, BOB)

    def silent_for() -> int:
        with alice.engine.step() as step:
            return alice.engine.olm.sent_since_answer(step, device)

    assert silent_for() == 1
    for _ in range(4):
        scene.said(alice, BOB)
    assert silent_for() == 5
    bob.sync()
    scene.hear(alice, BOB, scene.said(bob, ALICE))
    assert silent_for() == 0


@pytest.mark.parametrize(("library", "error"), [("vodozemac", TooManySkipped), ("olm", MissingRoomKey)])
def test_what_lies_too_far_ahead_has_a_name(library: BackendName, error: type[DecryptionFailed]) -> None:
    scene = Scene(library)
    scene.bob.sync()
    scene.hear(scene.alice, BOB, scene.said(scene.bob, ALICE))
    device = _device(scene.alice.engine, BOB)
    content: Any = None
    with scene.alice.engine.step() as step:
        for _ in range(FURTHER_THAN_ANY):
            content = scene.alice.engine.olm.encrypt(step, scene.alice.engine.own, device, "m.dummy", {})
    with pytest.raises(error) as refused:
        scene.hear(scene.bob, ALICE, content)
    assert type(refused.value) is error
