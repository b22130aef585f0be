"""The Client-Server API as data: one module per chapter, one class per operation.

Each module ends with a mixin that makes its operations methods of `Client`.
"""

from .account import AccountApi
from .account_data import AccountDataApi
from .account_data_removal import AccountDataRemovalApi
from .admin import AdminApi
from .appservice import AppserviceApi
from .dehydrated_devices import DehydratedDevicesApi
from .delayed_events import DelayedEventsApi
from .devices import DevicesApi
from .directory import DirectoryApi
from .event_proposals import EventProposalsApi
from .filters import FilterApi
from .key_backup import KeyBackupApi
from .keys import KeysApi
from .legacy import LegacyApi
from .login import LoginApi
from .media import MediaApi
from .oauth import OAuthApi
from .profile import ProfileApi
from .push import PushApi
from .receipts import ReceiptsApi
from .registration import RegistrationApi
from .reports import ReportsApi
from .room_events import RoomEventsApi
from .room_history import HistoryApi
from .room_membership import MembershipApi
from .room_summaries import RoomSummariesApi
from .room_upgrades import RoomUpgradesApi
from .search import SearchApi
from .server import ServerApi
from .server_proposals import ServerProposalsApi
from .sliding_sync import SlidingSyncApi
from .sso import SSOApi
from .sync import SyncApi
from .tags import TagsApi
from .third_party import ThirdPartyApi
from .third_party_ids import ThirdPartyIdsApi
from .thread_subscriptions import ThreadSubscriptionsApi
from .to_device import ToDeviceApi
from .users import UsersApi

__all__ = ["ClientServerApi"]


class ClientServerApi(
    ServerApi,
    LoginApi,
    SSOApi,
    OAuthApi,
    RegistrationApi,
    AccountApi,
    ThirdPartyIdsApi,
    DevicesApi,
    FilterApi,
    SyncApi,
    SlidingSyncApi,
    MembershipApi,
    RoomEventsApi,
    HistoryApi,
    SearchApi,
    RoomSummariesApi,
    RoomUpgradesApi,
    DirectoryApi,
    UsersApi,
    ProfileApi,
    AccountDataApi,
    TagsApi,
    ReceiptsApi,
    PushApi,
    MediaApi,
    ToDeviceApi,
    KeysApi,
    KeyBackupApi,
    ReportsApi,
    AdminApi,
    ThirdPartyApi,
    AppserviceApi,
    LegacyApi,
    DelayedEventsApi,
    ThreadSubscriptionsApi,
    DehydratedDevicesApi,
    AccountDataRemovalApi,
    EventProposalsApi,
    ServerProposalsApi,
):
    """Every declared operation as a method."""
