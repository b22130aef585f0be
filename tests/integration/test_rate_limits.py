"""A homeserver that limits: waits are as long as it says, shared by threads, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gomatrix_py.errors import LimitExceeded
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.http.retry import RetryPolicy
from gomatrix_py.testing import DevServer


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    """A homeserver that takes ten messages a second, two at once."""
    with DevServer(config={"rc_message": {"per_second": 10, "burst_count": 2}}) as server:
        yield server


def test_the_impatient_are_told_how_long_to_wait(server: DevServer) -> None:
    alice = server.register("alice", "wonderland", retry=RetryPolicy.never())
    room_id = alice.create_room().room_id
    failures: list[LimitExceeded] = []
    for number in range(5):
        try:
            alice.send_text(room_id, str(number))
        except LimitExceeded as error:
            failures.append(error)
    assert failures
    assert all(error.code == 429 and error.errcode == "M_LIMIT_EXCEEDED" for error in failures)
    assert all(error.retry_after_s is not None and 0 < error.retry_after_s < 60 for error in failures)


def test_the_patient_send_everything_once(server: DevServer) -> None:
    bob = server.register("bob", "wonderland")
    limited: list[HttpRequest] = []

    @bob.on_response
    def note(request: HttpRequest, outcome: HttpResponse | Exception, seconds: float) -> None:
        if isinstance(outcome, HttpResponse) and outcome.status == 429:
            limited.append(request)

    room_id = bob.create_room().room_id
    bodies = [f"line {number}" for number in range(6)]
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda body: bob.send_text(room_id, body).event_id, bodies))
    assert limited  # it was not the server's generosity
    assert len(set(sent)) == len(bodies)
    arrived = [event.body for event in bob.messages(room_id, limit=100).chunk if event.type == "m.room.message"]
    assert sorted(map(str, arrived)) == sorted(bodies)
