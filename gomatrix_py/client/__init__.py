"""The client: where transport, API, store and syncer meet."""

from .client import Client
from .syncing import SyncHandle

__all__ = ["Client", "SyncHandle"]
