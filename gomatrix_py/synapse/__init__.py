"""The admin API of Synapse: `SynapseAdmin`, and what administrators do again and again.

Source: Synapse 1.163, its documentation of the admin API and its answers; the sections are named where they are used.
"""

from .admin import SynapseAdmin
from .bulk import BulkReport, Outcome, OutcomeState, bulk
from .capabilities import AdminCapabilities
from .discovery import find_federation_url, read_server_name
from .endpoint import UNSET, AdminEndpoint, Unset
from .maintenance import (
    deactivate_users,
    delete_user_media,
    purge_empty_rooms,
    purge_histories,
    purge_remote_media,
    quarantine,
)
from .moments import days_ago, days_ahead, format_moment, from_milliseconds
from .power_levels import RoomPower, report_power_levels
from .pruning import DevicesToPrune, devices_to_prune, prune_devices
from .waiting import BackgroundTask, HistoryPurge, RoomDeletion, UserRedaction

__all__ = [
    "SynapseAdmin",
    "AdminCapabilities",
    "AdminEndpoint",
    "UNSET",
    "Unset",
    # much at once
    "BulkReport",
    "Outcome",
    "OutcomeState",
    "bulk",
    # work in the background
    "BackgroundTask",
    "HistoryPurge",
    "RoomDeletion",
    "UserRedaction",
    # maintenance
    "DevicesToPrune",
    "RoomPower",
    "deactivate_users",
    "delete_user_media",
    "devices_to_prune",
    "prune_devices",
    "purge_empty_rooms",
    "purge_histories",
    "purge_remote_media",
    "quarantine",
    "report_power_levels",
    # moments
    "days_ago",
    "days_ahead",
    "format_moment",
    "from_milliseconds",
    # discovery
    "find_federation_url",
    "read_server_name",
]
