"""T24: whatever redirects, netrc files, proxies, cookies, logs, errors and pickles there are, no secret is lost."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.kit.crash import ROOT
from tests.kit.fault_mixes import of_size
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver, Seen, sync_answer
from tests.kit.secret_flows import PROXY_PASSWORD, SECRETS, USER

LOG_BYTES = of_size(400_000, 20_000_000)
LOGS = of_size(1, 50)
TOKENS = {name: text for name, text in SECRETS.items() if "token" in name}


@attrs.define
class World:
    """A homeserver, another server that it redirects to, and a proxy that the environment names."""

    home: ScriptedHomeserver
    other: ScriptedHomeserver
    proxy: ScriptedHomeserver
    folder: Path

    def run(self, *manner: str) -> None:
        """Let a client do everything, in an environment that is against it."""
        netrc = self.folder / "netrc"
        netrc.write_text(f"machine 127.0.0.1 login eve password {PROXY_PASSWORD}\n")
        netrc.chmod(0o600)
        files = self.folder / "files"
        files.mkdir()
        proxies = {f"{name}_PROXY": self.proxy.url for name in ("HTTP", "HTTPS", "ALL")}
        ended = subprocess.run(
            [sys.executable, "-m", "tests.kit.secret_flows", self.home.url, str(files), str(LOG_BYTES), *manner],
            cwd=ROOT,
            env={**os.environ, **proxies, **{key.lower(): url for key, url in proxies.items()}, "NETRC": str(netrc)},
            capture_output=True,
            text=True,
            timeout=280 if LOG_BYTES < 1e6 else 3000,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        self.said = ended.stdout + ended.stderr + (files / "log").read_text(errors="replace")

    said: str = ""


def _login(seen: Seen) -> Any:
    if SECRETS["wrong-password"].encode() in seen.body:
        return Reply(403, {"errcode": "M_FORBIDDEN", "error": "no"})
    return {
        "user_id": USER,
        "device_id": "DEV",
        "access_token": SECRETS["new-access-token"],
        "refresh_token": SECRETS["new-refresh-token"],
    }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ScriptedHomeserver() as home, ScriptedHomeserver() as other, ScriptedHomeserver() as proxy:
        cookie = {"Set-Cookie": f"session={SECRETS['signature']}; Path=/"}
        leads_away = Reply(307, b"{}", {"Location": f"{other.url}/cdn?signature={SECRETS['signature']}", **cookie})
        home.route("POST", "/login", _login)
        home.route("POST", "/refresh", _login)
        home.route("GET", "/whoami", Reply(200, {"user_id": USER}, cookie))
        home.route("GET", "/sync", lambda _: sync_answer("s1"))
        home.route("GET", "/elsewhere", leads_away)
        home.route("GET", "/broken", Reply(302, b"{}", {"Location": "http://[broken"}))
        home.route("GET", "/x", Reply(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "unknown"}))
        for method, part in (("PUT", "!refused"), ("POST", "/createRoom"), ("POST", "/upload"), ("POST", "/invite")):
            home.route(method, part, leads_away)
        other.route("GET", "/cdn", Reply(200, b"media", {"Content-Type": "text/plain", **cookie}))
        yield World(home, other, proxy, tmp_path)


def _heard(server: ScriptedHomeserver) -> str:
    return "\n".join(f"{seen.method} {seen.path} {seen.query} {seen.headers} {seen.body!r}" for seen in server.seen)


def _found_in(text: str, secrets: dict[str, str]) -> set[str]:
    return {name for name, secret in secrets.items() if secret in text}


@pytest.mark.parametrize("number", range(LOGS))
def test_no_secret_goes_astray(world: World, number: int) -> None:
    world.run()
    print(f"log {number}: {len(world.said)} bytes, {len(world.home.seen)} requests")
    assert len(world.said) >= LOG_BYTES * 0.9, "some of it is more than a byte"
    assert _found_in(world.said, {**SECRETS, "netrc": PROXY_PASSWORD}) == set(), "said"
    assert world.proxy.seen == [], "a proxy of the environment was used"
    assert world.other.seen, "no redirect was followed: nothing was tried"
    assert {seen.method for seen in world.other.seen} == {"GET"}, "a body was sent on"
    redirected = "\n".join(str(seen.headers) for seen in world.other.seen)
    assert _found_in(redirected + "".join(repr(seen.body) for seen in world.other.seen), SECRETS) == set()
    at_home = _heard(world.home)
    assert "Basic " not in at_home, "the netrc file was used"
    assert PROXY_PASSWORD not in at_home
    assert not any("cookie" in seen.headers for seen in (*world.home.seen, *world.other.seen))
    assert not any("access_token" in seen.query for seen in world.home.seen)
    assert _found_in(at_home, TOKENS) >= {"access-token", "login-token", "refresh-token"}, "they were in use"


def test_every_file_is_for_its_owner_alone_under_an_umask_of_000(world: World) -> None:
    world.run()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (world.folder / "files").iterdir()}
    assert {"store", "store.lock", "store.id", "session.json"} <= set(modes)
    assert set(modes.values()) == {0o600}, modes


def test_the_control_a_careless_client_is_found_out(world: World) -> None:
    """One that logs its headers and trusts the environment."""
    world.run("careless")
    assert _found_in(world.said, TOKENS)
    assert world.proxy.seen
