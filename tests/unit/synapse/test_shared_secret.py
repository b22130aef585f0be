"""Registration with the shared secret: the code, the order of the two calls, and that no token goes along."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from gomatrix_py.errors import RequestTimeout, TruncatedAnswer, UsageError
from gomatrix_py.http.messages import HttpRequest, HttpResponse
from gomatrix_py.synapse import SynapseAdmin
from gomatrix_py.synapse.registration import registration_mac

SECRET = "shared"


class Server:
    """A transport that registers, and remembers what it was asked."""

    def __init__(self, failing: Exception | None = None) -> None:
        self.requests: list[HttpRequest] = []
        self.failing = failing

    def send(self, request: HttpRequest) -> HttpResponse:
        """Answer with a nonce, then with an account."""
        self.requests.append(request)
        if request.method == "POST" and self.failing is not None:
            raise self.failing
        made = {"user_id": "@a:x", "access_token": "t"}
        answer: dict[str, Any] = {"nonce": f"nonce{len(self.requests)}"} if request.method == "GET" else made
        body = json.dumps(answer).encode()
        return HttpResponse(200, {}, body, len(body))


def code(*parts: str) -> str:
    return hmac.new(SECRET.encode(), b"\0".join(part.encode() for part in parts), hashlib.sha1).hexdigest()


def test_the_code_is_synapse_s() -> None:
    assert registration_mac(SECRET, "n", "Üser", "pass") == code("n", "Üser", "pass", "notadmin")
    assert registration_mac(SECRET, "n", "u", "p", admin=True) == code("n", "u", "p", "admin")
    assert registration_mac(SECRET, "n", "u", "p", user_type="bot") == code("n", "u", "p", "notadmin", "bot")


@pytest.mark.parametrize("parts", [("u\0", "p", None), ("u", "p\0notadmin", None), ("u", "p", "bot\0")])
def test_what_would_make_two_meanings_of_one_code_is_refused(parts: Any) -> None:
    username, password, user_type = parts
    server = Server()
    with pytest.raises(UsageError, match="NUL"):
        SynapseAdmin("https://x", transport=server).users.register(SECRET, username, password, user_type=user_type)
    assert server.requests == []


def test_two_calls_and_no_token() -> None:
    server = Server()
    admin = SynapseAdmin("https://x", "an administrators token".replace(" ", "-"), transport=server)
    made = admin.users.register(SECRET, "Alice", "rabbit", admin=True, displayname="A")
    ask, register = server.requests
    assert made.user_id == "@a:x"
    assert (ask.access_token, register.access_token) == ("", "")
    assert isinstance(register.body, bytes)
    assert json.loads(register.body) == {
        "nonce": "nonce1",
        "username": "Alice",
        "password": "rabbit",
        "mac": code("nonce1", "Alice", "rabbit", "admin"),
        "admin": True,
        "displayname": "A",
    }
    assert SECRET not in str(json.loads(register.body))


@pytest.mark.parametrize("failing", [TruncatedAnswer("cut"), RequestTimeout("slow")])
def test_it_is_never_tried_twice(failing: Exception) -> None:
    """The nonce is spent, and the account may exist by now."""
    server = Server(failing=failing)
    with pytest.raises(type(failing)):
        SynapseAdmin("https://x", transport=server).users.register(SECRET, "a", "b")
    assert [request.method for request in server.requests] == ["GET", "POST"]


def test_secrets_show_in_no_endpoint() -> None:
    from gomatrix_py.synapse.registration import RegisterWithSecret

    shown = repr(RegisterWithSecret("nonce-1", "alice", "rabbit", "0a1b"))
    assert "alice" in shown
    assert not any(one in shown for one in ("nonce-1", "rabbit", "0a1b"))
