"""What came and is not handled yet, and what was set aside because it could not be."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import UsageError
from ..store import InboxRow, is_sync_storer
from ..store.base import SyncStorer
from ..store.journal import Journal
from ..sync import StoringSyncer
from .base import BaseClient

__all__ = ["JournalMethods"]


class JournalMethods(BaseClient):
    """`journal`, `quarantine`, `retry_quarantined` and `forget_quarantined`."""

    def journal(self) -> list[InboxRow]:
        """Return what was stored and whose listeners have not returned yet, in order.

        Raises:
            StoreError: the store cannot be read.
        """
        return list(self._kept_rows().undelivered())

    def quarantine(self) -> list[InboxRow]:
        """Return the events that were set aside, in order, each with why in its `reason`.

        Raises:
            StoreError: the store cannot be read.
        """
        return list(self._kept_rows().quarantined())

    def retry_quarantined(self, rows: InboxRow | Iterable[InboxRow] | None = None) -> list[InboxRow]:
        """Put events that were set aside back into the journal, and deliver them; their tries begin anew.

        They come after what was delivered in the meantime. In a sync with workers they are handed to those,
        otherwise their listeners have run when this returns.

        Args:
            rows: from `quarantine`; None for all of them.

        Returns:
            Those that were put back.

        Raises:
            UsageError: the syncer is one of your own, and delivers by itself.
            ListenerFailed: a listener raised, and the policy says to stop.
            StoreError: the journal cannot be read or written.
        """
        syncer, kept = self.syncer, self._kept_rows()
        if not isinstance(syncer, StoringSyncer):
            raise UsageError("this syncer delivers by itself: there is no way to hand it events again")
        wanted = _seqs(rows)
        back = [row for row in kept.quarantined() if wanted is None or row.seq in wanted]
        kept.put_back(back)
        seqs = {row.seq for row in back}
        again = [row for row in kept.undelivered() if row.seq in seqs]
        syncer.deliver(kept, again)
        return again

    def forget_quarantined(self, rows: InboxRow | Iterable[InboxRow] | None = None) -> int:
        """Give up events that were set aside, and return how many; they stay known, and never come again.

        Args:
            rows: from `quarantine`; None for all of them.

        Raises:
            StoreError: the journal cannot be read or written.
        """
        kept, wanted = self._kept_rows(), _seqs(rows)
        gone = [row for row in kept.quarantined() if wanted is None or row.seq in wanted]
        kept.mark_delivered(gone)
        return len(gone)

    def _kept_rows(self) -> SyncStorer | Journal:
        if is_sync_storer(self.store):
            return self.store
        return self.syncer.own_journal if isinstance(self.syncer, StoringSyncer) else Journal()


def _seqs(rows: InboxRow | Iterable[InboxRow] | None) -> set[int] | None:
    if rows is None:
        return None
    return {rows.seq} if isinstance(rows, InboxRow) else {row.seq for row in rows}
