"""Suites that tell whether a store or a syncer of your own does what a client counts on.

Subclass one in a test file and say how to make what you built; pytest runs the rest::

    from gomatrix_py.testing.conformance import SyncStorerConformance

    class TestMyStore(SyncStorerConformance):
        def make_store(self):
            return MyStore(self.folder / "store")

        def reopen(self, store):
            store.close()
            return MyStore(self.folder / "store")

`StorerConformance` is for gomatrix's six methods, `SyncStorerConformance` for a store that takes whole
/sync answers as well, `OutboxStorerConformance` and `KeyValueStorerConformance` for one that also keeps
what waits to be sent, and what encryption needs; `SyncerConformance` for anything that processes answers.
A class may have several of them as bases. They need pytest.
"""

from .key_value_storer import KeyValueStorerConformance
from .outbox_storer import OutboxStorerConformance
from .storer import StorerConformance
from .sync_storer import SyncStorerConformance
from .syncer import SyncerConformance

__all__ = [
    "KeyValueStorerConformance",
    "OutboxStorerConformance",
    "StorerConformance",
    "SyncStorerConformance",
    "SyncerConformance",
]
