"""The Client-Server API as data: one module per chapter, one class per operation.

Each module ends with a mixin that makes its operations methods of `Client`.
"""

from .directory import DirectoryApi
from .filters import FilterApi
from .login import LoginApi
from .media import MediaApi
from .profile import ProfileApi
from .receipts import ReceiptsApi
from .registration import RegistrationApi
from .room_events import RoomEventsApi
from .room_history import HistoryApi
from .room_membership import MembershipApi
from .server import ServerApi
from .sync import SyncApi

__all__ = ["ClientServerApi"]


class ClientServerApi(
    ServerApi,
    LoginApi,
    RegistrationApi,
    FilterApi,
    SyncApi,
    MembershipApi,
    RoomEventsApi,
    HistoryApi,
    DirectoryApi,
    ProfileApi,
    ReceiptsApi,
    MediaApi,
):
    """Every declared operation as a method."""
