"""Attacks on whoever shows a message, each through the sanitiser and past an independent parser."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from gomatrix_py.send import plain_text, sanitize_html
from tests.kit.html_faults import html_faults, shown_text

CORPUS = Path(__file__).parents[2] / "corpus" / "html"
ATTACKS = [
    pytest.param(json.loads(line), id=f"{path.stem}-{number}")
    for path in sorted(CORPUS.glob("*.jsonl"))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines())
]
STRINGS: list[str] = [one.values[0] for one in ATTACKS]  # type: ignore[misc]
WORD = "harmless"  # stands in what may be shown; "lost" where it does not matter


def test_there_are_many_attacks() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 300


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_dangerous_is_left(attack: str) -> None:
    clean = sanitize_html(attack)
    assert html_faults(clean) == []
    assert sanitize_html(clean) == clean
    for_a_page = sanitize_html(attack, link_rel="noopener noreferrer")
    assert for_a_page.replace(' rel="noopener noreferrer"', "") == clean
    assert for_a_page.count(' rel="noopener noreferrer"') == len(re.findall("<a[ >]", clean))


@pytest.mark.parametrize("attack", [one for one in STRINGS if WORD in one])
def test_what_is_harmless_is_kept(attack: str) -> None:
    assert WORD in shown_text(sanitize_html(attack))


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_plain_text_can_be_printed(attack: str) -> None:
    text = plain_text(attack)
    assert [char for char in text if unicodedata.category(char) == "Cc" and char not in "\n\t"] == []


# ------------------------------------------------------------------ controls


def naive(html: str) -> str:
    """Remove scripts and handlers as people do who have not thought about it long."""
    html = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    html = re.sub(r"\son\w+=(\"[^\"]*\"|'[^']*'|\S+)", "", html)
    return html.replace("javascript:", "")


def test_no_sanitiser_at_all_is_noticed() -> None:
    unnoticed = [attack for attack in STRINGS if not html_faults(attack)]
    assert len(unnoticed) < len(STRINGS) * 0.08, unnoticed


def test_a_naive_sanitiser_is_noticed() -> None:
    assert sum(bool(html_faults(naive(attack))) for attack in STRINGS) > len(STRINGS) * 0.7


def test_the_defaults_of_the_library_are_not_enough() -> None:
    import nh3

    assert sum(bool(html_faults(nh3.clean(attack))) for attack in STRINGS) > 20
