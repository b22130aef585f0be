"""Listeners hear of every device that comes, goes, or gets another level: when it is stored, in order, unlocked."""

from __future__ import annotations

import threading
from io import BytesIO

import pytest

from gomatrix_py.crypto.device_changes import DeviceChange, DeviceWatch
from gomatrix_py.crypto.device_info import DeviceInfo
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.forgetting import forget_user
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust_files import import_trust
from gomatrix_py.errors import StoreError
from gomatrix_py.store.key_values import Change, MemoryKeyValues
from tests.kit.key_server import KeyServer, Peer

ALICE, BOB = "@alice:hs", "@bob:hs"
LONG_S = 60.0


class Disk(MemoryKeyValues):
    """Values that can be kept from being written."""

    is_full = False

    def write(self, changes: list[Change]) -> None:  # type: ignore[override]
        if self.is_full:
            raise StoreError("no room")
        super().write(changes)


class Scene:
    """Alice, who knows nobody yet, hears what changes about Bob's devices."""

    def __init__(self) -> None:
        self.server, self.disk = KeyServer(), Disk()
        self.alice = Peer(self.server, ALICE, "A1", key_values=self.disk)
        self.engine: Engine = self.alice.engine
        self.told: list[DeviceChange] = []
        self.engine.device_watch.listeners.append(self.told.append)
        Peer(self.server, BOB, "B1")

    def ask(self) -> None:
        """Ask for Bob's devices anew."""
        with self.engine.step() as step:
            self.engine.devices.changed(step, [BOB])
        query = self.engine.query_for([BOB])
        assert query is not None
        self.engine.mark_request_as_sent(query.id, self.server.answer(self.alice.me, query.request))

    def device(self) -> DeviceInfo:
        return next(one for one in self.engine.devices_of(BOB) if one.device_id == "B1")

    def set_level(self, level: str) -> None:
        self.engine.set_levels(BOB, {self.device().ed25519: level})

    def said(self) -> list[str]:
        """Tell, and return what the listener heard since the last time."""
        self.engine.device_watch.tell()
        found = [str(change) for change in self.told]
        self.told.clear()
        return found


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.ask()
    return scene


WHO = "device B1 of @bob:hs"


def test_a_device_appears_goes_and_comes_back(scene: Scene) -> None:
    assert scene.said() == [f"{WHO} is new"]
    scene.ask()
    assert scene.said() == [], "it is as it was"
    keys = scene.server.devices[BOB].pop("B1")
    scene.ask()
    assert scene.said() == [f"{WHO} is gone"]
    scene.server.devices[BOB]["B1"] = keys
    scene.ask()
    assert scene.said() == [f"{WHO} is back"]


def test_levels_come_change_and_go(scene: Scene) -> None:
    scene.said()
    scene.set_level("verified")
    scene.engine.device_watch.tell()
    (change,) = scene.told
    assert change.before is not None
    assert (change.before.level, change.device.level) == ("", "verified")
    assert (change.is_new, change.has_other_level, change.is_forgotten) == (False, True, False)
    assert scene.said() == [f"{WHO} has the level 'verified' (before: none)"]
    scene.set_level("verified")
    assert scene.said() == [], "it had it"
    scene.set_level("met in person")
    scene.set_level("")
    assert scene.said() == [
        f"{WHO} has the level 'met in person' (before: 'verified')",
        f"{WHO} has the level none (before: 'met in person')",
    ]


def test_a_file_of_trust_may_come_before_the_device() -> None:
    scene = Scene()
    ed25519 = scene.server.devices[BOB]["B1"]["keys"]["ed25519:B1"]
    with scene.engine.step() as step:
        import_trust(step, BytesIO(f"{BOB} B1 matrix-ed25519 {ed25519} verified\n".encode()))
    assert scene.said() == [], "nobody has seen the device"
    scene.ask()
    assert scene.said() == [f"{WHO} is new, has the level 'verified' (before: none)"]


def test_keys_that_the_server_changed(scene: Scene) -> None:
    scene.said()
    Peer(scene.server, BOB, "B1")
    scene.ask()
    assert scene.said() == [f"{WHO} was given other keys by the server, which are refused"]
    scene.ask()
    assert scene.said() == [], "that was said"


def test_who_is_forgotten(scene: Scene) -> None:
    scene.set_level("verified")
    scene.said()
    engine = scene.engine
    with engine.step() as step:
        forget_user(step, engine.devices, engine.olm, engine.outbound, BOB)
    engine.device_watch.tell()
    (change,) = scene.told
    assert (change.is_forgotten, change.device, change.device.level) == (True, change.before, "verified")
    assert scene.said() == [f"{WHO} is forgotten"]


