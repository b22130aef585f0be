"""Tidy a Synapse up every night: old sessions, empty rooms, copies of remote media. Shows its plan unless told to go.

    MATRIX_URL=https://matrix.example.org MATRIX_TOKEN=syt_… python nightly_maintenance.py [--go]

The token is that of a server administrator. The exit status is 1 where anything failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from gomatrix_py.synapse import (
    BulkReport,
    Outcome,
    SynapseAdmin,
    days_ago,
    prune_devices,
    purge_empty_rooms,
    purge_remote_media,
    report_power_levels,
)
from gomatrix_py.synapse.room_records import RoomRow

UNUSED_FOR = timedelta(days=180)
MEDIA_DAYS = 60


def tell(outcome: Outcome[Any], number: int, total: int) -> None:
    item = outcome.item.room_id if isinstance(outcome.item, RoomRow) else outcome.item
    print(f"  {number}/{total} {outcome.state.value}: {item}", outcome.error or "")


def steps(admin: SynapseAdmin, **options: Any) -> dict[str, Callable[[], BulkReport[Any]]]:
    return {
        "sessions nobody uses": lambda: prune_devices(admin, idle_for=UNUSED_FOR, keep=1, **options),
        "rooms nobody is in": lambda: purge_empty_rooms(admin, timeout_s=3600, **options),
        "copies of remote media": lambda: purge_remote_media(admin, days_ago(MEDIA_DAYS), **options),
    }


def rooms_without_a_head(admin: SynapseAdmin) -> list[str]:
    """Return the rooms in which people are and nobody may do anything: for people to look at."""
    return [
        one.room.room_id
        for one in report_power_levels(admin)
        if one.room.joined_members and not one.creators and max([*one.users.values(), one.users_default]) < 50
    ]


def main(arguments: list[str]) -> int:
    is_plan = "--go" not in arguments
    has_failed = False
    with SynapseAdmin(os.environ["MATRIX_URL"], os.environ["MATRIX_TOKEN"]) as admin:
        print(f"Synapse {admin.capabilities().server_version}{', a plan only' if is_plan else ''}")
        for name, step in steps(admin, dry_run=is_plan, on_progress=tell).items():
            print(f"{name}:")
            report = step()
            has_failed = has_failed or bool(report.failed)
            print(f"  {report}")
        for room_id in rooms_without_a_head(admin):
            print(f"nobody is in charge of {room_id}")
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
