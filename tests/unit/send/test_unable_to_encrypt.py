"""What keeps everything from being encrypted is no fault of a message: it waits, and whoever flushes hears of it."""

from __future__ import annotations

import pytest

from gomatrix_py.errors import CryptoError, CryptoUnavailable, DeviceKeysLost, NoEligibleDevices, WrongStoreKey
from gomatrix_py.send.outbox import Outbox
from gomatrix_py.store.outbox import MemoryOutbox, OutboxRow, OutboxState


class Sender:
    """Sends rows where it is able to."""

    def __init__(self, error: CryptoError | None) -> None:
        self.error = error

    def __call__(self, row: OutboxRow, _: object) -> str:
        if self.error is not None:
            raise self.error
        return f"${row.txn_id}"


def outbox_with(sender: Sender) -> Outbox:
    outbox = Outbox(MemoryOutbox(), sender)
    for number in range(3):
        outbox.queue(OutboxRow("!room:hs", "m.room.message", b"{}", str(number), "D"))
    return outbox


@pytest.mark.parametrize("error", [CryptoUnavailable, WrongStoreKey, DeviceKeysLost])
def test_what_was_queued_waits(error: type[CryptoError]) -> None:
    sender = Sender(error("as things are"))
    outbox = outbox_with(sender)
    with pytest.raises(error):
        outbox.flush()
    assert [row.state for row in outbox.pending()] == [OutboxState.QUEUED] * 3
    sender.error = None
    assert [row.event_id for row in outbox.flush().sent] == ["$0", "$1", "$2"]


def test_the_control_what_is_wrong_with_a_message_ends_it() -> None:
    outbox = outbox_with(Sender(NoEligibleDevices("nobody could read it")))
    assert outbox.flush().sent == []
    assert [row.state for row in outbox.pending()] == [OutboxState.WEDGED] * 3
