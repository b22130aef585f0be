"""No method of gomatrix's, nor of this package's beside them, goes without a test on a real homeserver."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.client.room_actions import RoomActions
from gomatrix_py.client.room_handle import RoomHandle
from gomatrix_py.http.endpoint import Call
from gomatrix_py.send.outbox import Outbox
from gomatrix_py.sync import DefaultSyncer

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent

SYNCER_METHODS = ["on_event", "on_event_type", "on_response", "on_source", "remove_listener"]

# What cannot be called here, why, and the test that calls it instead.
NOT_CALLED = {
    "discover": ("it asks by https, and nobody answers so on this machine", "tests/unit/client/test_discovery.py"),
    "login_oauth": (
        "Synapse has no OAuth 2.0 provider of its own: the test brings one",
        "tests/unit/client/test_signing_in_oauth.py",
    ),
    "login_oauth_device": ("as login_oauth", "tests/unit/client/test_signing_in_oauth.py"),
    "get_account_management_url": ("as login_oauth", "tests/unit/client/test_signing_in_oauth.py"),
    "one_at_a_time": ("a lock, which asks no server", "gomatrix_py/client/room_handle.py"),
}


def gomatrix_methods() -> list[str]:
    """Return the names that the methods of gomatrix's client have here."""
    names = Path(ROOT, "tests", "meta", "gomatrix_names.txt").read_text(encoding="utf-8").split()
    methods = [name.partition(".")[2] for name in names if name.startswith("Client.")]
    return [re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower() for name in methods]


def methods_beside_operations(owner: type) -> list[str]:
    """Return the public methods and properties of a class that are no declared operations.

    Those are held by `test_every_operation`; a property that only says what the client was told asks nobody.
    """
    found = []
    for name in dir(owner):
        value: Any = inspect.getattr_static(owner, name)
        is_method = callable(getattr(value, "__func__", value)) or isinstance(value, property)
        if not name.startswith("_") and is_method and not isinstance(value, (Call, type)):
            found.append(name)
    return found


def called(folder: Path = HERE) -> set[str]:
    """Return every attribute that a test of the folder, or a call of `test_every_operation`, looks up."""
    found: set[str] = set()
    tests = [path for path in folder.glob("test_*.py") if path != Path(__file__)]
    for path in [*tests, *Path(ROOT, "tests", "kit").glob("served*.py")]:
        found |= attributes_in(path)
    return found


def attributes_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


CALLED = called()


def test_every_method_of_gomatrix_is_called() -> None:
    names = gomatrix_methods()
    assert len(names) > 45
    assert [name for name in names if not hasattr(Client, name)] == []
    assert sorted(set(names) - CALLED) == []


def test_every_method_beside_the_operations_is_called() -> None:
    names = methods_beside_operations(Client)
    assert {"send_text", "sync", "upload", "from_env", "outbox", "direct_room"} <= set(names)
    assert sorted(set(names) - CALLED) == sorted(NOT_CALLED)


@pytest.mark.parametrize("name", NOT_CALLED)
def test_what_cannot_be_called_here_is_called_elsewhere(name: str) -> None:
    reason, elsewhere = NOT_CALLED[name]
    assert reason
    assert name in attributes_in(Path(ROOT, elsewhere))


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (DefaultSyncer, SYNCER_METHODS),
        (RoomHandle, [name for name in vars(RoomActions) if not name.startswith("_")]),
        (Outbox, ["flush", "pending"]),
    ],
)
def test_every_method_of_the_others_is_called(owner: type, names: list[str]) -> None:
    assert [name for name in names if not hasattr(owner, name)] == []
    assert sorted(set(names) - CALLED) == []


def test_a_method_nobody_calls_would_be_noticed() -> None:
    assert {"whoami", "no_such_method"} - CALLED == {"no_such_method"}


def test_a_method_beside_the_operations_is_told_from_an_operation() -> None:
    names = methods_beside_operations(Client)
    assert "send_text" in names
    assert "ban_user" not in names
