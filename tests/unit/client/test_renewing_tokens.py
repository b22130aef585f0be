"""Tokens that expire: renewed once for all threads, stored before they are used, given up when they have to be."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer
from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import (
    MatrixError,
    RequestCancelled,
    ServerError,
    UnknownToken,
    UsageError,
    UserLocked,
)
from gomatrix_py.http.retry import RetryPolicy
from tests.kit.rotating_tokens import EXPIRED, GONE, Rotating, refreshes, session_of, tokens_used
from tests.kit.scripted_client import Impatient
from tests.kit.scripted_homeserver import USER, Reply, ScriptedHomeserver, Seen, sync_answer
from tests.kit.waiting import wait_until

THREADS = 16
LOCKED = {"errcode": "M_USER_LOCKED", "error": "This account has been locked", "soft_logout": True}


@pytest.fixture
def server() -> Iterator[ScriptedHomeserver]:
    with ScriptedHomeserver() as server:
        yield server


@pytest.fixture
def tokens(server: ScriptedHomeserver) -> Rotating:
    return Rotating(server)


@pytest.fixture
def client(server: ScriptedHomeserver, tokens: Rotating) -> Iterator[Client]:
    """A client with a refresh token."""
    with Client.from_session(session_of(server), retry=RetryPolicy.never()) as client:
        yield client


# ------------------------------------------------------------------ one thread


def test_an_expired_token_is_renewed_and_the_call_made_once_more(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    tokens.expire()
    assert client.whoami().user_id == USER
    assert tokens_used(server) == ["a0", "a1"]
    assert refreshes(server) == ["r0"]
    assert (client.session.access_token, client.session.refresh_token) == ("a1", "r1")
    assert (client.user_id, client.device_id) == (USER, "DEV")
    (refresh,) = server.asked("/refresh")
    assert "authorization" not in refresh.headers


def test_a_token_known_to_have_expired_is_renewed_before_it_is_used(
    server: ScriptedHomeserver, tokens: Rotating
) -> None:
    tokens.lifetime_ms = 60_000
    with Client.from_session(session_of(server, expires_at_ts=1)) as client:
        client.whoami()
        client.whoami()
        assert tokens_used(server) == ["a1", "a1"]
        expires = client.session.expires_at_ts
        assert expires is not None
        assert 0 < expires - client.clock.now_ms() <= 60_000


@pytest.mark.parametrize("lifetime_ms", [0, -1])
def test_a_lifetime_that_makes_no_sense_is_none(lifetime_ms: int, client: Client, tokens: Rotating) -> None:
    tokens.lifetime_ms = lifetime_ms
    tokens.expire()
    client.whoami()
    assert client.session.expires_at_ts is None


def test_calls_by_hand_have_it_too(client: Client, tokens: Rotating) -> None:
    tokens.expire()
    assert client.make_request("GET", client.build_url("account", "whoami"))["user_id"] == USER


def test_an_upload_is_sent_whole_again(client: Client, tokens: Rotating, server: ScriptedHomeserver) -> None:
    tokens.expire()
    client.upload_to_content_repo(io.BytesIO(b"picture"), "image/png", 7)
    assert [seen.body for seen in server.asked("/upload")] == [b"picture", b"picture"]


def test_an_upload_that_cannot_be_read_again_fails_once(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    class OnlyOnce(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.inner = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self.inner.read(size)

    tokens.expire()
    with pytest.raises(UnknownToken):
        client.upload_to_content_repo(OnlyOnce(b"picture"), "image/png", 7)  # type: ignore[arg-type]
    assert len(server.asked("/upload")) == 1
    assert client.whoami().user_id == USER  # with the new token


def test_a_server_that_takes_none_of_its_own_tokens_is_asked_once(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    server.route("GET", "/whoami", Reply(401, EXPIRED))
    with pytest.raises(UnknownToken):
        client.whoami()
    assert tokens_used(server) == ["a0", "a1"]
    assert refreshes(server) == ["r0"]


def test_a_refresh_token_that_stays_is_used_again(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    tokens.reply_to_refresh = {"access_token": "expired"}
    tokens.expire()
    client.whoami()
    assert client.session.refresh_token == "r0"


def test_a_server_that_gives_the_same_token_again_is_asked_once(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    tokens.reply_to_refresh = {"access_token": "a0", "refresh_token": "r0"}
    tokens.expire()
    with pytest.raises(UnknownToken):
        client.whoami()
    assert tokens_used(server) == ["a0", "a0"]
    assert refreshes(server) == ["r0"]


def test_renewing_at_will(client: Client, server: ScriptedHomeserver) -> None:
    assert client.renew_session().access_token == "a1"
    assert refreshes(server) == ["r0"]
    client.set_credentials(USER, "a1")
    with pytest.raises(UsageError, match="no refresh token"):
        client.renew_session()


def test_without_a_refresh_token_nothing_is_tried(server: ScriptedHomeserver, tokens: Rotating) -> None:
    tokens.expire()
    with Client(server.url, USER, "a0") as client, pytest.raises(UnknownToken) as failure:
        client.whoami()
    assert failure.value.soft_logout
    assert refreshes(server) == []


# ------------------------------------------------------------------ many threads


def in_threads(work: Callable[[], Any], count: int = THREADS) -> list[Any]:
    """Run it in so many threads, and return what it returned or raised."""

    def attempt(_: int) -> Any:
        try:
            return work()
        except MatrixError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attempt, range(count)))


def test_sixteen_threads_renew_once(client: Client, tokens: Rotating, server: ScriptedHomeserver) -> None:
    tokens.expire()
    tokens.waits_for = threading.Barrier(THREADS)
    answers = in_threads(client.whoami)
    assert [answer.user_id for answer in answers] == [USER] * THREADS
    assert refreshes(server) == ["r0"]
    assert sorted(tokens_used(server)) == ["a0"] * THREADS + ["a1"] * THREADS


def test_without_the_keeper_each_thread_would_renew(
    client: Client, tokens: Rotating, server: ScriptedHomeserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same threads, each for itself."""
    keeper = client._tokens

    def alone(failed: str, cancel: CancelToken | None = None) -> str:
        keeper._renew_and_store(keeper.session, cancel)
        return keeper.session.access_token

    monkeypatch.setattr(keeper, "after", alone)
    tokens.expire()
    tokens.waits_for = threading.Barrier(THREADS)
    in_threads(client.whoami)
    assert len(refreshes(server)) > 1


