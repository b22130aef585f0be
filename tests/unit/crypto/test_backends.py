"""Both libraries behind one interface: every pair of sender and receiver, and what neither may accept."""

from __future__ import annotations

import base64

import pytest

from gomatrix_py.crypto.backend import backend, backend_of_pickle, tagged
from gomatrix_py.crypto.backend.base import Backend, OlmMessage
from gomatrix_py.crypto.backend.guards import check_curve25519_key, check_ed25519_key, check_signature
from gomatrix_py.crypto.backend.olm_backend import OlmBackend
from gomatrix_py.crypto.backend.olm_keys import migration_key
from gomatrix_py.crypto.backend.vodozemac_backend import VodozemacBackend
from gomatrix_py.errors import (
    BadKey,
    BadPickle,
    BadSignature,
    CryptoUnavailable,
    DecryptionFailed,
    UnknownMessageIndex,
)

BOTH: tuple[Backend, ...] = (VodozemacBackend(), OlmBackend())
PAIRS = [pytest.param(one, other, id=f"{one.name}-{other.name}") for one in BOTH for other in BOTH]
EACH = [pytest.param(one, id=one.name) for one in BOTH]
KEY = bytes(range(32))
ODD = b"\xff\x00 not text, \xed\xa0\x80 nor a surrogate \xf0\x9f\x92\xa5"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def little(number: int) -> str:
    return b64(number.to_bytes(32, "little"))


# ------------------------------------------------------------------ Olm


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
def test_two_devices_talk(sender: Backend, receiver: Backend) -> None:
    alice, bob = sender.new_account(), receiver.new_account()
    bob.generate_one_time_keys(2)
    (one_time_key, *_) = bob.one_time_keys().values()
    to_bob = alice.create_outbound_session(bob.curve25519_key, one_time_key)
    first = to_bob.encrypt(ODD)
    assert first.type == 0
    to_alice, said = bob.create_inbound_session(alice.curve25519_key, first)
    assert (said, to_alice.id) == (ODD, to_bob.id)
    assert to_alice.matches(to_bob.encrypt(b"another"))
    assert to_bob.decrypt(to_alice.encrypt(b"hello")) == b"hello"
    second = to_bob.encrypt(b"more")
    assert second.type == 1
    assert not to_alice.matches(second)
    stored = receiver.session(to_alice.pickle(KEY), KEY)
    assert stored.decrypt(second) == b"more"
    with pytest.raises(DecryptionFailed):
        stored.decrypt(second)
    with pytest.raises(DecryptionFailed):
        bob.create_inbound_session(alice.curve25519_key, first)  # its one-time key is gone


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
def test_a_fallback_key_can_be_used_twice(sender: Backend, receiver: Backend) -> None:
    bob = receiver.new_account()
    bob.generate_fallback_key()
    (fallback,) = bob.fallback_key().values()
    bob.mark_keys_as_published()
    assert bob.fallback_key() == {}
    for _ in range(2):
        alice = sender.new_account()
        message = alice.create_outbound_session(bob.curve25519_key, fallback).encrypt(b"hi")
        assert bob.create_inbound_session(alice.curve25519_key, message)[1] == b"hi"


@pytest.mark.parametrize("one", EACH)
@pytest.mark.parametrize("body", ["", "%%%", "AAAA", b64(b"\x03" + bytes(60)), "ä", "A" * 1001])
@pytest.mark.parametrize("kind", [0, 1])
def test_garbage_is_refused(one: Backend, body: str, kind: int) -> None:
    alice, bob = one.new_account(), one.new_account()
    bob.generate_one_time_keys(1)
    session = alice.create_outbound_session(bob.curve25519_key, next(iter(bob.one_time_keys().values())))
    with pytest.raises(DecryptionFailed):
        session.decrypt(OlmMessage(kind, body))
    with pytest.raises(DecryptionFailed):
        bob.create_inbound_session(alice.curve25519_key, OlmMessage(0, body))
    assert not session.matches(OlmMessage(kind, body))


@pytest.mark.parametrize("one", EACH)
def test_keys_are_those_that_were_not_published(one: Backend) -> None:
    account = one.new_account()
    account.generate_one_time_keys(5)
    assert len(account.one_time_keys()) == 5
    account.mark_keys_as_published()
    assert account.one_time_keys() == {}
    assert account.max_one_time_keys >= 50


