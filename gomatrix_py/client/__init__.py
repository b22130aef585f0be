"""The client: where transport, API, store and syncer meet."""

from .client import Client
from .saved_sessions import Session
from .sync_handle import SyncHandle

__all__ = ["Client", "Session", "SyncHandle"]
