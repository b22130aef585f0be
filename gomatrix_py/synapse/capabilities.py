"""What a server's admin API can do, found out by asking it."""

from __future__ import annotations

from typing import Any

import attrs

from ..errors import Forbidden, HTTPError, MissingToken, ServerError, UnknownToken, Unrecognized
from ..http.endpoint import Caller, Endpoint
from .accounts import ListUsersV3
from .media_records import ListQuarantineChanges
from .registration import GetNonce
from .registration_tokens import ListRegistrationTokens
from .reports import ListUserReports
from .server import GetServerVersion
from .tasks import ListTasks

__all__ = ["AdminCapabilities", "keeps_accounts", "probe"]

_NO_ANSWER = (Forbidden, MissingToken, UnknownToken, ServerError)


@attrs.frozen
class AdminCapabilities:
    """What a server's admin API can do.

    Attributes:
        server_version: of Synapse.
        delegates_accounts: an authentication service (MAS) keeps the accounts: passwords, registration tokens,
            logging in as a user and the administrator flag are not to be had here.
        has_secret_registration: `admin.users.register` can work, where the server has a shared secret.
        has_media: media is served where we ask, and not by a worker of its own.
        has_users_v3: `admin.users.list_users_v3`.
        has_user_reports: `admin.reports.list_user_reports`.
        has_tasks: `admin.tasks.list_tasks`.
    """

    server_version: str
    delegates_accounts: bool
    has_secret_registration: bool
    has_media: bool
    has_users_v3: bool
    has_user_reports: bool
    has_tasks: bool


def probe(admin: Caller) -> AdminCapabilities:
    """Ask a server what its admin API can do, by calls that change nothing.

    Raises:
        Forbidden: we are no administrator.
        TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
    """
    return AdminCapabilities(
        server_version=admin.call(GetServerVersion()).server_version,
        delegates_accounts=not keeps_accounts(admin),
        has_secret_registration=_answers(admin, GetNonce()),
        has_media=_answers(admin, ListQuarantineChanges()),
        has_users_v3=_answers(admin, ListUsersV3(limit=1, guests=False)),
        has_user_reports=_answers(admin, ListUserReports(limit=1)),
        has_tasks=_answers(admin, ListTasks(status=["failed"], until=0)),
    )


def keeps_accounts(admin: Caller) -> bool:
    """Tell whether Synapse itself keeps the accounts.

    Raises:
        Forbidden: we are no administrator.
        TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.
    """
    return _answers(admin, ListRegistrationTokens(valid=True))


def _answers(admin: Caller, endpoint: Endpoint[Any]) -> bool:
    """Tell whether a server knows an operation; that it refuses this very call is an answer too."""
    try:
        admin.call(endpoint)
    except Unrecognized:
        return False
    except _NO_ANSWER:
        raise
    except HTTPError:
        return True
    return True
