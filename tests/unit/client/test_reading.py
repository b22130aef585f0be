"""What a client tells of who wrote an event; and what distrusted devices wrote, opened and marked, or left closed."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, Event, EventSource, InMemoryStore
from gomatrix_py.client.device_messages import journalled, opened_message
from gomatrix_py.client.encryption import CryptoMixin
from gomatrix_py.client.reading import Reader
from gomatrix_py.codec import dumps
from gomatrix_py.crypto.device_changes import DeviceChange
from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.trust import BlindTrust, TrustPolicy, VerifiedOnly
from gomatrix_py.errors import DecryptionFailed, SenderDistrusted, UsageError
from gomatrix_py.store.key_values import key_values_of
from tests.kit.key_server import KeyServer, Peer

ROOM = "!room:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"
SECRET = "the cat is in the bag"


class Scene:
    """Bob's client, driven by hand, and a device of Alice's."""

    def __init__(self, policy: TrustPolicy, *, refuses: bool, **options: Any) -> None:
        server = KeyServer()
        crypto = Crypto(key=bytes(32), trust=policy, refuses_distrusted=refuses, **options)
        self.store = InMemoryStore()
        self.client = CryptoClient(
            "http://127.0.0.1:9", BOB, "token", store=self.store, crypto=crypto, device_id="B1"
        )
        self.bob = Peer(server, BOB, "B1", engine=self.client.engine, key_values=key_values_of(self.store))
        self.alice = Peer(server, ALICE, "A1", policy=BlindTrust())
        query = self.client.engine.query_for([ALICE])
        assert query is not None
        self.client.engine.mark_request_as_sent(query.id, server.answer(self.bob.me, query.request))

    def device(self) -> DeviceInfo:
        (found,) = self.client.engine.devices_of(ALICE)
        return found

    def said(self) -> Event:
        """Return an encrypted event of Alice's whose key has come."""
        event = self.alice.say(ROOM, [ALICE, BOB], SECRET)
        self.bob.sync()
        return event

    def sent(self) -> Event:
        """Return a message between devices, as the listeners of Bob's get it."""
        (device,) = self.alice.engine.devices_of(BOB)
        with self.alice.engine.step() as step:
            content = self.alice.engine.olm.encrypt(
                step, self.alice.engine.own, device, "org.example.secret", {"body": SECRET}
            )
        event = {"type": "m.room.encrypted", "sender": ALICE, "content": content}
        self.bob.server.inboxes.setdefault(self.bob.me, []).append(event)
        arrivals, _ = self.bob.sync()
        row = Event.from_json(journalled(arrivals[-1]), "", EventSource.TO_DEVICE)
        return opened_message(row, self.client._reader.of_message)


