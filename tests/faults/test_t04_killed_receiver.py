"""T4: those who encrypt, and those who decrypt, are killed again and again: nothing is lost or left unread.

Both go on with the device that they were. No place of a ratchet is used twice (T5). What is read reaches its
listener again only where the kill came before the sync that brought it had returned.
"""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path

import pytest

from gomatrix_py import Client, Crypto, CryptoClient, Event
from gomatrix_py.api.keys import QueryKeys
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.testing import DevServer
from tests.kit.crash import Child
from tests.kit.crypto_bot import LIFE, SYNCED, UNREAD, again_after_all, said_in
from tests.kit.encrypting import ENCRYPTION
from tests.kit.fault_mixes import SEED, of_size
from tests.kit.kill_runner import KillRunner, Lives
from tests.kit.queue_bot import text_of
from tests.kit.ratchet_audit import Audit

KILLS, PER_LIFE = of_size(6, 250), of_size(12, 20)  # of those who read, and as many who send, with each library
CONTROL_KILLS = of_size(5, 30)
FLOOD = of_size(20, 100)
LIBRARIES: list[BackendName] = ["vodozemac", "olm"]


class Stage:
    """A server, a job with a store, and somebody who does not get killed, in a room whose key changes often."""

    def __init__(self, server: DevServer, folder: Path, library: BackendName) -> None:
        self.server, self.folder, self.library = server, folder, library
        name = uuid.uuid4().hex[:8]
        self.bot = server.register(f"bot-{name}", "secret")
        crypto = Crypto(trust=BlindTrust(), library=library)
        self.carol = server.register(f"carol-{name}", "secret", client_class=CryptoClient, crypto=crypto)
        settings = {**ENCRYPTION, "content": {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_msgs": 5}}
        self.carol.sync_once()
        self.room_id = self.carol.create_room(invite=[self.bot.user_id], initial_state=[settings]).room_id
        self.bot.join_room(self.room_id)
        self.carol.sync_once()

    def start(self, manner: str, up_to: int) -> Child:
        """Start the job."""
        who = (self.bot.user_id, self.bot.access_token, self.bot.device_id)
        files = (self.folder / "store.db", self.library, manner, self.folder / "file")
        return Child("tests.kit.crypto_bot", self.server.url, *who, *files, up_to, self.room_id)

    def keys_of_the_bot(self) -> object:
        """Return what the server says of its device."""
        answer = self.carol.call(QueryKeys({self.bot.user_id: []})).raw
        return answer["device_keys"].get(self.bot.user_id)

    def ciphertexts(self) -> list[Event]:
        """Return the encrypted events of the room as the server has them."""
        with Client(self.server.url, self.carol.user_id, self.carol.access_token) as plain:
            return [event for event in plain.messages_iter(self.room_id) if event.type == "m.room.encrypted"]


@pytest.fixture
def stage(server: DevServer, tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
    return Stage(server, tmp_path, getattr(request, "param", "vodozemac"))


def kill_senders(stage: Stage, kills: int, manner: str) -> Lives:
    lives = KillRunner(lambda number: stage.start(manner, PER_LIFE * (number + 1)), SEED, 0.6).run(kills)
    print(f"seed {SEED}, {stage.library}, {manner}: {lives}")
    return lives


@pytest.mark.parametrize("stage", LIBRARIES, indirect=True)
def test_who_sends_is_killed(stage: Stage) -> None:
    lives = kill_senders(stage, KILLS, "send")
    assert lives.at_work > KILLS // 3, "most kills came when all was done"
    count = PER_LIFE * (KILLS + 1)
    before = stage.keys_of_the_bot()
    for _ in range(3 + count // 500):  # a sync brings a hundred keys at most, and each reads five messages
        stage.carol.sync_once()
    events = list(stage.carol.messages_iter(stage.room_id))
    said = Counter(event.body for event in events if event.type in ("m.room.message", "m.room.encrypted"))
    assert said == Counter(text_of(number) for number in range(count))
    audit = Audit()
    audit.note_room_events(stage.ciphertexts())
    assert (audit.seen, audit.reused) == (count, set())
    assert stage.keys_of_the_bot() == before
    assert before


def test_a_ratchet_that_is_saved_after_sending_is_found_out(stage: Stage) -> None:
    kill_senders(stage, CONTROL_KILLS, "send-saved-after")
    audit = Audit()
    audit.note_room_events(stage.ciphertexts())
    assert audit.reused, "these kills would not have found a place that was used twice"


@pytest.mark.parametrize("stage", LIBRARIES, indirect=True)
def test_who_reads_is_killed(stage: Stage) -> None:
    keys: list[object] = []

    def start(number: int) -> Child:
        if number:
            keys.append(stage.keys_of_the_bot())
        (device,) = stage.carol.crypto.devices(stage.bot.user_id)
        for place in range(PER_LIFE):
            stage.carol.send_text(stage.room_id, text_of(number * PER_LIFE + place))
        for place in range(FLOOD):
            stage.carol.crypto.encrypt_to_devices([device], "org.example.flood", {"n": place})
        return stage.start("read", PER_LIFE * (number + 1))

    with stage.start("read", 0) as first:  # so that its keys are known before the first message
        first.wait_until_it_says("done")
    lives = KillRunner(start, SEED, 0.4).run(KILLS)
    lines = said_in(stage.folder / "file")
    said = Counter(line for line in lines if line not in (LIFE, SYNCED) and not line.startswith(UNREAD))
    late = sum(line.startswith(UNREAD) for line in lines)
    print(f"seed {SEED}, {stage.library}: {lives}, {late} were late, {said.total() - len(said)} came again")
    assert set(said) == {text_of(number) for number in range(PER_LIFE * (KILLS + 1))}
    assert again_after_all(lines) == []
    assert len({str(one) for one in keys}) == 1, "its device changed"


def test_who_marks_nothing_hears_it_again(stage: Stage) -> None:
    with stage.start("read", 0) as first:
        first.wait_until_it_says("done")
    stage.carol.send_text(stage.room_id, text_of(0))
    for _ in range(2):
        with stage.start("read-marks-nothing", 1) as child:
            child.wait_until_it_says("done")
    assert text_of(0) in again_after_all(said_in(stage.folder / "file"))
