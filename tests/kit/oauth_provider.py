"""A homeserver with an OAuth 2.0 provider, on loopback: just enough of both to sign in, go on, and log out.

It is strict where a real one is: redirect addresses, PKCE, one-time codes, client ids, refresh tokens that die
when the tokens they bought are used. Everything that came is remembered in `seen`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs

__all__ = ["Asked", "OAuthProvider"]

USER = "@alice:provider"


@attrs.frozen
class Asked:
    """A request as it came: the form or query is decoded, header names are in lower case."""

    method: str
    path: str
    members: dict[str, str]
    body: bytes
    headers: dict[str, str]


@attrs.define
class _Grant:
    client_id: str
    scope: str
    access_token: str = ""
    refresh_token: str = ""
    next_tokens: tuple[str, str] | None = None
    is_revoked: bool = False

    @property
    def device_id(self) -> str:
        return self.scope.rpartition(":")[2]


class OAuthProvider:
    """Run it with `with`; `url` is the homeserver and the issuer.

    Args:
        user_id: who signs in.
        expires_in: how long an access token is said to be good, in seconds.
        changes: members of what the homeserver publishes that are to be different; None leaves one out.
    """

    def __init__(self, user_id: str = USER, *, expires_in: int = 300, **changes: Any) -> None:
        self.user_id = user_id
        self.expires_in = expires_in
        self.changes = changes
        self.seen: list[Asked] = []
        self.clients: dict[str, dict[str, Any]] = {}
        self.poll_answers: list[str] = []  # errors that the next polls get
        self.refuses: dict[str, tuple[int, dict[str, Any]]] = {}  # by path, instead of an answer
        self.token_changes: dict[str, Any] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._devices: dict[str, dict[str, str]] = {}
        self._grants: list[_Grant] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._reply))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL of homeserver and provider."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> OAuthProvider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, path: str) -> list[Asked]:
        """Return the requests for a path."""
        return [one for one in list(self.seen) if one.path.endswith(path)]

    @property
    def live_sessions(self) -> int:
        """How many sessions were made and not revoked."""
        return sum(not grant.is_revoked for grant in self._grants)

    def expire(self) -> None:
        """Let every access token be one that has expired."""
        for grant in self._grants:
            grant.access_token = ""

    # ------------------------------------------------------------ what a person does in a browser

    def let_in(self, address: str, **changes: str | None) -> str:
        """Sign in on the page at an address, and return where the browser is sent to."""
        asked = dict(parse_qsl(urlsplit(address).query, strict_parsing=True))
        registered = [urlsplit(uri) for uri in self.clients[asked["client_id"]]["redirect_uris"]]
        target = urlsplit(asked["redirect_uri"])
        assert (asked["response_type"], asked["response_mode"]) == ("code", "query")
        assert asked["code_challenge_method"] == "S256"
        assert (target.scheme, target.hostname, target.path) in [(u.scheme, u.hostname, u.path) for u in registered]
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.url, **changes}
        members = {name: value for name, value in answer.items() if value is not None}
        return f"{asked['redirect_uri']}?{urlencode(members)}"

    def enter_code(self, user_code: str) -> None:
        """Let in the device that shows a code."""
        for device in self._devices.values():
            if device["user_code"] == user_code:
                device["is_let_in"] = "yes"

    # ------------------------------------------------------------ answering

    def metadata(self) -> dict[str, Any]:
        """Return what the homeserver publishes."""
        document = {
            "issuer": self.url,
            **{
                f"{name}_endpoint": f"{self.url}/oauth2/{name}"
                for name in ("authorization", "token", "revocation", "registration", "device_authorization")
            },
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "account_management_uri": f"{self.url}/account?theme=dark",
            **self.changes,
        }
        return {name: value for name, value in document.items() if value is not None}

    def _reply(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.seen.append(asked)
            if asked.path in self.refuses:
                return self.refuses[asked.path]
            name = asked.path.rpartition("/")[2]
            method: Callable[[Asked], tuple[int, dict[str, Any]]] | None = getattr(self, f"_on_{name}", None)
            if method is None:
                return self._matrix(asked)
            return method(asked)

    def _on_auth_metadata(self, _: Asked) -> tuple[int, dict[str, Any]]:
        return 200, self.metadata()

    def _on_registration(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        told = json.loads(asked.body)
        if told["client_name"] == "evil":
            return 400, {"error": "invalid_client_metadata", "error_description": "not you"}
        client_id = f"client{len(self.clients)}"
        self.clients[client_id] = told
        return 201, {**told, "client_id": client_id}

    def _on_device_authorization(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        code, user_code = secrets.token_urlsafe(16), f"CODE-{len(self._devices)}"
        self._devices[code] = {**asked.members, "user_code": user_code}
        return 200, {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": f"{self.url}/link",
            "expires_in": 600,
            "interval": 1,
        }

    def _on_token(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        form = asked.members
        kind = form["grant_type"]
        if kind == "refresh_token":
            return self._refresh(form)
        if kind == "authorization_code":
            begun = self._codes.pop(form["code"], None)
            challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
            wanted = {
                "client_id": form["client_id"],
                "redirect_uri": form["redirect_uri"],
                "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            }
            if begun is None or {name: begun[name] for name in wanted} != wanted:
                return 400, {"error": "invalid_grant"}
            return self._made(_Grant(form["client_id"], begun["scope"]))
        if self.poll_answers:
            return 400, {"error": self.poll_answers.pop(0)}
        device = self._devices[form["device_code"]]
        if "is_let_in" not in device:
            return 400, {"error": "authorization_pending"}
        return self._made(_Grant(form["client_id"], device["scope"]))

    def _made(self, grant: _Grant) -> tuple[int, dict[str, Any]]:
        grant.access_token, grant.refresh_token = _new_tokens()
        self._grants.append(grant)
        return self._tokens(grant, grant.access_token, grant.refresh_token)

    def _tokens(self, grant: _Grant, access: str, refresh: str) -> tuple[int, dict[str, Any]]:
        answer = {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": grant.scope,
            **self.token_changes,
        }
        return 200, {name: value for name, value in answer.items() if value is not None}

    def _refresh(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        for grant in self._grants:
            known = grant.refresh_token, grant.client_id
            if known == (form["refresh_token"], form["client_id"]) and not grant.is_revoked:
                grant.next_tokens = _new_tokens()
                return self._tokens(grant, *grant.next_tokens)
        return 400, {"error": "invalid_grant", "error_description": "no such refresh token"}

    def _on_revocation(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        for grant in self._grants:
            if asked.members["token"] in (grant.access_token, grant.refresh_token):
                grant.is_revoked = True
        return 200, {}

    def _matrix(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        for grant in self._grants:
            if grant.next_tokens is not None and token == grant.next_tokens[0]:  # the old ones die at its first use
                (grant.access_token, grant.refresh_token), grant.next_tokens = grant.next_tokens, None
            if token and token == grant.access_token and not grant.is_revoked:
                return 200, {"user_id": self.user_id, "device_id": grant.device_id}
        return 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "not, or no longer, good", "soft_logout": True}


def _new_tokens() -> tuple[str, str]:
    return f"planted-access-{secrets.token_hex(8)}", f"planted-refresh-{secrets.token_hex(8)}"


def _handler(reply: Callable[[Asked], tuple[int, dict[str, Any]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            is_form = headers.get("content-type") == "application/x-www-form-urlencoded"
            members = dict(parse_qsl(body.decode() if is_form else parts.query, strict_parsing=is_form))
            status, document = reply(Asked(self.command, parts.path, members, body, headers))
            answer = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
