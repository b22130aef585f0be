"""Secrets stay secret: in the log of every logger at DEBUG, in errors and their tracebacks, in reprs, in pickles."""

from __future__ import annotations

import io
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gomatrix_py import Client, Limits, RetryPolicy
from gomatrix_py.api.login import Login, RefreshToken
from gomatrix_py.errors import MatrixError
from gomatrix_py.http.endpoint import Target
from gomatrix_py.http.messages import HttpRequest
from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Certificate, Connection, RawRequest, RawServer, answer

SECRETS = {
    name: f"planted-{name}-7d1f"
    for name in (
        "password",
        "wrong-password",
        "login-token",
        "access-token",
        "new-access-token",
        "refresh-token",
        "new-refresh-token",
        "id-access-token",
        "auth-password",
        "header-token",
        "query-token",
        "signature",
        "proxy-password",
        "message-text",
    )
}
SESSION = (
    f'{{"user_id":"@me:hs","device_id":"D","access_token":"{SECRETS["new-access-token"]}",'
    f'"refresh_token":"{SECRETS["new-refresh-token"]}"}}'
).encode()
CUT = answer(b"cut", length=500)


def homeserver(connection: Connection) -> None:
    """Answer by path; what a path is not named for goes wrong in one way or another."""
    while True:
        request = connection.read_request()
        reply = reply_to(request)
        if reply is None:
            return connection.reset()
        connection.send(reply)
        if reply == CUT:
            return connection.cut()


def reply_to(request: RawRequest) -> bytes | None:
    last = request.path.rpartition("/")[2]
    if last in ("login", "refresh", "register"):
        if SECRETS["wrong-password"].encode() in request.body:
            return answer(b'{"errcode":"M_FORBIDDEN","error":"Invalid password"}', 403)
        return answer(SESSION)
    if last == "leave":
        return answer(b"<html>", 502)
    if last == "whoami":
        return answer(b'{"user_id":7}')
    if last == "logout":
        return None
    if last == "createRoom":
        return CUT
    if last == "abc":
        return answer(b"", 302, f"Location: /cdn/picture?signature={SECRETS['signature']}")
    if last == "picture":
        return answer(b"\x89PNG")
    if last == "broken-picture":
        return None
    if last == "upload":
        return answer(b'{"content_uri":"mxc://hs/new"}')
    return answer(b'{"errcode":"M_UNKNOWN_TOKEN","error":"unknown"}', 401)


