"""What is built from the tree is whole, and the files a newcomer needs are there."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gomatrix_py
from tests.meta.tree import PACKAGE, ROOT, source_files

SETUP_READS = ("setup.py", "README.rst", "gomatrix_py")
NEWCOMER = (
    ".ci/run",
    "ARCHITECTURE.rst",
    "CHANGELOG.rst",
    "CONTRIBUTING.rst",
    "LICENSE",
    "Makefile",
    "README.rst",
    "SECURITY.rst",
    "pyproject.toml",
    "setup.py",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what packaging reads, so that nothing is written into the tree."""
    copy = tmp_path_factory.mktemp("tree")
    for name in SETUP_READS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy


def setup(tree: Path, *arguments: str) -> str:
    # a warning of setuptools about itself is not ours to fail on
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "--quiet", *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_build_holds_every_module_and_the_typing_mark(tree: Path) -> None:
    setup(tree, "build", "--build-base", "built", "--build-lib", "lib")
    built = {path.relative_to(tree / "lib").as_posix() for path in (tree / "lib").rglob("*") if path.is_file()}
    expected = {path.relative_to(ROOT).as_posix() for path in source_files(".py", PACKAGE)}
    assert built == expected | {"gomatrix_py/py.typed"}


def test_the_build_can_be_imported(tree: Path) -> None:
    setup(tree, "build", "--build-base", "built", "--build-lib", "lib")
    program = "import gomatrix_py, gomatrix_py.testing; print(gomatrix_py.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(tree / "lib")}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tree / "lib", env=environment, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()).is_relative_to(tree / "lib")


def test_the_metadata_is_whole(tree: Path) -> None:
    setup(tree, "egg_info", "--egg-base", ".")
    metadata = email.message_from_string((tree / "gomatrix_py.egg-info" / "PKG-INFO").read_text(encoding="utf-8"))
    assert metadata["Name"].replace("-", "_") == "gomatrix_py"
    assert metadata["Version"] == gomatrix_py.__version__
    assert metadata["License"] == "Apache-2.0" or metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    assert set(metadata.get_all("Provides-Extra", ())) >= {"devserver", "dev", "bench", "keyring", "media"}
    assert metadata["Description-Content-Type"].startswith("text/x-rst")
    requires = (tree / "gomatrix_py.egg-info" / "requires.txt").read_text(encoding="utf-8").partition("[")[0]
    names = {line.partition(">")[0] for line in requires.split()}
    assert names == {"attrs", "cattrs", "markdown-it-py", "msgspec", "nh3", "platformdirs", "requests", "urllib3"}


@pytest.mark.parametrize("name", NEWCOMER)
def test_what_a_newcomer_needs_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


def test_the_licence_is_apache_2_in_full() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "9. Accepting Warranty or Additional Liability." in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_ci_script_runs_make_test_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert "set -euo pipefail" in lines
    assert [line for line in lines if line.startswith("make ")] == ['make test PYTHON="$python"']
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("missing", ["make", "git"])
def test_the_ci_script_says_what_is_missing(missing: str, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in {"bash", "dirname", "head", "make", "git"} - {missing}:
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    (tools / "python3").symlink_to(sys.executable)
    ran = subprocess.run(
        [str(ROOT / ".ci" / "run")], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.strip() == f"this needs {missing}"
