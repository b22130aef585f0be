"""Changing power levels: nothing the server would refuse, and nobody locked out unless that is wanted."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.events import Event
from gomatrix_py.rooms.power_edit import PowerLevelsEdit
from tests.kit.room_facts import OWN, FactsRoom, member, state

BOSS, EQUAL, MOD, USER = "@boss:s", "@equal:s", "@mod:s", "@user:s"
LEVELS = {
    "users": {BOSS: 150, OWN: 100, EQUAL: 100, MOD: 50},
    "events": {"m.room.name": 50, "m.room.tombstone": 150, "m.room.power_levels": 100},
    "notifications": {"room": 20, "org.example.high": 150},
    "ban": 50,
    "kick": 150,
    "org.example.more": {"kept": [1]},
}


def edit(levels: dict[str, Any] | None = None, version: str = "11", *members: Event, **facts: Any) -> PowerLevelsEdit:
    create = state("m.room.create", sender=BOSS, creator=BOSS, room_version=version)
    power = state("m.room.power_levels", **(LEVELS if levels is None else levels))
    return FactsRoom(create, power, *members, has_all_members=False, **facts).edit_power_levels()


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    start = edit()
    content = (
        start.with_user(USER, 10)
        .with_user(MOD, 60)
        .with_event("m.room.topic", 0)
        .without_event("m.room.name")
        .with_notification("room", 50)
        .with_defaults(state=60, events=1)
        .with_actions(ban=60, redact=70)
        .content()
    )
    assert content == {
        "users": {BOSS: 150, OWN: 100, EQUAL: 100, MOD: 60, USER: 10},
        "events": {"m.room.topic": 0, "m.room.tombstone": 150, "m.room.power_levels": 100},
        "notifications": {"room": 50, "org.example.high": 150},
        "ban": 60,
        "kick": 150,
        "redact": 70,
        "state_default": 60,
        "events_default": 1,
        "org.example.more": {"kept": [1]},
    }
    assert start.content() == LEVELS
    assert start.after().level_of(USER) == 0


def test_a_user_can_be_left_to_the_default() -> None:
    assert edit().without_user(MOD).content()["users"] == {BOSS: 150, OWN: 100, EQUAL: 100}
    assert edit().without_user("@nobody:s").content() == LEVELS


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: one.with_user(USER, 101), "@user:s would have level 101, above the sender's 100"),
        (lambda one: one.with_user(OWN, 101), "would have level 101"),
        (lambda one: one.with_user(BOSS, 0), "@boss:s has level 150, above the sender's 100"),
        (lambda one: one.without_user(BOSS), "@boss:s has level 150"),
        (lambda one: one.with_user(EQUAL, 0), "@equal:s has level 100 as @me:example.org has"),
        (lambda one: one.without_user(EQUAL), "@equal:s has level 100 as"),
        (lambda one: one.with_event("m.room.topic", 101), "m.room.topic would have level 101"),
        (lambda one: one.with_event("m.room.tombstone", 50), "m.room.tombstone has level 150"),
        (lambda one: one.without_event("m.room.tombstone"), "m.room.tombstone has level 150"),
        (lambda one: one.with_notification("room", 101), "room would have level 101"),
        (lambda one: one.with_notification("org.example.high", 0), "org.example.high has level 150"),
        (lambda one: one.with_actions(kick=50), "kick has level 150"),
        (lambda one: one.with_actions(invite=101), "invite would have level 101"),
        (lambda one: one.with_defaults(users=101), "users_default would have level 101"),
    ],
)
def test_what_the_server_would_refuse_is_refused(change: Any, why: str) -> None:
    with pytest.raises(UsageError, match="the server would refuse") as refusal:
        change(edit()).content(allow_lockout=True)
    assert why in str(refusal.value)


@pytest.mark.parametrize("version", ["1", "2", "3", "4", "5"])
def test_rooms_before_version_6_do_not_guard_notifications(version: str) -> None:
    assert edit(version=version).with_notification("room", 101).content()["notifications"]["room"] == 101


@pytest.mark.parametrize("version", ["6", "11", "12", "org.example.unknown"])
def test_rooms_from_version_6_on_do(version: str) -> None:
    with pytest.raises(UsageError):
        edit(version=version).with_notification("room", 101).content()


def test_who_may_not_change_levels_is_told_so() -> None:
    with pytest.raises(UsageError, match=r"takes level 100, and @me:example\.org has 0"):
        edit({"users": {BOSS: 100}, "events": {"m.room.power_levels": 100}}).with_user(USER, 0).content()


# ------------------------------------------------------------------ lockouts


def test_lowering_ourselves_is_refused_unless_it_is_wanted() -> None:
    with pytest.raises(UsageError, match=r"@me:example\.org would go from level 100 to 50"):
        edit().with_user(OWN, 50).content()
    with pytest.raises(UsageError, match="from level 100 to 0"):
        edit().without_user(OWN).content()
    assert edit().with_user(OWN, 50).content(allow_lockout=True)["users"][OWN] == 50


def test_leaving_nobody_in_control_is_refused_unless_it_is_wanted() -> None:
    alone = edit({"users": {OWN: 100, MOD: 50}, "events": {"m.room.power_levels": 100}})
    with pytest.raises(UsageError, match="nobody in the room would have level 100"):
        alone.with_user(OWN, 99).content()
    assert alone.with_user(OWN, 99).content(allow_lockout=True)["users"][OWN] == 99


def test_somebody_who_has_left_is_not_in_control() -> None:
    levels = {"users": {OWN: 100, EQUAL: 100}, "events": {"m.room.power_levels": 100}}
    with pytest.raises(UsageError, match="would go from level 100 to 0"):
        edit(levels, "11", member(EQUAL)).without_user(OWN).content()
    with pytest.raises(UsageError, match="nobody in the room"):
        edit(levels, "11", member(EQUAL, membership="leave")).without_user(OWN).content()


def test_everybody_in_control_is_somebody() -> None:
    levels = {"users": {OWN: 100}, "users_default": 50}
    with pytest.raises(UsageError, match="would go from level 100 to 50"):
        edit(levels).without_user(OWN).content()


def test_a_default_that_is_as_high_is_no_loss() -> None:
    assert edit({"users": {OWN: 100}, "users_default": 100}).without_user(OWN).content()["users"] == {}


def test_without_the_check_a_lockout_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PowerLevelsEdit, "_lockout", lambda self: None)
    assert edit().with_user(OWN, 0).content()["users"][OWN] == 0


# ------------------------------------------------------------------ creators


def of_creator(version: str, levels: dict[str, Any] | None) -> PowerLevelsEdit:
    create = state("m.room.create", sender=OWN, creator=OWN, room_version=version)
    power = [] if levels is None else [state("m.room.power_levels", **levels)]
    return FactsRoom(create, *power, member(OWN)).edit_power_levels()


def test_creators_of_new_rooms_cannot_be_given_a_level() -> None:
    with pytest.raises(UsageError, match="stands above all levels"):
        of_creator("12", {}).with_user(OWN, 100)


def test_creators_of_new_rooms_may_change_everything_and_stay_in_control() -> None:
    start = of_creator("12", {"users": {BOSS: 2**53 - 1}, "events": {"m.room.power_levels": 2**53 - 1}})
    assert start.with_user(BOSS, 0).content()["users"] == {BOSS: 0}
    assert start.with_event("m.room.power_levels", 0).content()["events"] == {"m.room.power_levels": 0}


def test_a_creator_named_in_the_levels_of_a_new_room_is_taken_out() -> None:
    assert of_creator("12", {"users": {OWN: 100, MOD: 50}}).with_user(MOD, 60).content() == {"users": {MOD: 60}}


@pytest.mark.parametrize("version", ["1", "10", "11"])
def test_the_first_levels_of_an_old_room_keep_its_creator(version: str) -> None:
    assert of_creator(version, None).with_user(MOD, 50).content() == {"users": {OWN: 100, MOD: 50}}


def test_the_first_levels_of_a_new_room_do_not_name_its_creator() -> None:
    assert of_creator("12", None).with_user(MOD, 50).content() == {"users": {MOD: 50}}


# ------------------------------------------------------------------ levels that are none


@pytest.mark.parametrize("level", [True, 5.0, "50", 2**53, -(2**53), None])
def test_what_is_no_level_is_refused(level: Any) -> None:
    if level is not None:
        with pytest.raises(UsageError, match="must be an integer"):
            edit().with_actions(ban=level)
        with pytest.raises(UsageError, match="must be an integer"):
            edit().with_user(USER, level)


@pytest.mark.parametrize("user_id", ["", "user", "@user", "user:s", None, 5])
def test_what_is_no_user_id_is_refused(user_id: Any) -> None:
    with pytest.raises(UsageError, match="not a user id"):
        edit().with_user(user_id, 5)


def test_levels_written_as_text_become_integers() -> None:
    levels = {"users": {OWN: "100", MOD: " 050 ", USER: "many"}, "ban": "x", "events_default": "5", "events": 7}
    content = edit(levels, "9").with_user(USER, 1).content()
    assert content == {"users": {OWN: 100, MOD: 50, USER: 1}, "events_default": 5}
