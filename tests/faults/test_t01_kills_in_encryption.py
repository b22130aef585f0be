"""T1, the part about encryption: a device ends before and after each commit and each request of what it does.

Whatever it was at, it goes on as the device it was, nothing is lost, said twice or left unread, and no place of a
ratchet encrypts two messages. What the server has, and what somebody else reads there, decides; never its own word.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, Crypto, CryptoClient
from gomatrix_py.api.keys import ClaimKeys, QueryKeys, UploadKeys
from gomatrix_py.client.saved_sessions import Session
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.key_file_format import LEAST_ROUNDS
from gomatrix_py.crypto.key_files import export_keys
from gomatrix_py.crypto.trust import VERIFIED, BlindTrust
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy
from tests.kit.crypto_bot import LIFE, SYNCED, UNREAD, again_after_all, said_in
from tests.kit.crypto_jobs import DEVICE, PASSPHRASE, PASSWORD, Jobs
from tests.kit.encrypting import ENCRYPTION
from tests.kit.failpoints import POINTS
from tests.kit.fault_mixes import SEED, SOAKS, of_size
from tests.kit.fuzz import chance
from tests.kit.queue_bot import text_of
from tests.kit.ratchet_audit import Audit

SEEDS = range(SEED, SEED + of_size(1, 3))
MOST = 300
ONE_TIME_KEY = "signed_curve25519"


class World:
    """A server whose every byte is kept, a device that is killed, and Carol, who is not, with devices of her own."""

    def __init__(self, server: DevServer, proxy: FaultProxy, jobs: Jobs, folder: Path, name: str) -> None:
        self.server, self.proxy, self.jobs, self.folder = server, proxy, jobs, folder
        self.chance = chance(f"t01 {name}")
        self.library: BackendName = self.chance.choice(["vodozemac", "olm"])
        self.carol = self._carol = server.register(
            f"carol-{uuid.uuid4().hex[:8]}", PASSWORD, client_class=CryptoClient, crypto=self.crypto
        )
        self.carols = [self.carol, *(self._tablet() for _ in range(self.chance.randrange(2)))]
        self.rotation = self.chance.randint(1, 3)
        self.said = 0
        self.claimed: list[str] = []
        self.while_dead: Callable[[], object] = lambda: None

    @property
    def crypto(self) -> Crypto:
        return Crypto(trust=BlindTrust(), library=self.chance.choice(["vodozemac", "olm"]))

    def _tablet(self) -> CryptoClient:
        name = self._carol.user_id[1:].partition(":")[0]
        return self.server.login(name, PASSWORD, client_class=CryptoClient, crypto=self.crypto)

    def new_bot(self) -> None:
        """Register somebody, in an encrypted room with Carol; the device that is killed is not there yet."""
        user = f"bot-{uuid.uuid4().hex[:8]}"
        self.bot = self.server.register(user, PASSWORD)
        self.keys: object = None
        for carol in self.carols:
            carol.sync_once()
        content = {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": self.rotation}
        self.room_id = self.carol.create_room(
            invite=[self.bot.user_id], initial_state=[{**ENCRYPTION, "content": content}]
        ).room_id
        self.bot.join_room(self.room_id)
        for carol in self.carols:
            carol.sync_once()
        self.place = self.folder / user
        self.place.mkdir()
        files = ("store", "session", "progress", "heard", "stop", "levels", "keys")
        self.given: dict[str, Any] = {name: str(self.place / name) for name in files}
        self.given |= {"url": self.proxy.url, "user": user, "library": self.library, "room": self.room_id}
        self.given |= {"with": self.carol.user_id, "up_to": 0}
        self.said = 0

    def let_join(self, name: str) -> CryptoClient:
        """Return somebody else in the room, whose device reads, too."""
        other = self.server.register(
            f"{name}-{uuid.uuid4().hex[:8]}", PASSWORD, client_class=CryptoClient, crypto=self.crypto
        )
        other.sync_once()
        self.carol.invite_user(self.room_id, other.user_id)
        other.join_room(self.room_id)
        self.carol.sync_once()
        return other

    def run(self, job: str, point: str = "") -> bool:
        """Run a job, and see that the device is the one that it was."""
        got_to_its_end = self.jobs.run(job, self.given, point)
        self.check_keys()
        return got_to_its_end

    # ------------------------------------------------------------ what Carol does

    def say(self) -> None:
        """Let Carol say something."""
        self.carol.send_text(self.room_id, text_of(self.said))
        self.said += 1

    def device_of_the_bot(self) -> Any:
        return self.carol.crypto.device(self.bot.user_id, DEVICE)

    def claim(self) -> bool:
        """Take one of the device's one-time keys away; return whether there was one."""
        answer = self.carol.call(ClaimKeys({self.bot.user_id: {DEVICE: ONE_TIME_KEY}}))
        ((name, key),) = answer.raw["one_time_keys"][self.bot.user_id][DEVICE].items()
        if key.get("fallback"):
            return False
        self.claimed.append(name)
        return True

    # ------------------------------------------------------------ what must be so

    def check_keys(self) -> None:
        """See that the server has the same keys of the device as ever."""
        of_user = self.carol.call(QueryKeys({self.bot.user_id: []})).raw["device_keys"].get(self.bot.user_id, {})
        assert set(of_user) <= {DEVICE}
        found = of_user.get(DEVICE)
        assert self.keys in (None, found), "its device changed"
        self.keys = found

    def check_said(self, count: int) -> None:
        """See that each of Carol's devices reads, once and in order, what the device said."""
        for carol in self.carols:
            carol.sync_once()
            events = reversed(list(carol.messages_iter(self.room_id)))
            said = [event.body for event in events if event.type in ("m.room.message", "m.room.encrypted")]
            assert said == list(map(text_of, range(count)))

    def check_heard(self, *, may_be_late: bool = False) -> None:
        """See that the device heard all of what Carol said, and nothing again that was done with."""
        lines = said_in(Path(self.given["heard"]))
        texts = {line for line in lines if line not in (LIFE, SYNCED) and not line.startswith(UNREAD)}
        assert texts == {text_of(number) for number in range(self.said)}
        assert again_after_all(lines) == []
        assert may_be_late or not [line for line in lines if line.startswith(UNREAD)]

    def audit(self) -> Audit:
        """Return what is known of all ciphertexts that ever left."""
        audit = Audit()
        audit.note_passed(self.proxy.passed)
        return audit

    def check_ratchets(self) -> None:
        """See that no place of a ratchet was used twice, and that the server knew no other keys of ours."""
        assert self.audit().reused == set()
        assert not [one for one in self.proxy.passed if one.status == 400 and "/keys/" in one.request.path]


