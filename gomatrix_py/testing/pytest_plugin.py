"""pytest fixtures for testing a bot against a real homeserver; installing gomatrix_py makes them known.

::

    def test_the_bot_answers(matrix_user):
        alice, bot = matrix_user("alice"), matrix_user("bot")
        room = alice.create_room(invite=[bot.user_id]).room_id
        bot.join_room(room)
        alice.send_text(room, "hello")
        assert my_bot.answer_once(bot) == "hello"

`matrix_server` is one Synapse for the whole test session; each test gets users of its own from
`matrix_user`, so tests do not see each other's rooms. They need the ``devserver`` extra; without it a
test that asks for them fails, and says how to install it. The log of the server is shown with each test
that fails.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..client import Client
    from .devserver import DevServer

# Every pytest run where gomatrix_py is installed imports this file: what a fixture needs, it imports itself.

__all__ = ["MatrixUser", "matrix_server", "matrix_user"]

MatrixUser = Callable[..., "Client"]
"""Makes an account: takes a name, the password, and what `Client` takes; returns a logged-in client."""


@pytest.fixture(scope="session")
def matrix_server() -> Iterator[DevServer]:
    """A Synapse on loopback, empty at the start of the test session and gone at its end."""
    from ..errors import UsageError
    from .devserver import DevServer

    try:
        server = DevServer()
    except UsageError as error:  # Synapse is not installed: say how to, without a traceback
        pytest.fail(str(error), pytrace=False)
    with server:
        yield server


@pytest.fixture
def matrix_user(matrix_server: DevServer) -> Iterator[MatrixUser]:
    """Make accounts: ``matrix_user("alice")`` returns a logged-in client of a new user alice-….

    The second argument is the password (one is made up where it is left out), ``admin=True`` makes a
    server administrator, and every option of `Client` may follow. When the test ends, the clients stop
    their syncs and are closed.
    """
    with contextlib.ExitStack() as clients:

        def register(name: str = "user", password: str = "", **options: Any) -> Client:
            unique = f"{name}-{secrets.token_hex(4)}"
            client: Client = matrix_server.register(unique, password or secrets.token_hex(8), **options)
            return clients.enter_context(client)

        yield register


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Show the server's last log lines with a test that used it and failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    server = getattr(item, "funcargs", {}).get("matrix_server")
    if server is not None and report.failed:
        report.sections.append(("Synapse log", server.log_tail()))