# ------------------------------------------------------------------ Megolm


@pytest.mark.parametrize(("sender", "receiver"), PAIRS)
def test_a_room_key_reads_from_where_it_was_shared(sender: Backend, receiver: Backend) -> None:
    outbound = sender.new_outbound_group()
    before = outbound.encrypt(b"before")
    inbound = receiver.new_inbound_group(outbound.session_key())
    assert (inbound.id, inbound.first_known_index, outbound.message_index) == (outbound.id, 1, 1)
    message = outbound.encrypt(ODD)
    assert inbound.decrypt(message) == (ODD, 1)
    assert inbound.decrypt(message) == (ODD, 1)  # that it came before is for others to notice
    with pytest.raises(UnknownMessageIndex):
        inbound.decrypt(before)
    exported = inbound.export_at(1)
    assert exported is not None
    assert inbound.export_at(0) is None
    for other in BOTH:
        assert other.imported_inbound_group(exported).decrypt(message) == (ODD, 1)
    stored = receiver.inbound_group(inbound.pickle(KEY), KEY)
    assert stored.decrypt(message) == (ODD, 1)
    again = sender.outbound_group(outbound.pickle(KEY), KEY)
    assert again.message_index == 2
    assert stored.decrypt(again.encrypt(b"after")) == (b"after", 2)


@pytest.mark.parametrize("one", EACH)
def test_a_forged_room_message_is_refused(one: Backend) -> None:
    outbound = one.new_outbound_group()
    inbound = one.new_inbound_group(outbound.session_key())
    data = bytearray(base64.b64decode(outbound.encrypt(b"true") + "=="))
    data[-1] ^= 1  # the signature
    with pytest.raises(DecryptionFailed):
        inbound.decrypt(b64(bytes(data)))
    for garbage in ("", "%", "AAAA"):
        with pytest.raises(DecryptionFailed):
            inbound.decrypt(garbage)
    for key in ("", "%", "AAAA", little(1)):
        with pytest.raises(BadKey):
            one.new_inbound_group(key)
        with pytest.raises(BadKey):
            one.imported_inbound_group(key)


# ------------------------------------------------------------------ pickles


@pytest.mark.parametrize("one", EACH)
def test_a_pickle_opens_with_its_key_only(one: Backend) -> None:
    account = one.new_account()
    pickle = account.pickle(KEY)
    assert one.account(pickle, KEY).ed25519_key == account.ed25519_key
    for wrong in (bytes(32), bytes(reversed(KEY))):
        with pytest.raises(BadPickle):
            one.account(pickle, wrong)
    with pytest.raises(BadPickle):
        one.account(pickle[:-5], KEY)
    with pytest.raises(BadPickle):
        one.session(pickle, KEY)


def test_what_libolm_kept_goes_over() -> None:
    old, new = OlmBackend(), VodozemacBackend()
    alice, bob = old.new_account(), old.new_account()
    bob.generate_one_time_keys(1)
    session = alice.create_outbound_session(bob.curve25519_key, next(iter(bob.one_time_keys().values())))
    reading, _ = bob.create_inbound_session(alice.curve25519_key, session.encrypt(b"1"))
    group = old.new_outbound_group()
    inbound = old.new_inbound_group(group.session_key())
    moved = new.migrated_account(bob.pickle(KEY), migration_key(KEY))
    assert moved.ed25519_key == bob.ed25519_key
    moved_session = new.migrated_session(reading.pickle(KEY), migration_key(KEY))
    assert moved_session.decrypt(session.encrypt(b"2")) == b"2"
    moved_group = new.migrated_inbound_group(inbound.pickle(KEY), migration_key(KEY))
    assert moved_group.decrypt(group.encrypt(b"3")) == (b"3", 0)


def test_pickles_say_whose_they_are() -> None:
    assert backend_of_pickle(tagged("olm", "abc:def")) == ("olm", "abc:def")


# ------------------------------------------------------------------ signatures, agreements