class Everything:
    """What was said by whatever was done: the log, errors with all they lead to, and reprs."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def do(self, what: Callable[[], Any]) -> None:
        try:
            result = what()
        except (MatrixError, ValueError, TypeError) as error:
            self.said += [str(error), repr(error), *traceback.format_exception(error)]
            self.said += [repr(pickle.dumps(error)), repr(vars(error))]
            self.said += [repr(vars(cause)) + repr(cause.args) for cause in causes(error)]
        else:
            self.said.append(repr(result))

    def hits(self, log: str) -> set[str]:
        return {name for name, secret in SECRETS.items() if any(secret in text for text in (*self.said, log))}


def causes(error: BaseException) -> Iterator[BaseException]:
    while error.__cause__ is not None:
        error = error.__cause__
        yield error


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Every logger there is, at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("gomatrix_py", "urllib3", "requests")):
            caplog.set_level(logging.DEBUG, name)
    return caplog


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return caplog.text + "".join(f"{record.msg!r} {record.args!r}" for record in caplog.records)


def use_everything(client: Client, server: RawServer, everything: Everything) -> None:
    """Use every call that a secret goes into or comes out of, in success and failure."""
    do = everything.do
    do(lambda: client.login("m.login.password", password=SECRETS["password"]))
    do(lambda: client.login("m.login.password", password=SECRETS["wrong-password"]))
    do(lambda: client.login("m.login.token", token=SECRETS["login-token"]))
    do(lambda: client.login_with_password("me", SECRETS["wrong-password"]))
    do(lambda: client.login_with_password("me", SECRETS["password"]))
    client.set_credentials("@me:hs", SECRETS["access-token"])
    do(lambda: client.refresh(SECRETS["refresh-token"]))
    do(lambda: client.register_dummy("me", SECRETS["password"]))
    do(lambda: client.invite_user_by_third_party("!r:s", "id", "email", "a@b", SECRETS["id-access-token"]))
    do(lambda: client.send_text("!r:s", SECRETS["message-text"]))
    do(lambda: client.leave_room("!r:s"))
    do(client.whoami)
    do(client.logout)
    do(lambda: client.create_room(SECRETS["message-text"]))
    do(lambda: client.download("mxc://hs/abc"))
    do(lambda: client.download("mxc://hs/abc", io.BytesIO()))
    do(lambda: client.upload_link(f"{server.url}/cdn/picture?signature={SECRETS['signature']}"))
    do(lambda: client.upload_link(f"{server.url}/cdn/broken-picture?signature={SECRETS['signature']}"))
    do(lambda: client.make_request("GET", client.build_url_with_query(["x"], {"token": SECRETS["query-token"]})))
    do(lambda: client.make_request("GET", f"http://me:{SECRETS['password']}@127.0.0.1/"))
    do(lambda: Client(f"http://me:{SECRETS['password']}@127.0.0.1/"))
    do(lambda: Client(server.url, "@me:hs", SECRETS["header-token"] + "\r\n").whoami())
    everything.said += [repr(client), repr(vars(client)), repr(client._target), repr(vars(client._exchange))]


def test_no_secret_is_ever_said(everything_logged: pytest.LogCaptureFixture) -> None:
    everything = Everything()
    with RawServer(homeserver) as server:
        client = Client(server.url, "@me:hs", retry=RetryPolicy(attempts=2, base_s=0.0))
        use_everything(client, server, everything)
        client.close()
        sent = server.seen.decode("latin-1")
    log = logged(everything_logged)
    assert everything.hits(log) == set()
    assert "POST /_matrix/client/v3/login" in log  # a good deal was logged
    assert "urllib3.connectionpool" in log
    never_sent = {"header-token", "new-access-token", "new-refresh-token", "auth-password", "proxy-password"}
    assert {name for name in SECRETS if SECRETS[name] in sent} == set(SECRETS) - never_sent


def test_the_search_finds_what_is_said(everything_logged: pytest.LogCaptureFixture) -> None:
    """The control: the same search, where secrets are said."""
    everything = Everything()
    logging.getLogger("gomatrix_py.http").debug("token %s", SECRETS["access-token"])
    everything.do(lambda: int(SECRETS["password"]))
    everything.do(lambda: {"refresh": SECRETS["refresh-token"]})
    assert everything.hits(logged(everything_logged)) == {"access-token", "password", "refresh-token"}


def test_without_the_filter_urllib3_logs_queries(everything_logged: pytest.LogCaptureFixture) -> None:
    """The control: what is hidden would have been logged; and other users of urllib3 lose nothing."""
    transport = RequestsTransport()
    with RawServer(homeserver) as server:
        url = f"{server.url}/cdn/picture?signature={SECRETS['signature']}"
        transport.send(HttpRequest("GET", url))
        assert "/cdn/picture?…" in everything_logged.text
        assert Everything().hits(logged(everything_logged)) == set()
        transport.session.get(url, timeout=10)  # not an exchange of ours
        assert Everything().hits(logged(everything_logged)) == {"signature"}
    transport.close()


def failing(everything: Everything, request: HttpRequest, **options: Any) -> None:
    transport = RequestsTransport(**options)
    everything.do(lambda: transport.send(request))
    transport.close()


def test_no_secret_is_said_when_the_connection_fails(
    everything_logged: pytest.LogCaptureFixture, certificate: Certificate
) -> None:
    everything = Everything()
    limits = Limits(connect_s=5, read_s=0.2, total_s=5)

    def request(url: str, **fields: Any) -> HttpRequest:
        return HttpRequest(
            "PUT",
            f"{url}/x?token={SECRETS['query-token']}",
            "PUT /x",
            body=SECRETS["auth-password"].encode(),
            access_token=SECRETS["access-token"],
            limits=fields.pop("limits", limits),
            **fields,
        )

    def stalls(connection: Connection) -> None:
        connection.read_request()
        connection.hold()

    def garbage(connection: Connection) -> None:
        connection.send(b"garbage " * 10 + b"\r\n" + connection.read_request().raw)

    with RawServer(stalls) as gone:
        failing(everything, request(gone.url))
        failing(everything, request(gone.url, limits=Limits(total_s=0.2)))
        proxied = f"http://me:{SECRETS['proxy-password']}@127.0.0.1:{gone.port}"
        failing(everything, request("http://hs.invalid"), proxies={"http": proxied})
    for proxies in ({}, {"http": proxied}, {"https": proxied}):
        failing(everything, request(gone.url), proxies=proxies)
        failing(everything, request("https://hs.invalid"), proxies={"https": proxied, **proxies})
    with RawServer(homeserver, tls=certificate) as secure:
        failing(everything, request(secure.url))
    with RawServer(garbage) as server:
        failing(everything, request(server.url))
        failing(everything, request(server.url, headers={"X": SECRETS["header-token"] + "\n"}))
    assert everything.hits(logged(everything_logged)) == set()
    assert len(everything.said) > 30


@pytest.mark.parametrize(
    "value",
    [
        Target("https://hs.example", SECRETS["access-token"]),
        Login("m.login.password", password=SECRETS["password"]),
        Login("m.login.token", token=SECRETS["login-token"]),
        RefreshToken(SECRETS["refresh-token"]),
        HttpRequest("PUT", f"https://me:{SECRETS['password']}@hs/x?t={SECRETS['query-token']}"),
        HttpRequest("PUT", "https://hs/", body=SECRETS["password"].encode(), access_token=SECRETS["access-token"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_show_no_secret(value: Any) -> None:
    assert "planted" not in repr(value)
    assert "planted" not in str(value)


def test_the_answer_to_a_login_shows_no_secret() -> None:
    with RawServer(homeserver) as server:
        client = Client(server.url)
        answered = client.login("m.login.password", password=SECRETS["password"])
        refreshed = client.refresh(SECRETS["refresh-token"])
        client.close()
    assert answered.access_token == refreshed.access_token == SECRETS["new-access-token"]
    assert "planted" not in repr(answered) + repr(refreshed) + str(answered)
