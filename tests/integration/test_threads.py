"""One client, many threads: sending, syncing, reading and looking at rooms, all at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gomatrix_py import Client, DefaultSyncer, Event, SQLiteStore
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.recorder import Recorder

SENDERS, EACH = 4, 8


def test_everything_at_once_on_one_client(
    alice: Client, room_id: str, matrix_user: MatrixUser, tmp_path: Path
) -> None:
    bob = matrix_user("bob", store=SQLiteStore(tmp_path / "bob.sqlite3"))
    alice.invite_user(room_id, bob.user_id)
    bob.join_room(room_id)
    bob.sync_once()
    heard = Recorder()
    assert isinstance(bob.syncer, DefaultSyncer)
    bob.syncer.on_event_type("m.room.message", heard)
    start, done = threading.Barrier(SENDERS + 4), threading.Event()
    expected = {f"{sender}-{number}" for sender in range(SENDERS) for number in range(EACH)}

    def send(sender: int) -> None:
        for number in range(EACH):
            bob.send_text(room_id, f"{sender}-{number}")

    def until_done(work: Callable[[], object]) -> None:
        while not done.is_set():
            work()

    def add_and_remove_listeners() -> None:
        def idle(event: Event) -> None:
            pass

        assert isinstance(bob.syncer, DefaultSyncer)
        bob.syncer.on_event_type("com.example", idle)
        bob.syncer.remove_listener(idle)

    jobs: list[Callable[[], None]] = [lambda sender=sender: send(sender) for sender in range(SENDERS)]  # type: ignore[misc]
    watchers: list[Callable[[], object]] = [
        lambda: bob.messages(room_id, limit=5),
        lambda: [event.content for event in bob.load_room(room_id).members.values()],
        lambda: bob.set_display_name("Bob"),
        add_and_remove_listeners,
    ]

    def run(job: Callable[[], object]) -> None:
        start.wait(20)
        job()

    with bob.start_sync() as handle, ThreadPoolExecutor(SENDERS + 4) as pool:
        watching = [pool.submit(run, lambda work=work: until_done(work)) for work in watchers]  # type: ignore[misc]
        sending = [pool.submit(run, job) for job in jobs]
        try:
            for future in sending:
                future.result(60)
            heard.wait_until(lambda heard: expected <= set(heard.bodies))
        finally:
            done.set()
        for future in watching:
            future.result(60)
        assert handle.is_running
    assert sorted(map(str, heard.bodies)) == sorted(expected)
    for sender in range(SENDERS):  # the server has each thread's events in the order they were sent
        assert [body for body in heard.bodies if str(body).startswith(f"{sender}-")] == [
            f"{sender}-{number}" for number in range(EACH)
        ]
    room = bob.load_room(room_id)
    assert room.get_membership_state(bob.user_id) == "join"
