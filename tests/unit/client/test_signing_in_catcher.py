"""The server for one visit: it takes the one it waits for and refuses all others."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.client.sso_catcher import RedirectCatcher, _query_of
from gomatrix_py.errors import SignInError

WANTS = ("loginToken",)


def visit(
    catcher: RedirectCatcher, target: str, method: str = "GET", **headers: str
) -> tuple[int, str, dict[str, str]]:
    """Return status, page and headers of a visit."""
    connection = http.client.HTTPConnection("127.0.0.1", int(catcher.url.split(":")[2].split("/")[0]), timeout=10)
    try:
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def test_the_visit_that_is_waited_for() -> None:
    with RedirectCatcher(wants=WANTS) as catcher:
        status, page, headers = visit(catcher, f"{catcher.path}?loginToken=a%2Bb+c&other=1")
        assert status == 200
        assert "You may close this page" in page
        assert catcher.wait(10) == {"loginToken": "a+b c", "other": "1"}
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_its_address_is_on_this_machine_and_cannot_be_guessed() -> None:
    with RedirectCatcher() as one, RedirectCatcher() as other:
        assert one.url.startswith("http://127.0.0.1:")
        assert one.path != other.path
        assert len(one.path) > 30


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/", 404),
        ("/favicon.ico", 404),
        ("/?loginToken=evil", 404),
        ("{path}/?loginToken=evil", 404),
        ("{path}", 400),
        ("{path}?token=evil", 400),
        ("{path}?loginToken=evil&loginToken=other", 404),
        ("{path}?" + "&".join(f"a{n}=1" for n in range(60)) + "&loginToken=evil", 404),
        ("{path}?loginToken=" + "x" * 20_000, 404),
        ("http://127.0.0.1{path}?loginToken=evil", 403),
    ],
)
def test_other_visits_are_refused_and_it_waits_on(target: str, status: int) -> None:
    with RedirectCatcher(wants=WANTS) as catcher:
        answered, page, _ = visit(catcher, target.format(path=catcher.path))
        assert answered == status
        assert "evil" not in page
        with pytest.raises(SignInError):
            catcher.wait(0.01)
        visit(catcher, f"{catcher.path}?loginToken=good")
        assert catcher.wait(10) == {"loginToken": "good"}


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "HEAD"])
def test_only_a_browser_that_is_sent_is_let_in(method: str) -> None:
    with RedirectCatcher(wants=WANTS) as catcher:
        assert visit(catcher, f"{catcher.path}?loginToken=evil", method)[0] == 501
        with pytest.raises(SignInError):
            catcher.wait(0.01)


def test_a_name_elsewhere_that_leads_here_is_refused() -> None:
    with RedirectCatcher(wants=WANTS) as catcher:
        assert visit(catcher, f"{catcher.path}?loginToken=evil", Host="evil.example")[0] == 403
        with pytest.raises(SignInError):
            catcher.wait(0.01)


def test_an_answer_to_another_sign_in_is_refused() -> None:
    with RedirectCatcher("/callback", wants=("state",), is_ours=lambda query: query["state"] == "ours") as catcher:
        assert visit(catcher, "/callback?state=foreign&code=evil")[0] == 400
        assert visit(catcher, "/callback?state=ours&code=good")[0] == 200
        assert catcher.wait(10)["code"] == "good"


def test_of_two_visits_the_first_counts() -> None:
    with RedirectCatcher(wants=WANTS) as catcher, ThreadPoolExecutor(8) as pool:
        targets = [f"{catcher.path}?loginToken={number}" for number in range(8)]
        statuses = [status for status, _, _ in pool.map(lambda target: visit(catcher, target), targets)]
        assert sorted(statuses) == [200] + [410] * 7
        assert catcher.wait(10)["loginToken"] == str(statuses.index(200))


def test_idle_connections_keep_nobody_out() -> None:
    with RedirectCatcher(wants=WANTS) as catcher:
        port = int(catcher.url.split(":")[2].split("/")[0])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        visit(catcher, f"{catcher.path}?loginToken=good")
        assert catcher.wait(10) == {"loginToken": "good"}
        for one in idle:
            one.close()


def test_nothing_is_left_of_it() -> None:
    with RedirectCatcher(wants=WANTS) as catcher:
        thread = catcher._thread
    assert not thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        visit(catcher, catcher.path)


def test_nothing_is_logged_or_printed(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    with RedirectCatcher(wants=WANTS) as catcher:
        visit(catcher, f"{catcher.path}?loginToken=planted")
        with socket.create_connection(("127.0.0.1", int(catcher.url.split(":")[2].split("/")[0]))) as rude:
            rude.send(b"garbage planted\r\n\r\n")
        assert catcher.wait(10)
    assert threading.main_thread().is_alive()
    out, err = capfd.readouterr()
    assert "planted" not in caplog.text + out + err
    assert "planted" not in repr(catcher)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_target_is_a_query_or_none(text: str) -> None:
    for target in (text, f"/x?{text}", f"/{text}"):
        query = _query_of(target, "/x")
        assert query is None or all(isinstance(value, str) for value in query.values())
