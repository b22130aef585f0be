"""The sessions of our account. Spec: "Device Management"."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..http.endpoint import Call, Empty, Endpoint, Response
from ..http.uia import AuthInput
from .base import Api

__all__ = [
    "DeleteDevice",
    "DeleteDevices",
    "Device",
    "DevicesApi",
    "GetDeviceInfo",
    "GetDevicesInfo",
    "RespDevicesInfo",
    "SetDeviceInfo",
]


class Device(Response):
    """One session; `last_seen_ts` is milliseconds since the epoch."""

    device_id: str
    display_name: str | None = None
    last_seen_ip: str | None = None
    last_seen_ts: int | None = None


class RespDevicesInfo(Response):
    """All sessions of the account."""

    devices: list[Device] = field(factory=list)


class GetDevicesInfo(Endpoint[RespDevicesInfo]):
    """List the sessions of the account. Spec: GET /devices."""

    METHOD, PATH = "GET", "/_matrix/client/v3/devices"


class GetDeviceInfo(Endpoint[Device]):
    """Read about one session. Spec: GET /devices/{deviceId}."""

    METHOD, PATH = "GET", "/_matrix/client/v3/devices/{device_id}"
    device_id: str


class SetDeviceInfo(Endpoint[Empty]):
    """Name a session. Spec: PUT /devices/{deviceId}."""

    METHOD, PATH = "PUT", "/_matrix/client/v3/devices/{device_id}"
    device_id: str
    display_name: str | None = None


class DeleteDevice(Endpoint[Empty]):
    """End a session; the server asks for stages first. Spec: DELETE /devices/{deviceId}.

    `auth` is what completes the stages.
    """

    METHOD, PATH = "DELETE", "/_matrix/client/v3/devices/{device_id}"
    device_id: str
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, headers, _ = super()._sort_fields()
        auth = in_query.pop("auth", None)  # the one DELETE with a body: secrets stay out of the query
        return in_path, in_query, headers, {} if auth is None else {"auth": auth}


class DeleteDevices(Endpoint[Empty]):
    """End several sessions; the server asks for stages first. Spec: POST /delete_devices.

    `auth` is what completes the stages.
    """

    METHOD, PATH = "POST", "/_matrix/client/v3/delete_devices"
    devices: list[str]
    auth: AuthInput | None = field(default=None, kw_only=True, repr=False)


class DevicesApi(Api):
    """The sessions of our account."""

    get_devices_info = Call(GetDevicesInfo)
    get_device_info = Call(GetDeviceInfo)
    set_device_info = Call(SetDeviceInfo)
    delete_device = Call(DeleteDevice)
    delete_devices = Call(DeleteDevices)
