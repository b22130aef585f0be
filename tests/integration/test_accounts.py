"""Accounts and sessions on a real homeserver."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing

import pytest

from gomatrix_py import Client, PhoneIdentifier, ThirdpartyIdentifier, UserIdentifier
from gomatrix_py.api.registration import RespUserInteractive
from gomatrix_py.errors import Conflict, Forbidden, HTTPError, UnknownToken, UserInteractive
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.pytest_plugin import MatrixUser

PASSWORD = "wonderland"


@pytest.fixture
def known(matrix_user: MatrixUser) -> Client:
    """A user whose password is known."""
    return matrix_user("known", PASSWORD)


@pytest.fixture
def nobody(matrix_server: DevServer) -> Iterator[Client]:
    """A client that is not logged in."""
    with Client(matrix_server.url) as client:
        yield client


def _localpart(client: Client) -> str:
    return client.user_id[1:].split(":")[0]


def _device_ids(client: Client) -> set[str]:
    devices = client.make_request("GET", client.build_url("devices"))["devices"]
    return {device["device_id"] for device in devices}


def test_versions_need_no_token_and_name_the_specification(nobody: Client) -> None:
    answer = nobody.versions()
    assert "v1.11" in answer.versions
    assert answer.raw["versions"] == answer.versions


def test_capabilities_say_which_room_versions_there_are(alice: Client) -> None:
    room_versions = alice.capabilities().capabilities.room_versions
    assert room_versions is not None
    assert room_versions.available[room_versions.default] == "stable"


def test_whoami_names_user_and_device(alice: Client) -> None:
    answer = alice.whoami()
    assert (answer.user_id, answer.device_id, answer.is_guest) == (alice.user_id, alice.device_id, False)


def test_login_flows_offer_a_password(nobody: Client) -> None:
    assert "m.login.password" in [flow.type for flow in nobody.get_login_flows().flows]


@pytest.mark.parametrize("form", ["localpart", "user id", "identifier"])
def test_login_with_a_password_sets_the_credentials(known: Client, nobody: Client, form: str) -> None:
    forms: dict[str, str | UserIdentifier] = {
        "localpart": _localpart(known),
        "user id": known.user_id,
        "identifier": UserIdentifier(known.user_id),
    }
    user = forms[form]
    answer = nobody.login_with_password(user, PASSWORD, device_name="a test")
    assert nobody.user_id == answer.user_id == known.user_id
    assert nobody.access_token == answer.access_token
    assert nobody.device_id == answer.device_id == nobody.whoami().device_id
    url = nobody.build_url("devices", nobody.device_id)
    assert nobody.make_request("GET", url)["display_name"] == "a test"


def test_login_goes_on_as_an_earlier_device(known: Client, nobody: Client) -> None:
    nobody.login_with_password(known.user_id, PASSWORD, device_id=known.device_id)
    assert nobody.device_id == known.device_id
    assert _device_ids(nobody) == {known.device_id}


def test_login_as_declared_leaves_the_credentials_alone(known: Client, nobody: Client) -> None:
    """gomatrix's example: Login, then SetCredentials by hand."""
    answer = nobody.login(user=_localpart(known), password=PASSWORD)
    assert nobody.user_id == nobody.access_token == ""
    nobody.set_credentials(answer.user_id, answer.access_token, answer.device_id)
    assert nobody.whoami().user_id == known.user_id
    nobody.clear_credentials()
    assert (nobody.user_id, nobody.access_token, nobody.device_id) == ("", "", "")


def test_a_wrong_password_is_forbidden_and_sets_nothing(known: Client, nobody: Client) -> None:
    with pytest.raises(Forbidden) as failure:
        nobody.login_with_password(known.user_id, "alice in chains")
    assert failure.value.errcode == "M_FORBIDDEN"
    assert "alice in chains" not in str(failure.value)
    assert (nobody.user_id, nobody.access_token) == ("", "")


def test_identifiers_of_nobody_are_refused_by_the_server(nobody: Client) -> None:
    """The form is understood (no M_BAD_JSON, no M_UNRECOGNIZED); there is only no such account."""
    with pytest.raises(Forbidden):
        nobody.login(identifier=ThirdpartyIdentifier(medium="email", address="a@b.example"), password="x")
    with pytest.raises(HTTPError) as failure:
        nobody.login(identifier=PhoneIdentifier(country="GB", phone="07700900001"), password="x")
    assert failure.value.code in (400, 403)


