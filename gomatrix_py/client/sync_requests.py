"""How the sync loop asks the server: /sync with the syncer's filter, or whatever the syncer says."""

from __future__ import annotations

import copy
import hashlib
import logging
from typing import Any

from ..api.filters import CreateFilter
from ..api.sync import GetSync, SyncResponse
from ..cancellation import CancelToken
from ..codec import dumps
from ..errors import HTTPError, InvalidParam, NotFound, RequestCancelled
from ..http.retry import RetryPolicy
from ..sync.base import RequestingSyncer, is_requesting_syncer
from .base import BaseClient
from .sync_runs import SyncRun

__all__ = ["SyncRequests"]

log = logging.getLogger("gomatrix_py.sync")

_FINGERPRINT = "#filter-fingerprint"


class SyncRequests(BaseClient):
    """One request of the loop at a time."""

    def _set_up(self) -> None:
        super()._set_up()
        self._fingerprinted: tuple[dict[str, Any] | None, str] = (None, "")

    def _position_key(self) -> str:
        """Return the name under which the store keeps where the next sync starts."""
        user_id = self.own_user_id()
        return self.syncer.position_key(user_id) if is_requesting_syncer(self.syncer) else user_id

    def _ask(self, run: SyncRun, timeout_ms: int, since: str, retry: RetryPolicy | None) -> tuple[SyncResponse, str]:
        """Return the answer, and the `since` it answers: another one where the server had forgotten ours."""
        if is_requesting_syncer(self.syncer):
            return self._ask_as_told(self.syncer, run, timeout_ms, since, retry)
        try:
            return self._ask_with_filter(run, timeout_ms, since, retry), since
        except (InvalidParam, NotFound):
            # the server no longer knows the filter: forget it, upload it again, try once more
            self.store.save_filter_id(self.own_user_id(), "")
            return self._ask_with_filter(run, timeout_ms, since, retry), since

    # ------------------------------------------------------------ as the syncer says

    def _ask_as_told(
        self, syncer: RequestingSyncer, run: SyncRun, timeout_ms: int, since: str, retry: RetryPolicy | None
    ) -> tuple[SyncResponse, str]:
        while True:
            outdated = CancelToken()
            try:
                with run.cancel.on_cancel(outdated.cancel):
                    endpoint = syncer.next_request(since, timeout_ms, outdated)
                    answer = self.call(endpoint, cancel=outdated, retry=retry)
            except RequestCancelled:
                if run.cancel.is_cancelled:
                    raise
            except HTTPError as error:
                another = syncer.position_after(since, error)
                if another is None:
                    raise
                log.warning("the server forgot where the sync was: %s", error)
                since = another  # saved with the answer, not ahead of it
            else:
                return syncer.read_answer(answer, since), since

    # ------------------------------------------------------------ with a filter

    def _ask_with_filter(self, run: SyncRun, timeout_ms: int, since: str, retry: RetryPolicy | None) -> SyncResponse:
        endpoint = GetSync(timeout_ms, since or None, self._filter_id(run, retry), use_state_after=True)
        return self.call(endpoint, cancel=run.cancel, retry=retry)

    def _filter_id(self, run: SyncRun, retry: RetryPolicy | None) -> str:
        """Return the stored filter id; upload the filter where it is new or changed.

        A fingerprint of filter and server is stored beside the id. An id without one was put there by
        the user, as gomatrix allows, and is used as it is.
        """
        user_id = self.own_user_id()
        wanted = self.syncer.get_filter_json(user_id)
        if wanted != self._fingerprinted[0]:
            self._fingerprinted = copy.deepcopy(wanted), _fingerprint(self.homeserver_url, dumps(wanted))
        fingerprint = self._fingerprinted[1]
        known, known_fingerprint = (
            self.store.load_filter_id(user_id),
            self.store.load_filter_id(user_id + _FINGERPRINT),
        )
        if known and known_fingerprint in ("", fingerprint):
            return known
        filter_id = self.call(CreateFilter(user_id, wanted), cancel=run.cancel, retry=retry).filter_id
        self.store.save_filter_id(user_id, "")  # first: an id must never stand beside the wrong fingerprint
        self.store.save_filter_id(user_id + _FINGERPRINT, fingerprint)
        self.store.save_filter_id(user_id, filter_id)
        return filter_id


def _fingerprint(homeserver_url: str, wanted: bytes) -> str:
    return hashlib.sha256(homeserver_url.encode() + b"\0" + wanted).hexdigest()[:32]