# ------------------------------------------------------------------ what it does, and is killed at


def say(world: World, point: str) -> bool:
    """Log in, publish keys, claim, share, encrypt and send; each time as a new device."""
    world.new_bot()
    world.given["up_to"] = count = world.chance.randint(1, 3)
    got_to_its_end = world.run("say", point)
    assert got_to_its_end or world.run("say")
    world.check_said(count)
    return got_to_its_end


def hear(world: World, point: str) -> bool:
    """Take in room keys, in new sessions and in old ones, and what they open."""
    if world.chance.random() < 0.5:
        assert not world.carol.crypto.replace_sessions([world.device_of_the_bot()])
    for _ in range(world.chance.randint(1, 4)):
        world.say()
    world.given["up_to"] = world.said
    got_to_its_end = world.run("hear", point)
    if not got_to_its_end:
        world.while_dead()
        assert world.run("hear")
    world.check_heard()
    return got_to_its_end


def top_up(world: World, point: str) -> bool:
    """Make and publish new one-time keys, of which Carol takes some; and a new fallback key, if she had to use it."""
    world.while_dead = world.claim
    wanted = world.chance.choice([26, 60])
    for _ in range(wanted):
        if not world.claim():
            break
    got_to_its_end = hear(world, point)
    assert len(set(world.claimed)) == len(world.claimed), "the same one-time key was given away twice"
    token = Session.load(Path(world.given["session"])).access_token
    with Client(world.server.url, world.bot.user_id, token) as plain:
        count = plain.call(UploadKeys()).one_time_key_counts[ONE_TIME_KEY]
        assert 25 <= count <= 50
        assert plain.sync_once().device_unused_fallback_key_types == [ONE_TIME_KEY]
    return got_to_its_end


def verify(world: World, point: str) -> bool:
    """Take every step of a verification; one that a kill ended is begun anew."""
    assert world.run("forget")
    world.carol.crypto.unverify_device(world.device_of_the_bot())
    got_to_its_end = _verified(world, point)
    for _ in range(3):
        if world.device_of_the_bot().level == VERIFIED and _levels(world) == VERIFIED:
            return got_to_its_end
        _verified(world, "")
    raise AssertionError("they never come to verify each other")


