"""Events that wait for their key: told of once it is there and reaches back to them, and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import pytest

from gomatrix_py import Crypto, CryptoClient, Event
from gomatrix_py.crypto import key_file_format, spaces
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.inbound import Inbound
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.store.key_values import MemoryKeyValues
from tests.kit.key_file_samples import FEW, PASSPHRASE, file_of
from tests.kit.key_server import KeyServer, Peer

ROOM, ALICE, BOB = "!room:hs", "@alice:hs", "@bob:hs"
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")

_File = Callable[[int], Any]


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes guessing slow makes tests slow."""
    monkeypatch.setattr(key_file_format, "LEAST_ROUNDS", FEW)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> BackendName:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def bob(library: BackendName) -> Iterator[CryptoClient]:
    options = Crypto(key=bytes(32), library=library)
    with CryptoClient("http://127.0.0.1:9", BOB, "token", crypto=options, device_id="B1") as client:
        yield client


@pytest.fixture
def said(library: BackendName) -> tuple[list[Event], _File]:
    """What Alice said, and the file of the key from one of these messages on."""
    alice = Peer(KeyServer(), ALICE, "A1", library=library, policy=BlindTrust())
    events = [alice.say(ROOM, [ALICE], text) for text in ("first", "second", "third")]
    session_id = events[0].content["session_id"]

    def file(begins_at: int) -> Any:
        with alice.engine.step() as step:
            key = alice.engine.inbound.exported(step, ROOM, session_id, begins_at)
        entry = {"algorithm": "m.megolm.v1.aes-sha2", "room_id": ROOM, "session_id": session_id, "session_key": key}
        return file_of([entry])

    return events, file


def heard(client: CryptoClient, events: Iterable[Event]) -> list[tuple[str, str | None]]:
    """Let a client see events it cannot read, and return what its listeners are told of from then on."""
    found: list[tuple[str, str | None]] = []
    client.syncer.on_event(lambda event: found.append((event.event_id, event.body)))  # type: ignore[attr-defined]
    for event in events:
        shown = client.opened(event)
        assert shown.encryption is not None
        assert shown.encryption.error is not None
    return found


def waiting(client: CryptoClient) -> list[str]:
    values = client.store.key_values  # type: ignore[attr-defined]
    assert isinstance(values, MemoryKeyValues)
    return [key.split(" ")[-1] for key, _ in values.scan(spaces.WAITING)]


def test_what_a_key_does_not_reach_back_to_waits_on(bob: CryptoClient, said: tuple[list[Event], _File]) -> None:
    events, file = said
    ids = [event.event_id for event in events]
    found = heard(bob, events)
    assert bob.crypto.import_keys(file(1), PASSPHRASE).taken == 1
    assert found == [(ids[1], "second"), (ids[2], "third")]
    assert waiting(bob) == ids[:1]
    for begins_at in (1, 2):  # known already, and it does not help
        assert bob.crypto.import_keys(file(begins_at), PASSPHRASE).known == 1
        assert (len(found), waiting(bob)) == (2, ids[:1])
    assert bob.crypto.import_keys(file(0), PASSPHRASE).taken == 1
    assert (found[2:], waiting(bob)) == ([(ids[0], "first")], [])


def test_what_no_key_can_read_is_told_of_as_it_is(bob: CryptoClient, said: tuple[list[Event], _File]) -> None:
    """Its key came, and it is forged: it would wait for ever."""
    events, file = said
    forged = attrs.evolve(events[0], content={**events[0].content, "ciphertext": "forged"})
    found = heard(bob, [forged])
    bob.crypto.import_keys(file(0), PASSPHRASE)
    assert (found, waiting(bob)) == ([(forged.event_id, None)], [])


def test_without_a_look_at_the_key_it_is_told_of_unread(
    bob: CryptoClient, said: tuple[list[Event], _File], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: whatever waits for a key is taken out when something of it is imported."""
    monkeypatch.setattr(Inbound, "reaches_back_to", lambda *args: True)
    events, file = said
    found = heard(bob, events[:1])
    bob.crypto.import_keys(file(1), PASSPHRASE)
    assert found == [(events[0].event_id, None)]
