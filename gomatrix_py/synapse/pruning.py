"""Devices that nobody uses any more: which they are, and ending them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs

from ..cancellation import CancelToken
from ..errors import UsageError
from ..times import in_milliseconds
from .admin import SynapseAdmin
from .bulk import BulkReport, Outcome
from .devices import Device

__all__ = ["DevicesToPrune", "devices_to_prune", "prune_devices"]

_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)
QUARTER = timedelta(days=90)


@attrs.frozen
class DevicesToPrune:
    """The devices of one user that are to go."""

    user_id: str
    devices: tuple[Device, ...]

    def __str__(self) -> str:
        return f"{self.user_id}: {', '.join(device.device_id for device in self.devices)}"


def devices_to_prune(
    devices: Sequence[Device],
    *,
    idle_for: timedelta = QUARTER,
    keep: int = 1,
    prune_unseen: bool = False,
    only: Collection[str] | None = None,
    protect: Collection[str] = (),
    now: datetime | None = None,
) -> list[Device]:
    """Return which devices of a user are to go, the longest idle first. Nothing is sent.

    Args:
        devices: all of the user's.
        idle_for: not seen for this long, or longer.
        keep: as many stay in any case: those that were seen last.
        prune_unseen: whether a device goes that Synapse does not know when it was seen. It forgets that after a
            while (`user_ips_max_age`), so that such a device is not known to be idle.
        only: the ids of devices to look at; None for all.
        protect: the ids of devices that stay, such as our own.
        now: the moment to count from.

    Raises:
        UsageError: `idle_for` or `keep` is below zero, or `now` has no time zone.
    """
    if idle_for < timedelta() or keep < 0:
        raise UsageError("idle_for and keep must not be below zero")
    now = now or datetime.now(timezone.utc)
    in_milliseconds(now)  # refuses what has no time zone
    going: list[Device] = []
    for device in sorted(devices, key=lambda one: one.last_seen_at or _LONG_AGO):
        if len(devices) - len(going) <= keep:
            break
        is_named = only is None or device.device_id in only
        if is_named and not device.is_dehydrated and device.device_id not in protect:
            is_idle = prune_unseen if device.last_seen_at is None else device.last_seen_at <= now - idle_for
            if is_idle:
                going.append(device)
    return going


def prune_devices(
    admin: SynapseAdmin,
    user_ids: Iterable[str] | None = None,
    *,
    idle_for: timedelta = QUARTER,
    keep: int = 1,
    prune_unseen: bool = False,
    max_workers: int = 4,
    dry_run: bool = False,
    on_progress: Callable[[Outcome[DevicesToPrune], int, int], None] | None = None,
    stop_on_error: bool = False,
    cancel: CancelToken | None = None,
) -> BulkReport[DevicesToPrune]:
    """Delete the devices that users have not used for a while, which ends their sessions.

    Our own device and dehydrated ones stay.

    Args:
        admin: the admin API.
        user_ids: whose; None for every account that is neither deactivated nor a guest's.
        idle_for, keep, prune_unseen: see `devices_to_prune`.
        max_workers, dry_run, on_progress, stop_on_error, cancel: see `bulk`.

    Returns:
        An outcome for each user who has devices to prune.

    Raises:
        UsageError: see `devices_to_prune`.
        TransportError, HTTPError, DecodeError: the users and their devices cannot be read; nothing was deleted.
    """
    own_user_id, own_device_id = admin.own_ids()

    def plan(user_id: str) -> DevicesToPrune:
        found = admin.users.list_devices(user_id).devices
        protect = (own_device_id,) if user_id == own_user_id else ()
        going = devices_to_prune(found, idle_for=idle_for, keep=keep, prune_unseen=prune_unseen, protect=protect)
        return DevicesToPrune(user_id, tuple(going))

    def carry_out(one: DevicesToPrune) -> Any:
        return admin.users.delete_devices(one.user_id, [device.device_id for device in one.devices])

    whose = [user.user_id for user in admin.users.iter_users(guests=False)] if user_ids is None else list(user_ids)
    plans = [one for one in map(plan, whose) if one.devices]
    return admin.bulk(
        plans,
        carry_out,
        max_workers=max_workers,
        dry_run=dry_run,
        on_progress=on_progress,
        stop_on_error=stop_on_error,
        cancel=cancel,
    )
