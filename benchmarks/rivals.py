"""Other Matrix libraries at the sync rows, offline, each by its own road for /sync answers.

They are imported by name when they run: whoever lacks one of them can still run the rest.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .corpora import OWN_USER
from .measure import Meter

Facts = dict[str, Any]

_NOWHERE = "http://127.0.0.1:1"


class _Heard:
    def __init__(self) -> None:
        self.messages = 0
        self.characters = 0

    def hear(self, body: str | None) -> None:
        self.messages += 1
        self.characters += len(body or "")

    def facts(self, rooms: int) -> Facts:
        return {"rooms": rooms, "messages": self.messages, "characters": self.characters}


def _bodies(body_path: str, is_small: bool) -> list[bytes]:
    content = Path(body_path).read_bytes()
    return content.splitlines() if is_small else [content]


# ------------------------------------------------------------------ matrix-nio


def matrix_nio(meter: Meter, body_path: str, first_path: str = "") -> Facts:
    """Decode with nio's SyncResponse and hand it to an AsyncClient, as its own loop does."""
    return asyncio.run(_matrix_nio(meter, body_path, first_path))


async def _matrix_nio(meter: Meter, body_path: str, first_path: str) -> Facts:
    nio = importlib.import_module("nio")
    client = nio.AsyncClient(_NOWHERE, OWN_USER)
    client.user_id, client.device_id, client.access_token = OWN_USER, "BENCH", "token"
    heard = _Heard()

    async def process(body: bytes) -> None:
        response = nio.SyncResponse.from_dict(json.loads(body))
        assert isinstance(response, nio.SyncResponse), response
        await client.receive_response(response)

    async def on_message(_: Any, event: Any) -> None:
        heard.hear(event.body)

    if first_path:
        await process(Path(first_path).read_bytes())
    client.add_event_callback(on_message, nio.RoomMessage)
    meter.note_memory()
    bodies = _bodies(body_path, is_small=bool(first_path))
    with meter.timed():
        for body in bodies:
            await process(body)
    await client.close()
    return heard.facts(len(client.rooms))


# ------------------------------------------------------------------ mautrix-python


def mautrix_python(meter: Meter, body_path: str, first_path: str = "") -> Facts:
    """Hand decoded answers to mautrix's Client and wait until every handler has run."""
    return asyncio.run(_mautrix_python(meter, body_path, first_path))


async def _mautrix_python(meter: Meter, body_path: str, first_path: str) -> Facts:
    mautrix = importlib.import_module("mautrix.client")
    types = importlib.import_module("mautrix.types")
    store = mautrix.MemoryStateStore()
    client = mautrix.Client(mxid=OWN_USER, base_url=_NOWHERE, token="token", state_store=store)
    heard = _Heard()
    itself = asyncio.current_task()

    async def process(body: bytes) -> None:
        client.handle_sync(json.loads(body))
        while waiting := asyncio.all_tasks() - {itself}:  # handlers run in tasks of their own
            await asyncio.wait(waiting)

    async def on_message(event: Any) -> None:
        heard.hear(event.content.body)

    if first_path:
        await process(Path(first_path).read_bytes())
    client.add_event_handler(types.EventType.ROOM_MESSAGE, on_message)
    meter.note_memory()
    bodies = _bodies(body_path, is_small=bool(first_path))
    with meter.timed():
        for body in bodies:
            await process(body)
    await client.api.session.close()
    return heard.facts(len(store.members))


# ------------------------------------------------------------------ matrix-client


def matrix_client(meter: Meter, body_path: str, first_path: str = "") -> Facts:
    """Let matrix-client's own `_sync` process answers that come from memory instead of HTTP."""
    library = importlib.import_module("matrix_client.client")
    client = library.MatrixClient(_NOWHERE)
    client.user_id = OWN_USER
    heard = _Heard()

    def on_message(event: Any) -> None:
        heard.hear(event["content"].get("body"))

    def process(body: bytes) -> None:
        answer: Callable[..., Any] = lambda *_, **__: json.loads(body)  # noqa: E731
        client.api.sync = answer
        client._sync()

    if first_path:
        process(Path(first_path).read_bytes())
    client.add_listener(on_message, "m.room.message")
    meter.note_memory()
    bodies = _bodies(body_path, is_small=bool(first_path))
    with meter.timed():
        for body in bodies:
            process(body)
    return heard.facts(len(client.rooms))
