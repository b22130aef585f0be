"""`Client`: the declared API and everything beside it, in one class."""

from __future__ import annotations

from typing import Any, TypeVar

from ..api import ClientServerApi
from .accounts import AccountMethods
from .answering import AnsweringMethods
from .attachments import AttachmentMethods
from .avatars import AvatarMethods
from .conversations import ConversationMethods
from .discovery import discover_homeserver
from .doctor import DoctorMethods
from .features import FeatureMethods
from .journal_methods import JournalMethods
from .metrics import MetricMethods
from .paging import PagingMethods
from .polls import PollMethods
from .queued_files import QueuedFileMethods
from .room_calls import RoomCallMethods
from .rooms import RoomMethods
from .sending import SendingMethods
from .syncing import SyncMethods
from .timed_events import TimedEventMethods

__all__ = ["Client"]

C = TypeVar("C", bound="Client")


class Client(
    AccountMethods,
    PollMethods,
    AnsweringMethods,
    QueuedFileMethods,
    AttachmentMethods,
    AvatarMethods,
    SendingMethods,
    TimedEventMethods,
    ConversationMethods,
    RoomCallMethods,
    RoomMethods,
    DoctorMethods,
    SyncMethods,
    JournalMethods,
    MetricMethods,
    FeatureMethods,
    PagingMethods,
    ClientServerApi,
):
    """A blocking Matrix client; see `BaseClient` for what it takes.

    ::

        client = Client("https://matrix.example.org")
        client.login_with_password("alice", "wonderland")
        client.send_text("!room:example.org", "Down the rabbit hole")
    """

    @classmethod
    def discover(cls, user_id_or_server: str, **options: Any) -> Client:
        """Return a client for the homeserver of a user or domain, found by ``.well-known``.

        Args:
            user_id_or_server: ``@user:example.org`` or ``example.org``.
            options: as for `Client`.

        Raises:
            UsageError: no server is named.
            DiscoveryError: none could be found; its `action` says what the specification advises.
        """
        wanted = {
            key: options[key] for key in ("transport", "proxies", "verify", "retry", "limits") if key in options
        }
        return cls(discover_homeserver(user_id_or_server, **wanted), **options)

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
