"""A client in a forked child: it says so, and neither hangs nor uses its parent's keys once more."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator

import pytest

from gomatrix_py import Crypto, CryptoClient
from gomatrix_py.errors import MatrixError, StoreClosed
from gomatrix_py.send.outbox import Outbox
from gomatrix_py.store.outbox import MemoryOutbox, OutboxRow

PATIENCE_S = 60.0

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # that it has threads is the point
]


def said_in_child(act: Callable[[], object], patience_s: float = PATIENCE_S) -> str:
    """Return what an act in a forked child gives or raises, "hangs" where it does not end."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = repr(act())
        except BaseException as error:  # noqa: BLE001 - nothing may leave the child
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode()[:1000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        if not select.select([answer], [], [], patience_s)[0]:
            os.kill(child, 9)
        said = answer.read().decode() or "hangs"
    os.waitpid(child, 0)
    return said


@pytest.fixture
def client() -> Iterator[CryptoClient]:
    with CryptoClient("http://127.0.0.1:9", "@a:hs", "token", crypto=Crypto(key=bytes(32)), device_id="D") as client:
        yield client


@pytest.mark.parametrize("is_made_before", [True, False])
def test_keys_are_not_used_by_two_processes(client: CryptoClient, *, is_made_before: bool) -> None:
    if is_made_before:
        assert client.crypto.fingerprint
    assert "made before a fork" in said_in_child(lambda: client.engine)
    assert said_in_child(client.close) == "None"
    assert client.crypto.fingerprint


def test_the_error_is_that_of_a_store(client: CryptoClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(StoreClosed) as raised:
        _ = client.crypto
    assert isinstance(raised.value, MatrixError)


def test_the_control_without_the_check_a_child_has_the_keys(
    client: CryptoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CryptoClient, "_check_not_forked", lambda _: None)
    fingerprint = client.crypto.fingerprint
    assert said_in_child(lambda: client.crypto.fingerprint) == repr(fingerprint)


def held_outbox() -> tuple[Outbox, threading.Thread, threading.Event]:
    """Return an outbox in which another thread sends to a room until it is told to end."""
    has_begun, may_end = threading.Event(), threading.Event()

    def transmit(row: OutboxRow, _: object) -> str:
        if row.txn_id == "first":
            has_begun.set()
            assert may_end.wait(PATIENCE_S)
        return f"${row.txn_id}"

    outbox = Outbox(MemoryOutbox(), transmit)
    sending = threading.Thread(target=lambda: outbox.send(row_of("first")))
    sending.start()
    assert has_begun.wait(PATIENCE_S)
    return outbox, sending, may_end


def row_of(txn_id: str) -> OutboxRow:
    return OutboxRow("!room:hs", "m.room.message", b"{}", txn_id, "D")


def test_a_child_waits_for_no_thread_of_its_parent() -> None:
    outbox, sending, may_end = held_outbox()
    try:
        assert said_in_child(lambda: outbox.flush(0).waiting[0].txn_id) == "'first'"
        with_lane = said_in_child(lambda: outbox.cancel(1))
    finally:
        may_end.set()
        sending.join()
    assert with_lane == "False"  # it may have been sent


def test_the_control_with_the_lanes_of_its_parent_it_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outbox, "_begin_in_child", lambda _: None)
    outbox, sending, may_end = held_outbox()
    try:
        assert said_in_child(lambda: outbox.cancel(1), patience_s=0.5) == "hangs"
    finally:
        may_end.set()
        sending.join()
