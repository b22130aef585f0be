"""Room keys kept on the server, encrypted. Spec: "Server-side key backups"."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response, body, query
from .base import Api

__all__ = [
    "BackupAlgorithm",
    "CreateKeyBackupVersion",
    "DeleteKeyBackup",
    "DeleteKeyBackupVersion",
    "DeleteKeysFromBackupForRoom",
    "DeleteKeysFromBackupForRoomAndSession",
    "GetKeyBackup",
    "GetKeyBackupForRoom",
    "GetKeyBackupForRoomAndSession",
    "GetKeyBackupLatestVersion",
    "GetKeyBackupVersion",
    "KeyBackup",
    "KeyBackupApi",
    "KeyBackupSession",
    "KeyBackupVersion",
    "PutKeysInBackup",
    "PutKeysInBackupForRoom",
    "PutKeysInBackupForRoomAndSession",
    "RespCreateKeyBackupVersion",
    "RespKeyBackupUpdate",
    "RoomKeyBackup",
    "UpdateKeyBackupVersion",
]

_VERSIONS = "/_matrix/client/v3/room_keys/version"
_KEYS = "/_matrix/client/v3/room_keys/keys"


# ------------------------------------------------------------------ versions


class BackupAlgorithm(OpenEnum):
    """How the keys of a backup are encrypted."""

    MEGOLM_V1 = "m.megolm_backup.v1.curve25519-aes-sha2"


class RespCreateKeyBackupVersion(Response):
    """The id of a new backup."""

    version: str


class CreateKeyBackupVersion(Endpoint[RespCreateKeyBackupVersion]):
    """Begin a new backup, which becomes the current one. Spec: POST /room_keys/version."""

    METHOD, PATH, RATE_LIMITED, ADDED = "POST", _VERSIONS, True, "1.1"
    algorithm: BackupAlgorithm | str
    auth_data: dict[str, Any]


class KeyBackupVersion(Response):
    """A backup: how its keys are encrypted, how many they are, and a tag that changes with them."""

    algorithm: BackupAlgorithm
    auth_data: dict[str, Any]
    count: int
    etag: str
    version: str


class GetKeyBackupLatestVersion(Endpoint[KeyBackupVersion]):
    """Read about the current backup. Spec: GET /room_keys/version."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", _VERSIONS, True, "1.1"


class GetKeyBackupVersion(Endpoint[KeyBackupVersion]):
    """Read about a backup. Spec: GET /room_keys/version/{version}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", _VERSIONS + "/{version}", True, "1.1"
    version: str


class UpdateKeyBackupVersion(Endpoint[Empty]):
    """Replace the auth data of a backup, such as its signatures. Spec: PUT /room_keys/version/{version}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "PUT", _VERSIONS + "/{version}", True, "1.1"
    version: str
    algorithm: BackupAlgorithm | str
    auth_data: dict[str, Any]


class DeleteKeyBackupVersion(Endpoint[Empty]):
    """Delete a backup and all keys in it. Spec: DELETE /room_keys/version/{version}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "DELETE", _VERSIONS + "/{version}", True, "1.1"
    version: str


# ------------------------------------------------------------------ keys


class KeyBackupSession(Response):
    """An encrypted room key: `first_message_index` and `forwarded_count` tell which of two is better."""

    first_message_index: int
    forwarded_count: int
    is_verified: bool
    session_data: dict[str, Any] = field(repr=False)


class RoomKeyBackup(Response):
    """The keys of a room, by session id."""

    sessions: dict[str, KeyBackupSession]


class KeyBackup(Response):
    """The keys of all rooms, by room id."""

    rooms: dict[str, RoomKeyBackup]


class RespKeyBackupUpdate(Response):
    """How many keys are in the backup now, and a tag that changes with them."""

    etag: str
    count: int


class PutKeysInBackup(Endpoint[RespKeyBackupUpdate]):
    """Put keys of several rooms into a backup. Spec: PUT /room_keys/keys."""

    METHOD, PATH, RATE_LIMITED, ADDED = "PUT", _KEYS, True, "1.1"
    version: str = query()
    keys: KeyBackup | dict[str, Any] = body()


class PutKeysInBackupForRoom(Endpoint[RespKeyBackupUpdate]):
    """Put keys of a room into a backup. Spec: PUT /room_keys/keys/{roomId}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "PUT", _KEYS + "/{room_id}", True, "1.1"
    version: str = query()
    room_id: str = field()
    keys: RoomKeyBackup | dict[str, Any] = body()


