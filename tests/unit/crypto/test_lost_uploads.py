"""Keys went up and the answer was lost: what arrived is not offered again, and what did not is."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.api.keys import UploadKeys
from gomatrix_py.crypto.account import OwnAccount
from gomatrix_py.crypto.exchanges import OutgoingRequest
from gomatrix_py.crypto.trust import BlindTrust
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

ROOM, ALICE, BOB = "!room:hs", "@alice:hs", "@bob:hs"


class Lossy(Peer):
    """A device whose uploads go wrong as told: "lost" on the way back, "cut" on the way there, or "ok"."""

    def __init__(self, server: KeyServer, user_id: str, device_id: str, fates: str, **options: Any) -> None:
        self.fates = iter(fates.split())
        self.uploads: list[int] = []
        super().__init__(server, user_id, device_id, policy=BlindTrust(), **options)

    def send_all(self) -> None:
        for wanted in self.engine.outgoing_requests():
            if not isinstance(wanted.request, UploadKeys):
                self.engine.mark_request_as_sent(wanted.id, self.server.answer(self.me, wanted.request))
            elif not self.upload(wanted, wanted.request):
                return

    def upload(self, wanted: OutgoingRequest, request: UploadKeys) -> bool:
        self.uploads.append(len(request.one_time_keys or {}))
        fate = next(self.fates, "ok")
        answer = None if fate == "cut" else self.server.answer(self.me, request)
        if fate == "ok":
            assert answer is not None
            self.engine.mark_request_as_sent(wanted.id, answer)
        return fate == "ok"


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.mark.parametrize(
    ("fates", "uploads"),
    [
        ("ok", [50]),
        ("lost", [50, 0]),
        ("cut", [50, 0, 50]),
        ("lost lost cut lost", [50, 0, 0, 0, 0]),
        ("cut cut cut", [50, 0, 0, 0, 50]),
        ("cut ok lost", [50, 0, 50, 0]),
        ("cut ok cut ok lost", [50, 0, 50, 0, 50, 0]),
    ],
)
@pytest.mark.parametrize("restarts", [False, True])
def test_it_ends_with_all_keys_there_once(server: KeyServer, fates: str, uploads: list[int], restarts: bool) -> None:
    bob = Lossy(server, BOB, "B1", fates)
    for _ in range(10):
        if restarts:
            bob.restart()
        bob.send_all()
    assert bob.uploads == uploads
    assert len(server.one_time_keys[bob.me]) == 50
    with bob.engine.step() as step:
        account = bob.engine.account
        assert not account.needs_upload(step)
        assert (account.load(step).one_time_keys(), account.load(step).fallback_key()) == ({}, {})


@pytest.mark.parametrize(("restarts", "uploads"), [(True, [50, 0, 28]), (False, [50, 0])])
def test_the_next_process_replaces_at_once_what_was_used_up_meanwhile(
    server: KeyServer, restarts: bool, uploads: list[int]
) -> None:
    bob = Lossy(server, BOB, "B1", "lost", clock=FrozenClock())
    for _ in range(28):
        server.one_time_keys[bob.me].popitem()
    if restarts:
        bob.restart()
    for _ in range(3):
        bob.send_all()
    assert bob.uploads == uploads  # the same process keeps its pace


def given_away_twice(server: KeyServer) -> list[Any]:
    """Return what two others claim, one before and one after Bob learns what became of his upload."""
    bob = Lossy(server, BOB, "B1", "lost")
    keys = server.one_time_keys[bob.me]
    given = [keys.pop(next(iter(keys)))]
    for _ in range(5):
        bob.send_all()
    while keys:
        given.append(keys.pop(next(iter(keys))))
    return [key["key"] for key in given]


def test_what_was_given_away_is_not_offered_again(server: KeyServer) -> None:
    given = given_away_twice(server)
    assert len(given) == len(set(given)) == 50


def test_who_does_not_ask_offers_a_key_to_two(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    prepare = OwnAccount.prepare_upload

    def careless(self: OwnAccount, step: Any) -> UploadKeys:
        record = self._record(step)
        record["offered_on"] = None
        self._save(step, record, self.load(step))
        return prepare(self, step)

    monkeypatch.setattr(OwnAccount, "prepare_upload", careless)
    given = given_away_twice(server)
    assert len(given) == len(set(given)) + 1


def test_a_count_from_a_sync_in_between_changes_nothing(server: KeyServer) -> None:
    bob = Lossy(server, BOB, "B1", "lost lost")
    given = server.one_time_keys[bob.me].popitem()[0]
    for _ in range(5):
        bob.sync()  # tells that there are 49, and sends
    assert bob.uploads == [50, 0, 0]
    assert (given in server.one_time_keys[bob.me], len(server.one_time_keys[bob.me])) == (False, 49)


def test_a_top_up_is_as_safe(server: KeyServer) -> None:
    clock = FrozenClock()
    bob = Lossy(server, BOB, "B1", "ok lost cut", clock=clock)
    keys = server.one_time_keys[bob.me]
    for _ in range(30):
        keys.popitem()
    clock.at_s += 10
    for _ in range(5):
        bob.sync()
    assert bob.uploads == [50, 30, 0, 0]
    assert len(keys) == 50


def test_what_was_refused_is_known_not_to_be_there(server: KeyServer) -> None:
    """The next upload offers other keys, without a question."""
    bob = Lossy(server, BOB, "B1", "cut")
    bob.send_all()
    with bob.engine.step() as step:
        first = bob.engine.account.prepare_upload(step)
    bob.engine.note_rolled_back()
    with bob.engine.step() as step:
        second = bob.engine.account.prepare_upload(step)
    assert first.one_time_keys is not None
    assert second.one_time_keys is not None
    assert (len(second.one_time_keys), first.one_time_keys.keys() & second.one_time_keys.keys()) == (50, set())


def test_others_reach_a_device_whose_upload_was_in_doubt(server: KeyServer) -> None:
    bob = Lossy(server, BOB, "B1", "lost cut lost")
    alices = [Peer(server, ALICE, f"A{number}", policy=BlindTrust()) for number in range(3)]
    said = []
    for alice in alices:
        said.append(alice.say(ROOM, [ALICE, BOB], alice.me[1]))
        bob.send_all()
    bob.sync(changed=(ALICE,))
    assert [bob.read(event) for event in said] == ["A0", "A1", "A2"]