@pytest.fixture(params=[False, True], ids=["marked", "closed"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    scene = Scene(BlindTrust(), refuses=request.param)
    with scene.client:
        yield scene


def worth(event: Event) -> tuple[str, str, Trust, bool]:
    info = event.encryption
    assert info is not None
    return info.device_id, info.level, info.trust, info.is_verified


def test_who_is_trusted_is_read_and_so_is_who_is_undecided(scene: Scene) -> None:
    event = scene.said()
    opened = scene.client.opened(event)
    assert (opened.body, worth(opened)) == (SECRET, ("A1", "", Trust.TRUSTED, False))
    scene.client.crypto.verify_device(scene.device())
    assert worth(scene.client.opened(event)) == ("A1", "verified", Trust.TRUSTED, True)
    scene.client.engine.policy.evaluate = lambda *_: Trust.UNDECIDED  # type: ignore[method-assign]
    opened = scene.client.opened(event)
    assert (opened.body, worth(opened)) == (SECRET, ("A1", "verified", Trust.UNDECIDED, True))


def test_what_a_distrusted_device_wrote(scene: Scene) -> None:
    event, is_closed = scene.said(), scene.client.crypto_options.refuses_distrusted
    scene.client.crypto.blacklist_device(scene.device())
    opened = scene.client.opened(event)
    assert worth(opened) == ("A1", "blacklisted", Trust.DISTRUSTED, False)
    assert opened.encryption is not None
    if is_closed:
        assert isinstance(opened.encryption.error, SenderDistrusted)
        assert (opened.type, opened.content, opened.body) == (event.type, event.content, None)
        assert SECRET not in str(opened.raw)
    else:
        assert (opened.encryption.error, opened.body) == (None, SECRET)
    scene.client.crypto.unblacklist_device(scene.device())
    assert scene.client.opened(event).body == SECRET, "it may be fetched again"


def test_what_is_explained(scene: Scene) -> None:
    event, is_closed = scene.said(), scene.client.crypto_options.refuses_distrusted
    scene.client.crypto.blacklist_device(scene.device())
    said = scene.client.crypto.explain(scene.client.opened(event))
    if is_closed:
        assert said.startswith("it was written by device A1 of @alice:hs, which the policy distrusts; verify")
    else:
        assert said.endswith("device A1 wrote it, which nobody verified, and which the policy distrusts")


def test_messages_between_devices(scene: Scene) -> None:
    scene.said()
    first = scene.sent()
    assert (first.content, worth(first)) == ({"body": SECRET}, ("A1", "", Trust.TRUSTED, False))
    scene.client.crypto.blacklist_device(scene.device())
    second, is_closed = scene.sent(), scene.client.crypto_options.refuses_distrusted
    assert worth(second) == ("A1", "blacklisted", Trust.DISTRUSTED, False)
    assert (second.sender, second.source) == (ALICE, EventSource.TO_DEVICE)
    assert second.encryption is not None
    if is_closed:
        assert isinstance(second.encryption.error, SenderDistrusted)
        assert (second.type, second.content) == ("m.room.encrypted", {})
        assert "which the policy distrusts" in scene.client.crypto.explain(second)
    else:
        assert (second.type, second.content, second.encryption.error) == (
            "org.example.secret",
            {"body": SECRET},
            None,
        )


def test_under_verified_only_nobody_else_is_read() -> None:
    """Nor who keeps their device from us: it could be any."""
    scene = Scene(VerifiedOnly(), refuses=True)
    with scene.client:
        event = scene.said()
        assert isinstance(_error(scene.client.opened(event)), SenderDistrusted)
        scene.client.crypto.verify_device(scene.device())
        assert scene.client.opened(event).body == SECRET
        scene.client.crypto.forget_user(ALICE)
        error = _error(scene.client.opened(event))
        assert str(error) == "it was written by a device that we do not know of @alice:hs, which the policy distrusts"


def test_our_own_words_stay_readable_under_verified_only() -> None:
    scene = Scene(VerifiedOnly(), refuses=True)
    with scene.client:
        scene.client.crypto.verify_device(scene.device())
        event = scene.bob.say(ROOM, [ALICE, BOB], SECRET)
        assert scene.client.opened(event).body == SECRET


def _error(event: Event) -> Exception | None:
    return event.encryption.error if event.encryption is not None else None


def test_what_cannot_be_read_says_so_first() -> None:
    scene = Scene(VerifiedOnly(), refuses=True)
    with scene.client:
        event = scene.alice.say(ROOM, [ALICE, BOB], SECRET)
        opened = scene.client.opened(event)
        assert opened.encryption is not None
        assert isinstance(opened.encryption.error, DecryptionFailed)
        assert not isinstance(opened.encryption.error, SenderDistrusted)
        assert opened.encryption.trust is Trust.UNDECIDED


def test_a_client_that_never_refuses_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    lenient = property(lambda client: Reader(client.engine, refuses_distrusted=False))
    monkeypatch.setattr(CryptoMixin, "_reader", lenient)
    with pytest.raises(AssertionError):
        test_under_verified_only_nobody_else_is_read()


# ------------------------------------------------------------------ listening to changes


def test_every_way_to_change_trust_is_told_by_the_client() -> None:
    scene = Scene(BlindTrust(), refuses=False)
    with scene.client as client:
        told: list[str] = []

        @client.crypto.on_device_change
        def listen(change: DeviceChange) -> None:
            told.append(change.device.level)

        crypto, device = client.crypto, scene.device()
        for act in (crypto.verify_device, crypto.blacklist_device, crypto.unblacklist_device, crypto.ignore_device):
            act(device)
        assert told == ["verified", "blacklisted", "", "ignored"]
        crypto.set_trust(device, "met in person")
        line = f"{ALICE} A1 matrix-ed25519 {device.ed25519} verified\n"
        crypto.import_trust(BytesIO(line.encode()), overwrite=True)
        assert told[4:] == ["met in person", "verified"]
        crypto.forget_user(ALICE)
        assert told[6:] == ["verified"]


def test_listeners_stay_where_another_engine_comes() -> None:
    scene = Scene(BlindTrust(), refuses=False)
    with scene.client as client:
        told: list[DeviceChange] = []
        client.crypto.on_device_change(told.append)
        before = client.engine
        client.crypto.reset()
        assert [change.is_forgotten for change in told] == [True] * len(told)
        assert ALICE in {change.device.user_id for change in told}
        told.clear()
        assert client.engine is not before
        document = scene.alice.server.devices[ALICE]
        query = client.engine.query_for([ALICE])
        assert query is not None
        client.engine.mark_request_as_sent(query.id, {"device_keys": {ALICE: document}})
        client.engine.device_watch.tell()
        assert [(change.device.device_id, change.is_new) for change in told] == [("A1", True)]


def test_what_a_journal_holds_is_not_lost_by_refusing() -> None:
    """The journal keeps what came; it is the listener that is told less."""
    scene = Scene(BlindTrust(), refuses=True)
    with scene.client:
        scene.said()
        content = {"event": {"type": "org.example.secret", "content": {"body": SECRET}}}
        device = scene.device()
        keys = {"sender_key": device.curve25519, "ed25519": device.ed25519}
        row = Event.from_json(
            dumps({"type": "m.room.encrypted", "sender": ALICE, "content": {**content, **keys}}),
            "",
            EventSource.TO_DEVICE,
        )
        scene.client.crypto.blacklist_device(device)
        assert opened_message(row, scene.client._reader.of_message).content == {}
        scene.client.crypto.unblacklist_device(device)
        assert opened_message(row, scene.client._reader.of_message).content == {"body": SECRET}


# ------------------------------------------------------------------ other options


@pytest.mark.parametrize("after", [1, 3])
def test_who_is_only_spoken_to_answers_when_the_options_say_so(after: int) -> None:
    scene = Scene(BlindTrust(), refuses=False, heartbeat_after=after)
    with scene.client:
        scene.said()
        answered = []
        for _ in range(4):
            scene.sent()
            answered.append(bool(scene.alice.sync()[0]))
    assert answered.index(True) == max(0, after - 2), "the first message was the key of the room"


@pytest.mark.parametrize("after", [0, -1])
def test_an_answer_after_no_messages_is_refused(after: int) -> None:
    with pytest.raises(UsageError):
        Crypto(heartbeat_after=after)
