"""Which threads a user follows. Proposals MSC4306 and MSC4308."""

from __future__ import annotations

from ..codec import Document, field
from ..http.endpoint import Call, Empty, Endpoint, Response, query
from .base import Api

__all__ = [
    "GetThreadSubscription",
    "GetThreadSubscriptions",
    "RespThreadSubscription",
    "RespThreadSubscriptions",
    "SubscribeToThread",
    "ThreadSubscription",
    "ThreadSubscriptionsApi",
    "ThreadUnsubscription",
    "UnsubscribeFromThread",
]

_FEATURE = "org.matrix.msc4306"
_SUBSCRIPTION = "/_matrix/client/unstable/io.element.msc4306/rooms/{room_id}/thread/{thread_id}/subscription"


class RespThreadSubscription(Response):
    """A thread that we follow, and whether we do without having asked for it."""

    automatic: bool


class GetThreadSubscription(Endpoint[RespThreadSubscription]):
    """Ask whether we follow a thread: `NotFound` where we do not.

    MSC4306: GET /rooms/{roomId}/thread/{threadRootId}/subscription.
    """

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "GET", _SUBSCRIPTION, 4306, _FEATURE
    room_id: str
    thread_id: str


class SubscribeToThread(Endpoint[Empty]):
    """Follow a thread; `automatic` is the event that made the client do so by itself.

    MSC4306: PUT /rooms/{roomId}/thread/{threadRootId}/subscription.
    """

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "PUT", _SUBSCRIPTION, 4306, _FEATURE
    room_id: str
    thread_id: str
    automatic: str | None = None


class UnsubscribeFromThread(Endpoint[Empty]):
    """Follow a thread no longer. MSC4306: DELETE /rooms/{roomId}/thread/{threadRootId}/subscription."""

    METHOD, PATH, MSC, UNSTABLE_FEATURE = "DELETE", _SUBSCRIPTION, 4306, _FEATURE
    room_id: str
    thread_id: str


class ThreadSubscription(Document):
    """A thread that we follow; a higher `bump_stamp` is a newer decision."""

    automatic: bool
    bump_stamp: int


class ThreadUnsubscription(Document):
    """A thread that we follow no longer; a higher `bump_stamp` is a newer decision."""

    bump_stamp: int


class RespThreadSubscriptions(Response):
    """What was decided of threads, by room and by the event the thread began with, newest first.

    `end` is None where there is no more.
    """

    subscribed: dict[str, dict[str, ThreadSubscription]] = field(factory=dict)
    unsubscribed: dict[str, dict[str, ThreadUnsubscription]] = field(factory=dict)
    end: str | None = None


class GetThreadSubscriptions(Endpoint[RespThreadSubscriptions]):
    """List the threads that we follow. MSC4308: GET /thread_subscriptions."""

    METHOD, PATH = "GET", "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions"
    MSC, UNSTABLE_FEATURE = 4308, _FEATURE
    from_: str | None = query(default=None, name="from")
    limit: int | None = None
    to: str | None = query(default=None, kw_only=True)
    dir: str = query(default="b", kw_only=True)


class ThreadSubscriptionsApi(Api):
    """Threads that we follow (MSC4306, MSC4308)."""

    get_thread_subscription = Call(GetThreadSubscription)
    subscribe_to_thread = Call(SubscribeToThread)
    unsubscribe_from_thread = Call(UnsubscribeFromThread)
    get_thread_subscriptions = Call(GetThreadSubscriptions)
