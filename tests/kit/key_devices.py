"""Devices that ask each other for room keys, driven by hand."""

from __future__ import annotations

from typing import Any

from gomatrix_py.crypto.key_requests import KeyRequest
from gomatrix_py.crypto.trust import VERIFIED, BlindTrust
from gomatrix_py.errors import BadKey
from gomatrix_py.events import Event
from tests.kit.forgetful_server import FrozenClock
from tests.kit.key_server import KeyServer, Peer

__all__ = ["ALICE", "BOB", "OTHER", "ROOM", "KeyDevice", "verify"]

ROOM, OTHER = "!room:hs", "!other:hs"
ALICE, BOB = "@alice:hs", "@bob:hs"


class KeyDevice(Peer):
    """A device that asks for keys, and answers; it is told by hand when to."""

    def __init__(self, server: KeyServer, user_id: str, device_id: str, **options: Any) -> None:
        switches = {name: options.pop(name) for name in ("is_automatic", "takes_others") if name in options}
        self.clock = FrozenClock()
        super().__init__(server, user_id, device_id, policy=BlindTrust(), clock=self.clock, **options)
        self.asking, self.requests = self.engine.asking, self.engine.requests
        for name, value in switches.items():
            setattr(self.requests, name, value)
        self._note_refusals()
        self.refused: list[str] = []

    def _note_refusals(self) -> None:
        take = self.asking.take_forwarded

        def noting(*args: Any) -> Any:
            try:
                return take(*args)
            except BadKey as error:
                self.refused.append(str(error))
                raise

        vars(self.asking)["take_forwarded"] = noting

    def ask(self, event: Event) -> list[str]:
        with self.engine.step() as step:
            asked = self.asking.request_key(step, self.engine.own, event.room_id, event.content["session_id"])
        self.send_all()
        return [one.device_id for one in asked]

    def take(self) -> list[tuple[str, str]]:
        """Take in what came, and return the keys among it."""
        arrivals, _ = self.sync()
        return [key for arrival in arrivals for key in arrival.new_keys]

    def start_sessions(self) -> None:
        with self.engine.step() as step:
            lacking = self.requests.lacking_session(step, self.engine.own)
        claim = self.engine.claim_for(lacking)
        if claim is not None:
            assert self.engine.take_claimed(lacking, self.server.answer(self.me, claim)) == {}

    def answer(self) -> list[KeyRequest]:
        self.start_sessions()
        with self.engine.step() as step:
            answered = self.requests.answer(step, self.engine.own)
        self.send_all()
        return answered

    def active(self) -> list[KeyRequest]:
        with self.engine.step() as step:
            return self.requests.active(step)

    def proceed(self, request: KeyRequest) -> bool:
        with self.engine.step() as step:
            done = self.requests.continue_key_share(step, self.engine.own, request)
        self.send_all()
        return done

    def forward(self, to: KeyDevice, event: Event, **changes: Any) -> None:
        """Send a key whether it was asked for or not."""
        with self.engine.step() as step:
            key = self.engine.inbound.exported(step, ROOM, event.content["session_id"])
            device = self.engine.devices.device(step, *to.me)
        assert device is not None
        claim = self.engine.claim_for([device])
        self.engine.take_claimed([device], self.server.answer(self.me, claim))
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": ROOM,
            "session_id": event.content["session_id"],
            "session_key": key,
            "sender_key": "curve",
            "sender_claimed_ed25519_key": "ed",
            "forwarding_curve25519_key_chain": [],
            **changes,
        }
        with self.engine.step() as step:
            encrypted = self.engine.olm.encrypt(step, self.engine.own, device, "m.forwarded_room_key", content)
        event_to_device = {"type": "m.room.encrypted", "sender": self.me[0], "content": encrypted}
        self.server.inboxes.setdefault(to.me, []).append(event_to_device)


def verify(*devices: KeyDevice) -> None:
    """Let devices know each other, and be verified by each other."""
    for one in devices:
        one.sync(changed=(ALICE, BOB))
        for other in devices:
            one.engine.set_levels(other.me[0], {other.engine.own.ed25519: VERIFIED})
