"""Messages between devices, outside of rooms. Spec: "Send-to-Device messaging"."""

from __future__ import annotations

from typing import Any

from ..http.endpoint import Empty, Endpoint
from .base import Api, carries_out

__all__ = ["SendToDevice", "ToDeviceApi"]


class SendToDevice(Endpoint[Empty]):
    """Send an event to devices; "*" stands for all of a user. Spec: PUT /sendToDevice/{eventType}/{txnId}.

    `messages` holds contents by user id and device id.
    """

    METHOD, PATH = "PUT", "/_matrix/client/v3/sendToDevice/{event_type}/{txn_id}"
    event_type: str
    txn_id: str
    messages: dict[str, dict[str, Any]]


class ToDeviceApi(Api):
    """Messages between devices."""

    @carries_out(SendToDevice)
    def send_to_device(
        self, event_type: str, messages: dict[str, dict[str, Any]], *, txn_id: str | None = None
    ) -> None:
        """Send an event to devices.

        Args:
            event_type: such as ``m.room_key_request``.
            messages: contents by user id and device id; the device id "*" stands for all of a user's.
            txn_id: makes a repeated call the same messages; a new one where it is left out.

        Spec: PUT /sendToDevice/{eventType}/{txnId}.
        """
        self.call(SendToDevice(event_type, txn_id or self.new_transaction_id(), messages))
