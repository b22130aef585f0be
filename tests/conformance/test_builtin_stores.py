"""The built-in stores pass the suites; the one in a file also where it is closed between every two steps."""

from __future__ import annotations

from typing import Any

from gomatrix_py.store import InMemoryStore, SQLiteStore, SyncStorer
from gomatrix_py.testing.conformance import SyncStorerConformance


class TestInMemoryStore(SyncStorerConformance):
    def make_store(self) -> SyncStorer:
        return InMemoryStore()


class TestSQLiteStore(SyncStorerConformance):
    def make_store(self) -> SyncStorer:
        return SQLiteStore(self.folder / "store.sqlite3")


class TestSQLiteStoreReopened(TestSQLiteStore):
    def reopen(self, store: Any) -> SyncStorer:
        store.close()
        return self.make_store()
