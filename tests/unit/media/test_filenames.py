"""Names from strangers: whatever they say, the file stays in its directory and can be kept there."""

from __future__ import annotations

import itertools
import os
import unicodedata
from pathlib import Path

import pytest

from gomatrix_py.media import safe_filename
from gomatrix_py.media.filenames import MAX_NAME_BYTES, numbered_names

HOSTILE = {
    "../../etc/passwd": "passwd",
    "/etc/passwd": "passwd",
    "..\\..\\windows\\win.ini": "win.ini",
    "C:\\boot.ini": "boot.ini",
    "a/b\\c.txt": "c.txt",
    "..": "file",
    ".": "file",
    "/": "file",
    "": "file",
    "   ": "file",
    "...": "file",
    ".bashrc": "bashrc",
    "..hidden..": "hidden",
    "nul\0l.txt": "null.txt",
    "line\nbreak.txt": "linebreak.txt",
    "\x1b[31mred.txt": "[31mred.txt",
    "report\u202efdp.exe": "reportfdp.exe",
    "zero\u200bwidth.txt": "zerowidth.txt",
    "\ufeffbom.txt": "bom.txt",
    "lone\ud800surrogate.txt": "lonesurrogate.txt",
    "stream.txt:hidden": "stream.txt_hidden",
    'a<b>c"d|e?f*g': "a_b_c_d_e_f_g",
    "-rf": "_rf",
    "--help.txt": "_-help.txt",
    "con": "_con",
    "CON.txt": "_CON.txt",
    "aux .txt": "_aux .txt",
    "Com1.log": "_Com1.log",
    "lpt¹": "_lpt¹",
    "NUL.tar.gz": "_NUL.tar.gz",
    "trailing. . ": "trailing",
    "\u2028\u2029": "file",
    "\u200d": "file",
}
HARMLESS = [
    "cat.png",
    "naïve résumé.pdf",
    "日本語.txt",
    "a.tar.gz",
    "👩\u200d🔬.png",
    "क्\u200cष.txt",
    "console.txt",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_becomes_a_name(name: str) -> None:
    assert safe_filename(name) == HOSTILE[name]


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_name_stays(name: str) -> None:
    assert safe_filename(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", [None, 5, b"x.txt", ["x"]])
def test_what_is_no_text_is_no_name(name: object) -> None:
    assert safe_filename(name, "default.bin") == "default.bin"


@pytest.mark.parametrize("letter", ["a", "é", "日", "👩"])
def test_a_long_name_keeps_its_suffix_and_whole_letters(letter: str) -> None:
    name = safe_filename(letter * 10_000 + ".jpeg")
    assert name.startswith(letter * 40)
    assert len(name.encode()) <= MAX_NAME_BYTES
    name = safe_filename(letter * 500 + ".jpeg")
    assert name.endswith(letter + ".jpeg")
    assert MAX_NAME_BYTES - 4 <= len(name.encode()) <= MAX_NAME_BYTES


def test_a_suffix_that_is_the_name_is_cut_too() -> None:
    assert len(safe_filename("x." + "y" * 9000).encode()) == MAX_NAME_BYTES


def test_ten_kilobytes_of_dots_are_nothing() -> None:
    assert safe_filename("." * 10_000) == "file"


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 10_000, "ẍ" * 10_000 + ".txt"])
def test_the_file_can_be_made_and_stays_in_its_directory(name: str, tmp_path: Path) -> None:
    place = tmp_path / safe_filename(name)
    place.write_bytes(b"x")
    assert os.listdir(tmp_path) == [place.name]
    assert place.resolve().parent == tmp_path.resolve()


def test_the_plain_name_would_not_stay(tmp_path: Path) -> None:
    """The control: joined as it is, the first of them leads out."""
    assert not (tmp_path / next(iter(HOSTILE))).resolve().is_relative_to(tmp_path.resolve())


def test_numbers_go_before_the_suffix() -> None:
    assert list(itertools.islice(numbered_names("a.b.txt"), 3)) == ["a.b.txt", "a.b (1).txt", "a.b (2).txt"]
    assert list(itertools.islice(numbered_names("Makefile"), 2)) == ["Makefile", "Makefile (1)"]
    longest = list(numbered_names("x" * 196 + ".txt"))
    assert (len(longest), max(len(name) for name in longest) <= 255) == (10_000, True)
