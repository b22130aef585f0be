"""Two and three engines over a server of keys: what is said is read by whom it is for, once, and by nobody else."""

from __future__ import annotations

import attrs
import pytest

from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.outbound import RoomSettings
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.errors import (
    DecryptionFailed,
    MismatchedRoom,
    MismatchedSender,
    MissingRoomKey,
    NoEligibleDevices,
    ReplayedMessage,
    UnknownMessageIndex,
)
from gomatrix_py.events import Event
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

ROOM = "!room:hs"
ALICE, BOB, CAROL = "@alice:hs", "@bob:hs", "@carol:hs"
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def alice(server: KeyServer) -> Peer:
    return Peer(server, ALICE, "A1", policy=BlindTrust())


@pytest.fixture
def bob(server: KeyServer) -> Peer:
    return Peer(server, BOB, "B1", policy=BlindTrust())


@pytest.mark.parametrize("sender", LIBRARIES)
@pytest.mark.parametrize("receiver", LIBRARIES)
def test_what_is_said_is_read(server: KeyServer, sender: BackendName, receiver: BackendName) -> None:
    alice = Peer(server, ALICE, "A1", library=sender, policy=BlindTrust())
    bob = Peer(server, BOB, "B1", library=receiver, policy=BlindTrust())
    first = alice.say(ROOM, [ALICE, BOB], "hello")
    assert b"hello" not in first.json
    bob.sync()
    assert bob.read(first) == "hello"
    alice.restart()
    bob.restart()
    second = alice.say(ROOM, [ALICE, BOB], "again")
    bob.sync()
    assert (bob.read(second), alice.read(second)) == ("again", "again")
    assert first.content["session_id"] == second.content["session_id"]
    answer = bob.say(ROOM, [ALICE, BOB], "hi")
    alice.sync()
    assert alice.read(answer) == "hi"


def test_the_other_devices_of_both_sides_read_it(server: KeyServer, alice: Peer, bob: Peer) -> None:
    phone = Peer(server, ALICE, "A2", policy=BlindTrust())
    tablet = Peer(server, BOB, "B2", policy=BlindTrust())
    alice.sync(changed=(ALICE,))
    event = alice.say(ROOM, [ALICE, BOB], "all")
    for peer in (phone, bob, tablet):
        peer.sync()
        assert peer.read(event) == "all"


def test_who_left_does_not_read_on(server: KeyServer, alice: Peer, bob: Peer) -> None:
    carol = Peer(server, CAROL, "C1", policy=BlindTrust())
    both = alice.say(ROOM, [ALICE, BOB, CAROL], "with carol")
    without = alice.say(ROOM, [ALICE, BOB], "without")
    bob.sync()
    carol.sync()
    assert (bob.read(both), bob.read(without), carol.read(both)) == ("with carol", "without", "with carol")
    with pytest.raises(MissingRoomKey):
        carol.read(without)


def test_a_device_that_went_away_does_not_read_on(server: KeyServer, alice: Peer, bob: Peer) -> None:
    tablet = Peer(server, BOB, "B2", policy=BlindTrust())
    alice.say(ROOM, [ALICE, BOB], "1")
    del server.devices[BOB]["B2"]
    alice.sync(changed=(BOB,))
    event = alice.say(ROOM, [ALICE, BOB], "2")
    tablet.sync()
    with pytest.raises(MissingRoomKey):
        tablet.read(event)
    assert [one.is_active for one in alice.engine.devices_of(BOB)] == [True, False]


def test_who_comes_later_reads_from_then_on(server: KeyServer, alice: Peer, bob: Peer) -> None:
    before = alice.say(ROOM, [ALICE, BOB], "before")
    carol = Peer(server, CAROL, "C1", policy=BlindTrust())
    after = alice.say(ROOM, [ALICE, BOB, CAROL], "after")
    carol.sync()
    assert before.content["session_id"] == after.content["session_id"]
    assert carol.read(after) == "after"
    with pytest.raises(UnknownMessageIndex):
        carol.read(before)


@pytest.mark.parametrize(
    ("settings", "wait_s"),
    [(RoomSettings(rotation_msgs=1), 0), (RoomSettings(rotation_ms=3_600_000), 3_600), (RoomSettings(), -10)],
)
def test_a_session_ends_in_time(server: KeyServer, bob: Peer, settings: RoomSettings, wait_s: float) -> None:
    clock = FrozenClock()
    alice = Peer(server, ALICE, "A1", policy=BlindTrust(), clock=clock)
    first = alice.say(ROOM, [ALICE, BOB], "1", settings)
    clock.at_s += wait_s
    second = alice.say(ROOM, [ALICE, BOB], "2", settings)
    assert first.content["session_id"] != second.content["session_id"]
    bob.sync()
    assert (bob.read(first), bob.read(second)) == ("1", "2")


