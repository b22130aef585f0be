"""What this client changed in a room is old news only after a sync that was asked for later."""

from __future__ import annotations

import pytest

from gomatrix_py.api.room_events import SendMessageEvent, SendStateEvent
from gomatrix_py.api.room_membership import BanUser, InviteUser, KickUser, UnbanUser
from gomatrix_py.client.own_changes import OwnChanges, room_changed_by
from gomatrix_py.http.endpoint import Endpoint

ROOM, BOB = "!room:example.org", "@bob:example.org"


@pytest.mark.parametrize(
    "endpoint",
    [
        InviteUser(ROOM, BOB),
        KickUser(ROOM, BOB),
        BanUser(ROOM, BOB),
        UnbanUser(ROOM, BOB),
        SendStateEvent(ROOM, "m.room.member", BOB, {"membership": "ban"}),
        SendStateEvent(ROOM, "m.room.encryption", "", {}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_changes_who_may_read(endpoint: Endpoint[object]) -> None:
    assert room_changed_by(endpoint) == ROOM


def test_what_changes_nothing_of_that() -> None:
    assert room_changed_by(SendStateEvent(ROOM, "m.room.topic", "", {})) == ""
    assert room_changed_by(SendMessageEvent(ROOM, "m.room.message", "txn", {})) == ""


def test_a_sync_that_was_asked_for_later_tells() -> None:
    changes = OwnChanges()
    changes.note(ROOM)
    assert changes.unheard_of(ROOM)
    assert not changes.unheard_of("!other:example.org")
    changes.note_asked()
    assert changes.unheard_of(ROOM)
    changes.note_answered()
    assert not changes.unheard_of(ROOM)


def test_a_sync_that_was_asked_for_before_does_not() -> None:
    changes = OwnChanges()
    changes.note_asked()
    changes.note(ROOM)
    changes.note_answered()
    assert changes.unheard_of(ROOM)


def test_each_change_has_a_number_of_its_own() -> None:
    changes = OwnChanges()
    changes.note(ROOM)
    first = changes.unheard_of(ROOM)
    changes.note_asked()
    changes.note(ROOM)
    changes.note_answered()
    assert changes.unheard_of(ROOM) > first