def _verified(world: World, point: str) -> bool:
    """Let Carol and the device verify each other, as far as it lives."""
    stop = Path(world.given["stop"])
    stop.unlink(missing_ok=True)
    ended: list[bool] = []
    thread = threading.Thread(target=lambda: ended.append(world.jobs.run("verify", world.given, point)), daemon=True)
    thread.start()
    mine = world.carol.crypto.request_verification(world.device_of_the_bot())
    while thread.is_alive() and not mine.is_finished:
        world.carol.sync_once(100)
        if mine.emoji and mine.state.value in ("comparing", "mac_received"):
            mine.confirm()
    stop.touch()
    thread.join()
    assert ended, "the job failed"
    if not mine.is_finished:
        mine.cancel()
    world.check_keys()
    return ended[0]


def _levels(world: World) -> str:
    path = Path(world.given["levels"])
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    others = {level for device_id, level in found.items() if device_id != world.carol.device_id}
    assert others <= {""}, "somebody else was verified"
    return str(found.get(world.carol.device_id))


def take_keys(world: World, point: str) -> bool:
    """Take in a file of keys for what could not be read."""
    if not world.said:
        world.let_join("dave")  # whoever speaks needs somebody to hear it
    world.carol.crypto.blacklist_device(world.device_of_the_bot())
    for _ in range(world.chance.randint(1, 3)):
        world.say()
    engine = world.carol.engine
    export_keys(engine, world.given["keys"], PASSPHRASE, [world.room_id], rounds=LEAST_ROUNDS)
    got_to_its_end = world.run("import", point)
    assert got_to_its_end or world.run("import")
    world.check_heard(may_be_late=True)
    return got_to_its_end


SCENES: dict[str, tuple[Callable[[World, str], bool], int, int]] = {
    "say": (say, 10, 8),
    "hear": (hear, 3, 2),
    "top_up": (top_up, 4, 2),
    "verify": (verify, 10, 4),
    "take_keys": (take_keys, 3, 2),
}
"""What is done, and how many commits and requests that takes at least."""


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    with Jobs() as running:
        yield running


@pytest.fixture
def world(server: DevServer, jobs: Jobs, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with FaultProxy(server.url, keeps_bytes=True) as proxy:
        yield World(server, proxy, jobs, tmp_path, request.node.name)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scene", SCENES)
def test_a_device_that_ends_at_any_point_goes_on_as_it_was(world: World, scene: str, seed: int) -> None:
    play, commits, requests = SCENES[scene]
    if scene != "say":
        world.new_bot()
        assert world.run("say")
    kills = []
    for point in POINTS:
        if SOAKS:
            kills.append(at_every_place(world, play, point))
        else:
            number = world.chance.randint(1, commits if point.startswith("commit") else requests)
            kills.append(not play(world, f"{point}:{number}"))
    assert all(kills)
    world.check_ratchets()
    print(f"seed {seed}, {world.library}, {scene}: {sum(kills)} kills, {world.audit().seen} ciphertexts")


def at_every_place(world: World, play: Callable[[World, str], bool], point: str) -> int:
    """Kill at every place of a kind, and return how many there are."""
    number = 1
    while not play(world, f"{point}:{number}"):
        number += 1
        assert number < MOST, "it never gets to its end"
    return number - 1


def test_a_ratchet_that_is_saved_after_sending_is_found_out(world: World) -> None:
    world.rotation = 100
    world.new_bot()
    assert world.run("say")
    for number in range(1, 20):
        world.given["up_to"] += 2
        if not world.run("say-saved-after", f"request.after:{number}"):
            assert world.run("say-saved-after")
        if world.audit().reused:
            return
    raise AssertionError("these kills would not have found a place that was used twice")


def test_a_device_whose_store_is_gone_does_not_begin_anew(world: World) -> None:
    world.new_bot()
    assert world.run("say")
    for path in world.place.glob("store*"):
        path.unlink()
    with pytest.raises(AssertionError, match="DeviceKeysLost"):
        world.run("say")
    world.check_keys()


def test_a_device_that_changed_is_found_out(world: World) -> None:
    world.new_bot()
    assert world.run("say")
    world.keys = {"device_id": DEVICE}
    with pytest.raises(AssertionError, match="its device changed"):
        world.check_keys()