def test_other_names_are_no_news(scene: Scene) -> None:
    scene.said()
    scene.server.devices[BOB]["B1"]["unsigned"] = {"device_display_name": "verified by the police"}
    scene.ask()
    assert scene.device().display_name == "verified by the police"
    assert scene.said() == []


# ------------------------------------------------------------------ when it is told


def test_what_was_not_stored_is_not_told(scene: Scene) -> None:
    scene.said()
    scene.disk.is_full = True
    with pytest.raises(StoreError):
        scene.set_level("verified")
    assert scene.said() == []
    scene.disk.is_full = False
    scene.set_level("blacklisted")
    assert scene.said() == [f"{WHO} has the level 'blacklisted' (before: none)"]


def test_nothing_is_told_within_the_step(scene: Scene) -> None:
    scene.said()
    with scene.engine.step() as step:
        step.remove("devices", f"{BOB} B1")
        scene.engine.device_watch.tell()
        assert scene.told == []
    assert scene.said() == [f"{WHO} is forgotten"]


def test_a_listener_that_raises_breaks_nothing(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.said()

    def broken(change: DeviceChange) -> None:
        raise ValueError("no")

    scene.engine.device_watch.listeners.insert(0, broken)
    scene.set_level("verified")
    assert len(scene.said()) == 1
    assert scene.device().level == "verified"
    assert "an on_device_change callback raised" in caplog.text


def test_a_damaged_record_breaks_nothing_either(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.said()
    device = scene.device()
    scene.disk.write([Change("trust", f"{BOB} {device.ed25519}", b"damaged")])
    scene.engine.set_levels(BOB, {device.ed25519: "verified"})
    assert scene.said() == []
    assert scene.device().level == "verified"
    assert "damaged" in caplog.text


def test_a_listener_may_change_levels_itself_and_hears_of_it_afterwards(scene: Scene) -> None:
    scene.said()
    heard: list[tuple[str, str]] = []

    def doubtful(change: DeviceChange) -> None:
        heard.append(("begin", change.device.level))
        if change.device.level == "verified":
            scene.set_level("blacklisted")
            scene.engine.device_watch.tell()
        heard.append(("end", change.device.level))

    scene.engine.device_watch.listeners.append(doubtful)
    scene.set_level("verified")
    scene.engine.device_watch.tell()
    assert heard == [("begin", "verified"), ("end", "verified"), ("begin", "blacklisted"), ("end", "blacklisted")]


def _is_free(engine: Engine) -> bool:
    """Tell whether another thread gets the engine's locks."""
    found: list[bool] = []

    def look() -> None:
        for lock in (engine.lock, engine.sending):
            found.append(lock.acquire(blocking=False))
            if found[-1]:
                lock.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(LONG_S)
    return found == [True, True]


def test_no_lock_is_held_meanwhile(scene: Scene) -> None:
    scene.said()
    found: list[bool] = []
    scene.engine.device_watch.listeners.append(lambda change: found.append(_is_free(scene.engine)))
    scene.set_level("verified")
    scene.engine.device_watch.tell()
    assert found == [True]


def test_a_lock_that_is_held_meanwhile_is_noticed(scene: Scene) -> None:
    found: list[bool] = []
    scene.engine.device_watch.listeners.append(lambda change: found.append(_is_free(scene.engine)))
    with scene.engine.sending:
        scene.engine.device_watch.tell()
    assert found == [False]


def test_threads_tell_in_the_order_in_which_it_was_stored(scene: Scene) -> None:
    """Eight threads set levels of their own at once: each change begins where the one before has ended."""
    scene.said()
    busy, most = 0, 0

    def counted(change: DeviceChange) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        busy -= 1

    scene.engine.device_watch.listeners.append(counted)
    ed25519 = scene.device().ed25519

    def work(name: int) -> None:
        for number in range(10):
            scene.engine.set_levels(BOB, {ed25519: f"{name} {number}"})
            scene.engine.device_watch.tell()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    assert len(scene.told) == 80
    assert most == 1
    befores = [change.before.level for change in scene.told if change.before is not None]
    assert befores == ["", *(change.device.level for change in scene.told[:-1])]


def test_nothing_is_worked_out_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.engine.device_watch.listeners.clear()

    def compared(watch: DeviceWatch, step: Step) -> list[DeviceChange]:
        raise AssertionError("for whom?")

    monkeypatch.setattr(DeviceWatch, "_compared", compared)
    scene.ask()
    assert scene.said() == []
