"""What people see of a verification: printed in a terminal, shown by a notebook, in their language."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.client.verifying import DeviceVerification
from gomatrix_py.crypto.verification import LANGUAGES, State, symbols
from tests.kit.verifying import Side, Wire, pair, run_to


def shown(state: State) -> tuple[DeviceVerification, Side, Wire]:
    """Return Alice's verification in a state; nothing is done in it, so nothing sends for it."""
    alice, bob, wire = pair()
    run = run_to(state, alice, bob, wire)
    nobody: Any = None
    return DeviceVerification(run, nobody, nobody), alice, wire


@pytest.mark.parametrize("state", [State.COMPARING, State.MAC_RECEIVED])
def test_what_is_printed(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    verification, _, _ = shown(state)
    verification.show()
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{one.emoji}  {one.name}" for one in verification.emoji]
    assert len(lines) == 7
    assert str(verification).splitlines() == lines


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_every_language(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    verification, _, _ = shown(State.COMPARING)
    verification.show(language)
    lines = capsys.readouterr().out.splitlines()
    named = verification.emoji_in(language)
    assert lines == [f"{one.emoji}  {one.name}" for one in named]
    assert named == symbols([one.number for one in verification.emoji], language)
    assert [one.emoji for one in named] == [one.emoji for one in verification.emoji]


def test_what_a_notebook_shows() -> None:
    verification, _, _ = shown(State.COMPARING)
    html = verification._repr_html_()
    assert all(one.emoji in html and one.name in html for one in verification.emoji)
    assert html.startswith("<table>")


@pytest.mark.parametrize("state", [State.REQUESTED, State.OFFERED, State.READY, State.ASKED, State.KEY_SENT])
def test_before_there_is_anything_to_compare(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    verification, _, _ = shown(state)
    assert (verification.emoji, verification.emoji_in("de"), verification.decimals) == ((), (), ())
    verification.show("de")
    text = capsys.readouterr().out.strip()
    assert state.value in text
    assert verification._repr_html_() == f"<p>{text}</p>"


def test_what_it_says_of_itself() -> None:
    verification, alice, _ = shown(State.READY)
    assert (verification.is_ours, verification.cancel_code, verification.is_finished) == (True, "", False)
    assert verification.user_id in repr(verification)
    assert verification.device is not None
    assert verification.device.device_id == "B1"
    alice.do(verification.verification.cancel)
    assert (verification.cancel_code, verification.is_finished, verification.is_verified) == ("m.user", True, False)
    assert not shown(State.OFFERED)[0].is_ours