class PutKeysInBackupForRoomAndSession(Endpoint[RespKeyBackupUpdate]):
    """Put one key into a backup. Spec: PUT /room_keys/keys/{roomId}/{sessionId}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "PUT", _KEYS + "/{room_id}/{session_id}", True, "1.1"
    version: str = query()
    room_id: str = field()
    session_id: str = field()
    key: KeyBackupSession | dict[str, Any] = body()


class GetKeyBackup(Endpoint[KeyBackup]):
    """Read all keys of a backup. Spec: GET /room_keys/keys."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", _KEYS, True, "1.1"
    version: str


class GetKeyBackupForRoom(Endpoint[RoomKeyBackup]):
    """Read the keys of a room from a backup. Spec: GET /room_keys/keys/{roomId}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", _KEYS + "/{room_id}", True, "1.1"
    version: str
    room_id: str


class GetKeyBackupForRoomAndSession(Endpoint[KeyBackupSession]):
    """Read one key from a backup. Spec: GET /room_keys/keys/{roomId}/{sessionId}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", _KEYS + "/{room_id}/{session_id}", True, "1.1"
    version: str
    room_id: str
    session_id: str


class DeleteKeyBackup(Endpoint[RespKeyBackupUpdate]):
    """Delete all keys in a backup; the backup itself stays. Spec: DELETE /room_keys/keys."""

    METHOD, PATH, RATE_LIMITED, ADDED = "DELETE", _KEYS, True, "1.1"
    version: str


class DeleteKeysFromBackupForRoom(Endpoint[RespKeyBackupUpdate]):
    """Delete the keys of a room from a backup. Spec: DELETE /room_keys/keys/{roomId}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "DELETE", _KEYS + "/{room_id}", True, "1.1"
    version: str
    room_id: str


class DeleteKeysFromBackupForRoomAndSession(Endpoint[RespKeyBackupUpdate]):
    """Delete one key from a backup. Spec: DELETE /room_keys/keys/{roomId}/{sessionId}."""

    METHOD, PATH, RATE_LIMITED, ADDED = "DELETE", _KEYS + "/{room_id}/{session_id}", True, "1.1"
    version: str
    room_id: str
    session_id: str


class KeyBackupApi(Api):
    """Room keys kept on the server; encrypting them is not done here."""

    create_key_backup_version = Call(CreateKeyBackupVersion)
    get_key_backup_latest_version = Call(GetKeyBackupLatestVersion)
    get_key_backup_version = Call(GetKeyBackupVersion)
    update_key_backup_version = Call(UpdateKeyBackupVersion)
    delete_key_backup_version = Call(DeleteKeyBackupVersion)
    put_keys_in_backup = Call(PutKeysInBackup)
    put_keys_in_backup_for_room = Call(PutKeysInBackupForRoom)
    put_keys_in_backup_for_room_and_session = Call(PutKeysInBackupForRoomAndSession)
    get_key_backup = Call(GetKeyBackup)
    get_key_backup_for_room = Call(GetKeyBackupForRoom)
    get_key_backup_for_room_and_session = Call(GetKeyBackupForRoomAndSession)
    delete_key_backup = Call(DeleteKeyBackup)
    delete_keys_from_backup_for_room = Call(DeleteKeysFromBackupForRoom)
    delete_keys_from_backup_for_room_and_session = Call(DeleteKeysFromBackupForRoomAndSession)
