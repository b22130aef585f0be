"""What a process that was killed left beside a saved session holds tokens, and goes with the next save."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gomatrix_py import Session
from gomatrix_py.errors import SessionError

SESSION = Session("https://hs.example", "@me:hs.example", "planted", "DEVICE", refresh_token="planted")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.json"


def test_what_a_killed_save_left_is_removed_by_the_next(path: Path) -> None:
    left = [path.with_name(f".{path.name}.{name}") for name in ("1-a0", "4711-ff", "99999-0")]
    others = [
        path.with_name(name) for name in (f".{path.name}.lock", f".{path.name}.x-1", ".other.json.1-a0", "1-a0")
    ]
    fresh = path.with_name(f".{path.name}.12-ab")  # somebody else writes it right now
    for one in (*left, *others, fresh):
        one.write_text("planted")
        os.utime(one, (1_000_000_000, 1_000_000_000))
    os.utime(fresh)
    SESSION.save(path)
    assert not any(one.exists() for one in left)
    assert all(one.exists() for one in (*others, fresh))
    assert Session.load(path) == SESSION


def test_the_control_a_save_that_cannot_tidy_up_leaves_something(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fails)
        broken.setattr(os, "unlink", fails)
        with pytest.raises(SessionError):
            SESSION.save(path)
    (left,) = path.parent.glob(f".{path.name}.*")
    os.utime(left, (1_000_000_000, 1_000_000_000))
    SESSION.save(path)
    assert not left.exists()