def test_threads_that_know_of_the_expiry_renew_once(server: ScriptedHomeserver, tokens: Rotating) -> None:
    with Client.from_session(session_of(server, expires_at_ts=1)) as client:
        answers = in_threads(client.whoami)
    assert {type(answer).__name__ for answer in answers} == {"WhoAmIResponse"}
    assert refreshes(server) == ["r0"]


def test_all_threads_get_the_refusal_of_one(client: Client, tokens: Rotating, server: ScriptedHomeserver) -> None:
    tokens.expire()
    tokens.reply_to_refresh = Reply(401, GONE)
    tokens.waits_for = threading.Barrier(THREADS)
    answers = in_threads(client.whoami)
    assert {type(answer) for answer in answers} == {UnknownToken}
    assert len(refreshes(server)) == 1


def test_one_that_is_cancelled_does_not_take_the_others_along(
    client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def slow(seen: Seen) -> Any:
        first = not is_asked.is_set()
        is_asked.set()
        if first:
            may_answer.wait(20)
            return Reply(500, {})
        return tokens.renew(seen)

    server.route("POST", "/refresh", slow)
    cancel = CancelToken()
    outcome: list[object] = []

    def renew(one: CancelToken | None) -> None:
        try:
            outcome.append(client._tokens.after("a0", one))
        except MatrixError as error:
            outcome.append(type(error))

    leader = threading.Thread(target=renew, args=(cancel,))
    leader.start()
    assert is_asked.wait(20)
    follower = threading.Thread(target=renew, args=(None,))
    follower.start()
    impatient = CancelToken()
    impatient.cancel()
    renew(impatient)  # one that waits can be cancelled, too
    cancel.cancel()
    leader.join(20)
    follower.join(20)
    may_answer.set()
    assert outcome == [RequestCancelled, RequestCancelled, "a1"]


# ------------------------------------------------------------------ what cannot be renewed


@pytest.mark.parametrize(
    ("reply", "soft_logout"),
    [
        (Reply(401, GONE), False),
        (Reply(401, EXPIRED), True),
        (Reply(403, {"errcode": "M_FORBIDDEN", "error": "refresh token isn't valid anymore"}), False),
        (Reply(400, {"errcode": "M_BAD_JSON"}), False),
    ],
)
def test_a_session_that_has_ended(
    reply: Reply, soft_logout: bool, client: Client, tokens: Rotating, server: ScriptedHomeserver
) -> None:
    tokens.expire()
    tokens.reply_to_refresh = reply
    with pytest.raises(UnknownToken, match="cannot be renewed") as failure:
        client.whoami()
    assert failure.value.soft_logout is soft_logout
    with pytest.raises(UnknownToken):
        client.whoami()
    assert len(refreshes(server)) == 1  # nobody tries in vain again


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, LOCKED), UserLocked),
        (Reply(502, b"<html>"), ServerError),
        (Reply(404, {"errcode": "M_UNRECOGNIZED"}), MatrixError),
        (Reply(200, {"nothing": 1}), MatrixError),
    ],
)
def test_what_may_pass_leaves_the_session_as_it_is(
    reply: Reply, kind: type[MatrixError], client: Client, tokens: Rotating
) -> None:
    tokens.expire()
    tokens.reply_to_refresh = reply
    with pytest.raises(kind) as failure:
        client.whoami()
    assert not isinstance(failure.value, UnknownToken)
    assert client.session.refresh_token == "r0"
    tokens.reply_to_refresh = None
    assert client.whoami().user_id == USER