def test_logout_ends_this_session_only(known: Client, nobody: Client) -> None:
    nobody.login_with_password(known.user_id, PASSWORD)
    nobody.logout()
    with pytest.raises(UnknownToken) as failure:
        nobody.whoami()
    assert failure.value.soft_logout is False
    assert known.whoami().user_id == known.user_id


def test_logout_all_ends_every_session(known: Client, nobody: Client) -> None:
    nobody.login_with_password(known.user_id, PASSWORD)
    nobody.logout_all()
    for client in (nobody, known):
        with pytest.raises(UnknownToken):
            client.whoami()


def test_a_refresh_token_buys_a_new_access_token(known: Client, nobody: Client) -> None:
    first = nobody.login(identifier=UserIdentifier(known.user_id), password=PASSWORD, refresh_token=True)
    assert first.refresh_token
    assert first.expires_in_ms
    fresh = nobody.refresh(first.refresh_token)
    assert fresh.access_token != first.access_token
    nobody.set_credentials(first.user_id, fresh.access_token, first.device_id)
    assert nobody.whoami().device_id == first.device_id
    with pytest.raises(HTTPError):  # the old one is gone once the new one was used
        nobody.refresh(first.refresh_token)


def test_sessions_show_no_secrets(known: Client, nobody: Client) -> None:
    answer = nobody.login(identifier=UserIdentifier(known.user_id), password=PASSWORD, refresh_token=True)
    nobody.set_credentials(answer.user_id, answer.access_token)
    assert answer.refresh_token
    for secret in (answer.access_token, answer.refresh_token, PASSWORD):
        assert secret not in f"{answer!r} {nobody!r}"


# ------------------------------------------------------------------ registration


def test_register_asks_for_stages_first(nobody: Client) -> None:
    with pytest.raises(UserInteractive) as failure:
        nobody.register("someone", PASSWORD)
    assert failure.value.has_single_stage_flow("m.login.dummy")
    assert failure.value.session
    stages = RespUserInteractive.from_error(failure.value)
    assert stages.has_single_stage_flow("m.login.dummy")
    assert not stages.has_single_stage_flow("m.login.sso")
    assert stages.session == failure.value.session


def test_register_completes_a_stage_by_hand(nobody: Client) -> None:
    name = f"handmade-{secrets.token_hex(4)}"
    with pytest.raises(UserInteractive) as failure:
        nobody.register(name, PASSWORD)
    auth = {"type": "m.login.dummy", "session": failure.value.session}
    assert nobody.register(name, PASSWORD, auth=auth).user_id == f"@{name}:localhost"


def test_register_dummy_makes_an_account_and_leaves_the_credentials_to_the_caller(nobody: Client) -> None:
    name = f"dummy-{secrets.token_hex(4)}"
    answer = nobody.register_dummy(name, PASSWORD, initial_device_display_name="first", device_id="FIRST")
    assert answer.user_id == f"@{name}:localhost"
    assert answer.device_id == "FIRST"
    assert nobody.access_token == ""
    assert answer.access_token
    nobody.set_credentials(answer.user_id, answer.access_token, answer.device_id)
    assert nobody.whoami().user_id == answer.user_id
    with pytest.raises(Conflict) as failure:
        nobody.register_dummy(name, PASSWORD)
    assert failure.value.errcode == "M_USER_IN_USE"


def test_register_dummy_without_a_session(nobody: Client) -> None:
    answer = nobody.register_dummy(f"quiet-{secrets.token_hex(4)}", PASSWORD, inhibit_login=True)
    assert answer.access_token is None
    assert answer.device_id is None


def test_a_bad_name_is_no_account(nobody: Client) -> None:
    with pytest.raises(HTTPError) as failure:
        nobody.register_dummy("Not A Name", PASSWORD)
    assert (failure.value.code, failure.value.errcode) == (400, "M_INVALID_USERNAME")


def test_register_guest(nobody: Client) -> None:
    answer = nobody.register_guest()
    assert answer.access_token
    nobody.set_credentials(answer.user_id, answer.access_token)
    assert nobody.whoami().is_guest


def test_the_development_server_makes_admins_and_further_sessions(
    matrix_server: DevServer, matrix_user: MatrixUser
) -> None:
    admin = matrix_user("admin", PASSWORD, admin=True)
    url = admin.build_base_url("_synapse", "admin", "v2", "users", admin.user_id)
    assert admin.make_request("GET", url)["admin"] is True
    with closing(matrix_server.login(_localpart(admin), PASSWORD)) as second:
        assert second.device_id not in ("", admin.device_id)
        assert second.user_id == admin.user_id
