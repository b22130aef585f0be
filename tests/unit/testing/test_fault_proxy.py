"""The network that fails on purpose: each fault as a client and a server see it, by rules and by chance."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from gomatrix_py.errors import UsageError
from gomatrix_py.testing.faults import (
    Action,
    FaultProxy,
    Passage,
    ProxiedAnswer,
    Rule,
    answer,
    change,
    cut,
    delay,
    duplicate,
    reorder,
    reset_after,
    reset_before,
    stall,
)
from tests.kit.raw_server import RawServer, always
from tests.kit.raw_server import answer as raw_answer

BODY = b'{"event_id": "$1"}'


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer(always(raw_answer(BODY, 200, "X-Served-By: us"))) as made:
        yield made


def ask(proxy: FaultProxy, path: str = "/send/1", method: str = "PUT", **options: Any) -> requests.Response:
    return requests.request(method, proxy.url + path, data=b'{"body": "hi"}', timeout=10, **options)


def test_what_no_rule_is_about_passes_as_it_is(server: RawServer) -> None:
    with FaultProxy(server.url, [Rule(reset_before(), path="/elsewhere")], keeps_bytes=True) as proxy:
        got = ask(proxy, "/send/a%2Fb?ts=1", headers={"Authorization": "Bearer t"})
    assert (got.status_code, got.content, got.headers["X-Served-By"]) == (200, BODY, "us")
    (seen,) = server.requests
    assert (seen.method, seen.target, seen.body) == ("PUT", "/send/a%2Fb?ts=1", b'{"body": "hi"}')
    assert seen.headers["authorization"] == "Bearer t"
    assert seen.headers["host"] == proxy.url.removeprefix("http://")
    (passed,) = proxy.passed
    assert (passed.fault, passed.forwarded, passed.status, passed.request.path) == ("", 1, 200, "/send/a/b")
    assert passed.request.raw.endswith(b'{"body": "hi"}')
    assert passed.sent.endswith(BODY)


def test_bytes_are_kept_only_where_that_is_wanted(server: RawServer) -> None:
    with FaultProxy(server.url) as proxy:
        ask(proxy)
    (passed,) = proxy.passed
    assert (passed.request.raw, passed.request.body, passed.request.headers, passed.sent) == (b"", b"", (), b"")
    assert (passed.request.method, passed.request.path) == ("PUT", "/send/1")


@pytest.mark.parametrize(
    ("action", "forwarded"),
    [
        (reset_before(), 0),
        (reset_after(), 1),
        (cut(0), 1),
        (cut(0.95), 1),
        (cut(90, breaks=True), 1),
    ],
)
def test_a_broken_answer_is_an_error_for_the_client(server: RawServer, action: Action, forwarded: int) -> None:
    with FaultProxy(server.url, [Rule(action)]) as proxy, pytest.raises(requests.exceptions.RequestException):
        ask(proxy)
    assert len(server.requests) == forwarded == proxy.passed[0].forwarded


@pytest.mark.parametrize("forwards", [True, False])
def test_a_stall_ends_when_the_client_hangs_up(server: RawServer, forwards: bool) -> None:
    rules = [Rule(stall(forwards=forwards))]
    with FaultProxy(server.url, rules) as proxy, pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(proxy.url, timeout=0.2)
    assert len(server.requests) == forwards


def test_a_stall_ends_with_the_proxy(server: RawServer) -> None:
    with FaultProxy(server.url, [Rule(stall())]) as proxy:
        sock = socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])))
        sock.sendall(b"GET /x HTTP/1.1\r\n\r\n")
        proxy.wait_for("/x")
    with contextlib.suppress(ConnectionResetError):  # what was sent and not read makes an end a reset
        assert sock.recv(1) == b""
    sock.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fault-proxy")]


def test_an_answer_in_the_place_of_the_servers(server: RawServer) -> None:
    rules = [
        Rule(answer(429, {"errcode": "M_LIMIT_EXCEEDED"}, {"Retry-After": "1"}), path="/first"),
        Rule(answer(502, b"<html>", forwards=True), path="/second"),
        Rule(change(lambda answered: ProxiedAnswer(201, answered.headers, b"[]")), path="/third"),
    ]
    with FaultProxy(server.url, rules) as proxy:
        first, second, third = (ask(proxy, path) for path in ("/first", "/second", "/third"))
    assert (first.status_code, first.json(), first.headers["Retry-After"]) == (
        429,
        {"errcode": "M_LIMIT_EXCEEDED"},
        "1",
    )
    assert (second.status_code, second.content) == (502, b"<html>")
    assert (third.status_code, third.content, third.headers["X-Served-By"]) == (201, b"[]", "us")
    assert [seen.path for seen in server.requests] == ["/second", "/third"]


def test_a_duplicate_reaches_the_server_twice(server: RawServer) -> None:
    with FaultProxy(server.url, [Rule(duplicate())]) as proxy:
        assert ask(proxy).content == BODY
    assert [seen.raw for seen in server.requests] == [server.requests[0].raw] * 2


def test_two_answers_change_places(server: RawServer) -> None:
    done: list[str] = []

    def work(path: str) -> None:
        assert ask(proxy, path).content == BODY
        done.append(path)

    with FaultProxy(server.url, [Rule(reorder(), nth=(1, 2))]) as proxy:
        first = threading.Thread(target=work, args=("/first",))
        first.start()
        server.wait_for_requests(1)
        first.join(0.1)
        assert first.is_alive()
        work("/second")
        first.join(20)
        work("/third")
    assert sorted(done) == ["/first", "/second", "/third"]


@pytest.mark.parametrize("before", [True, False])
def test_a_delay_changes_nothing_else(server: RawServer, before: bool) -> None:
    waited: list[float | None] = []

    def act(passage: Passage) -> None:
        passage.wait = waited.append  # type: ignore[method-assign, assignment]
        delay(3.0, before=before)(passage)

    with FaultProxy(server.url, [Rule(act)]) as proxy:
        assert ask(proxy).content == BODY
    assert waited == [3.0]


def test_a_server_that_is_gone_resets_the_client() -> None:
    with RawServer(always(raw_answer())) as server:
        pass
    with FaultProxy(server.url) as proxy, pytest.raises(requests.exceptions.ConnectionError):
        ask(proxy)


@pytest.mark.parametrize("data", [b"\x16\x03\x01\r\n\r\n", b"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"])
def test_what_is_no_request_is_hung_up_on(server: RawServer, data: bytes) -> None:
    with (
        FaultProxy(server.url) as proxy,
        socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as sock,
    ):
        sock.sendall(data)
        assert sock.recv(1) == b""
    assert server.requests == []


# ------------------------------------------------------------------ rules


def test_rules_choose_by_verb_path_and_number(server: RawServer) -> None:
    rules = [
        Rule(answer(501), method="GET", name="no reading"),
        Rule(answer(502), path=r"/send/\d$", nth=(2, 4)),
        Rule(answer(503), path="/typing/"),
    ]
    with FaultProxy(server.url, rules) as proxy:
        assert [ask(proxy).status_code for _ in range(5)] == [200, 502, 200, 502, 200]
        assert ask(proxy, method="GET").status_code == 501
        assert ask(proxy, "/typing/x").status_code == 503
    assert proxy.faults() == {"answer": 3, "no reading": 1}


def fates(server: RawServer, seed: int) -> list[int]:
    with FaultProxy(server.url, [Rule(answer(502), probability=0.4)], seed=seed) as proxy:
        return [ask(proxy, f"/send/{number % 10}").status_code for number in range(40)]


def test_chance_follows_from_the_seed(server: RawServer) -> None:
    one = fates(server, 1)
    assert one == fates(server, 1)
    assert one != fates(server, 2)
    assert 6 <= one.count(502) <= 26


def test_chance_does_not_hang_on_the_order_of_requests(server: RawServer) -> None:
    def by_path(order: list[int]) -> dict[int, int]:
        with FaultProxy(server.url, [Rule(answer(502), probability=0.5)], seed=3) as proxy:
            return {number: ask(proxy, f"/send/{number}").status_code for number in order}

    assert by_path(list(range(12))) == by_path(list(range(11, -1, -1)))


def test_what_is_waited_for_and_does_not_come_is_said(server: RawServer) -> None:
    with FaultProxy(server.url) as proxy, pytest.raises(TimeoutError, match="0 times"):
        proxy.wait_for("/x", timeout_s=0.01)


@pytest.mark.parametrize("url", ["https://hs", "hs:80", "http://"])
def test_what_is_no_http_server_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        FaultProxy(url)
