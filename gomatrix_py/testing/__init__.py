"""What helps to test code that uses gomatrix_py, and gomatrix_py itself.

`devserver` runs a real homeserver for as long as a block or a test session, `pytest_plugin` offers it as
fixtures, `conformance` holds suites for stores and syncers of your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .devserver import DevServer

__all__ = ["DevServer"]


def __getattr__(name: str) -> Any:
    # at first use: the pytest plugin stands beside it, and is loaded by test runs that need no server
    if name == "DevServer":
        from .devserver import DevServer

        return DevServer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
