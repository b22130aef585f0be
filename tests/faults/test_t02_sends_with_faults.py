"""T2: twenty threads send to ten rooms while a third of all tries fail; every event is there, once, in order."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from gomatrix_py import Client, SQLiteStore
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import LimitExceeded, SendBlocked, ServerError, TransportError
from gomatrix_py.store.outbox import OutboxRow
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy
from tests.faults.conftest import Rooms
from tests.kit.fault_mixes import SEED, failing_sends, of_size
from tests.kit.server_view import differences, texts

SENDS = of_size(300, 10_000)
THREADS, ROOMS = 20, 10
FAULTS = 0.3
PASSING = (TransportError, ServerError, LimitExceeded, SendBlocked)


@attrs.frozen
class Crowd:
    """Threads that send, and what they sent: thread `t` says "t-0", "t-1", … to one room after the other."""

    client: Client
    room_ids: list[str]
    event_ids: dict[str, str] = attrs.field(factory=dict)
    waiting: list[OutboxRow] = attrs.field(factory=list)
    troubles: list[BaseException] = attrs.field(factory=list)

    def send_all(self, count: int) -> None:
        """Send so many texts, each thread its share, and wait for it."""
        threads = [threading.Thread(target=self._work, args=(number, count // THREADS)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.waiting.extend(self.client.outbox.pending())
        if self.troubles:
            raise self.troubles[0]

    def _work(self, thread: int, count: int) -> None:
        try:
            for number in range(count):
                text = f"{thread}-{number}"
                self.event_ids[text] = self._send(self.room_ids[(thread + number) % len(self.room_ids)], text)
        except BaseException as error:  # noqa: BLE001 - raised in the thread of the test
            self.troubles.append(error)

    def _send(self, room_id: str, text: str) -> str:
        while True:  # as a caller may who is told that it failed: the same transaction id once more
            try:
                return self.client.send_text(room_id, text, txn_id=f"{SEED}-{text}").event_id
            except PASSING:
                continue

    def said_in(self, room: int, thread: int, count: int) -> list[str]:
        """Return what a thread said in a room, in order."""
        return [f"{thread}-{number}" for number in range(count) if (thread + number) % len(self.room_ids) == room]


Play = Callable[..., tuple[Crowd, list[list[str]]]]


@pytest.fixture
def play(server: DevServer, rooms: Rooms, impatient: dict[str, Any], tmp_path: Path) -> Play:
    """Let a crowd send through the proxy, and return it, and what the server then has of each room."""

    def run(count: int, prepare: Callable[[Client], None] = lambda client: None) -> tuple[Crowd, list[list[str]]]:
        name = f"alice-{uuid.uuid4().hex[:8]}"
        alice = server.register(name, "secret")
        room_ids = rooms(alice, ROOMS)
        with (
            SQLiteStore(tmp_path / f"{name}.db") as store,
            FaultProxy(server.url, failing_sends(FAULTS), seed=SEED) as proxy,
            Client(
                proxy.url, alice.user_id, alice.access_token, device_id=alice.device_id, store=store, **impatient
            ) as client,
        ):
            prepare(client)
            crowd = Crowd(client, room_ids)
            crowd.send_all(count)
            share = sum(proxy.faults().values()) / max(1, sum(one.request.method == "PUT" for one in proxy.passed))
            print(f"seed {SEED}, {count} sends, {share:.0%} of all tries failed: {proxy.faults()}")
            assert len(proxy.faults()) == 8
            assert abs(share - FAULTS) < 0.08
        return crowd, [texts(alice, room_id) for room_id in room_ids]

    return run


def test_every_send_is_one_event_and_in_order(play: Play) -> None:
    crowd, said = play(SENDS)
    for thread in range(THREADS):
        for room, found in enumerate(said):
            of_thread = [text for text in found if text.startswith(f"{thread}-")]
            assert differences(crowd.said_in(room, thread, SENDS // THREADS), of_thread) == ""
    assert sum(map(len, said)) == SENDS == len(set(crowd.event_ids.values()))
    assert crowd.waiting == []


def test_the_control_a_new_transaction_id_per_try_sends_twice(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    count = min(SENDS, 1_000)

    def forget_the_transaction(client: Client) -> None:
        transmit = client._transmit

        def anew(row: OutboxRow, cancel: CancelToken | None) -> str:
            return transmit(attrs.evolve(row, txn_id=uuid.uuid4().hex), cancel)

        monkeypatch.setattr(client.outbox._sender, "transmit", anew)

    _, said = play(count, forget_the_transaction)
    total = sum(map(len, said))
    print(f"{total} events of {count} sends")
    assert len({text for found in said for text in found}) == count
    assert total > count * 1.05, "these faults would not have found a duplicate"
