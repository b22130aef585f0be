"""Nothing in the tree belongs to one machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.meta.tree import ROOT, source_files

# Folders that people and machines keep their work in, and hosts that packages come from. A path that a test
# invents (/tmp, /data) is none of them. The pattern is put together so that this file does not match itself.
_FOLDERS = "|".join(("root", "work", "home", "Users", "farm", "mnt", "workspace"))
_PATH = re.compile(rf"(?<![\w.~/}}])/(?:{_FOLDERS})/[A-Za-z0-9_.-]|[A-Z]:\\Users\\")
_HOST = re.compile(r"https?://[^\s\"'<>]*(?:registry[.]|/simple/)|files[.]pythonhosted[.]org")

FILES = [path.relative_to(ROOT).as_posix() for path in source_files()]


def machine_marks(text: str) -> list[str]:
    """Return the lines of a text that name a place on a machine, or the host of a package registry."""
    return [line.strip() for line in text.splitlines() if _PATH.search(line) or _HOST.search(line)]


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_a_place_of_one_machine(name: str) -> None:
    try:
        text = Path(ROOT, name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = Path(ROOT, name).read_text(encoding="latin-1")
    assert machine_marks(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "open('/" + "root/secret')",
        "see /" + "home/alice/x",
        "cd /" + "work/main",
        "--index-url https://pypi.example.org/" + "simple/",
        "npm config set https://" + "registry.example.org",
    ],
)
def test_a_mark_of_a_machine_is_noticed(line: str) -> None:
    assert machine_marks(line) == [line]


@pytest.mark.parametrize(
    "line", ["/_matrix/client/v3/rooms", "../shared/x", "https://example.org/home/page", "/work"]
)
def test_an_innocent_line_passes(line: str) -> None:
    assert machine_marks(line) == []
