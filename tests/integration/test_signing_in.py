"""Signing in, proving who one is, and renewing tokens, on a real Synapse."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gomatrix_py import Client, DummyAuth, FallbackAuth, PasswordAuth, Session, SQLiteStore, TermsAuth, TokenAuth
from gomatrix_py.errors import (
    Forbidden,
    HTTPError,
    SignInError,
    UnknownToken,
    UserDeactivated,
    UserInteractive,
    UserLocked,
)
from gomatrix_py.http.uia import Policy, Stage
from gomatrix_py.testing import DevServer
from tests.kit.cas_server import CasServer
from tests.kit.example_scripts import run_script, running_script
from tests.kit.waiting import wait_until

PASSWORD = "wonderland"
AS_TOKEN = "application-service-token"
THREADS = 8


@pytest.fixture(scope="module")
def cas() -> Iterator[CasServer]:
    """Where people sign in who use single sign-on."""
    with CasServer("hatter") as cas:
        yield cas


@pytest.fixture(scope="module")
def server(cas: CasServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """A homeserver with short-lived tokens, single sign-on, an application service, terms and registration tokens."""
    folder: Path = tmp_path_factory.mktemp("signing-in")
    registration = {
        "id": "ghosts",
        "url": None,
        "as_token": AS_TOKEN,
        "hs_token": "homeserver-token",
        "sender_localpart": "ghost_master",
        "namespaces": {"users": [{"exclusive": True, "regex": "@ghost_.*"}], "rooms": [], "aliases": []},
    }
    (folder / "registration.yaml").write_text(json.dumps(registration), encoding="utf-8")
    templates = folder / "templates" / "en"
    templates.mkdir(parents=True)
    (templates / "1.0.html").write_text("terms", encoding="utf-8")
    (templates / "success.html").write_text("thanks", encoding="utf-8")
    config = {
        "refreshable_access_token_lifetime": "2s",
        "app_service_config_files": [str(folder / "registration.yaml")],
        "cas_config": {"enabled": True, "server_url": cas.url, "idp_name": "Tea party"},
        "sso": {"client_whitelist": ["http://127.0.0.1:"]},
        "registration_requires_token": True,
        "login_via_existing_session": {"enabled": True, "require_ui_auth": True},
        "user_consent": {
            "template_dir": str(folder / "templates"),
            "version": "1.0",
            "require_at_registration": True,
            "policy_name": "House rules",
        },
    }
    with DevServer(config=config) as server:
        server.register(cas.user, secrets.token_hex(8))  # a new one would have to accept the terms on a page
        yield server


@pytest.fixture
def name() -> str:
    """The localpart of a new user."""
    return f"alice-{secrets.token_hex(4)}"


@pytest.fixture
def alice(server: DevServer, name: str) -> Client:
    """A user whose password is known."""
    return server.register(name, PASSWORD)


@pytest.fixture
def nobody(server: DevServer) -> Iterator[Client]:
    """A client that is not logged in."""
    with Client(server.url) as client:
        yield client


@pytest.fixture
def admin(server: DevServer) -> Client:
    """A server administrator."""
    return server.register(f"admin-{secrets.token_hex(4)}", PASSWORD, admin=True)


# ------------------------------------------------------------------ logging in


def test_a_token_made_on_another_device(alice: Client, nobody: Client) -> None:
    token = alice.generate_login_token(auth=PasswordAuth(PASSWORD)).login_token
    nobody.login_with_token(token, device_name="scanned")
    assert nobody.whoami().user_id == alice.user_id
    assert nobody.get_device_info(nobody.device_id).display_name == "scanned"
    with pytest.raises(Forbidden):  # it works once
        nobody.login_sso(token=token)


def test_a_type_the_server_does_not_have(nobody: Client) -> None:
    with pytest.raises(HTTPError, match="M_UNKNOWN"):
        nobody.login_with("org.example.handshake", identifier={"type": "m.id.user", "user": "alice"}, shake="firm")


def test_an_application_service_makes_a_session_for_a_user(server: DevServer) -> None:
    ghost = f"ghost_{secrets.token_hex(4)}"
    with Client(server.url, "@ghost_master:localhost", AS_TOKEN) as master:
        account = {"type": "m.login.application_service", "username": ghost, "inhibit_login": True}
        master.make_request("POST", master.build_url("register"), account)
        master.login_as_app_service_user(ghost, device_id="SPECTRE")
        assert (master.user_id, master.device_id) == (f"@{ghost}:localhost", "SPECTRE")
        assert master.access_token != AS_TOKEN
        assert master.whoami().device_id == "SPECTRE"
    with Client(server.url, "@eve:localhost", "no-such-token") as eve, pytest.raises(HTTPError):
        eve.login_as_app_service_user(ghost)


def test_single_sign_on(nobody: Client, cas: CasServer) -> None:
    pages: list[str] = []
    browser: list[threading.Thread] = []

    def show(address: str) -> None:
        browser.append(threading.Thread(target=lambda: pages.append(cas.browse(address))))
        browser[0].start()

    nobody.login_sso("cas", show=show, timeout_s=30, device_name="in a browser")
    browser[0].join()
    assert nobody.whoami().user_id == "@hatter:localhost"
    assert "You may close this page" in pages[0]
    with pytest.raises(SignInError, match="it has cas"):
        nobody.login_sso("no such provider", show=show)


def test_the_example_signs_in_once_and_goes_on(server: DevServer, cas: CasServer, tmp_path: Path) -> None:
    path, settings = str(tmp_path / "session.json"), {"MATRIX_URL": server.url}
    with running_script("sso_login.py", path, "cas", settings=settings) as script:
        cas.browse(script.next_line().removeprefix("To sign in, open "))
        said = script.next_line()
        assert said.startswith("I am @hatter:localhost on device ")
        assert script.process.wait(20) == 0
    assert script.errors == ""
    assert run_script("sso_login.py", path, settings=settings) == [said]


# ------------------------------------------------------------------ proving who one is


def test_devices_are_deleted_with_a_password(server: DevServer, alice: Client, name: str) -> None:
    others = [server.login(name, PASSWORD).device_id for _ in range(3)]
    alice.delete_devices(others[:2], auth=PasswordAuth(PASSWORD))
    alice.delete_device(others[2], auth=lambda stage: PasswordAuth(PASSWORD).answer(stage))
    assert [device.device_id for device in alice.get_devices_info().devices] == [alice.device_id]


def test_a_wrong_password_is_an_error_that_says_so(server: DevServer, alice: Client, name: str) -> None:
    other = server.login(name, PASSWORD)
    with pytest.raises(UserInteractive, match=r"M_FORBIDDEN: Invalid (username or )?password"):
        alice.delete_devices([other.device_id], auth=PasswordAuth("curiouser"))
    assert len(alice.get_devices_info().devices) == 2


def test_what_cannot_be_answered_is_named(server: DevServer, alice: Client, name: str) -> None:
    other = server.login(name, PASSWORD)
    with pytest.raises(UserInteractive, match=r"wants .*m\.login\.password"):
        alice.delete_devices([other.device_id], auth=DummyAuth())


def test_the_page_for_a_stage_is_there(server: DevServer, cas: CasServer, nobody: Client) -> None:
    """A person confirms in a browser, and the call goes on."""
    nobody.login_sso("cas", show=lambda address: threading.Thread(target=cas.browse, args=(address,)).start())
    with closing(Client(server.url)) as other:
        other.login_sso("cas", show=lambda address: threading.Thread(target=cas.browse, args=(address,)).start())
        pages: list[str] = []

        def confirm(address: str) -> None:
            page = cas.browse(address)
            link = page.partition('href="')[2].partition('"')[0].replace("&amp;", "&")
            pages.append(cas.browse(link))

        nobody.delete_devices([other.device_id], auth=FallbackAuth(confirm, ("m.login.sso",)))
        with pytest.raises(UnknownToken):
            other.whoami()
    assert "onAuthDone" in pages[0]


def test_a_new_password(server: DevServer, alice: Client, name: str) -> None:
    alice.change_password("looking glass", logout_devices=False, auth=PasswordAuth(PASSWORD))
    with pytest.raises(Forbidden):
        server.login(name, PASSWORD)
    assert server.login(name, "looking glass").user_id == alice.user_id


def test_an_account_is_closed(server: DevServer, alice: Client, name: str) -> None:
    alice.deactivate_account(auth=PasswordAuth(PASSWORD))
    with pytest.raises(UnknownToken):
        alice.whoami()
    with pytest.raises((Forbidden, UserDeactivated)):
        server.login(name, PASSWORD)


# ------------------------------------------------------------------ making accounts


def new_token(admin: Client) -> str:
    url = admin.build_base_url("_synapse", "admin", "v1", "registration_tokens", "new")
    token: str = admin.make_request("POST", url, {})["token"]
    return token


def test_an_account_is_made_with_a_token_and_terms(admin: Client, nobody: Client, name: str) -> None:
    token = new_token(admin)
    assert nobody.get_registration_token_validity(token).valid
    assert nobody.is_username_available(name)
    shown: list[str] = []

    def accept(policies: list[Policy]) -> bool:
        shown.extend(map(repr, policies))
        return True

    declined: list[str] = []

    def decline(stage: Stage) -> None:
        declined.append(stage.type)

    answers = [TokenAuth(token), TermsAuth(accept), decline]
    answer = nobody.register_account(name, PASSWORD, auth=answers, device_id="FIRST")
    assert (nobody.user_id, nobody.device_id) == (answer.user_id, "FIRST") == (f"@{name}:localhost", "FIRST")
    assert nobody.whoami().user_id == answer.user_id
    assert "House rules" in shown[0]
    assert declined == ["m.login.dummy"]  # which is answered all the same
    assert not nobody.is_username_available(name)
    assert not nobody.is_username_available("Not A Name")


def test_a_token_that_is_not_good(nobody: Client, name: str) -> None:
    with pytest.raises(HTTPError, match="registration token"):
        nobody.register_account(name, PASSWORD, auth=[TokenAuth("nonsense"), TermsAuth()])
    with pytest.raises(UserInteractive, match=r"m\.login\.registration_token"):
        nobody.register_account(name, PASSWORD)
    assert nobody.access_token == ""


# ------------------------------------------------------------------ tokens that expire


def test_tokens_are_renewed_once_for_all_threads(alice: Client, server: DevServer, name: str, tmp_path: Path) -> None:
    refreshes: list[str] = []
    path = tmp_path / "session.json"
    with Client.login_or_restore(path, server.url, name, PASSWORD) as client:
        client.on_request(lambda request: refreshes.append(request.route) if "/refresh" in request.url else None)
        first = client.session
        assert first.refresh_token
        wait_until(lambda: has_expired(first), "the token has expired")
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(lambda _: client.whoami().user_id, range(THREADS)))
        assert answers == [alice.user_id] * THREADS
        assert len(refreshes) == 1
        assert client.session.access_token != first.access_token
        assert Session.load(path) == client.session
    with Client.login_or_restore(path, server.url, name, PASSWORD) as later:
        assert later.device_id == first.device_id
        later.logout()
    assert not path.exists()


def has_expired(session: Session) -> bool:
    with Client(session.homeserver_url, session.user_id, session.access_token) as probe:
        try:
            probe.whoami()
        except UnknownToken:
            return True
        return False


def test_a_sync_goes_on_over_expiries(server: DevServer, alice: Client, name: str) -> None:
    with Client(server.url) as client:
        client.login_with_password(name, PASSWORD, refresh_token=True)
        changes: list[Session] = []
        client.on_tokens_changed(changes.append)
        with client.start_sync(poll_ms=500) as handle:
            wait_until(lambda: len(changes) >= 2, "the tokens were renewed twice")
            assert handle.is_running


def test_an_old_refresh_token_lives_until_the_new_one_is_used(server: DevServer, alice: Client, name: str) -> None:
    """A crash after renewing and before storing: what is on the disk still works."""
    with Client(server.url) as client:
        client.login_with_password(name, PASSWORD, refresh_token=True)
        stored = client.session
        client.renew_session()
    with Client.from_session(stored) as again:
        again.renew_session()
        assert again.whoami().user_id == alice.user_id


def test_a_session_that_was_ended_elsewhere(server: DevServer, alice: Client, name: str) -> None:
    with Client(server.url) as client:
        client.login_with_password(name, PASSWORD, refresh_token=True)
        alice.delete_devices([client.device_id], auth=PasswordAuth(PASSWORD))
        for _ in range(2):
            with pytest.raises(UnknownToken) as failure:
                client.whoami()
            assert not failure.value.soft_logout


def test_a_locked_account_waits_for_its_key(server: DevServer, alice: Client, admin: Client) -> None:
    url = admin.build_base_url("_synapse", "admin", "v2", "users", alice.user_id)
    with alice.start_sync(poll_ms=500) as handle:
        wait_until(lambda: bool(alice.store.load_next_batch(alice.user_id)), "the first sync")
        admin.make_request("PUT", url, {"locked": True})
        with pytest.raises(UserLocked):
            alice.whoami()
        assert handle.is_running
        admin.make_request("PUT", url, {"locked": False})
        before = alice.store.load_next_batch(alice.user_id)
        alice.create_room("after the lock")
        wait_until(lambda: alice.store.load_next_batch(alice.user_id) != before, "the sync went on")


# ------------------------------------------------------------------ soft logout


def test_a_soft_logout_keeps_store_and_device(tmp_path: Path) -> None:
    with DevServer(config={"session_lifetime": "3s"}) as server:
        server.register("alice", PASSWORD)
        with SQLiteStore(tmp_path / "store") as store, Client(server.url, store=store) as client:
            client.login_with_password("alice", PASSWORD)
            device_id, session = client.device_id, client.session
            room_id = client.create_room("kept").room_id
            client.sync_once()
            wait_until(lambda: has_expired(session), "the session has expired")
            with pytest.raises(UnknownToken) as failure:
                client.sync()
            assert failure.value.soft_logout
            client.login_again(PASSWORD)
            assert client.device_id == device_id
            assert client.load_room(room_id).name == "kept"
            client.sync_once()
