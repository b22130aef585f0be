"""What members are called: nobody can pass for another."""

from __future__ import annotations

import pytest

from gomatrix_py.rooms import display_names
from gomatrix_py.rooms.display_names import NameTable, folded_name
from tests.kit.room_facts import OWN, FactsRoom, member

MALLORY, ALICE = "@mallory:evil.example", "@alice:example.org"


def named(display_name: str | None, *others: tuple[str, str | None]) -> str:
    table = NameTable()
    table.put(MALLORY, display_name, is_seen=True)
    for user_id, name in others:
        table.put(user_id, name, is_seen=True)
    return table.name_of(MALLORY)


@pytest.mark.parametrize(
    ("display_name", "shown"),
    [
        ("Mallory", "Mallory"),
        (None, MALLORY),
        (MALLORY, MALLORY),
        ("\u200b\u2060", MALLORY),
        (" ", MALLORY),
        ("Ünal O'Neil", "Ünal O'Neil"),
        ("שלום", "שלום"),
        ("at 10:30", "at 10:30"),
        ("mail@home", "mail@home"),
        (ALICE, f"{ALICE} ({MALLORY})"),
        (f"Alice ({ALICE})", f"Alice ({ALICE}) ({MALLORY})"),
        ("\uff20alice:example.org", f"\uff20alice:example.org ({MALLORY})"),
        ("@alice\u200b:example.org", f"@alice\u200b:example.org ({MALLORY})"),
        ("moc.live\u202e", f"moc.live ({MALLORY})"),
        ("\u2067x\u2069", f"x ({MALLORY})"),
    ],
)
def test_a_name_alone_in_a_room(display_name: str | None, shown: str) -> None:
    assert named(display_name) == shown


@pytest.mark.parametrize(
    "imitation",
    [
        "Alice",
        "alice",
        "Al ice",
        "Alice\u200b",
        "\u2063Alice",
        "Alice\ufe0f",
        "\uff21lice",
        "\U0001d400lice",
        "\u0410lice",
        "AIice",
        "A1ice",
        "A|ice",
        "\u0391\u04cf\u0456\u0441\u0435",
        "A\u0301lice",
        "\u00c1lice",
        "Alice\U000e0041",
    ],
)
def test_a_name_that_looks_like_anothers_comes_with_its_id(imitation: str) -> None:
    assert named(imitation, (ALICE, "Alice")) == f"{imitation} ({MALLORY})"
    assert named("Alice", (ALICE, imitation)) == f"Alice ({MALLORY})"


@pytest.mark.parametrize("other", ["Alicia", "Bob", "", "Alice2", None])
def test_names_that_differ_stay_as_they_are(other: str | None) -> None:
    assert named("Alice", (ALICE, other)) == "Alice"


def test_without_folding_an_imitation_would_not_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display_names, "folded_name", lambda name: name)
    assert named("\u0410lice", (ALICE, "Alice")) == "\u0410lice"


def test_the_lookalikes_are_single_letters_and_fold_to_latin() -> None:
    for latin, alike in display_names._ALIKE.items():
        assert {folded_name(one) for one in alike} == {latin}


@pytest.mark.parametrize("code", range(128))
def test_the_short_way_for_ascii_is_the_long_way(code: int) -> None:
    assert folded_name(chr(code)) == folded_name(f"{chr(code)}\u200b")


def test_many_names_are_looked_up_in_one_table() -> None:
    names = FactsRoom(member(ALICE, "Al"), member(MALLORY, "Al"), member("@bob:s", "Bob")).member_names
    assert [names.name_of(one) for one in (ALICE, "@bob:s", "@nobody:s")] == [f"Al ({ALICE})", "Bob", "@nobody:s"]
    assert len(names) == 3


def test_only_those_in_the_room_or_invited_take_a_name() -> None:
    people = [member(ALICE, "Alice"), member("@gone:s", "Alice", "leave"), member("@bad:s", "Alice", "ban")]
    room = FactsRoom(*people)
    assert room.user_name(ALICE) == "Alice"
    assert room.user_name("@gone:s") == "Alice (@gone:s)"
    assert room.user_name_clashes("ALICE") == [ALICE]
    invited = FactsRoom(*people, member("@new:s", "Alice", "invite"))
    assert invited.user_name(ALICE) == f"Alice ({ALICE})"
    assert invited.user_name_clashes("Alice") == [ALICE, "@new:s"]


def test_a_clash_ends_when_one_of_them_leaves_or_changes_the_name() -> None:
    table = NameTable()
    table.put(ALICE, "Alice", is_seen=True)
    table.put(MALLORY, "Alice", is_seen=True)
    assert table.name_of(ALICE) == f"Alice ({ALICE})"
    table.put(MALLORY, "Mallory", is_seen=True)
    assert (table.name_of(ALICE), table.name_of(MALLORY)) == ("Alice", "Mallory")
    table.put(MALLORY, "Alice", is_seen=True)
    table.put(MALLORY, "Alice", is_seen=False)
    assert (table.name_of(ALICE), table.users_called("Alice")) == ("Alice", [ALICE])


def test_the_name_of_somebody_unknown_is_the_id() -> None:
    room = FactsRoom(member(OWN, "Me"))
    assert room.user_name("@nobody:s") == "@nobody:s"
    assert room.member("@nobody:s") is None
