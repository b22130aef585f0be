"""Poison in our own membership event costs at most that event: the answer is processed, and the sync goes on."""

from __future__ import annotations

import pytest

from gomatrix_py.api.sync import SyncResponse
from gomatrix_py.events import Event
from gomatrix_py.store import InMemoryStore
from gomatrix_py.sync import DefaultSyncer
from tests.kit.poison import POISON

ME = "@me:example.org"


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
@pytest.mark.parametrize("member", ["sender", "content", "unsigned", "origin_server_ts", "unknown"])
def test_the_answer_is_processed(member: str, poison: bytes) -> None:
    own = f'{{"type":"m.room.member","state_key":"{ME}","event_id":"$own","{member}":'.encode() + poison + b"}"
    events = b'[{"type":"m.a","event_id":"$a"},' + own + b',{"type":"m.b","event_id":"$b"}]'
    body = b'{"next_batch":"t2","rooms":{"join":{"!r:example.org":{"timeline":{"events":' + events + b"}}}}}"
    store, heard = InMemoryStore(), []
    syncer = DefaultSyncer(ME, store)

    def listener(event: Event) -> None:
        heard.append(event.event_id)

    syncer.on_event(listener)
    syncer.process_response(SyncResponse.from_json(body), "t1")
    assert store.load_next_batch(ME) == "t2"
    assert [one for one in heard if one != "$own"] == ["$a", "$b"]
