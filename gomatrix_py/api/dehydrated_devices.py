"""A device kept on the server, to receive keys while none of ours is logged in. Proposal MSC3814."""

from __future__ import annotations

from typing import Any

from ..codec import field
from ..events import Event
from ..http.endpoint import Call, Endpoint, Response, query
from .base import Api
from .keys import DeviceKeys

__all__ = [
    "DehydratedDevicesApi",
    "DeleteDehydratedDevice",
    "GetDehydratedDevice",
    "GetDehydratedDeviceEvents",
    "PutDehydratedDevice",
    "RespDehydratedDevice",
    "RespDehydratedDeviceEvents",
    "RespDehydratedDeviceId",
]

_DEVICE = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"


class RespDehydratedDeviceId(Response):
    """Which device it was."""

    device_id: str


class PutDehydratedDevice(Endpoint[RespDehydratedDeviceId]):
    """Put a device on the server, in place of the one there. MSC3814: PUT /dehydrated_device.

    `device_data` is the device, encrypted, and its ``algorithm``; keys are as in `UploadKeys`.
    """

    METHOD, PATH, MSC = "PUT", _DEVICE, 3814
    device_id: str
    device_data: dict[str, Any] = field(repr=False)
    device_keys: DeviceKeys | dict[str, Any]
    one_time_keys: dict[str, Any] | None = field(default=None, kw_only=True)
    fallback_keys: dict[str, Any] | None = field(default=None, kw_only=True)
    initial_device_display_name: str = field(default="Dehydrated device", kw_only=True)


class RespDehydratedDevice(Response):
    """The device on the server, encrypted."""

    device_id: str
    device_data: dict[str, Any] = field(repr=False)


class GetDehydratedDevice(Endpoint[RespDehydratedDevice]):
    """Read the device on the server. MSC3814: GET /dehydrated_device."""

    METHOD, PATH, MSC = "GET", _DEVICE, 3814


class DeleteDehydratedDevice(Endpoint[RespDehydratedDeviceId]):
    """Take the device off the server. MSC3814: DELETE /dehydrated_device."""

    METHOD, PATH, MSC = "DELETE", _DEVICE, 3814


class RespDehydratedDeviceEvents(Response):
    """What was sent to the device, and where to go on: None where there is no more."""

    events: list[Event]
    next_batch: str | None = None


class GetDehydratedDeviceEvents(Endpoint[RespDehydratedDeviceEvents]):
    """Read what was sent to the device on the server. MSC3814: GET /dehydrated_device/{deviceId}/events."""

    METHOD, PATH, MSC = "GET", _DEVICE + "/{device_id}/events", 3814
    device_id: str
    from_: str | None = query(default=None, name="from")
    limit: int | None = query(default=None)


class DehydratedDevicesApi(Api):
    """A device kept on the server (MSC3814); encrypting it is not done here."""

    put_dehydrated_device = Call(PutDehydratedDevice)
    get_dehydrated_device = Call(GetDehydratedDevice)
    delete_dehydrated_device = Call(DeleteDehydratedDevice)
    get_dehydrated_device_events = Call(GetDehydratedDeviceEvents)
