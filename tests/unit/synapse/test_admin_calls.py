"""Every method of the admin API makes the request that the table says, and reads the answer it gets."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.errors import DecodeError, UsageError
from gomatrix_py.synapse import SynapseAdmin
from tests.kit.operations import RecordingClient
from tests.meta.test_synapse_operations import METHODS

ROWS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("admin_calls.json").read_text(encoding="utf-8"))
PREFIX = "https://example.org/_synapse/admin/"


def method_of(admin: SynapseAdmin, name: str) -> Any:
    group, _, method = name.partition(".")
    return getattr(getattr(admin, group), method)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['method']}({len(row['args'])}+{len(row['kwargs'])})")
def test_a_method_makes_its_request(row: dict[str, Any]) -> None:
    client = RecordingClient()
    with contextlib.suppress(DecodeError):  # {} is not everybody's answer: here it is the request that counts
        method_of(SynapseAdmin(client), row["method"])(*row["args"], **row["kwargs"])
    (request,) = client.requests
    assert f"{request.method} {request.url.removeprefix(PREFIX)}" == row["request"]
    assert (json.loads(request.body) if isinstance(request.body, bytes) else None) == row.get("body")
    assert bool(request.access_token) is row["token"]


def test_every_operation_is_in_the_table() -> None:
    called = {row["method"] for row in ROWS} | {"users.register"}  # which makes two requests: see test_registration
    assert {name for names in METHODS.values() for name in names} <= called


def test_a_method_says_what_it_takes() -> None:
    admin = SynapseAdmin("https://example.org")
    assert admin.users.get_user.__doc__
    assert str(SynapseAdmin.__init__.__annotations__["client"]) == "Client | str"


# ------------------------------------------------------------------ what is refused before anything is sent

BAD_CALLS = [
    ("users.get_user", [""]),
    ("users.get_user", [".."]),
    ("users.get_user", [7]),
    ("rooms.delete_room_now", ["\ud800", True]),
    ("users.put_user", ["@a:b"], {"threepids": ["a@b"]}),
    ("users.put_user", ["@a:b"], {"external_ids": [("one", "two", "three")]}),
    ("users.redact_user", ["@a:b", "!room:b"]),
    ("rooms.purge_history", ["!r:b"]),
    ("rooms.purge_history", ["!r:b", 1700000000000], {"up_to_event_id": "$e"}),
    ("rooms.purge_history", ["!r:b", 1700000000]),
    ("media.delete_media_before", [1700000000]),
    ("media.purge_remote_media", [1700000000]),
    ("media.purge_remote_media", [1700000000000000]),
    ("media.quarantine_uri", ["https://example.org/x"]),
    ("users.login_as_user", ["@a:b", 1700000000]),
    ("users.redact_user", ["@a:b"], {"before": 0}),
    ("users.redact_user", ["@a:b"], {"after": 12}),
    ("registration_tokens.new_token", [], {"expires_at": 1700000000}),
    ("registration_tokens.update_token", ["t"], {"expires_at": 0}),
    ("users.iter_users", [], {"page_size": 0}),
    ("rooms.iter_rooms", [], {"page_size": -1}),
    ("rooms.iter_messages", ["!r:b"], {"page_size": True}),
    ("media.iter_user_media", ["@a:b"], {"page_size": "5"}),
    ("users.register", ["secret", "na\0me", "password"]),
]


@pytest.mark.parametrize("call", BAD_CALLS, ids=str)
def test_what_makes_no_sense_is_not_sent(call: Any) -> None:
    client = RecordingClient()
    name, args, *rest = call
    with pytest.raises(UsageError):
        method_of(SynapseAdmin(client), name)(*args, **(rest[0] if rest else {}))
    assert client.requests == []


def test_nothing_destructive_may_be_repeated() -> None:
    client = RecordingClient()
    admin = SynapseAdmin(client)
    destructive = [row for row in ROWS if row["request"].startswith(("POST", "DELETE v2/rooms", "DELETE v1/rooms"))]
    for row in destructive:
        with contextlib.suppress(DecodeError):
            method_of(admin, row["method"])(*row["args"], **row["kwargs"])
    assert [request.route for request in client.requests if request.may_retry] == []
    assert len(client.requests) == len(destructive) > 35
    client.answer = b'{"devices": []}'
    admin.users.list_devices("@a:b")  # the control: what is read may be
    assert client.requests[-1].may_retry is True
