"""Filters on a real homeserver: stored, read, applied, and found again when the server lost them."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, Filter, FilterPart, InMemoryStore, RoomFilter, default_filter
from gomatrix_py.errors import Forbidden, HTTPError, NotFound
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.testing.pytest_plugin import MatrixUser


def test_a_filter_comes_back_as_it_was_stored(alice: Client) -> None:
    wanted = default_filter()
    wanted.room = RoomFilter(timeline=FilterPart(types=["m.room.message"], limit=7))
    stored = alice.get_filter(alice.create_filter(wanted).filter_id)
    assert stored.room == wanted.room
    assert (stored.event_format, stored.presence, stored.account_data) == (
        "client",
        wanted.presence,
        wanted.account_data,
    )


def test_members_nobody_declared_are_kept(alice: Client) -> None:
    stored = alice.get_filter(alice.create_filter({"room": {"timeline": {"limit": 3}}, "com.example": 1}).filter_id)
    assert stored.extra == {"com.example": 1}
    assert stored.room is not None
    assert stored.room.timeline == FilterPart(limit=3)


def test_an_unknown_filter_is_not_found(alice: Client) -> None:
    with pytest.raises(NotFound):
        alice.get_filter("4711")


def test_a_filter_the_server_does_not_understand(alice: Client) -> None:
    with pytest.raises(HTTPError) as failure:
        alice.create_filter({"room": {"timeline": {"types": "not a list"}}})
    assert failure.value.code == 400


def test_filters_are_of_one_user(alice: Client, bob: Client) -> None:
    url = alice.build_url("user", bob.user_id, "filter")
    with pytest.raises(Forbidden):
        alice.make_request("POST", url, {})


def test_a_filter_is_applied(alice: Client, bob: Client, room_id: str) -> None:
    for number in range(5):
        alice.send_text(room_id, f"line {number}")
    filter_id = bob.create_filter(Filter(room=RoomFilter(timeline=FilterPart(limit=2)))).filter_id
    timeline = bob.sync_request(filter_id=filter_id).rooms.join[room_id].timeline
    assert timeline is not None
    assert timeline.limited
    assert [event.body for event in timeline.events] == ["line 3", "line 4"]


# ------------------------------------------------------------------ the filter of the sync loop


class _Seen:
    """Which filters went over the wire."""

    def __init__(self, client: Client) -> None:
        self.uploads: list[HttpRequest] = []
        self.used: list[str] = []
        client.on_request(self)

    def __call__(self, request: HttpRequest) -> None:
        if request.route == "POST /_matrix/client/v3/user/{user_id}/filter":
            self.uploads.append(request)
        if "/sync?" in request.url:
            self.used.append(request.url.split("filter=")[1].split("&")[0])


def test_the_filter_is_uploaded_once(alice: Client) -> None:
    seen = _Seen(alice)
    for _ in range(3):
        alice.sync_once()
    assert len(seen.uploads) == 1
    stored = alice.store.load_filter_id(alice.user_id)
    assert seen.used == [stored] * 3
    assert alice.get_filter(stored).raw == alice.syncer.get_filter_json(alice.user_id)


def test_a_filter_the_server_lost_is_uploaded_again(alice: Client) -> None:
    alice.sync_once()
    good = alice.store.load_filter_id(alice.user_id)
    seen = _Seen(alice)
    alice.store.save_filter_id(alice.user_id, "4711")
    alice.sync_once()
    assert seen.used == ["4711", good]
    assert len(seen.uploads) == 1
    assert alice.store.load_filter_id(alice.user_id) == good


def test_a_changed_filter_is_uploaded_again(alice: Client) -> None:
    alice.sync_once()
    before = alice.store.load_filter_id(alice.user_id)
    assert isinstance(alice.syncer, DefaultSyncer)
    alice.syncer.timeline_limit = 3
    seen = _Seen(alice)
    alice.sync_once()
    alice.sync_once()
    assert len(seen.uploads) == 1
    assert before not in seen.used
    assert alice.get_filter(seen.used[0]).raw == alice.syncer.get_filter_json(alice.user_id)


def test_a_filter_of_the_users_own_is_used(matrix_user: MatrixUser) -> None:
    store = InMemoryStore()
    alice = matrix_user("alice", store=store)
    own = alice.create_filter({"room": {"timeline": {"limit": 1}}}).filter_id
    store.save_filter_id(alice.user_id, own)
    seen = _Seen(alice)
    alice.sync_once()
    assert seen.used == [own]
    assert seen.uploads == []


def test_a_syncer_may_have_a_filter_of_its_own(matrix_user: MatrixUser) -> None:
    class Narrow(DefaultSyncer):
        def get_filter_json(self, user_id: str) -> dict[str, Any]:
            return {"room": {"timeline": {"types": ["m.room.topic"]}}}

    alice = matrix_user("alice", syncer=Narrow())
    room_id = alice.create_room().room_id
    alice.sync_once()
    alice.send_text(room_id, "filtered out")
    alice.send_state_event(room_id, "m.room.topic", "", {"topic": "let in"})
    timeline = alice.sync_once().rooms.join[room_id].timeline
    assert timeline is not None
    assert [event.type for event in timeline.events] == ["m.room.topic"]
