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
/sync answers as well, `SyncerConformance` for anything that processes them. They need pytest.
"""

from .storer import StorerConformance
from .sync_storer import SyncStorerConformance
from .syncer import SyncerConformance

__all__ = ["StorerConformance", "SyncStorerConformance", "SyncerConformance"]
