"""What a policy makes of who wrote something: cheap for the next message, and never older than the last change."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.engine import Engine
from gomatrix_py.crypto.memo import Memo
from gomatrix_py.crypto.trust import (
    BlindTrust,
    BlindTrustBeforeVerification,
    ManualTrust,
    TrustOnFirstUse,
    TrustPolicy,
    VerifiedOnly,
)
from tests.kit.key_server import KeyServer, Peer

ALICE, BOB = "@alice:hs", "@bob:hs"
TRUSTED, DISTRUSTED, UNDECIDED = Trust.TRUSTED, Trust.DISTRUSTED, Trust.UNDECIDED
UNKNOWN = "U" * 43


class Scene:
    """Alice, who knows two devices of Bob."""

    def __init__(self, policy: TrustPolicy | None) -> None:
        server = KeyServer()
        self.alice = Peer(server, ALICE, "A1", policy=policy)
        self.engine: Engine = self.alice.engine
        Peer(server, BOB, "B1")
        Peer(server, BOB, "B2")
        self.alice.share("!room:hs", [ALICE])
        query = self.engine.query_for([BOB])
        assert query is not None
        self.engine.mark_request_as_sent(query.id, server.answer(self.alice.me, query.request))
        self.first, self.second = self.engine.devices_of(BOB)

    def trust(self, device: DeviceInfo | None = None, *, is_authentic: bool = True) -> Trust:
        one = device or self.first
        return self.engine.author(one.user_id, one.curve25519, one.ed25519, is_authentic=is_authentic).trust

    def set_level(self, device: DeviceInfo, level: str) -> None:
        self.engine.set_levels(device.user_id, {device.ed25519: level})


# policy, and what it makes of a known device that is proven, of one that is not, and of one that nobody knows
TABLE: list[tuple[TrustPolicy, Trust, Trust, Trust]] = [
    (BlindTrust(), TRUSTED, UNDECIDED, UNDECIDED),
    (TrustOnFirstUse(), TRUSTED, UNDECIDED, UNDECIDED),
    (BlindTrustBeforeVerification(), TRUSTED, UNDECIDED, UNDECIDED),
    (ManualTrust(), UNDECIDED, UNDECIDED, UNDECIDED),
    (VerifiedOnly(), DISTRUSTED, DISTRUSTED, DISTRUSTED),
]


@pytest.mark.parametrize(("policy", "proven", "unproven", "unknown"), TABLE, ids=lambda one: type(one).__name__)
def test_what_each_policy_makes_of_an_author(
    policy: TrustPolicy, proven: Trust, unproven: Trust, unknown: Trust
) -> None:
    scene = Scene(policy)
    stranger = DeviceInfo(BOB, "?", UNKNOWN, "C" * 43)
    found = scene.trust(), scene.trust(is_authentic=False), scene.trust(stranger)
    assert found == (proven, unproven, unknown)


@pytest.mark.parametrize("policy", [row[0] for row in TABLE], ids=lambda one: type(one).__name__)
def test_what_we_wrote_ourselves_is_trusted(policy: TrustPolicy) -> None:
    scene = Scene(policy)
    own = scene.engine.own
    author = scene.engine.author(own.user_id, own.curve25519, own.ed25519, is_authentic=True)
    assert author.trust is TRUSTED
    assert scene.engine.author(BOB, own.curve25519, own.ed25519, is_authentic=True).trust is not TRUSTED
    assert scene.engine.author(ALICE, own.curve25519, "", is_authentic=False).trust is not TRUSTED


def test_a_device_that_is_gone_is_still_who_wrote_it() -> None:
    scene = Scene(BlindTrust())
    with scene.engine.step() as step:
        scene.engine.devices._put(step, attrs.evolve(scene.first, is_active=False))
    author = scene.engine.author(BOB, scene.first.curve25519, scene.first.ed25519, is_authentic=True)
    assert author.device is not None
    assert (author.device.device_id, author.device.is_active, author.trust) == ("B1", False, TRUSTED)


@pytest.mark.parametrize("level", ["blacklisted", "verified"])
def test_a_level_counts_for_a_fingerprint_whose_device_nobody_saw(level: str) -> None:
    scene = Scene(BlindTrust())
    stranger = DeviceInfo(BOB, "?", UNKNOWN, "C" * 43)
    scene.set_level(stranger, level)
    author = scene.engine.author(BOB, stranger.curve25519, stranger.ed25519, is_authentic=True)
    assert (author.device, author.level) == (None, level)
    assert author.trust is (DISTRUSTED if level == "blacklisted" else UNDECIDED)


def test_a_device_with_another_fingerprint_is_not_the_author() -> None:
    """Nobody signs that a device has an identity key: another may name it as its own."""
    scene = Scene(BlindTrust())
    assert scene.engine.author(BOB, scene.first.curve25519, UNKNOWN, is_authentic=True).device is None
    assert scene.engine.author(BOB, scene.first.curve25519, "", is_authentic=False).device == scene.first


@pytest.mark.parametrize(
    "names", [("@b b:hs", "C", "E"), (BOB, "C", "a b"), (BOB, "", ""), ("\ud800", "\n", "x" * 300)]
)
def test_names_that_are_none_are_of_nobody(names: tuple[str, str, str]) -> None:
    author = Scene(ManualTrust()).engine.author(*names, is_authentic=True)
    assert (author.device, author.level, author.trust) == (None, "", UNDECIDED)


# ------------------------------------------------------------------ how new it is


def test_each_change_counts_at_once() -> None:
    scene = Scene(BlindTrustBeforeVerification())
    assert scene.trust() is TRUSTED
    scene.set_level(scene.second, "verified")
    assert (scene.trust(), scene.trust(scene.second)) == (UNDECIDED, TRUSTED)
    scene.set_level(scene.first, "blacklisted")
    assert scene.trust() is DISTRUSTED
    scene.set_level(scene.first, "")
    scene.set_level(scene.second, "")
    assert scene.trust() is TRUSTED


def test_what_is_never_looked_up_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[Any, Any] = {}

    def for_ever(memo: Memo[Any], step: Any, key: Any, work_out: Any) -> Any:
        names = memo, key
        return kept[names] if names in kept else kept.setdefault(names, work_out())

    monkeypatch.setattr(Memo, "of", for_ever)
    with pytest.raises(AssertionError):
        test_each_change_counts_at_once()


def test_a_setting_of_a_policy_that_changes_counts_at_once() -> None:
    policy = TrustOnFirstUse(within_ms=0)
    scene = Scene(policy)
    with scene.engine.step() as step:
        later = attrs.evolve(scene.second, first_seen_ts=scene.first.first_seen_ts + 1000)
        scene.engine.devices._put(step, later)
    assert scene.trust(scene.second) is UNDECIDED
    policy.within_ms = 2000
    assert scene.trust(scene.second) is TRUSTED


class Counted(BlindTrust):
    """Counts how often it is asked, and may be made to answer otherwise."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Any = TRUSTED

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_policy_of_ones_own_is_asked_about_each_message() -> None:
    policy = Counted()
    scene = Scene(policy)
    before = policy.asked
    assert [scene.trust() for _ in range(3)] == [TRUSTED] * 3
    assert policy.asked == before + 3
    policy.answer = DISTRUSTED
    assert scene.trust() is DISTRUSTED


def test_a_ready_made_one_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(BlindTrust())
    policy = Counted()
    monkeypatch.setattr(BlindTrust, "evaluate", lambda _, *about: policy.evaluate(*about))
    assert [scene.trust() for _ in range(3)] == [TRUSTED] * 3
    assert policy.asked == 1


@pytest.mark.parametrize("answer", [ValueError("no"), None, True, "yes"])
def test_a_policy_that_is_broken_trusts_nobody(answer: object, caplog: pytest.LogCaptureFixture) -> None:
    policy = Counted()
    scene = Scene(policy)
    policy.answer = answer
    assert scene.trust() is DISTRUSTED
    assert "the trust policy raised" in caplog.text
