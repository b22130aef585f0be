"""What each policy makes of each level, and of devices that have none."""

from __future__ import annotations

import itertools

import attrs
import pytest

from gomatrix_py.crypto.device_info import DeviceInfo, Trust
from gomatrix_py.crypto.trust import (
    BlindTrust,
    BlindTrustBeforeVerification,
    ManualTrust,
    TrustOnFirstUse,
    TrustPolicy,
    VerifiedOnly,
    level_of,
    set_level,
)
from tests.kit.key_server import KeyServer, Peer

TRUSTED, DISTRUSTED, UNDECIDED = Trust.TRUSTED, Trust.DISTRUSTED, Trust.UNDECIDED
POLICIES: tuple[TrustPolicy, ...] = (
    BlindTrust(),
    TrustOnFirstUse(),
    BlindTrustBeforeVerification(),
    VerifiedOnly(),
    ManualTrust(),
)
FIRST = DeviceInfo("@bob:hs", "B1", "A" * 43, "C" * 43, first_seen_ts=1_000)
LATER = DeviceInfo("@bob:hs", "B2", "B" * 43, "D" * 43, first_seen_ts=1_000 + 60_001)


def judged(policy: TrustPolicy, device: DeviceInfo, *others: DeviceInfo) -> Trust:
    return policy.evaluate(device, frozenset((device, *others)))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("verified", TRUSTED),
        ("tofu", TRUSTED),
        ("trusted", TRUSTED),
        ("ignored", TRUSTED),
        ("blacklisted", DISTRUSTED),
        ("blocked", DISTRUSTED),
        ("distrusted", DISTRUSTED),
    ],
)
def test_a_level_that_was_set_counts_under_every_policy(policy: TrustPolicy, level: str, expected: Trust) -> None:
    if isinstance(policy, VerifiedOnly) and level != "verified":
        expected = DISTRUSTED
    for others in ((), (LATER,), (attrs.evolve(LATER, level="verified"),)):
        assert judged(policy, attrs.evolve(FIRST, level=level), *others) is expected


# policy, and what it makes of a device without a level: the first one, a later one, and one beside a verified one
TABLE = [
    (BlindTrust(), TRUSTED, TRUSTED, TRUSTED),
    (TrustOnFirstUse(), TRUSTED, UNDECIDED, UNDECIDED),
    (BlindTrustBeforeVerification(), TRUSTED, TRUSTED, UNDECIDED),
    (VerifiedOnly(), DISTRUSTED, DISTRUSTED, DISTRUSTED),
    (ManualTrust(), UNDECIDED, UNDECIDED, UNDECIDED),
]


@pytest.mark.parametrize(("policy", "first", "later", "beside"), TABLE, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("level", ["", "a level of one's own"])
def test_a_device_nobody_decided_on(
    policy: TrustPolicy, first: Trust, later: Trust, beside: Trust, level: str
) -> None:
    fresh, late = attrs.evolve(FIRST, level=level), attrs.evolve(LATER, level=level)
    assert judged(policy, fresh) is first
    assert judged(policy, fresh, late) is first
    assert judged(policy, late, fresh) is later
    assert judged(policy, late, attrs.evolve(FIRST, level="verified")) is beside


def test_every_policy_is_in_the_table() -> None:
    assert [type(row[0]) for row in TABLE] == [type(policy) for policy in POLICIES]


@pytest.mark.parametrize("within_ms", [0, 1, 60_000])
def test_the_first_meeting_has_an_end(within_ms: int) -> None:
    policy = TrustOnFirstUse(within_ms)
    for late_ms, expected in ((within_ms, TRUSTED), (within_ms + 1, UNDECIDED)):
        late = attrs.evolve(LATER, first_seen_ts=FIRST.first_seen_ts + late_ms)
        assert judged(policy, late, FIRST) is expected


def test_nobody_is_asked_by_the_ready_made_ones() -> None:
    assert [policy.decide(frozenset((FIRST, LATER)), "tab 3") for policy in POLICIES] == [{}] * len(POLICIES)


class Words(BlindTrust):
    """A policy of an application's own, with levels of its own."""

    def evaluate(self, device: DeviceInfo, of_user: frozenset[DeviceInfo]) -> Trust:
        return {"friend": TRUSTED, "foe": DISTRUSTED}.get(device.level, UNDECIDED)


def test_levels_of_ones_own() -> None:
    found = [judged(Words(), attrs.evolve(FIRST, level=level)) for level in ("friend", "foe", "verified", "")]
    assert found == [TRUSTED, DISTRUSTED, UNDECIDED, UNDECIDED]


def test_trust_hangs_on_the_fingerprint() -> None:
    """A device of the same name with another fingerprint has no part in it, nor has another user."""
    alice = Peer(KeyServer(), "@alice:hs", "A1")
    one, other = "A" * 43, "B" * 43
    with alice.engine.step() as step:
        set_level(step, "@bob:hs", one, "friend")
        levels = {
            (user, key): level_of(step, user, key)
            for user, key in itertools.product(("@bob:hs", "@carol:hs"), (one, other))
        }
    assert [names for names, level in levels.items() if level] == [("@bob:hs", one)]
    alice.restart()
    with alice.engine.step() as step:
        assert level_of(step, "@bob:hs", one) == "friend"
        set_level(step, "@bob:hs", one, "")
        assert level_of(step, "@bob:hs", one) == ""