def test_a_sync_goes_on_over_an_expiry(server: ScriptedHomeserver, tokens: Rotating) -> None:
    seen: list[str] = []

    def answer(request: Seen) -> Any:
        seen.append(request.headers["authorization"])
        return Reply(401, EXPIRED) if len(seen) == 1 else sync_answer(f"s{len(seen)}")

    server.will_answer(answer, answer)
    with Client.from_session(session_of(server), syncer=Impatient()) as client, client.start_sync():
        server.wait_for("/sync", 3)
    assert seen == ["Bearer a0", "Bearer a1"]


def test_a_locked_account_pauses_the_sync(server: ScriptedHomeserver) -> None:
    server.will_answer(Reply(401, LOCKED), Reply(401, LOCKED), sync_answer("s1"))
    syncer = Impatient()
    with Client(server.url, USER, "t0ken", syncer=syncer, retry=RetryPolicy.never()) as client:
        with client.start_sync() as handle:
            wait_until(lambda: client.store.load_next_batch(USER) == "s1", "the sync went on")
            assert handle.is_running
        assert client.access_token == "t0ken"
    assert [type(error) for _, error in syncer.failures] == [UserLocked, UserLocked]


def test_a_locked_account_is_waited_for_longer_each_time() -> None:
    error = UserLocked("GET /sync failed", code=401)
    syncer = DefaultSyncer(retry_wait_s=8.0)
    assert [syncer.on_failed_sync(None, error) for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]


def test_any_call_of_a_locked_account_says_so(server: ScriptedHomeserver) -> None:
    server.route("GET", "/whoami", Reply(401, LOCKED))
    with Client.from_session(session_of(server)) as client:
        with pytest.raises(UserLocked):
            client.whoami()
        assert client.session.refresh_token == "r0"
    assert refreshes(server) == []
