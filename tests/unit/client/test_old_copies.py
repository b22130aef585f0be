"""Looking whether more was said than a store knows of: when it is asked for, and what a server can make of it."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.api.room_history import GetMessages, RespMessages
from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.client.old_copies import OldCopies
from gomatrix_py.codec import dumps
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import BadPickle, Forbidden
from gomatrix_py.events import Event
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

ROOM = "!room:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"


class Asked:
    """Alice, who began anew, and what she asks."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.alice = Peer(KeyServer(), ALICE, "D", policy=BlindTrust(), clock=self.clock)
        self.said = self.alice.say(ROOM, [ALICE], "before")
        self.clock.at_s += 1
        self.restart()
        self.questions: list[GetMessages] = []
        self.answer: list[Event] = [self.said]

    def restart(self) -> None:
        self.alice.restart()
        self.copies = OldCopies(self.alice.engine)
        self.alarms = 0
        self.alice.engine.on_rolled_back = self._alarm

    def _alarm(self) -> None:
        self.alarms += 1

    def ask(self, question: GetMessages) -> RespMessages:
        self.questions.append(question)
        return RespMessages(start="s", chunk=self.answer)

    def check(self, room_id: str = ROOM, *, is_following: bool = False) -> int:
        """Return how often the server was asked."""
        self.copies.check(room_id, self.ask, is_following=is_following)
        return len(self.questions)

    def forged(self, sender: str = ALICE, **changes: Any) -> Event:
        content = {**self.said.content, "session_id": "never-heard-of", **changes}
        return Event("m.room.encrypted", content, "$forged", sender, 1, room_id=ROOM)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_it_is_asked_once_for_a_session_of_an_earlier_process(asked: Asked) -> None:
    assert [asked.check(), asked.check()] == [1, 1]
    assert asked.questions[0].room_id == ROOM
    assert '"senders": ["@alice:hs"]' in asked.questions[0].filter
    assert asked.alarms == 0


def test_nothing_is_asked_for_sessions_of_our_own_and_for_rooms_without(asked: Asked) -> None:
    asked.alice.say("!new:hs", [ALICE], "x")
    assert [asked.check("!new:hs"), asked.check("!never:hs"), asked.check("no room id")] == [0, 0, 0]


def test_who_follows_asks_only_behind_a_gap(asked: Asked) -> None:
    assert asked.check(is_following=True) == 0
    room = {"timeline": {"events": [], "limited": True}}
    asked.copies.note_sync(SyncResponse.from_json(dumps({"next_batch": "s", "rooms": {"join": {ROOM: room}}})))
    assert [asked.check(is_following=True), asked.check(is_following=True)] == [1, 1]


def test_a_server_that_refuses_is_asked_again(asked: Asked) -> None:
    def refuse(question: GetMessages) -> RespMessages:
        asked.questions.append(question)
        raise Forbidden("no", code=403)

    for _ in range(2):
        asked.copies.check(ROOM, refuse, is_following=False)
    assert len(asked.questions) == 2


def test_a_session_that_is_missing_is_noticed_once(asked: Asked) -> None:
    asked.answer = [asked.forged(), asked.forged(session_id="another")]
    asked.check()
    assert asked.alarms == 1, "a server can make up as many as it likes"
    asked.restart()
    asked.copies.look_at(ROOM, [asked.forged()])
    assert asked.alarms == 0, "it is known to be lost"


@pytest.mark.parametrize(
    "changes", [{"sender": BOB}, {"device_id": "OTHER"}, {"sender_key": "x"}, {"device_id": None}, {"sender_key": []}]
)
def test_what_others_said_is_no_sign(asked: Asked, changes: dict[str, Any]) -> None:
    asked.copies.look_at(ROOM, [asked.forged(**changes)])
    assert asked.alarms == 0


def test_what_cannot_be_read_is_no_sign(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.copies.look_at(ROOM, [asked.forged(session_id=asked.said.content["session_id"], ciphertext="AAAA")])
    assert asked.alarms == 0

    def damaged(*_: Any) -> Any:
        raise BadPickle("what is stored is damaged")

    monkeypatch.setattr(asked.alice.engine, "decrypt", damaged)
    asked.copies.look_at(ROOM, [asked.said])
    assert asked.alarms == 0
