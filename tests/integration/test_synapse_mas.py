"""A real Synapse whose accounts are kept by an authentication service (MAS): a stub that knows one token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import Forbidden, HTTPError, UnknownToken, UnsupportedByServer
from gomatrix_py.synapse import SynapseAdmin
from gomatrix_py.testing import DevServer
from tests.kit.scripted_homeserver import ScriptedHomeserver, Seen

SECRET, TOKEN = "between-the-two-servers", "an-administrators-token"


def introspect(request: Seen) -> Any:
    """Say who a token belongs to, as MAS does."""
    if f"token={TOKEN}" not in request.body.decode():
        return {"active": False}
    return {
        "active": True,
        "sub": "01",
        "username": "root",
        "scope": "urn:matrix:client:api:* urn:synapse:admin:*",
    }


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with ScriptedHomeserver() as service:
        service.route("POST", "/oauth2/introspect", introspect)
        config = {
            "matrix_authentication_service": {"enabled": True, "endpoint": service.url, "secret": SECRET},
            "enable_registration": False,
            "enable_registration_without_verification": False,
            "password_config": {"enabled": False},
            "allow_guest_access": False,
        }
        with DevServer(config=config) as made:
            with Client(made.url, access_token=SECRET) as inner:
                for name in ("root", "alice"):
                    url = inner.build_base_url("_synapse", "mas", "provision_user")
                    inner.make_request("POST", url, {"localpart": name})
            yield made


@pytest.fixture
def admin(server: DevServer) -> Iterator[SynapseAdmin]:
    with SynapseAdmin(server.url, TOKEN) as made:
        yield made


def test_capabilities_say_so(admin: SynapseAdmin) -> None:
    found = admin.capabilities()
    assert (found.delegates_accounts, found.has_secret_registration, found.has_users_v3) == (True, False, True)
    assert admin.delegates_accounts() is True


def test_what_the_service_does_is_unsupported(admin: SynapseAdmin) -> None:
    for gone in (
        lambda: admin.registration_tokens.list_tokens(),
        lambda: admin.users.get_admin_flag("@alice:localhost"),
        lambda: admin.users.reset_password("@alice:localhost", "x"),
        lambda: admin.users.login_as_user("@alice:localhost"),
        lambda: admin.users.register("secret", "somebody", "x"),
        lambda: admin.users.renew_account("@alice:localhost"),
    ):
        with pytest.raises(UnsupportedByServer, match="authentication service"):
            gone()


def test_users_are_listed_without_guests(admin: SynapseAdmin) -> None:
    with pytest.raises(HTTPError) as failure:
        admin.users.list_users()
    assert failure.value.code == 400
    assert {user.user_id for user in admin.users.iter_users(page_size=1)} == {"@root:localhost", "@alice:localhost"}


def test_a_list_that_is_refused_for_another_reason_stays_refused(admin: SynapseAdmin) -> None:
    with pytest.raises(HTTPError) as failure:
        list(admin.users.iter_users(order_by="no such order"))
    assert failure.value.code == 400


def test_the_rest_works(admin: SynapseAdmin) -> None:
    assert admin.users.suspend_user("@alice:localhost").is_suspended is True
    assert admin.users.get_user("@alice:localhost").is_suspended is True
    with pytest.raises(Forbidden):
        admin.users.put_user("@new:localhost", displayname="New")
    with pytest.raises(Forbidden):
        admin.users.put_user("@alice:localhost", password="x")


def test_the_secret_of_the_servers_is_no_administrators_token(server: DevServer) -> None:
    with SynapseAdmin(server.url, SECRET) as admin, pytest.raises(UnknownToken):
        admin.rooms.list_rooms()
