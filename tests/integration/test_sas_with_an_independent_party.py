"""Short strings with somebody who knows only the specification, over a real homeserver: all roles, both libraries."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import attrs
import pytest

from gomatrix_py import Crypto, CryptoClient
from gomatrix_py.client.verifying import DeviceVerification
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.device_info import DeviceInfo
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.crypto.verification import State
from gomatrix_py.testing import DevServer
from tests.kit.encrypting import person, sync_until
from tests.kit.independent_sas import EMOJI, FORMS, SasParty, SasRun

LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")
ZEROS = "A" * 43


@attrs.frozen
class People:
    """Alice, who has the package, another device of hers, and others; these have only the specification."""

    alice: CryptoClient
    tablet: SasParty
    bob: SasParty
    aaron: SasParty


@pytest.fixture(scope="module", params=LIBRARIES)
def people(request: pytest.FixtureRequest, matrix_server: DevServer) -> Iterator[People]:
    crypto = Crypto(trust=BlindTrust(), library=request.param)
    names = [f"{name}-{secrets.token_hex(4)}" for name in ("bob", "aaron")]
    for name in names:
        matrix_server.register(name, "password").close()
    with person(matrix_server, "alice", crypto=crypto) as alice, ExitStack() as parties:
        of_all = (alice.user_id[1:].partition(":")[0], *names)
        found = [parties.enter_context(SasParty(matrix_server.url, name, "password")) for name in of_all]
        alice.sync_once()  # her own new device she hears of by a sync
        yield People(alice, *found)


@pytest.fixture
def party(request: pytest.FixtureRequest, people: People) -> Iterator[SasParty]:
    """Who Alice verifies: Bob, or whom the test names, which may be a device of her own."""
    found: SasParty = getattr(people, getattr(request, "param", "bob"))
    yield found
    people.alice.crypto.set_trust(device_of(people.alice, found), "")
    for one in people.alice.crypto.verifications:
        one.cancel()


def device_of(alice: CryptoClient, party: SasParty) -> DeviceInfo:
    return alice.crypto.device(party.user_id, party.device_id)


class Pair:
    """A verification, from both sides."""

    def __init__(self, alice: CryptoClient, party: SasParty) -> None:
        self.alice = alice
        self.party = party
        self.device = device_of(alice, party)
        self.theirs = SasRun(party, alice.user_id, alice.device_id)

    def ours(self, verification: DeviceVerification) -> None:
        """Note which one is Alice's: the party takes part in it by its transaction's id."""
        self.verification = verification
        name = verification.verification.transaction_id
        self.theirs = SasRun(self.party, self.alice.user_id, self.alice.device_id, name)

    def until(self, state: State) -> None:
        sync_until(self.alice, lambda: self.verification.state is state)

    # ------------------------------------------------------------ how it begins

    def they_ask(self) -> None:
        self.theirs.request()
        self._find()
        self.verification.accept()
        self.theirs.take_ready()

    def we_ask(self) -> None:
        self.ours(self.alice.crypto.request_verification(self.device))
        self.theirs.take_request()
        self.theirs.ready()
        self.until(State.READY)

    def _find(self) -> None:
        def found() -> list[DeviceVerification]:
            running = self.alice.crypto.verifications
            return [one for one in running if one.verification.transaction_id == self.theirs.transaction_id]

        sync_until(self.alice, found)
        (self.verification,) = found()
        assert self.verification.device is not None
        assert self.verification.device.device_id == self.party.device_id

    # ------------------------------------------------------------ who starts

    def they_start(self, forms: Sequence[str] = FORMS) -> None:
        self.theirs.start(short_authentication_string=[*forms])
        self.until(State.ACCEPTED)
        self.theirs.take_accept(forms)
        self._their_key_first()

    def _their_key_first(self) -> None:
        self.theirs.send_key()
        self.until(State.COMPARING)
        self.theirs.take_key()

    def we_start(self) -> None:
        self.verification.start_sas()
        self._they_accept()

    def _they_accept(self) -> None:
        self.theirs.take_start()
        self.theirs.accept()
        self.until(State.KEY_SENT)
        self.theirs.take_key()
        self.theirs.send_key()
        self.until(State.COMPARING)

    def they_start_without_asking(self) -> None:
        self.theirs.start()
        self._find()
        assert self.verification.state is State.ASKED
        self.verification.accept()
        self.theirs.take_accept()
        self._their_key_first()

    def we_start_without_asking(self) -> None:
        self.ours(self.alice.crypto.start_verification(self.device))
        self._they_accept()

    def both_start(self) -> None:
        """The start of the smaller of both names is the one that counts."""
        self.verification.start_sas()
        self.theirs.start()
        names = (self.alice.user_id, self.alice.device_id), (self.party.user_id, self.party.device_id)
        if names[0] < names[1]:
            self._they_accept()
            return
        self.until(State.ACCEPTED)
        self.theirs.take_accept()
        self._their_key_first()

    # ------------------------------------------------------------ how it ends

    def compare(self, forms: Sequence[str] = FORMS) -> None:
        """See that both show the same."""
        expected = self.theirs.emoji if "emoji" in forms else []
        assert [one.emoji for one in self.verification.emoji] == expected
        assert self.verification.decimals == self.theirs.decimals
        assert all(one.emoji == EMOJI[one.number] for one in self.verification.emoji)

    def confirm(self, *, is_ours_first: bool = True) -> None:
        if is_ours_first:
            self.verification.confirm()
            self.theirs.take_mac()
            self.theirs.send_mac()
        else:
            self.theirs.send_mac()
            self.until(State.MAC_RECEIVED)
            assert self.level == ""
            self.verification.confirm()
            self.theirs.take_mac()
        sync_until(self.alice, lambda: self.verification.state in (State.AWAITING_DONE, State.DONE))
        self.theirs.take_done()
        self.theirs.done()
        self.until(State.DONE)
        assert self.verification.is_verified
        assert self.level == "verified"

    def is_refused(self, code: str) -> None:
        """See that it ends with a code on both sides, and that nothing is verified."""
        self.until(State.CANCELLED)
        assert self.verification.cancel_code == code
        assert self.theirs.heard("cancel")["code"] == code
        assert self.level == ""

    @property
    def level(self) -> str:
        return device_of(self.alice, self.party).level


@pytest.fixture
def pair(people: People, party: SasParty) -> Pair:
    return Pair(people.alice, party)


@pytest.mark.parametrize("party", ["bob", "tablet"], indirect=True)
@pytest.mark.parametrize(
    ("asks", "starts", "is_ours_first"),
    [
        (Pair.they_ask, Pair.they_start, True),
        (Pair.they_ask, Pair.we_start, False),
        (Pair.we_ask, Pair.they_start, False),
        (Pair.we_ask, Pair.we_start, True),
    ],
)
def test_todays_flow(
    pair: Pair, asks: Callable[[Pair], None], starts: Callable[[Pair], None], is_ours_first: bool
) -> None:
    asks(pair)
    starts(pair)
    pair.compare()
    pair.confirm(is_ours_first=is_ours_first)


@pytest.mark.parametrize("party", ["bob", "tablet", "aaron"], indirect=True)
def test_both_start(pair: Pair) -> None:
    pair.we_ask()
    pair.both_start()
    pair.compare()
    pair.confirm()


@pytest.mark.parametrize("party", ["bob", "tablet"], indirect=True)
@pytest.mark.parametrize("starts", [Pair.they_start_without_asking, Pair.we_start_without_asking])
def test_the_bare_start_of_older_clients(pair: Pair, starts: Callable[[Pair], None]) -> None:
    starts(pair)
    pair.compare()
    pair.confirm()


def test_who_shows_no_emoji_compares_numbers(pair: Pair) -> None:
    pair.they_ask()
    pair.they_start(["decimal"])
    pair.compare(["decimal"])
    assert pair.verification.emoji == ()
    assert str(pair.verification) == "  ".join(map(str, pair.theirs.decimals))


# ------------------------------------------------------------------ what must not pass


def test_people_see_a_difference(pair: Pair) -> None:
    pair.we_ask()
    pair.we_start()
    pair.verification.mismatch()
    pair.is_refused("m.mismatched_sas")


def test_they_see_a_difference(pair: Pair) -> None:
    pair.we_ask()
    pair.we_start()
    pair.verification.confirm()
    pair.theirs.tell("cancel", code="m.mismatched_sas", reason="they differ")
    pair.until(State.CANCELLED)
    assert (pair.verification.cancel_code, pair.level) == ("m.mismatched_sas", "")


def test_a_key_they_were_not_bound_to(pair: Pair) -> None:
    pair.we_ask()
    pair.verification.start_sas()
    pair.theirs.take_start()
    pair.theirs.accept(commitment=ZEROS)
    pair.until(State.KEY_SENT)
    pair.theirs.take_key()
    pair.theirs.send_key()
    pair.is_refused("m.mismatched_commitment")


@pytest.mark.parametrize("changed", ["keys", "mac"])
def test_a_mac_that_is_wrong(pair: Pair, changed: str) -> None:
    pair.they_ask()
    pair.they_start()
    pair.verification.confirm()
    wrong = ZEROS if changed == "keys" else {f"ed25519:{pair.party.device_id}": ZEROS}
    pair.theirs.send_mac(**{changed: wrong})
    pair.is_refused("m.key_mismatch")


@pytest.mark.parametrize(
    "offered",
    [
        {"key_agreement_protocols": ["curve25519"]},
        {"message_authentication_codes": ["hkdf-hmac-sha256", "hmac-sha256"]},
    ],
)
def test_nothing_but_todays_methods(pair: Pair, offered: dict[str, Any]) -> None:
    pair.they_ask()
    pair.theirs.start(**offered)
    pair.is_refused("m.unknown_method")


def test_a_message_out_of_order(pair: Pair) -> None:
    pair.they_ask()
    pair.theirs.send_key()
    pair.is_refused("m.unexpected_message")


# ------------------------------------------------------------------ a bot


def test_a_callback_hears_of_each_state_and_may_decide(pair: Pair) -> None:
    heard: list[tuple[str, State]] = []
    crypto = pair.alice.crypto

    @crypto.on_verification
    def decide(verification: DeviceVerification) -> None:
        heard.append((verification.user_id, verification.state))
        if verification.state is State.OFFERED:
            verification.accept()
        if verification.state is State.COMPARING:
            verification.confirm()

    try:
        pair.theirs.request()
        pair._find()
        pair.theirs.take_ready()
        pair.theirs.start()
        pair.until(State.ACCEPTED)
        pair.theirs.take_accept()
        pair.theirs.send_key()
        pair.until(State.CONFIRMED)
        pair.theirs.take_key()
        pair.theirs.take_mac()
        pair.theirs.send_mac()
        pair.until(State.AWAITING_DONE)
        pair.theirs.done()
        pair.until(State.DONE)
    finally:
        pair.alice.engine.verifications.listeners.clear()
    assert {user_id for user_id, _ in heard} == {pair.party.user_id}
    states = [state for _, state in heard]
    assert states == [
        State.OFFERED,
        State.READY,
        State.ACCEPTED,
        State.COMPARING,
        State.CONFIRMED,
        State.AWAITING_DONE,
        State.DONE,
    ]


def test_a_bot_verifies_by_itself(people: People) -> None:
    bot, bob = people.alice, people.bob
    bot.crypto.auto_accept_sas(allow=[bob.user_id])
    try:
        run, stranger = SasRun(bob, bot.user_id, bot.device_id), SasRun(people.tablet, bot.user_id, bot.device_id)
        run.request()
        stranger.request()
        sync_until(bot, lambda: any(one.state is State.STARTED for one in bot.crypto.verifications))
        run.take_ready()
        run.take_start()
        run.accept()
        sync_until(bot, lambda: any(one.state is State.KEY_SENT for one in bot.crypto.verifications))
        run.take_key()
        run.send_key()
        sync_until(bot, lambda: any(one.state is State.CONFIRMED for one in bot.crypto.verifications))
        run.take_mac()
        run.send_mac()
        run.done()
        sync_until(bot, lambda: device_of(bot, bob).level == "verified")
        run.take_done()
        assert [one.state for one in bot.crypto.verifications] == [State.OFFERED], "the stranger's"
        assert device_of(bot, people.tablet).level == ""
    finally:
        bot.engine.verifications.policy = None
