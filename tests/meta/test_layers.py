"""The floors of the house: a file imports only from floors below it, and each library has one room.

The floors are drawn in ARCHITECTURE.rst. A module that stands on none fails the test, so that a new one is
given its place.
"""

from __future__ import annotations

import pytest

from tests.meta.imports import Arrow, arrows, circles, third_party
from tests.meta.rst import tables
from tests.meta.tree import package_sources

FLOORS = {
    "gomatrix_py._version": 0,
    "gomatrix_py.cancellation": 0,
    "gomatrix_py.canonical_json": 0,
    "gomatrix_py.clock": 0,
    "gomatrix_py.collector": 0,
    "gomatrix_py.errors": 0,
    "gomatrix_py.ids": 0,
    "gomatrix_py.links": 0,
    "gomatrix_py.times": 0,
    "gomatrix_py.codec": 1,
    "gomatrix_py.events": 2,
    "gomatrix_py.http": 2,
    "gomatrix_py.api": 3,
    "gomatrix_py.rooms": 4,
    "gomatrix_py.store.base": 5,
    "gomatrix_py.store.journal": 5,
    "gomatrix_py.store.key_values": 5,
    "gomatrix_py.store.outbox": 5,
    "gomatrix_py.store.prefix_map": 5,
    "gomatrix_py.store.records": 5,
    "gomatrix_py.media": 6,
    "gomatrix_py.media.arrival": 5,
    "gomatrix_py.media.filenames": 5,
    "gomatrix_py.send": 6,
    "gomatrix_py.store": 6,
    "gomatrix_py.sync": 6,
    "gomatrix_py.http.transport": 7,
    "gomatrix_py.http.watch": 7,
    "gomatrix_py.client": 8,
    "gomatrix_py.crypto": 6,
    "gomatrix_py.crypto.backend": 3,
    "gomatrix_py.synapse": 9,
    "gomatrix_py.testing": 9,
}
TOP = "gomatrix_py"
PACKAGES = {
    "api",
    "client",
    "codec",
    "crypto",
    "events",
    "http",
    "media",
    "rooms",
    "send",
    "store",
    "synapse",
    "sync",
    "testing",
}

# A library, and the only places that may import it.
ROOMS = {
    "PIL": ("gomatrix_py.media",),
    "blurhash": ("gomatrix_py.media",),
    "cattrs": ("gomatrix_py.codec",),
    "cryptography": ("gomatrix_py.crypto",),
    "keyring": ("gomatrix_py.client.saved_sessions",),
    "markdown_it": ("gomatrix_py.send",),
    "msgspec": ("gomatrix_py.codec",),
    "mutagen": ("gomatrix_py.media",),
    "nh3": ("gomatrix_py.send",),
    "olm": ("gomatrix_py.crypto.backend",),
    "platformdirs": ("gomatrix_py.store.sqlite",),
    "pytest": ("gomatrix_py.testing",),
    "requests": ("gomatrix_py.http.transport",),
    "sqlite3": ("gomatrix_py.store.sqlite",),
    "urllib3": ("gomatrix_py.http.transport",),
    "vodozemac": ("gomatrix_py.crypto.backend",),
}
ANYWHERE = {"attrs", "attr"}


def floor_of(module: str) -> int | None:
    """Return the floor of a module, by the longest entry of the table that it stands under."""
    if module == TOP:
        return max(FLOORS.values()) + 1
    under = [name for name in FLOORS if module == name or module.startswith(name + ".")]
    return FLOORS[max(under, key=len)] if under else None


def package_of(module: str) -> str:
    """Return the package a module belongs to; a file directly in the top package belongs to that."""
    parts = module.split(".")
    return f"{TOP}.{parts[1]}" if len(parts) > 1 and parts[1] in PACKAGES else TOP


def faults(sources: dict[str, str]) -> list[str]:
    """Return what breaks the rules in a set of modules."""
    found: list[str] = []
    ours: list[Arrow] = []
    for arrow in arrows(sources):
        if arrow.imported.partition(".")[0] == TOP:
            ours.append(arrow)
            found += _of_floors(arrow)
        else:
            found += _of_rooms(arrow)
    for ring in circles((arrow.importer, arrow.imported) for arrow in ours):
        found.append(f"modules in a circle: {sorted(ring)}")
    between = ((package_of(arrow.importer), package_of(arrow.imported)) for arrow in ours if arrow.importer != TOP)
    for ring in circles(between):
        found.append(f"packages in a circle: {sorted(ring)}")
    return found


def _of_floors(arrow: Arrow) -> list[str]:
    here, there = floor_of(arrow.importer), floor_of(arrow.imported)
    if here is None or there is None:
        return [f"{arrow}, and one of them stands on no floor"]
    if here > there or (here == there and package_of(arrow.importer) == package_of(arrow.imported)):
        return []
    return [f"{arrow}, from floor {here} to floor {there}"]


