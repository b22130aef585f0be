"""Files that appear whole or not at all, and never in another's place."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from gomatrix_py import UsageError
from gomatrix_py.media import arrival
from gomatrix_py.media.arrival import appearing_whole, arriving


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    with appearing_whole(tmp_path / "cat.png") as file:
        file.write(b"whole")
        assert not (tmp_path / "cat.png").exists()
    assert os.listdir(tmp_path) == ["cat.png"]
    assert (tmp_path / "cat.png").read_bytes() == b"whole"


def test_what_breaks_off_leaves_nothing_and_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"old")

    def break_off() -> None:
        with appearing_whole(tmp_path / "cat.png") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    with pytest.raises(KeyboardInterrupt), arriving(tmp_path):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["cat.png"]
    assert (tmp_path / "cat.png").read_bytes() == b"old"


def test_what_nobody_keeps_is_gone(tmp_path: Path) -> None:
    with arriving(tmp_path) as one:
        one.file.write(b"x")
    assert os.listdir(tmp_path) == []


def keep(directory: Path, content: bytes, name: str = "cat.png", *, overwrite: bool = False) -> str:
    with arriving(directory) as one:
        one.file.write(content)
        return one.keep_as(name, overwrite=overwrite).name


@pytest.fixture(params=["hard links", "no hard links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of file system."""
    if request.param == "no hard links":

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "not on this file system")

        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("links")
def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    names = [keep(tmp_path, content) for content in (b"one", b"two", b"three")]
    assert names == ["cat.png", "cat (1).png", "cat (2).png"]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"one", b"two", b"three"]
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert keep(tmp_path, b"four", overwrite=True) == "cat.png"
    assert (tmp_path / "cat.png").read_bytes() == b"four"


@pytest.mark.usefixtures("links")
def test_links_and_directories_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "cat.png").symlink_to(outside)
    (inside / "cat (1).png").mkdir()
    assert keep(inside, b"x") == "cat (2).png"
    assert not outside.exists()
    assert keep(inside, b"y", overwrite=True) == "cat.png"  # the link is replaced, not what it points to
    assert not outside.exists()


@pytest.mark.usefixtures("links")
def test_of_many_at_once_each_gets_a_name_of_its_own(tmp_path: Path) -> None:
    names: list[str] = []
    threads = [threading.Thread(target=lambda at=at: names.append(keep(tmp_path, b"%d" % at))) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 8
    assert sorted((tmp_path / name).read_bytes() for name in names) == [b"%d" % at for at in range(8)]


def test_ten_thousand_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "numbered_names", lambda name: iter([name, name + "1"]))
    keep(tmp_path, b"x")
    keep(tmp_path, b"x")
    with pytest.raises(UsageError):
        keep(tmp_path, b"x")
    assert len(os.listdir(tmp_path)) == 2


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), appearing_whole(tmp_path / "no" / "cat.png"):
        pass