def test_settings_are_kept_within_sound_bounds() -> None:
    assert RoomSettings.from_contents({"rotation_period_msgs": 0, "rotation_period_ms": 1}) == RoomSettings(
        1, 3_600_000
    )
    assert RoomSettings.from_contents({"rotation_period_msgs": 10**9}).rotation_msgs == 10_000
    odd_contents: list[object] = [None, [], {"rotation_period_msgs": "9", "rotation_period_ms": True}]
    for odd in odd_contents:
        assert RoomSettings.from_contents(odd, odd) == RoomSettings()


# ------------------------------------------------------------------ what a server may not do


def test_the_same_ciphertext_as_another_event_is_a_replay(alice: Peer, bob: Peer) -> None:
    event = alice.say(ROOM, [ALICE, BOB], "once")
    bob.sync()
    assert bob.read(event) == bob.read(event) == "once"
    bob.restart()
    for change in ({"event_id": "$other"}, {"origin_server_ts": 99}):
        with pytest.raises(ReplayedMessage):
            bob.read(attrs.evolve(event, **change))


def test_an_event_cannot_be_moved(alice: Peer, bob: Peer) -> None:
    event = alice.say(ROOM, [ALICE, BOB], "here")
    bob.sync()
    with pytest.raises(MismatchedSender):
        bob.read(attrs.evolve(event, sender=CAROL))
    with pytest.raises(MissingRoomKey):
        bob.read(attrs.evolve(event, room_id="!other:hs"))
    with bob.engine.step() as step:  # even where the server brings the key into the other room
        record = step.record("megolm.in", f"{ROOM} {event.content['session_id']}")
        assert record is not None
        step.put_record("megolm.in", f"!other:hs {event.content['session_id']}", {**record, "room_id": "!other:hs"})
    with pytest.raises(MismatchedRoom):
        bob.read(attrs.evolve(event, room_id="!other:hs"))


def test_keys_that_change_are_refused(server: KeyServer, alice: Peer, bob: Peer) -> None:
    alice.say(ROOM, [ALICE, BOB], "1")
    before = server.devices[BOB]["B1"]
    impostor = Peer(KeyServer(), BOB, "B1", policy=BlindTrust())
    server.devices[BOB]["B1"] = impostor.server.devices[BOB]["B1"]
    alice.sync(changed=(BOB,))
    alice.share(ROOM, [ALICE, BOB])
    (known,) = alice.engine.devices_of(BOB)
    assert known.ed25519 == before["keys"]["ed25519:B1"]
    assert known.has_changed_keys


@pytest.mark.parametrize("member", ["user_id", "device_id", "keys", "signatures"])
def test_keys_that_are_not_signed_by_the_device_are_refused(
    server: KeyServer, alice: Peer, bob: Peer, member: str
) -> None:
    server.devices[BOB]["B1"][member] = {} if member in ("keys", "signatures") else "@x:hs"
    alice.share(ROOM, [ALICE, BOB])
    with pytest.raises(NoEligibleDevices):
        alice.engine.recipients([ALICE, BOB]).check_somebody(ALICE, [ALICE, BOB])
    assert alice.engine.devices_of(BOB) == []


@pytest.mark.parametrize("kind", ["m.room_key", "m.forwarded_room_key", "m.secret.send", "m.dummy"])
def test_secrets_in_plain_text_are_dropped(server: KeyServer, alice: Peer, bob: Peer, kind: str) -> None:
    event = alice.say(ROOM, [ALICE, BOB], "1")
    key = alice.engine.inbound
    with alice.engine.step() as step:
        exported = key.exported(step, ROOM, event.content["session_id"])
    content = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": ROOM,
        "session_id": event.content["session_id"],
        "session_key": exported,
        "sender_key": alice.engine.own.curve25519,
    }
    server.inboxes[bob.me] = [{"type": kind, "sender": ALICE, "content": content}]
    assert bob.sync() == [[], []]
    with pytest.raises(MissingRoomKey):
        bob.read(event)


def _olm(alice: Peer, bob: Peer, **changes: object) -> dict[str, object]:
    """An encrypted message from Alice to Bob whose payload was changed."""
    alice.share(ROOM, [ALICE, BOB])
    (device,) = alice.engine.devices_of(BOB)
    own = attrs.evolve(alice.engine.own, **{k: v for k, v in changes.items() if k in ("user_id", "ed25519")})  # type: ignore[arg-type]
    target = attrs.evolve(device, **{k[3:]: v for k, v in changes.items() if k.startswith("to_")})  # type: ignore[arg-type]
    with alice.engine.step() as step:
        if "signed" in changes:
            alice.engine.account._device_keys = changes["signed"]  # type: ignore[assignment]
        content = alice.engine.olm.encrypt(step, own, target, "org.example", {"n": 1})
    assert isinstance(content, dict)
    return content


