"""Who may do what, in each version of rooms."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gomatrix_py.events import Event
from gomatrix_py.rooms import power_levels as module
from gomatrix_py.rooms.power_levels import CREATOR_LEVEL, PowerRole
from tests.kit.room_facts import OWN, FactsRoom, member, state

BOSS, ADMIN, MOD, USER, SECOND = "@boss:s", "@admin:s", "@mod:s", "@user:s", "@second:s"
OLD = [str(number) for number in range(1, 12)]
NEW = ["12", "13", "org.matrix.hydra.11"]
EVERY = [*OLD, *NEW]


def room(version: str, levels: dict[str, Any] | None, *members: Event, **facts: Any) -> FactsRoom:
    create = state("m.room.create", sender=BOSS, creator=BOSS, room_version=version, additional_creators=[SECOND])
    power = [] if levels is None else [state("m.room.power_levels", **levels)]
    everybody = [member(user_id) for user_id in (BOSS, ADMIN, MOD, USER, SECOND)]
    return FactsRoom(create, *power, *everybody, *members, **facts)


USUAL = {"users": {ADMIN: 100, MOD: 50}}


# ------------------------------------------------------------------ levels


@pytest.mark.parametrize("version", OLD)
def test_without_levels_the_creator_of_an_old_room_has_100(version: str) -> None:
    power = room(version, None).power
    assert [power.level_of(one) for one in (BOSS, SECOND, USER)] == [100, 0, 0]
    assert (power.state_default, power.events_default, power.ban, power.kick) == (50, 0, 50, 50)


@pytest.mark.parametrize("version", OLD)
def test_with_levels_the_creator_of_an_old_room_has_what_they_say(version: str) -> None:
    power = room(version, USUAL).power
    assert [power.level_of(one) for one in (BOSS, SECOND, ADMIN, MOD, USER)] == [0, 0, 100, 50, 0]


@pytest.mark.parametrize("version", NEW)
@pytest.mark.parametrize("levels", [None, USUAL, {"users": {BOSS: 5, ADMIN: 100, MOD: 50}}])
def test_creators_of_a_new_room_stand_above_all_levels(version: str, levels: dict[str, Any] | None) -> None:
    here = room(version, levels)
    assert [here.power_level(one) for one in (BOSS, SECOND)] == [CREATOR_LEVEL] * 2
    assert here.power_level(ADMIN) == (0 if levels is None else 100)
    assert math.inf > 2**53 - 1


def test_creators_are_above_the_highest_level() -> None:
    here = room("12", {"users": {ADMIN: 2**53 - 1}})
    assert here.may_kick(BOSS, ADMIN)
    assert not here.may_kick(ADMIN, BOSS)
    assert not here.may_kick(BOSS, SECOND)


def test_a_version_12_room_is_wrong_if_creators_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_privileged_creators", lambda version: False)
    assert room("12", USUAL).power_level(BOSS) == 0
    assert not room("12", USUAL).may_kick(BOSS, ADMIN)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        (50, 50),
        ("50", 50),
        (" +0050 ", 50),
        ("-5", -5),
        (50.9, 50),
        (-50.9, -50),
        (2**63, 2**53 - 1),
        (-(2**70), -(2**53) + 1),
        ("9" * 400, 2**53 - 1),
        (1e300, 2**53 - 1),
        ("fifty", 7),
        ("5.5", 7),
        ("", 7),
        (True, 7),
        (None, 7),
        ([50], 7),
        ({}, 7),
    ],
)
def test_levels_as_rooms_have_written_them(said: Any, level: int) -> None:
    power = room("1", {"users": {MOD: said}, "users_default": 7}).power
    assert power.level_of(MOD) == level


@pytest.mark.parametrize("users", ["x", [MOD], 5, True])
def test_tables_of_the_wrong_type_count_as_not_said(users: Any) -> None:
    power = room("1", {"users": users, "events": users, "notifications": users, "ban": users}).power
    assert (power.users, power.events, power.notifications) == ({}, {}, {})
    assert power.ban == (5 if users == 5 and users is not True else 50)


def test_a_redacted_event_and_one_of_a_strange_class_are_read() -> None:
    event = Event("m.room.power_levels", {}, "$p", BOSS, 0, "", "", {"redacted_because": {}})
    assert FactsRoom(event).power.level_of(USER) == 0
    assert FactsRoom(event).power.is_set


def test_the_tables_are_copies() -> None:
    power = room("11", USUAL).power
    power.users.clear()
    assert power.level_of(ADMIN) == 100


# ------------------------------------------------------------------ sending


@pytest.mark.parametrize("version", EVERY)
@pytest.mark.parametrize(
    ("event_type", "is_state", "who"),
    [
        ("m.room.message", None, (ADMIN, MOD, USER)),
        ("m.room.name", None, (ADMIN, MOD)),
        ("m.room.power_levels", None, (ADMIN,)),
        ("m.room.topic", None, (ADMIN, MOD, USER)),
        ("org.example.thing", None, (ADMIN, MOD, USER)),
        ("org.example.thing", True, (ADMIN, MOD)),
        ("org.example.special", None, (ADMIN,)),
        ("org.example.special", True, (ADMIN,)),
        ("m.room.third_party_invite", None, (ADMIN, MOD)),
        ("m.room.member", None, (ADMIN, MOD, USER)),
        ("m.room.create", None, ()),
    ],
)
def test_who_may_send_what(version: str, event_type: str, is_state: bool | None, who: tuple[str, ...]) -> None:
    events = {"m.room.power_levels": 100, "m.room.topic": 0, "org.example.special": 60}
    here = room(version, {**USUAL, "events": events, "invite": 20})
    assert tuple(one for one in (ADMIN, MOD, USER) if here.may_send(one, event_type, is_state)) == who
    assert here.may_send(BOSS, event_type, is_state) is (USER in who or (version in NEW and bool(who)))


@pytest.mark.parametrize(("version", "may"), [*((one, int(one) <= 5) for one in OLD), ("12", False)])
def test_old_rooms_let_servers_set_aliases(version: str, may: bool) -> None:
    assert room(version, USUAL).may_send(USER, "m.room.aliases") is may


def test_what_stands_under_anothers_id_only_that_one_sets() -> None:
    here = room("11", USUAL)
    assert here.may_change_state(MOD, "org.example.x", MOD)
    assert here.may_change_state(MOD, "org.example.x", "key")
    assert not here.may_change_state(MOD, "org.example.x", USER)
    assert not here.may_change_state(USER, "org.example.x", USER)


def test_negative_levels_silence() -> None:
    here = room("11", {"users": {USER: -1}})
    assert not here.may_send(USER, "m.room.message")
    assert here.may_send(MOD, "m.room.message")


@pytest.mark.parametrize("version", ["1", "3", "11", "12"])
def test_redactions(version: str) -> None:
    here = room(version, {**USUAL, "redact": 60, "events": {"m.room.redaction": 10}})
    assert here.may_redact(ADMIN)
    assert not here.may_redact(MOD)
    assert here.may_redact(MOD, own=True)
    assert not here.may_redact(USER, own=True)


def test_room_notifications() -> None:
    assert [room("11", USUAL).may_notify_room(one) for one in (MOD, USER)] == [True, False]
    assert room("11", {"notifications": {"room": 0}}).may_notify_room(USER)
    assert not room("11", {**USUAL, "notifications": {"room": "60"}}).may_notify_room(MOD)


# ------------------------------------------------------------------ members


@pytest.mark.parametrize("version", EVERY)
def test_kicks_and_bans_need_the_level_and_a_lower_target(version: str) -> None:
    here = room(version, {"users": {ADMIN: 100, MOD: 50}, "ban": 75, "kick": 50})
    assert here.may_kick(MOD, USER)
    assert here.may_kick(ADMIN, MOD)
    assert not here.may_kick(MOD, ADMIN)
    assert not here.may_kick(MOD, MOD)
    assert not here.may_kick(USER, MOD)
    assert here.may_ban(ADMIN, MOD)
    assert not here.may_ban(MOD, USER)
    assert here.may_ban(ADMIN, "@stranger:s")


def test_unbanning_takes_both_levels_and_a_ban() -> None:
    banned = member("@bad:s", membership="ban")
    assert room("11", {**USUAL, "ban": 50, "kick": 50}, banned).may_unban(MOD, "@bad:s")
    assert not room("11", {**USUAL, "ban": 50, "kick": 60}, banned).may_unban(MOD, "@bad:s")
    assert not room("11", {**USUAL, "ban": 60, "kick": 50}, banned).may_unban(MOD, "@bad:s")
    assert not room("11", USUAL, banned).may_unban(MOD, USER)


@pytest.mark.parametrize(
    ("membership", "may_kick", "may_invite"),
    [
        ("join", True, False),
        ("invite", True, True),
        ("knock", True, True),
        ("leave", False, True),
        ("ban", False, False),
    ],
)
def test_the_target_has_to_stand_rightly(membership: str, may_kick: bool, may_invite: bool) -> None:
    here = room("11", USUAL, member("@target:s", membership=membership))
    assert here.may_kick(MOD, "@target:s") is may_kick
    assert here.may_invite(MOD, "@target:s") is may_invite


def test_inviting_takes_a_level() -> None:
    assert room("11", USUAL).may_invite(USER)
    assert not room("11", {**USUAL, "invite": 50}).may_invite(USER)
    assert room("11", {**USUAL, "invite": 50}).may_invite(MOD, "@stranger:s")


def test_who_is_not_in_the_room_may_nothing_by_it_but_has_levels() -> None:
    gone = member("@gone:s", membership="leave")
    here = room("11", {"users": {"@gone:s": 100}}, gone, membership="invite", own_user_id=USER)
    for answer in (
        here.may_send("@gone:s", "m.room.message"),
        here.may_change_state("@gone:s", "m.room.name"),
        here.may_redact("@gone:s"),
        here.may_invite("@gone:s"),
        here.may_kick("@gone:s", MOD),
        here.may_ban("@gone:s", MOD),
        here.may_unban("@gone:s", MOD),
        here.may_notify_room("@gone:s"),
        here.may_edit_levels("@gone:s"),
        here.may_send(USER, "m.room.message"),
    ):
        assert answer is False
    assert here.power.may_send("@gone:s", "m.room.name")


def test_members_not_loaded_yet_count_as_being_there() -> None:
    here = FactsRoom(state("m.room.power_levels", users={"@far:s": 50}), has_all_members=False)
    assert here.may_kick("@far:s", "@farther:s")
    assert here.may_unban("@far:s", "@farther:s")
    assert not FactsRoom(state("m.room.power_levels", users={"@far:s": 50})).may_kick("@far:s", "@farther:s")


# ------------------------------------------------------------------ roles, and changing levels


@pytest.mark.parametrize("version", EVERY)
def test_what_levels_are_called(version: str) -> None:
    power = room(version, {**USUAL, "events": {"m.room.power_levels": 100}}).power
    assert [power.role_of(one) for one in (ADMIN, MOD, USER)] == [
        PowerRole.ADMINISTRATOR,
        PowerRole.MODERATOR,
        PowerRole.USER,
    ]
    assert power.role_of(BOSS) == (PowerRole.CREATOR if version in NEW else PowerRole.USER)


@pytest.mark.parametrize(
    ("who", "target", "level", "may"),
    [
        (ADMIN, None, None, True),
        (USER, None, None, False),
        (MOD, USER, 50, True),
        (MOD, USER, 51, False),
        (MOD, ADMIN, 0, False),
        (MOD, "@mod2:s", 0, False),
        (MOD, MOD, 0, True),
        (MOD, MOD, 51, False),
        (ADMIN, MOD, 100, True),
        (BOSS, ADMIN, 0, True),
        (BOSS, BOSS, 0, False),
        (ADMIN, BOSS, 0, False),
    ],
)
def test_who_may_change_whose_level(who: str, target: str | None, level: int | None, may: bool) -> None:
    here = room("12", {"users": {ADMIN: 100, MOD: 50, "@mod2:s": 50}})
    assert here.may_edit_levels(who, target, level) is may


def test_our_own_membership_is_a_fact_of_its_own() -> None:
    assert FactsRoom(membership="join").may_send(OWN, "m.room.message")
    assert not FactsRoom(member(OWN), membership="leave").may_send(OWN, "m.room.message")
