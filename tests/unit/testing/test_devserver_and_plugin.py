"""The development server before it runs and where Synapse is missing; what its plugin costs others."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from typing import Any

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.devserver import _Port

real_find_spec = importlib.util.find_spec


@pytest.fixture
def no_synapse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it look as if the extra were not installed."""

    def find_spec(name: str, package: str | None = None) -> Any:
        return None if name == "synapse" else real_find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.mark.usefixtures("no_synapse")
def test_the_error_names_the_install_command() -> None:
    with pytest.raises(UsageError, match=r"pip install 'gomatrix_py\[devserver\]'"):
        DevServer()


def test_a_server_that_was_not_started_has_nothing() -> None:
    server = DevServer()
    assert server.pid == 0
    assert server.log_tail() == ""
    with pytest.raises(UsageError):
        server.folder  # noqa: B018 - a property that raises
    server.wait()
    server.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a reserved port would keep the server itself out")
def test_a_reserved_port_is_given_to_nobody_else_and_stays_the_same() -> None:
    port = _Port()
    port.reserve()
    address = ("127.0.0.1", port.number)
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(address)
    with socket.create_server(address) as server:  # asks for it as Synapse does
        assert server.getsockname() == address
    port.release()
    port.release()
    with socket.socket() as other:
        other.bind(address)
    port.reserve()
    assert port.number == address[1]
    port.release()


_PROGRAM = """
import sys, importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "synapse" else real(name, *rest)
import runpy
runpy.run_module("gomatrix_py.testing.devserver", run_name="__main__", alter_sys=True)
"""


def test_the_command_says_it_too_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'gomatrix_py[devserver]'" in done.stderr
    assert "Traceback" not in done.stderr


_LOADED = """
import sys
import gomatrix_py
before = set(sys.modules)
import gomatrix_py.testing.pytest_plugin
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
print(*sorted(name for name in sys.modules if name.split(".")[0] in ("synapse", "twisted", "cattrs")))
"""


def test_the_plugin_loads_nothing_heavy() -> None:
    """Every pytest run imports it where gomatrix_py is installed."""
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, timeout=60, check=True)
    new, heavy = done.stdout.splitlines()
    allowed = ("gomatrix_py.testing", "pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")
    assert [name for name in new.split() if not name.startswith(allowed)] == []
    assert "gomatrix_py.testing.pytest_plugin" in new
    assert heavy == ""
