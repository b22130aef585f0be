"""Looks at ciphertexts for a place of a ratchet that was used twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

import vodozemac

from gomatrix_py import Event
from gomatrix_py.testing.faults import Passed

__all__ = ["Audit"]


class Audit:
    """Takes ciphertexts in, and knows which places had two.

    Attributes:
        reused: the places with two ciphertexts.
        seen: how many ciphertexts there were.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, ...], str] = {}
        self.reused: set[tuple[str, ...]] = set()

    @property
    def seen(self) -> int:
        return len(self._places)

    def _note(self, place: tuple[str, ...], ciphertext: str) -> None:
        if self._places.setdefault(place, ciphertext) != ciphertext:
            self.reused.add(place)

    def note_room_events(self, events: Iterable[Event]) -> None:
        """Take in events of rooms."""
        for event in events:
            if event.type == "m.room.encrypted" and not event.is_state:
                content = event.content
                index = vodozemac.MegolmMessage.from_base64(content["ciphertext"]).message_index()
                self._note(("megolm", content["session_id"], str(index)), content["ciphertext"])

    def note_passed(self, passed: Iterable[Passed]) -> None:
        """Take in what went through a proxy that keeps bytes."""
        for one in passed:
            if one.request.method != "PUT" or "m.room.encrypted" not in one.request.path:
                continue
            content = json.loads(one.request.body)
            if "/sendToDevice/" not in one.request.path:
                self.note_room_events([Event.from_dict({"type": "m.room.encrypted", "content": content})])
            for of_user in content.get("messages", {}).values():
                for for_device in of_user.values():
                    self.note_olm(for_device)

    def note_olm(self, content: dict[str, Any]) -> None:
        """Take in what was sent to a device: a ratchet key and a place in its chain belong to one message."""
        for for_device in content.get("ciphertext", {}).values():
            key, index = _place(for_device["type"], for_device["body"])
            self._note(("olm", key, str(index)), for_device["body"])


def _place(kind: int, body: str) -> tuple[str, int]:
    data = base64.b64decode(body + "=" * (-len(body) % 4))
    if kind == 0:
        data = _fields(data[1:])[0x22]  # the message inside
    fields = _fields(data[1:-8])
    return base64.b64encode(fields[0x0A]).decode(), int.from_bytes(fields[0x10], "big")


def _fields(data: bytes) -> dict[int, Any]:
    """Return the fields of an Olm message by their tags."""
    found: dict[int, Any] = {}
    at = 0
    while at < len(data):
        tag, at = data[at], at + 1
        number, at = _number(data, at)
        if tag & 7 == 0:
            found[tag] = number.to_bytes(8, "big")
        else:
            found[tag] = data[at : at + number]
            at += number
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return number, at
