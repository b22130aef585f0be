"""Answers of sliding sync, as a server gives them, and a syncer that hears them one after the other."""

from __future__ import annotations

import json
from typing import Any

from gomatrix_py import InMemoryStore, Room, Storer
from gomatrix_py.api.sliding_sync import SlidingSyncResponse
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import UnknownPosition
from gomatrix_py.http.endpoint import Target
from gomatrix_py.sync import SlidingSyncer
from gomatrix_py.sync.sliding_position import SlidingPosition
from tests.kit.recorder import Recorder
from tests.kit.scripted_homeserver import ROOM, USER, state

__all__ = ["PATH", "Talk", "own_member", "sliding_answer", "sliding_room", "whole_room"]

PATH = "/org.matrix.simplified_msc3575/sync"


def own_member(membership: str = "join", event_id: str = "$own") -> dict[str, Any]:
    """Return our own member event."""
    return state("m.room.member", {"membership": membership}, USER, event_id)


def sliding_room(*timeline: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return what is new in a room; without `initial` these are changes."""
    return {"timeline": list(timeline), **parts}


def sliding_answer(
    pos: str,
    room: dict[str, Any] | None = None,
    *,
    rooms: dict[str, Any] | None = None,
    count: int | None = None,
    to_device: tuple[str, list[dict[str, Any]]] | None = None,
    **extensions: Any,
) -> dict[str, Any]:
    """Return an answer with one room, or several.

    Args:
        pos: where to go on from.
        room: what is new in `ROOM`.
        rooms: what is new in rooms, by id.
        count: how many rooms the list "all" has.
        to_device: the token of the to-device messages, and those that are new.
        extensions: by name.
    """
    if to_device is not None:
        extensions["to_device"] = {"next_batch": to_device[0], "events": to_device[1]}
    found = rooms if rooms is not None else {} if room is None else {ROOM: room}
    lists = {"all": {"count": len(found) if count is None else count}}
    return {"pos": pos, "lists": lists, "rooms": found, "extensions": extensions}


def whole_room(*timeline: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Return a room as it first comes."""
    return sliding_room(
        *timeline, **{"initial": True, "required_state": [own_member()], "prev_batch": "p0", "num_live": 0, **parts}
    )


class Talk:
    """A syncer and what it keeps, with answers coming in one after the other, as the loop does it."""

    def __init__(self, store: Storer | None = None, **options: Any) -> None:
        self.store: Storer = store if store is not None else InMemoryStore()
        self.syncer = SlidingSyncer(USER, self.store, **options)
        self.heard = Recorder()
        self.syncer.on_event(self.heard)

    @property
    def since(self) -> str:
        """Where the store says that the next request goes on."""
        return self.store.load_next_batch(self.syncer.position_key(USER))

    @property
    def position(self) -> SlidingPosition:
        """The same, read."""
        return SlidingPosition.from_text(self.since)

    def asks(self, timeout_ms: int = 30_000) -> dict[str, Any]:
        """Return the body of the next request, with its query as "query"."""
        endpoint = self.syncer.next_request(self.since, timeout_ms, CancelToken())
        request = endpoint.to_request(Target("https://x", "token"))
        assert isinstance(request.body, bytes)
        query = dict(pair.split("=") for pair in request.url.partition("?")[2].split("&") if pair)
        return {**json.loads(request.body), "query": query}

    def hears(self, answer: dict[str, Any], since: str | None = None) -> list[str]:
        """Take an answer in, and return what the listener was told: ids, or types where there is none."""
        before = self.since if since is None else since
        told = len(self.heard.events)
        response = self.syncer.read_answer(SlidingSyncResponse.from_json(json.dumps(answer).encode()), before)
        self.syncer.process_response(response, before)
        if self.since != response.next_batch:
            self.store.save_next_batch(self.syncer.position_key(USER), response.next_batch)
        return [event.event_id or event.type for event in self.heard.events[told:]]

    def loses_the_connection(self) -> str:
        """Return where to go on after the server said that it does not know our position."""
        position = self.syncer.position_after(self.since, UnknownPosition("sync", code=400))
        assert position is not None
        return position

    @property
    def room(self) -> Room:
        """What is known of `ROOM`."""
        room = self.store.load_room(ROOM)
        assert room is not None
        return room
