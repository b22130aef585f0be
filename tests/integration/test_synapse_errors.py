"""What the admin API of a real Synapse refuses, and what it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client
from gomatrix_py.errors import (
    Forbidden,
    HTTPError,
    InvalidParam,
    MissingToken,
    NotFound,
    PagingError,
    UnknownToken,
    Unrecognized,
    UnsupportedByServer,
    UsageError,
    UserLocked,
)
from gomatrix_py.synapse import SynapseAdmin
from tests.kit.synapse_world import World, named_in, running_world
from tests.meta.test_synapse_operations import OPERATIONS

# What this server cannot serve with success, and where it is shown what it answers instead.
NOT_SERVED = {
    "ListLargestRooms": "needs PostgreSQL: test_statistics_of_the_database_need_another_database",
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


# ------------------------------------------------------------------ is everything called?


def test_every_operation_is_called_or_listed() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_synapse_*.py")]
    called = set().union(*map(named_in, sources))
    assert {one.__name__ for one in OPERATIONS} - called == set(NOT_SERVED)
    assert called - {one.__name__ for one in OPERATIONS} == set()


def test_an_operation_nobody_calls_would_be_noticed() -> None:
    assert named_in("@serves(GetUser, accounts.PutUser)\ndef test") == {"GetUser", "PutUser"}
    assert named_in("serves(GetUser)") == set()


# ------------------------------------------------------------------ who may


def test_who_is_no_administrator_may_nothing(world: World) -> None:
    outsider = world.outsider()
    for refused in (
        lambda: outsider.users.get_user(world.root.user_id),
        lambda: outsider.users.delete_devices(world.root.user_id, ["x"]),
        lambda: outsider.rooms.delete_room("!room:localhost", purge=True),
        lambda: outsider.media.purge_remote_media(30_000_000_001),
        lambda: list(outsider.users.iter_users()),
        outsider.capabilities,
    ):
        with pytest.raises(Forbidden, match="not a server admin"):
            refused()


def test_tokens_that_are_none_or_locked(world: World) -> None:
    with SynapseAdmin(world.server.url, "junk") as admin, pytest.raises(UnknownToken) as failure:
        admin.users.list_users()
    assert failure.value.soft_logout is False
    with SynapseAdmin(world.server.url) as admin:
        with pytest.raises(UsageError, match="token"):
            admin.users.list_users()
        with pytest.raises(MissingToken):
            admin.make_request("GET", "v2", "users")
    locked = world.user("locked", admin=True)
    world.admin.users.put_user(locked.user_id, locked=True)
    with pytest.raises(UserLocked):
        SynapseAdmin(locked).users.list_users()
    assert world.admin.users.list_users(user_id=locked.user_id).users == []
    assert world.admin.users.list_users(user_id=locked.user_id, locked=True).users[0].is_locked is True


# ------------------------------------------------------------------ whom and what

ODD = ("@a/b:localhost", "@a?b=c:localhost", "@a#b:localhost", "@%2e%2e:localhost", "@grüße🐍:localhost")


@pytest.mark.parametrize("user_id", ODD)
def test_odd_ids_arrive_whole(world: World, user_id: str) -> None:
    with pytest.raises(NotFound, match="User not found"):
        world.admin.users.get_user(user_id)
    with pytest.raises(NotFound, match="M_NOT_FOUND"):
        world.admin.rooms.get_room("!" + user_id[1:])


@pytest.mark.parametrize("user_id", ["", ".", "..", "@" + "a" * 255 + ":localhost", "\ud800"])
def test_impossible_ids_are_not_sent(world: World, user_id: str) -> None:
    with pytest.raises(UsageError):
        world.admin.users.get_user(user_id)


def test_users_of_other_servers_and_of_none(world: World) -> None:
    with pytest.raises(NotFound):
        world.admin.users.get_user("@ghost:localhost")
    with pytest.raises(HTTPError, match="local users") as failure:
        world.admin.users.get_user("@alice:elsewhere.example")
    assert failure.value.code == 400
    with pytest.raises(InvalidParam):
        world.admin.users.get_user("ghost")
    with pytest.raises(HTTPError):
        world.admin.users.put_user("@alice:elsewhere.example", displayname="x")
    with pytest.raises(HTTPError):
        world.admin.users.suspend_user("@alice:elsewhere.example")


def test_an_external_id_in_use(world: World) -> None:
    one, other = world.user("one"), world.user("other")
    world.admin.users.put_user(one.user_id, external_ids=[("oidc", "same")])
    with pytest.raises(HTTPError) as failure:
        world.admin.users.put_user(other.user_id, external_ids=[("oidc", "same")])
    assert failure.value.code == 409


# ------------------------------------------------------------------ pages without an end


def test_a_page_of_nothing_names_itself(world: World) -> None:
    page = world.admin.users.list_users(limit=0)
    assert (page.users, page.next_token) == ([], "0")
    with pytest.raises(UsageError, match="at least one"):
        world.admin.users.iter_users(page_size=0)


def test_pages_that_name_themselves_end_in_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own endless loop, met where our check of the page size is gone."""
    monkeypatch.setattr("gomatrix_py.synapse.users.check_page_size", lambda size: size)
    with pytest.raises(PagingError):
        list(world.admin.users.iter_users(page_size=0))


def test_pages_of_less_than_nothing(world: World) -> None:
    with pytest.raises(InvalidParam):
        world.admin.users.list_users(limit=-1)
    with pytest.raises(InvalidParam):
        world.admin.rooms.list_rooms(-1)


# ------------------------------------------------------------------ what is not there


@pytest.mark.parametrize("segments", [("v1", "no", "such"), ("v9", "users")])
def test_what_synapse_does_not_have(world: World, segments: Any) -> None:
    with pytest.raises(Unrecognized):
        world.admin.make_request("GET", *segments)


def test_what_was_dropped_is_unsupported(world: World) -> None:
    with pytest.raises(UnsupportedByServer, match="does not offer it") as failure:
        world.admin.server.delete_group("+group:localhost")
    assert (failure.value.code, failure.value.errcode) == (404, "M_UNRECOGNIZED")


def test_the_doors_of_an_authentication_service_are_not_there(world: World) -> None:
    url = world.root.build_base_url("_synapse", "mas", "query_user")
    with pytest.raises(Unrecognized):
        world.root.make_request("GET", url)


def test_capabilities_of_this_server(world: World) -> None:
    found = world.admin.capabilities()
    assert found.server_version.startswith("1.")
    assert (found.delegates_accounts, world.admin.delegates_accounts()) == (False, False)
    assert all((found.has_secret_registration, found.has_media, found.has_users_v3, found.has_user_reports))
    assert found.has_tasks


def test_a_token_of_an_administrator_shows_nowhere(world: World) -> None:
    with Client(world.server.url, access_token=world.root.access_token) as client:
        admin = SynapseAdmin(client)
        assert world.root.access_token not in f"{admin!r} {admin.users!r} {vars(admin)!r}"
        assert admin.own_ids() == (world.root.user_id, world.root.device_id)
