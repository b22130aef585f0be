"""To-device messages on their way out: kept before they leave, sent in order, each batch under one transaction id."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import attrs

from ..api.to_device import SendToDevice
from . import spaces
from .steps import Step

__all__ = ["Addressee", "QueuedMessages", "enqueue", "queued"]

PER_BATCH = 250


@attrs.frozen
class QueuedMessages:
    """One batch of messages.

    Attributes:
        key: its place in the queue.
        request: what sends it.
        purpose: what must wait for it, such as the id of a room's session; "" for nothing.
    """

    key: str
    request: SendToDevice = attrs.field(repr=False)
    purpose: str = ""


class Addressee(Protocol):
    """To whom a message goes: a device, or all of a user's (``*``)."""

    @property
    def user_id(self) -> str:
        """Whose device."""

    @property
    def device_id(self) -> str:
        """Which device."""


def enqueue(
    step: Step, event_type: str, messages: Iterable[tuple[Addressee, dict[str, Any]]], purpose: str = ""
) -> None:
    """Keep messages of one type to devices, to be sent after those that wait already."""
    batch: dict[str, dict[str, Any]] = {}
    count = 0
    for device, content in messages:
        batch.setdefault(device.user_id, {})[device.device_id] = content
        count += 1
        if count == PER_BATCH:
            _put(step, event_type, batch, purpose)
            batch, count = {}, 0
    if batch:
        _put(step, event_type, batch, purpose)


def _put(step: Step, event_type: str, batch: dict[str, dict[str, Any]], purpose: str) -> None:
    last = max((key for key, _ in step.scan(spaces.QUEUE)), default="0")
    record = {"type": event_type, "txn_id": f"gmpy-{uuid.uuid4().hex}", "messages": batch, "purpose": purpose}
    step.put_record(spaces.QUEUE, f"{int(last) + 1:016d}", record)


def queued(step: Step) -> Iterator[QueuedMessages]:
    """Return the batches that wait, in order."""
    for key, record in step.records(spaces.QUEUE):
        request = SendToDevice(record["type"], record["txn_id"], record["messages"])
        yield QueuedMessages(key, request, record["purpose"])
