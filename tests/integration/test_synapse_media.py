"""`admin.media` on a real Synapse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import HTTPError, NotFound, UsageError
from gomatrix_py.synapse import days_ahead
from gomatrix_py.synapse.media_records import (
    DeleteLocalMedia,
    DeleteMediaBefore,
    DeleteUserMedia,
    GetMedia,
    ListQuarantineChanges,
    ListRoomMedia,
    ListUserMedia,
    ProtectMedia,
    PurgeRemoteMedia,
    QuarantineMedia,
    QuarantineRoomMedia,
    QuarantineUserMedia,
    UnprotectMedia,
    UnquarantineMedia,
)
from tests.kit.synapse_world import PNG, World, running_world, serves

HERE = "localhost"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


@pytest.fixture
def alice(world: World) -> Client:
    return world.user("alice")


def is_there(client: Client, media_id: str) -> bool:
    try:
        return client.download(f"mxc://{HERE}/{media_id}").content.startswith(PNG)
    except NotFound:
        return False


@serves(ListUserMedia, GetMedia)
def test_media_of_a_user_is_listed(world: World, alice: Client) -> None:
    uploaded = [world.upload(alice) for _ in range(3)]
    found = list(world.admin.media.iter_user_media(alice.user_id, page_size=1))
    assert sorted(one.media_id for one in found) == sorted(uploaded)
    info = world.admin.media.get_media(HERE, uploaded[0]).media_info
    assert (info.user_id, info.media_length, info.is_safe_from_quarantine) == (alice.user_id, len(PNG) + 8, False)
    assert info.created_at is not None
    assert info.is_authenticated in (True, False)  # a number on SQLite
    with pytest.raises(NotFound):
        world.admin.media.get_media(HERE, "nothing")


@serves(DeleteUserMedia)
def test_all_media_of_a_user_is_deleted_page_by_page(world: World, alice: Client) -> None:
    uploaded = [world.upload(alice) for _ in range(3)]
    assert sorted(world.admin.media.delete_all_user_media(alice.user_id, page_size=1)) == sorted(uploaded)
    assert list(world.admin.media.iter_user_media(alice.user_id)) == []


@serves(DeleteLocalMedia)
def test_one_file_is_deleted(world: World, alice: Client) -> None:
    media_id = world.upload(alice)
    assert world.admin.media.delete_media(HERE, media_id).deleted_media == [media_id]
    with pytest.raises(NotFound):
        world.admin.media.delete_media(HERE, media_id)
    with pytest.raises(HTTPError) as failure:
        world.admin.media.delete_media("elsewhere.example", media_id)
    assert failure.value.code == 400


@serves(DeleteMediaBefore)
def test_files_are_deleted_by_date_and_size(world: World, alice: Client) -> None:
    small, large = world.upload(alice), world.upload(alice, PNG + b"\0" * 5000)
    assert world.admin.media.delete_media_before(days_ahead(1), 4096).deleted_media == [large]
    assert world.admin.media.delete_media_before(30_000_000_001).total == 0
    assert is_there(alice, small)


@serves(QuarantineMedia, UnquarantineMedia, ListQuarantineChanges)
def test_a_file_is_quarantined_and_not(world: World, alice: Client) -> None:
    before = world.admin.media.list_quarantine_changes()
    media_id = world.upload(alice)
    world.admin.media.quarantine_uri(f"mxc://{HERE}/{media_id}")
    assert not is_there(alice, media_id)
    assert world.admin.media.get_media(HERE, media_id).media_info.quarantined_by == world.root.user_id
    world.admin.media.unquarantine_media(HERE, media_id)
    assert is_there(alice, media_id)
    changes = list(world.admin.media.iter_quarantine_changes(before.next_batch))
    assert [(one.media_id, one.is_quarantined) for one in changes] == [(media_id, True), (media_id, False)]
    world.admin.media.quarantine_media("elsewhere.example", "nothing")  # no error
    with pytest.raises(UsageError):
        world.admin.media.quarantine_uri("mxc://../../x")


@serves(ProtectMedia, UnprotectMedia, QuarantineUserMedia)
def test_a_protected_file_stays(world: World, alice: Client) -> None:
    protected, other = world.upload(alice), world.upload(alice)
    world.admin.media.protect_media(protected)
    assert world.admin.media.quarantine_user_media(alice.user_id).num_quarantined == 1
    assert (is_there(alice, protected), is_there(alice, other)) == (True, False)
    world.admin.media.unprotect_media(protected)
    assert world.admin.media.quarantine_user_media(alice.user_id).num_quarantined == 1
    assert world.admin.media.quarantine_user_media("@ghost:localhost").num_quarantined == 0
    with pytest.raises(NotFound):
        world.admin.media.protect_media("nothing")


@serves(ListRoomMedia, QuarantineRoomMedia)
def test_media_of_a_room(world: World, alice: Client) -> None:
    room, media_id = alice.create_room().room_id, world.upload(alice)
    alice.send_image(room, "a rabbit", f"mxc://{HERE}/{media_id}")
    assert world.admin.media.list_room_media(room).local == [f"mxc://{HERE}/{media_id}"]
    assert world.admin.media.list_room_media("!nowhere:localhost").local == []
    assert world.admin.media.quarantine_room_media(room).num_quarantined == 1
    assert not is_there(alice, media_id)


@serves(PurgeRemoteMedia)
def test_copies_of_remote_files_are_purged(world: World) -> None:
    assert world.admin.media.purge_remote_media(days_ahead(0)).deleted == 0
