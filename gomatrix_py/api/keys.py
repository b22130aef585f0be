"""Keys of devices and users: publishing, asking, claiming and signing them. Spec: "End-to-End Encryption"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..codec import Document, field
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response, body, query
from ..http.uia import AuthInput
from ..times import Duration
from .base import Api

__all__ = [
    "ClaimKeys",
    "CrossSigningKey",
    "DeviceKeys",
    "GetKeyChanges",
    "KeyUsage",
    "KeysApi",
    "QueryKeys",
    "RespClaimKeys",
    "RespKeyChanges",
    "RespQueryKeys",
    "RespUploadKeys",
    "RespUploadSignatures",
    "Signatures",
    "SignedKey",
    "UnsignedDeviceInfo",
    "UploadCrossSigningKeys",
    "UploadKeys",
    "UploadSignatures",
]

Signatures = dict[str, dict[str, str]]
"""Signatures by user id and key id."""


class UnsignedDeviceInfo(Document):
    """What the server adds to a device's keys; nobody signed it."""

    device_display_name: str | None = None


class DeviceKeys(Document):
    """The identity keys of a device, signed by itself and perhaps by its user.

    Verify signatures on the object as it came (`RespQueryKeys.raw`), not on this one.
    """

    user_id: str
    device_id: str
    algorithms: list[str]
    keys: dict[str, str]
    signatures: Signatures
    unsigned: UnsignedDeviceInfo | None = None


class SignedKey(Document):
    """A one-time or fallback key with its signatures."""

    key: str
    signatures: Signatures = field(factory=dict)
    fallback: bool | None = None


class KeyUsage(OpenEnum):
    """What a cross-signing key signs: the other two, our own devices, or other users."""

    MASTER = "master"
    SELF_SIGNING = "self_signing"
    USER_SIGNING = "user_signing"


class CrossSigningKey(Document):
    """A cross-signing key."""

    user_id: str
    usage: Sequence[KeyUsage | str]
    keys: dict[str, str]
    signatures: Signatures = field(factory=dict)


class RespUploadKeys(Response):
    """How many unclaimed one-time keys the server has, by algorithm."""

    one_time_key_counts: dict[str, int]


class UploadKeys(Endpoint[RespUploadKeys]):
    """Publish keys of this device; one-time and fallback keys go by algorithm and id. Spec: POST /keys/upload."""

    METHOD, PATH, IS_REPEATABLE = "POST", "/_matrix/client/v3/keys/upload", True
    device_keys: DeviceKeys | dict[str, Any] | None = None
    one_time_keys: dict[str, Any] | None = None
    fallback_keys: dict[str, Any] | None = field(default=None, kw_only=True)


class RespQueryKeys(Response):
    """Keys by user id, and for devices by device id; `failures` by server.

    A device or key that is not as specified is left out and listed in `problems`.
    """

    device_keys: dict[str, dict[str, DeviceKeys]] = field(factory=dict)
    master_keys: dict[str, CrossSigningKey] = field(factory=dict)
    self_signing_keys: dict[str, CrossSigningKey] = field(factory=dict)
    user_signing_keys: dict[str, CrossSigningKey] = field(factory=dict)
    failures: dict[str, dict[str, Any]] = field(factory=dict)


class QueryKeys(Endpoint[RespQueryKeys]):
    """Ask for the keys of users' devices; an empty list stands for all of a user. Spec: POST /keys/query.

    `timeout` is how long to wait for other servers.
    """

    METHOD, PATH, IS_REPEATABLE = "POST", "/_matrix/client/v3/keys/query", True
    device_keys: dict[str, list[str]]
    timeout: Duration | None = None


class RespClaimKeys(Response):
    """Claimed keys by user id, device id and key id; `failures` by server."""

    one_time_keys: dict[str, dict[str, dict[str, SignedKey | str]]]
    failures: dict[str, dict[str, Any]] = field(factory=dict)


class ClaimKeys(Endpoint[RespClaimKeys]):
    """Claim one-time keys, by user id and device id, of an algorithm each. Spec: POST /keys/claim.

    `timeout` is how long to wait for other servers. A repeated call claims further keys.
    """

    METHOD, PATH, IS_REPEATABLE = "POST", "/_matrix/client/v3/keys/claim", True
    one_time_keys: dict[str, dict[str, str]]
    timeout: Duration | None = None


class RespKeyChanges(Response):
    """Whose devices changed, and with whom we no longer share an encrypted room."""

    changed: list[str] = field(factory=list)
    left: list[str] = field(factory=list)


class GetKeyChanges(Endpoint[RespKeyChanges]):
    """Ask whose devices changed between two sync tokens. Spec: GET /keys/changes."""

    METHOD, PATH = "GET", "/_matrix/client/v3/keys/changes"
    from_: str = query(name="from")
    to: str = query()


class UploadCrossSigningKeys(Endpoint[Empty]):
    """Publish our cross-signing keys; the server may ask for stages first. Spec: POST /keys/device_signing/upload.

    `auth` is what completes the stages.
    """

    METHOD, PATH, ADDED = "POST", "/_matrix/client/v3/keys/device_signing/upload", "1.1"
    master_key: CrossSigningKey | dict[str, Any] | None = None
    self_signing_key: CrossSigningKey | dict[str, Any] | None = None
    user_signing_key: CrossSigningKey | dict[str, Any] | None = field(default=None, kw_only=True)
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)


class RespUploadSignatures(Response):
    """What the server refused, by user id and key or device id."""

    failures: dict[str, dict[str, dict[str, Any]]] = field(factory=dict)


class UploadSignatures(Endpoint[RespUploadSignatures]):
    """Publish signatures: signed objects by user id and key or device id. Spec: POST /keys/signatures/upload."""

    METHOD, PATH, ADDED = "POST", "/_matrix/client/v3/keys/signatures/upload", "1.1"
    signatures: dict[str, dict[str, Any]] = body()


class KeysApi(Api):
    """Keys of devices and users, as the server keeps them."""

    upload_keys = Call(UploadKeys)
    query_keys = Call(QueryKeys)
    claim_keys = Call(ClaimKeys)
    get_key_changes = Call(GetKeyChanges)
    upload_cross_signing_keys = Call(UploadCrossSigningKeys)
    upload_signatures = Call(UploadSignatures)
