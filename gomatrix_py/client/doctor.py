"""`Client.doctor`: a check-up of session, server, clock, store, journal and outbox."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import attrs

from ..api.login import WhoAmI
from ..api.media import GetMediaConfig
from ..api.server import GetVersions
from ..errors import HTTPError, MatrixError, StoreCorrupt, TransportError, UnknownToken, UserDeactivated, UserLocked
from ..http.endpoint import Endpoint, Target
from ..http.messages import HttpResponse, Limits
from ..http.retry import RetryPolicy
from ..store import is_sync_storer
from .diagnosis import Diagnosis, Finding, Level
from .store_checkup import check_journal, check_outbox, check_owner, check_store
from .syncing import SyncMethods

__all__ = ["DoctorMethods"]

R = TypeVar("R")

PATIENCE = Limits(connect_s=5, read_s=10, total_s=15)
HERE = ("localhost", "127.0.0.1", "::1")
SKEW_WORTH_A_WORD_S = 30
SKEW_THAT_HURTS_S = 600
YEAR_MS = 365 * 24 * 3600 * 1000
EARLIEST_MS, LATEST_MS = 54 * YEAR_MS, 130 * YEAR_MS


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]{1,9}", version)]


class DoctorMethods(SyncMethods):
    """`doctor`."""

    def doctor(self) -> Diagnosis:
        """Check session, server, clock, store, journal and outbox, and say what is wrong and what to do.

        Nothing is changed, and nothing that is wrong is raised. Without a network all that is here is checked.

        Returns:
            The findings: ``print(client.doctor())`` for people, ``client.doctor().as_dict()`` for programs.
        """
        findings = [*self._checked("session", self._session_findings)]
        try:
            answer = self._probed()
        except MatrixError as error:
            is_offline = isinstance(error, TransportError)
            findings += self._unreachable(error)
            findings += self._clock_findings(None)
        else:
            is_offline = False
            findings += self._checked("server", lambda: self._server_findings(answer))
            findings += self._checked("clock", lambda: self._clock_findings(answer))
            findings += self._checked("session", self._token_findings)
            findings += self._checked("media", self._media_findings)
        findings += self._checked("sync", self._position_findings)
        findings += self._checked("store", lambda: check_owner(self.store, self.user_id))
        findings += self._checked("store", lambda: check_store(self.store))
        findings += self._checked("journal", self._journal_findings)
        findings += self._checked("outbox", lambda: check_outbox(self.store, self.device_id, self.clock))
        findings += self._checked("encryption", self._encryption_findings)
        return Diagnosis(findings, is_offline)

    @staticmethod
    def _checked(topic: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
        """Let what a check raises be a finding of its own."""
        try:
            yield from check()
        except StoreCorrupt as error:
            advice = "stop the client and restore the file from a backup"
            yield Finding(Level.PROBLEM, topic, str(error), advice)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the patient, the doctor says it
            yield Finding(Level.PROBLEM, topic, f"it could not be checked: {error or type(error).__name__}")

    def _encryption_findings(self) -> list[Finding]:
        """Return what is to be said of encryption."""
        return []

    # ------------------------------------------------------------ who we are

    def _session_findings(self) -> Iterator[Finding]:
        if not self.user_id or not self.access_token:
            yield Finding(Level.WARNING, "session", "nobody is signed in", "log in, or give user id and access token")
            return
        yield Finding(Level.OK, "session", f"{self.user_id}, device {self.device_id or 'unknown'}")
        if not self.device_id:
            yield Finding(
                Level.WARNING,
                "session",
                "the id of the device is not known: what was queued cannot be told from another device's",
                "pass device_id to Client; client.whoami().device_id names it",
            )

    def _token_findings(self) -> Iterator[Finding]:
        if not self.user_id or not self.access_token:
            return
        try:
            found = self._quickly(WhoAmI())
        except UnknownToken as error:
            advice = "sign in again as the same device" if error.soft_logout else "sign in anew"
            yield Finding(Level.PROBLEM, "session", "the server no longer accepts the access token", advice)
            return
        except (UserLocked, UserDeactivated) as error:
            yield Finding(Level.PROBLEM, "session", str(error), "ask whoever runs the server")
            return
        if found.user_id != (self.app_service_user_id or self.user_id):
            what = f"the access token is {found.user_id}'s, not {self.user_id}'s"
            yield Finding(Level.PROBLEM, "session", what, "pass the user id that belongs to the token")
        elif self.device_id and found.device_id and found.device_id != self.device_id:
            what = f"the access token is of device {found.device_id}, not of {self.device_id}"
            yield Finding(Level.PROBLEM, "session", what, "pass the device id that belongs to the token")
        else:
            yield Finding(Level.OK, "session", "the server accepts the access token")

    # ------------------------------------------------------------ the server

    def _probed(self) -> HttpResponse:
        request = GetVersions().to_request(Target(self.homeserver_url))  # a bad token is another finding
        return self._exchange.send(attrs.evolve(request, limits=PATIENCE), RetryPolicy.never())

    @staticmethod
    def _unreachable(error: MatrixError) -> Iterator[Finding]:
        if isinstance(error, HTTPError):
            advice = "is this the homeserver's URL? Client.discover(user_id) finds it"
            yield Finding(Level.PROBLEM, "server", f"it does not answer as a homeserver does: {error}", advice)
        else:
            advice = "check network, URL and certificate; what is queued waits"
            yield Finding(
                Level.PROBLEM, "server", f"it cannot be reached ({error}): this is an offline check", advice
            )

    def _quickly(self, endpoint: Endpoint[R]) -> R:
        request = attrs.evolve(endpoint.to_request(self._target), limits=PATIENCE)
        return endpoint.parse(self._exchanged(request, RetryPolicy.never()))

    def _server_findings(self, answer: HttpResponse) -> Iterator[Finding]:
        found = GetVersions().parse(answer)
        if found.versions:
            on = sum(value is True for value in found.unstable_features.values())
            what = (
                f"{self.homeserver_url} speaks up to {max(found.versions, key=_numbers)}, with {on} unstable features"
            )
            yield Finding(Level.OK, "server", what)
        else:
            yield Finding(Level.WARNING, "server", f"{self.homeserver_url} names no version of the specification")
        url = urlsplit(self.homeserver_url)
        if url.scheme == "http" and url.hostname not in HERE:
            yield Finding(
                Level.WARNING,
                "server",
                "the connection is not encrypted: the access token can be read on the way",
                "use https://",
            )

    def _clock_findings(self, answer: HttpResponse | None) -> Iterator[Finding]:
        now_ms = self.clock.now_ms()
        if not EARLIEST_MS < now_ms < LATEST_MS:
            yield Finding(Level.PROBLEM, "clock", "this machine's clock cannot be right", "set it, by NTP if you can")
            return
        date = answer.headers.get("date", "") if answer is not None else ""
        try:
            skew_s = now_ms / 1000 - parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            if answer is not None:
                yield Finding(Level.OK, "clock", "the server does not say what time it is")
            return
        if abs(skew_s) <= SKEW_WORTH_A_WORD_S:
            yield Finding(Level.OK, "clock", "it agrees with the server's")
            return
        how = f"it is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the server's"
        level = Level.PROBLEM if abs(skew_s) > SKEW_THAT_HURTS_S else Level.WARNING
        yield Finding(level, "clock", how, "set this machine's clock, by NTP if you can, or the server's")

    def _media_findings(self) -> Iterator[Finding]:
        if not self.access_token:
            return
        try:
            limit = self._quickly(GetMediaConfig()).upload_size
        except HTTPError as error:
            yield Finding(Level.WARNING, "media", f"the server does not say how large files may be: {error}")
            return
        yield Finding(Level.OK, "media", "files may be as large as you like" if not limit else f"up to {limit} bytes")

    # ------------------------------------------------------------ what is kept

    def _position_findings(self) -> Iterator[Finding]:
        if not self.user_id:
            return
        position = self.store.load_next_batch(self._position_key())
        yield Finding(Level.OK, "sync", f"goes on from {position}" if position else "has not begun yet")

    def _journal_findings(self) -> Iterator[Finding]:
        if is_sync_storer(self.store):
            yield from check_journal(self.store)