def _of_rooms(arrow: Arrow) -> list[str]:
    library = arrow.imported.partition(".")[0]
    if library in ROOMS:
        if any(arrow.importer == room or arrow.importer.startswith(room + ".") for room in ROOMS[library]):
            return []
        return [f"{arrow}, which has no room there"]
    if third_party(arrow) and library not in ANYWHERE and not arrow.is_typing:
        return [f"{arrow}, which is no declared dependency"]
    return []


def test_every_import_goes_down() -> None:
    assert faults(package_sources()) == []


def test_every_module_stands_on_a_floor() -> None:
    names = {name.removesuffix(".__init__") for name in package_sources()}
    assert [name for name in names if floor_of(name) is None] == []


def test_the_floors_are_those_of_the_page() -> None:
    (rows,) = (table for table in tables("ARCHITECTURE.rst") if table[0][0].astext() == "Floor")
    drawn = {f"{TOP}.{name}": int(row[0].astext()) for row in rows[1:] for name in row[1].astext().split()}
    assert drawn == FLOORS


def test_the_tables_name_nothing_that_is_gone() -> None:
    names = {name.removesuffix(".__init__") for name in package_sources()}
    assert set(FLOORS) <= names
    assert {f"{TOP}.{package}" for package in PACKAGES} <= names
    assert {room for rooms in ROOMS.values() for room in rooms} <= names


SYNTHETIC = {
    "upward": (
        {"gomatrix_py.errors": "from .codec import loads", "gomatrix_py.codec.__init__": ""},
        "floor 0 to floor 1",
    ),
    "upward, for type checkers": (
        {
            "gomatrix_py.store.base": "if TYPE_CHECKING:\n    from .memory import InMemoryStore",
            "gomatrix_py.store.memory": "",
        },
        "floor 5 to floor 6",
    ),
    "upward, inside a function": (
        {"gomatrix_py.sync.base": "def f():\n    from ..client import Client", "gomatrix_py.client.__init__": ""},
        "floor 6 to floor 8",
    ),
    "sideways": (
        {"gomatrix_py.events.event": "from ..http import urls", "gomatrix_py.http.urls": ""},
        "floor 2 to floor 2",
    ),
    "absolute": (
        {"gomatrix_py.api.base": "import gomatrix_py.rooms.room", "gomatrix_py.rooms.room": ""},
        "floor 3 to floor 4",
    ),
    "no floor": (
        {"gomatrix_py.misc": "from .errors import MatrixError", "gomatrix_py.errors": ""},
        "no floor",
    ),
    "a circle of modules": (
        {
            "gomatrix_py.codec.a": "from .b import x",
            "gomatrix_py.codec.b": "from .c import x",
            "gomatrix_py.codec.c": "from . import a",
        },
        "modules in a circle",
    ),
    "a circle of packages": (
        {
            "gomatrix_py.store.records": "from ..rooms import Room",
            "gomatrix_py.rooms.__init__": "",
            "gomatrix_py.rooms.room": "from ..store.base import Storer",
            "gomatrix_py.store.base": "",
        },
        "packages in a circle",
    ),
    "requests outside the transport": ({"gomatrix_py.client.media": "import requests"}, "no room there"),
    "urllib3, in disguise": ({"gomatrix_py.http.watch": "from urllib3.util import Timeout as T"}, "no room there"),
    "sqlite3 outside its store": ({"gomatrix_py.store.memory": "import sqlite3"}, "no room there"),
    "msgspec outside the codec": ({"gomatrix_py.api.sync": "from msgspec import Raw"}, "no room there"),
    "cryptography": ({"gomatrix_py.codec.convert": "import cryptography.fernet"}, "no room there"),
    "olm": (
        {"gomatrix_py.client.base": "try:\n    import olm\nexcept ImportError:\n    pass"},
        "no room there",
    ),
    "something undeclared": ({"gomatrix_py.ids": "import idna"}, "no declared dependency"),
}


@pytest.mark.parametrize("name", SYNTHETIC)
def test_a_house_that_breaks_a_rule_is_noticed(name: str) -> None:
    sources, complaint = SYNTHETIC[name]
    assert any(complaint in fault for fault in faults(sources)), faults(sources)


def test_a_house_that_keeps_the_rules_passes() -> None:
    sound = {
        "gomatrix_py.__init__": "from .client import Client",
        "gomatrix_py.client.__init__": "from .base import BaseClient",
        "gomatrix_py.client.base": "import json\nimport attrs\nfrom ..http.transport import RequestsTransport",
        "gomatrix_py.http.transport": "import requests\nfrom .urls import origin",
        "gomatrix_py.http.urls": "if TYPE_CHECKING:\n    import typing_extensions",
    }
    assert faults(sound) == []
