"""Checks of operations on media, keys and messages between devices."""

from __future__ import annotations

from typing import Any

from gomatrix_py.api.media import ThumbnailMethod
from gomatrix_py.ids import parse_mxc

from .pictures import png
from .served import Calling, World, serves
from .served_accounts import password_for

__all__: list[str] = []

ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"
SESSION = {"first_message_index": 1, "forwarded_count": 0, "is_verified": True, "session_data": {"ciphertext": "c"}}

# ------------------------------------------------------------------ media


@serves("uploadContent", "getContentAuthed", "getContentOverrideNameAuthed", "getConfigAuthed", "getConfig")
def files(world: World) -> None:
    uri = world.alice.upload_content(b"some bytes", "text/plain", "tea.txt").content_uri
    got = world.bob.get_media(*parse_mxc(uri))
    assert (got.content, got.content_type.partition(";")[0], got.filename) == (b"some bytes", "text/plain", "tea.txt")
    assert world.bob.get_media_named(*parse_mxc(uri), "other.txt").filename == "other.txt"
    assert world.alice.get_media_config().upload_size == 300 * 1024 * 1024
    assert world.alice.get_media_config_legacy().upload_size == 300 * 1024 * 1024


@serves("createContent", "uploadContentToMXC")
def upload_later(world: World) -> None:
    reserved = world.alice.create_mxc()
    assert reserved.unused_expires_at is not None
    world.alice.upload_to_mxc(reserved.content_uri, b"late", "text/plain")
    assert world.bob.get_media(*parse_mxc(reserved.content_uri)).content == b"late"


@serves("getContentThumbnailAuthed")
def thumbnail(world: World) -> None:
    uri = world.alice.upload_content(png(64, 64), "image/png").content_uri
    got = world.bob.get_thumbnail(*parse_mxc(uri), 32, 32, ThumbnailMethod.CROP)
    assert got.content_type == "image/png"
    assert got.content


# ------------------------------------------------------------------ keys of devices and users


def device_keys(client: Calling) -> dict[str, Any]:
    user, device = client.user_id, client.device_id
    return {
        "user_id": user,
        "device_id": device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {f"curve25519:{device}": "curve", f"ed25519:{device}": "ed"},
        "signatures": {user: {f"ed25519:{device}": "signature"}},
    }


@serves("uploadKeys", "queryKeys", "claimKeys", "getKeysChanges")
def keys(world: World) -> None:
    person = world.person()
    room_id = world.alice.create_room(invite=[person.user_id]).room_id
    person.join_room(room_id)
    before = world.alice.sync_request().next_batch
    one_time = {"signed_curve25519:AAAAAA": {"key": "one-time", "signatures": {}}}
    assert person.upload_keys(device_keys(person), one_time).one_time_key_counts["signed_curve25519"] == 1
    found = world.alice.query_keys({person.user_id: []}).device_keys[person.user_id][person.device_id]
    assert found.keys == device_keys(person)["keys"]
    claimed = world.alice.claim_keys({person.user_id: {person.device_id: "signed_curve25519"}})
    assert list(claimed.one_time_keys[person.user_id][person.device_id]) == ["signed_curve25519:AAAAAA"]
    after = world.alice.sync_request(since=before).next_batch
    assert person.user_id in world.alice.get_key_changes(before, after).changed


def cross_signing_key(user: str, usage: str, key: str) -> dict[str, Any]:
    return {"user_id": user, "usage": [usage], "keys": {f"ed25519:{key}": key}}


@serves("uploadCrossSigningKeys", "uploadCrossSigningSignatures")
def cross_signing(world: World) -> None:
    person = world.person()
    person.upload_cross_signing_keys(
        cross_signing_key(person.user_id, "master", "nqOvzeuGWT/sRx3h7+MHoInYj3Uk2LD/unI9kDYcHwk"),
        auth=password_for(person),
    )
    (usage,) = person.query_keys({person.user_id: []}).master_keys[person.user_id].usage
    assert usage == "master"
    failures = person.upload_signatures({person.user_id: {"NODEVICE": {"user_id": person.user_id}}}).failures
    assert list(failures) == [person.user_id]


@serves("sendToDevice")
def to_device(world: World) -> None:
    world.alice.send_to_device("org.example.tea", {world.bob.user_id: {world.bob.device_id: {"cups": 2}}})
    received = world.bob.sync_request().raw["to_device"]["events"]
    assert {"cups": 2} in [event["content"] for event in received]


# ------------------------------------------------------------------ keys kept on the server


def backup(world: World) -> tuple[Calling, str]:
    person = world.person()
    return person, person.create_key_backup_version(ALGORITHM, {"public_key": "key"}).version


@serves(
    "postRoomKeysVersion",
    "getRoomKeysVersionCurrent",
    "getRoomKeysVersion",
    "putRoomKeysVersion",
    "deleteRoomKeysVersion",
)
def backup_versions(world: World) -> None:
    person, version = backup(world)
    current = person.get_key_backup_latest_version()
    assert (current.version, current.algorithm, current.count) == (version, ALGORITHM, 0)
    person.update_key_backup_version(version, ALGORITHM, {"public_key": "key", "signatures": {}})
    assert person.get_key_backup_version(version).auth_data == {"public_key": "key", "signatures": {}}
    person.delete_key_backup_version(version)
    again = person.create_key_backup_version(ALGORITHM, {}).version
    assert person.get_key_backup_latest_version().version == again != version


@serves("putRoomKeys", "getRoomKeys", "deleteRoomKeys")
def whole_backup(world: World) -> None:
    person, version = backup(world)
    assert person.put_keys_in_backup(version, {"rooms": {"!r:s": {"sessions": {"s": SESSION}}}}).count == 1
    assert person.get_key_backup(version).rooms["!r:s"].sessions["s"].first_message_index == 1
    assert person.delete_key_backup(version).count == 0


@serves("putRoomKeysByRoomId", "getRoomKeysByRoomId", "deleteRoomKeysByRoomId")
def backup_of_a_room(world: World) -> None:
    person, version = backup(world)
    assert person.put_keys_in_backup_for_room(version, "!r:s", {"sessions": {"s": SESSION}}).count == 1
    assert person.get_key_backup_for_room(version, "!r:s").sessions["s"].is_verified
    assert person.delete_keys_from_backup_for_room(version, "!r:s").count == 0


@serves("putRoomKeyBySessionId", "getRoomKeyBySessionId", "deleteRoomKeyBySessionId")
def backup_of_a_session(world: World) -> None:
    person, version = backup(world)
    assert person.put_keys_in_backup_for_room_and_session(version, "!r:s", "s", SESSION).count == 1
    kept = person.get_key_backup_for_room_and_session(version, "!r:s", "s")
    assert kept.session_data == {"ciphertext": "c"}
    assert person.delete_keys_from_backup_for_room_and_session(version, "!r:s", "s").count == 0
