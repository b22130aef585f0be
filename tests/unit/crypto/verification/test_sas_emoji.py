"""The emoji, their names, and how they are shown."""

from __future__ import annotations

import unicodedata

import pytest

from gomatrix_py.crypto.verification import LANGUAGES, Symbol, as_html, as_text, symbols


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_64_in_every_language(language: str) -> None:
    found = symbols(range(64), language)
    assert len({one.emoji for one in found}) == 64
    assert [one.number for one in found] == list(range(64))
    assert all(one.name and one.name == one.name.strip() for one in found)


# A few of the specification's table, from its beginning, middle and end.
@pytest.mark.parametrize(
    ("number", "code", "english", "german"),
    [
        (0, "\U0001f436", "Dog", "Hund"),
        (21, "\u2601\ufe0f", "Cloud", "Wolke"),
        (31, "\U0001f916", "Robot", "Roboter"),
        (32, "\U0001f3a9", "Hat", "Hut"),
        (41, "\U0001f4a1", "Light Bulb", "Glühbirne"),
        (63, "\U0001f4cc", "Pin", "Stecknadel"),
    ],
)
def test_they_are_those_of_the_specification(number: int, code: str, english: str, german: str) -> None:
    assert symbols([number]) == (Symbol(code, english, number),)
    assert symbols([number], "de") == symbols([number], "de-AT") == (Symbol(code, german, number),)


def test_what_nobody_translated_is_english() -> None:
    assert symbols([0], "xx") == symbols([0], "en") == symbols([0])
    partly = [one.name for one in symbols(range(64), "si")]
    assert any("SINHALA" in unicodedata.name(name[0]) for name in partly)
    assert "Pin" in partly
    assert symbols([0], "pt-BR")[0].name != symbols([0], "pt")[0].name


def test_how_they_are_shown() -> None:
    two = (Symbol("X", "a & b", 1), Symbol("Y", "c", 2))
    assert as_text(two, (1, 2, 3)) == "X  a & b\nY  c"
    assert as_text((), (1000, 2000, 9191)) == "1000  2000  9191"
    assert "a &amp; b" in as_html(two, ())
    assert as_html((), (1000, 2000, 9191)).count("<code>") == 3
