"""The devices of users. Source: user_admin_api, "User devices"."""

from __future__ import annotations

from ..codec import field
from .endpoint import AdminEndpoint
from .wire import Done, Flag, Milliseconds, Record

__all__ = [
    "CreateDevice",
    "DeleteDevice",
    "DeleteDevices",
    "Device",
    "Devices",
    "GetDevice",
    "ListDevices",
    "UpdateDevice",
]


class Device(Record):
    """One device; `last_seen_at` is None where Synapse does not, or no longer, know."""

    device_id: str
    user_id: str | None = None
    display_name: str | None = None
    last_seen_ip: str | None = None
    last_seen_at: Milliseconds | None = field(default=None, name="last_seen_ts")
    last_seen_user_agent: str | None = None
    is_dehydrated: Flag = field(default=False, name="dehydrated")


class Devices(Record):
    """A user's devices."""

    devices: list[Device]
    total: int = 0


class ListDevices(AdminEndpoint[Devices]):
    """List the devices of a user. Source: "List all devices"."""

    METHOD, PATH = "GET", "/_synapse/admin/v2/users/{user_id}/devices"
    user_id: str


class CreateDevice(AdminEndpoint[Done]):
    """Make a device for a user; one that exists stays as it is. Source: "Create a device"."""

    METHOD, PATH = "POST", "/_synapse/admin/v2/users/{user_id}/devices"
    user_id: str
    device_id: str


class GetDevice(AdminEndpoint[Device]):
    """Read one device. Source: "Show a device"."""

    METHOD, PATH = "GET", "/_synapse/admin/v2/users/{user_id}/devices/{device_id}"
    user_id: str
    device_id: str


class UpdateDevice(AdminEndpoint[Done]):
    """Give a device another name. Source: "Update a device"."""

    METHOD, PATH = "PUT", "/_synapse/admin/v2/users/{user_id}/devices/{device_id}"
    user_id: str
    device_id: str
    display_name: str | None = None


class DeleteDevice(AdminEndpoint[Done]):
    """Delete a device and end its session; one that does not exist is no error. Source: "Delete a device"."""

    METHOD, PATH = "DELETE", "/_synapse/admin/v2/users/{user_id}/devices/{device_id}"
    user_id: str
    device_id: str


class DeleteDevices(AdminEndpoint[Done]):
    """Delete devices and end their sessions; unknown ones are no error. Source: "Delete multiple devices"."""

    METHOD, PATH = "POST", "/_synapse/admin/v2/users/{user_id}/delete_devices"
    user_id: str
    devices: list[str]