@pytest.mark.parametrize(("signer", "checker"), PAIRS)
def test_signatures(signer: Backend, checker: Backend) -> None:
    account = signer.new_account()
    signature = account.sign(b"text")
    checker.verify(account.ed25519_key, b"text", signature)
    for key, message, other in (
        (account.ed25519_key, b"text!", signature),
        (signer.new_account().ed25519_key, b"text", signature),
        (account.ed25519_key, b"text", account.sign(b"other")),
        ("", b"text", signature),
        (account.ed25519_key, b"text", "%"),
        (account.ed25519_key, b"text", ""),
    ):
        with pytest.raises(BadSignature):
            checker.verify(key, message, other)


@pytest.mark.parametrize("checker", EACH)
def test_a_malleable_signature_is_refused(checker: Backend) -> None:
    account = checker.new_account()
    data = base64.b64decode(account.sign(b"text") + "==")
    order = 2**252 + 27742317777372353535851937790883648493
    higher = (int.from_bytes(data[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(BadSignature):
        checker.verify(account.ed25519_key, b"text", b64(data[:32] + higher))


P = 2**255 - 19
ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303021
SMALL_ED = [1, P - 1, 0, P, P + 1, ORDER_8_Y, P - ORDER_8_Y]
LOW_X = [
    0,
    1,
    P - 1,
    P,
    P + 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]


@pytest.mark.parametrize("checker", EACH)
@pytest.mark.parametrize("y", SMALL_ED)
@pytest.mark.parametrize("sign", [0, 1])
def test_a_key_that_fits_any_message_is_refused(checker: Backend, y: int, sign: int) -> None:
    key = little(y | sign << 255)
    # the signature that is right for every message under the neutral element: R neutral, S zero
    for first in (1, P - 1):
        with pytest.raises(BadSignature):
            checker.verify(key, b"anything", b64(first.to_bytes(32, "little") + bytes(32)))


@pytest.mark.parametrize("one", EACH)
@pytest.mark.parametrize("u", LOW_X)
@pytest.mark.parametrize("top", [0, 1])
def test_a_key_of_low_order_is_refused(one: Backend, u: int, top: int) -> None:
    key = little(u | top << 255)
    account = one.new_account()
    good = one.new_account().curve25519_key
    with pytest.raises(BadKey):
        account.create_outbound_session(key, good)
    with pytest.raises(BadKey):
        account.create_outbound_session(good, key)
    with pytest.raises(BadKey):
        one.new_sas().agree(key)


def test_good_keys_pass_the_guards() -> None:
    for one in BOTH:
        for _ in range(20):
            account = one.new_account()
            check_ed25519_key(account.ed25519_key)
            check_curve25519_key(account.curve25519_key)
            check_signature(account.sign(b"x"))


def test_keys_that_are_none() -> None:
    for text in ("", "AA", "%%%%", "ä" * 43, little(7) + "AAAA"):
        with pytest.raises(BadKey):
            check_curve25519_key(text)
        with pytest.raises(BadKey):
            check_ed25519_key(text)
    with pytest.raises(BadKey, match="no point"):
        check_ed25519_key(little(2))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_sides_see_the_same(one: Backend, other: Backend) -> None:
    here, there = one.new_sas(), other.new_sas()
    my_key, their_key = here.public_key, there.public_key
    mine, theirs = here.agree(their_key), there.agree(my_key)
    for info in ("", "MATRIX_KEY_VERIFICATION_SAS|@a:hs|A|k"):
        assert mine.emoji_indices(info) == theirs.emoji_indices(info)
        assert mine.decimals(info) == theirs.decimals(info)
        assert mine.mac("key", info) == theirs.mac("key", info)
    assert len(mine.emoji_indices("x")) == 7
    assert all(0 <= number < 64 for number in mine.emoji_indices("x"))
    assert all(1000 <= number <= 9191 for number in mine.decimals("x"))
    assert mine.mac("a", "i") != mine.mac("b", "i")


# ------------------------------------------------------------------ choosing


def test_vodozemac_is_the_default() -> None:
    assert backend().name == "vodozemac"
    assert backend("olm").name == "olm"


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gomatrix_py.crypto.backend._load", lambda name: None)
    with pytest.raises(CryptoUnavailable, match=r"gomatrix_py\[crypto\]"):
        backend()
    with pytest.raises(CryptoUnavailable, match=r"gomatrix_py\[olm\]"):
        backend("olm")
