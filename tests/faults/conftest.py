"""What the rows share: a Synapse of their own, people on it, and the seed in what a failure prints."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from gomatrix_py import Client, Limits, RetryPolicy
from gomatrix_py.testing import DevServer
from tests.kit.fault_mixes import SEED, SOAKS

SOAK_LIMIT_S = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the rows the time that their full size takes."""
    if SOAKS:
        for item in items:
            if "tests/faults/" in item.path.as_posix():
                item.add_marker(pytest.mark.timeout(SOAK_LIMIT_S))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show the seed with each test that failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    if report.failed:
        report.sections.append(("seed", f"GMPY_SEED={SEED}"))


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    """A Synapse that may be ill-treated."""
    with DevServer() as hs:
        yield hs


@pytest.fixture
def impatient() -> dict[str, Any]:
    """Options of clients that try again soon, often, and wait for no answer long."""
    return {
        "retry": RetryPolicy(attempts=8, base_s=0.01, cap_s=0.2),
        "limits": Limits(connect_s=5, read_s=1.0, total_s=30),
    }


Rooms = Callable[[Client, int], list[str]]


@pytest.fixture
def rooms() -> Rooms:
    """Make rooms."""
    return lambda client, count: [client.create_room(f"room {number}").room_id for number in range(count)]
