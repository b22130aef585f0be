"""Events whose answer was lost: the server has them, and the client cannot know."""

from __future__ import annotations

import pytest

from gomatrix_py import Client, RetryPolicy
from gomatrix_py.errors import TransportError
from gomatrix_py.store.outbox import OutboxRow, OutboxState

__all__ = ["ONCE", "lost"]

ONCE = RetryPolicy(1, randomness=lambda: 0.0)


def lost(client: Client, room_id: str, txn_id: str = "t1") -> OutboxRow:
    """Send the text "once" over a road that loses the answer, and return what is left of it in the outbox."""
    with pytest.raises(TransportError):
        client.send_text(room_id, "once", txn_id=txn_id)
    (row,) = client.outbox.pending()
    assert row.state is OutboxState.PARKED
    return row