def test_an_encrypted_message_arrives(server: KeyServer, alice: Peer, bob: Peer) -> None:
    content = _olm(alice, bob)
    bob.sync()
    server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": content}]
    ((arrival,), _) = bob.sync()
    assert (arrival.event.type, arrival.event.content, arrival.message.sender) == ("org.example", {"n": 1}, ALICE)
    server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": content}]
    assert bob.sync() == [[], []], "it came a second time"
    bob.restart()
    server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": content}]
    assert bob.sync() == [[], []], "it came a second time after a restart"


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": CAROL},
        {"ed25519": "A" * 43},
        {"to_user_id": CAROL},
        {"to_ed25519": "A" * 43},
        {"signed": {}},
        {"signed": "text"},
    ],
)
def test_a_payload_that_lies_is_refused(
    server: KeyServer, alice: Peer, bob: Peer, changes: dict[str, object]
) -> None:
    bob.share(ROOM, [ALICE, BOB])  # so that Bob knows Alice's device
    bob.sync()
    content = _olm(alice, bob, **changes)
    bob.sync()
    server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": content}]
    assert bob.sync() == [[], []]


def test_another_sender_than_the_server_says_is_refused(server: KeyServer, alice: Peer, bob: Peer) -> None:
    content = _olm(alice, bob)
    server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": CAROL, "content": content}]
    assert bob.sync() == [[], []]


@pytest.mark.parametrize("content", [None, [], {}, {"algorithm": "m.megolm.v1.aes-sha2"}, {"ciphertext": 3}])
def test_odd_events_are_refused(bob: Peer, content: object) -> None:
    event = Event.from_dict({"type": "m.room.encrypted", "content": content, "event_id": "$1", "sender": ALICE}, ROOM)
    with pytest.raises(DecryptionFailed):
        bob.read(event)


# ------------------------------------------------------------------ late and lost


def test_what_could_not_be_read_comes_again_with_its_key(server: KeyServer, alice: Peer, bob: Peer) -> None:
    events = [alice.say(ROOM, [ALICE, BOB], text) for text in ("1", "2")]
    for event in events:
        with pytest.raises(MissingRoomKey):
            bob.read(event)
    bob.restart()
    _, readable = bob.sync()
    assert [Event.from_json(one.json, one.room_id).event_id for one in readable] == ["$event1", "$event2"]
    assert [bob.read(Event.from_json(one.json, one.room_id)) for one in readable] == ["1", "2"]
    assert bob.sync() == [[], []]


def test_a_lost_session_is_healed(server: KeyServer, alice: Peer, bob: Peer) -> None:
    alice.say(ROOM, [ALICE, BOB], "1")
    bob.sync()
    bob.say(ROOM, [ALICE, BOB], "2")
    alice.sync()
    with bob.engine.step() as step:
        for key, _ in list(step.scan("olm")):
            step.remove("olm", key)
    content = _olm(alice, bob)  # by the session that Bob lost
    server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": content}]
    bob.sync()
    (wedged,) = bob.engine.wedged_devices()
    claim = bob.engine.claim_for([wedged])
    assert claim is not None
    assert bob.engine.take_claimed([wedged], server.answer(bob.me, claim)) == {}
    bob.engine.send_dummies([wedged])
    assert bob.engine.wedged_devices() == []
    bob.send_all()
    alice.sync()
    server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": _olm(alice, bob)}]
    ((arrival,), _) = bob.sync()
    assert arrival.event.type == "org.example"


def test_a_device_is_unwedged_once_an_hour(server: KeyServer, bob: Peer) -> None:
    clock = FrozenClock()
    bob = Peer(server, CAROL, "C1", policy=BlindTrust(), clock=clock)
    alice = Peer(server, ALICE, "A1", policy=BlindTrust())
    bob.share(ROOM, [ALICE, CAROL])
    content = {
        "algorithm": "m.olm.v1.curve25519-aes-sha2",
        "sender_key": alice.engine.own.curve25519,
        "ciphertext": {bob.engine.own.curve25519: {"type": 1, "body": "AAAA"}},
    }
    for expected in (1, 0, 1):
        server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": content}]
        bob.sync()
        wedged = bob.engine.wedged_devices()
        assert len(wedged) == expected
        bob.engine.send_dummies(wedged)
        clock.at_s += 1 if expected else 3600


def test_a_long_talk_without_an_answer_gets_one_heartbeat(server: KeyServer, alice: Peer, bob: Peer) -> None:
    bob.share(ROOM, [ALICE, BOB])  # so that Bob knows Alice's device
    bob.sync()
    sent = 0
    for _ in range(60):
        server.inboxes[bob.me] = [{"type": "m.room.encrypted", "sender": ALICE, "content": _olm(alice, bob)}]
        waiting = len(server.inboxes.get(alice.me, []))
        bob.sync()
        sent += len(server.inboxes.get(alice.me, [])) - waiting
    assert sent == 1
    (arrivals, _) = alice.sync()
    assert arrivals[-1].event.type == "m.dummy"
    assert not arrivals[-1].is_for_application
