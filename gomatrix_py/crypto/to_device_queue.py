"""To-device messages on their way out: kept before they leave, sent in order, each batch under one transaction id.

A server that takes none, or makes us say ever more, does not let them grow for ever:

- Room keys are added only once all that waited was sent (`CryptoRequests.share_key`), and nothing is encrypted before
  they were sent themselves. None is ever dropped.
- What others make us say is added while there `has_room`. Then answers to requests for keys, and new sessions in the
  place of lost ones, wait; our own requests for keys are neither made nor taken back; and verifications run out.
- Nothing in the queue is taken back or replaced, as the server may have it already.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import attrs

from ..api.to_device import SendToDevice
from . import spaces
from .steps import Step

__all__ = ["Addressee", "QueuedMessages", "enqueue", "has_room", "queued"]

log = logging.getLogger("gomatrix_py.crypto")

PER_BATCH = 250
BATCHES = 1000
"""How many may wait before there is no room for what others make us say."""


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


def has_room(step: Step) -> bool:
    """Tell whether there is room for what others make us say; what was not stored yet counts later."""
    return step.vault.key_values.count(spaces.QUEUE) < BATCHES


def _put(step: Step, event_type: str, batch: dict[str, dict[str, Any]], purpose: str) -> None:
    keys = ["0", *(key for key, _ in step.scan(spaces.QUEUE))]
    if len(keys) == BATCHES:
        log.error("%d batches of messages to devices wait: until the server takes them, little is added", BATCHES)
    record = {"type": event_type, "txn_id": f"gmpy-{uuid.uuid4().hex}", "messages": batch, "purpose": purpose}
    step.put_record(spaces.QUEUE, f"{int(max(keys)) + 1:016d}", record)


def queued(step: Step) -> Iterator[QueuedMessages]:
    """Return the batches that wait, in order."""
    for key, record in step.records(spaces.QUEUE):
        request = SendToDevice(record["type"], record["txn_id"], record["messages"])
        yield QueuedMessages(key, request, record["purpose"])
