"""The request of each operation, made by its method and held against a table and the specification."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

import gomatrix_py.api
from gomatrix_py import Client, UsageError
from gomatrix_py.api.base import Api
from gomatrix_py.api.legacy import GetEvents
from gomatrix_py.api.media import UploadToMXC
from gomatrix_py.api.third_party import GetThirdPartyLocations, GetThirdPartyUsers
from gomatrix_py.codec import fields_of, wire_name
from gomatrix_py.codec import model as model_module
from gomatrix_py.http import endpoint as endpoint_module
from gomatrix_py.http.endpoint import Call, Endpoint, Target
from gomatrix_py.http.messages import Upload
from tests.kit.operations import CALLS, OWN_USER, SHAPES, MethodCall, RecordingClient, endpoint_of, full
from tests.meta.operations import declared, fact_for

OPERATIONS = declared()
FACTS = {fact.operation: fact for endpoint in OPERATIONS if (fact := fact_for(endpoint)) is not None}
BASE = "https://example.org"

# Pages for a browser: the method returns the address and asks nobody.
RETURNS_URL = {"redirectToSSO", "redirectToIdP"}

# What is sent beyond the specification, or left out, and why.
BEYOND = {
    "joinRoom": {"server_name"},  # the name of `via` before 1.12
}
LEFT_OUT = {
    "putRoomKeysVersion": {"version"},  # the same as in the path
    "sync": {"use_state_after"},  # gomatrix's SyncRequest has no such argument; the sync loop sends it
}
# The table has them with a state key of "", which leaves no trace in the path.
EMPTY_STATE_KEY = {"getRoomStateWithKey", "setRoomStateWithKey"}
FIELDS_BEYOND = {
    "Login": {"extra_fields"},
    "JoinRoom": {"server_name", "extra_content"},
    "SendMessageEvent": {"ts"},  # of the application service API
    "SendStateEvent": {"ts"},
}


def made_by(call: MethodCall, client: RecordingClient) -> tuple[str, Any]:
    """Return the request a call makes, as the table has it."""
    returned = call.on(client)
    if call.operation in RETURNS_URL:
        assert client.requests == []
        return f"GET {returned.removeprefix(BASE)}", None
    (request,) = client.requests
    is_bytes = request.body is not None and request.headers["Content-Type"] != "application/json"
    body = json.loads(request.body) if isinstance(request.body, bytes) and not is_bytes else request.body
    return f"{request.method} {request.url.removeprefix(BASE)}", body


def answer_to(call: MethodCall) -> Any:
    """Return an answer this call can read."""
    shape = SHAPES[call.operation].get("response", "bytes")
    return None if shape == "bytes" else full(shape)


def in_order(request: str) -> tuple[str, list[tuple[str, str]]]:
    """Return verb and path, and the query sorted: its order means nothing, except among equal names."""
    path, _, query = request.partition("?")
    return path, sorted(parse_qsl(query, keep_blank_values=True), key=lambda pair: pair[0])


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_method_makes_its_request(call: MethodCall) -> None:
    request, body = made_by(call, RecordingClient(answer_to(call)))
    assert in_order(request) == in_order(call.request)
    assert body == call.body


def test_a_wrong_request_is_noticed() -> None:
    call = next(call for call in CALLS if call.method == "ban_user")
    request, body = made_by(call._replace(args=["!room:example.org", "@bob:example.org"]), RecordingClient())
    assert in_order(request) == in_order(call.request)
    assert body != call.body


# ------------------------------------------------------------------ the table against the specification


def test_every_operation_is_called() -> None:
    assert {call.operation for call in CALLS} == set(SHAPES) == set(FACTS)
    assert len(FACTS) == 166


def names_sent(call: MethodCall) -> set[str]:
    """Return the names in the query and the body of a call."""
    in_query = {name for name, _ in in_order(call.request)[1]}
    return in_query | (set(call.body) if isinstance(call.body, dict) else set())


def names_known(operation: str, *, required: bool) -> set[str]:
    """Return the names the specification has for the query and the body, "*" for what may have any name."""
    shape = SHAPES[operation]
    body = shape.get("body", {})
    members = [*shape.get("query", {}), *(body if isinstance(body, dict) else ())]
    return {name.rstrip("!") for name in members if not required or name.endswith("!")}


@pytest.mark.parametrize("operation", [name for name, shape in SHAPES.items() if shape.get("body") != "object"])
def test_the_table_sends_what_the_specification_knows(operation: str) -> None:
    calls = [call for call in CALLS if call.operation == operation]
    known = names_known(operation, required=False)
    beyond = BEYOND.get(operation, set())
    if not known & {"*", "fields"}:  # names of the user's own
        assert set().union(*map(names_sent, calls)) == (known | beyond) - LEFT_OUT.get(operation, set())
        assert min(map(names_sent, calls), key=len) >= names_known(operation, required=True)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_the_table_asks_at_the_place_the_specification_names(call: MethodCall) -> None:
    fact = FACTS[call.operation]
    place = re.escape(f"{fact.method} {fact.path.strip()}").replace(re.escape("{}"), "[^/]+")
    if call.operation in EMPTY_STATE_KEY:
        place = place.removesuffix("/[^/]+")
    assert re.fullmatch(place, call.request.partition("?")[0])


@pytest.mark.parametrize("endpoint", OPERATIONS, ids=lambda endpoint: endpoint.__name__)
def test_a_parameter_is_one_the_specification_knows(endpoint: type[Endpoint[Any]]) -> None:
    fact = fact_for(endpoint)
    assert fact is not None
    known = names_known(fact.operation, required=False)
    known |= set(SHAPES[fact.operation].get("header", {}))
    in_path = {field.name for field in fields_of(endpoint) if f"{{{field.name}}}" in endpoint.PATH}
    whole = {field.name for field in fields_of(endpoint) if field.metadata.get("gomatrix_py.place") == "body"}
    names = {wire_name(field) for field in fields_of(endpoint) if field.name not in in_path | whole}
    assert names - FIELDS_BEYOND.get(endpoint.__name__, set()) <= known


# ------------------------------------------------------------------ rules for every operation


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_call_that_needs_a_token_is_not_made_without(call: MethodCall) -> None:
    client = RecordingClient(answer_to(call), is_logged_in=False)
    if FACTS[call.operation].auth and call.operation != "getVersions":
        with pytest.raises(UsageError):
            made_by(call, client)
        assert client.requests == []
    else:
        assert in_order(made_by(call, client)[0]) == in_order(call.request)
        assert [request.access_token for request in client.requests] in ([""], [])


def method_of(operation: str) -> Any:
    return getattr(RecordingClient(), next(call.method for call in CALLS if call.operation == operation))


# gomatrix's arguments, in gomatrix's order.
MANY_POSITIONAL = {
    "getPublicRooms",
    "queryPublicRooms",
    "getRoomEvents",
    "sync",
}


@pytest.mark.parametrize("operation", sorted(set(SHAPES) - MANY_POSITIONAL))
def test_at_most_two_optional_parameters_are_positional(operation: str) -> None:
    parameters = inspect.signature(method_of(operation)).parameters.values()
    optional = [one for one in parameters if one.default is not one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    assert len(optional) <= 2, optional


@pytest.mark.parametrize("operation", sorted(MANY_POSITIONAL))
def test_the_exceptions_still_are_some(operation: str) -> None:
    parameters = inspect.signature(method_of(operation)).parameters.values()
    assert sum(one.default is not one.empty and one.kind is one.POSITIONAL_OR_KEYWORD for one in parameters) > 2


def test_only_safe_posts_are_repeated() -> None:
    repeatable = {
        endpoint.__name__ for endpoint in OPERATIONS if endpoint.METHOD == "POST" and endpoint.IS_REPEATABLE
    }
    assert repeatable == {
        "ClaimKeys",
        "CreateFilter",
        "CreateMXC",
        "JoinRoom",
        "JoinRoomById",
        "LeaveRoom",
        "QueryKeys",
        "RefreshToken",
        "SendReceipt",
        "SetReadMarkers",
        "UploadKeys",
    }
    assert [
        endpoint for endpoint in OPERATIONS if endpoint.METHOD != "POST" and endpoint.IS_REPEATABLE is not None
    ] == []


def test_what_is_deprecated_names_its_successor() -> None:
    deprecated = [endpoint for endpoint in OPERATIONS if endpoint.DEPRECATED]
    assert len(deprecated) == 9
    for endpoint in deprecated:
        assert endpoint_of(endpoint.DEPRECATED).DEPRECATED == ""
        assert f"deprecated, use `{endpoint.DEPRECATED}`" in (endpoint.__doc__ or "")


SECRETS = {
    "access_token",
    "auth",
    "client_secret",
    "id_access_token",
    "login_token",
    "new_password",
    "password",
    "refresh_token",
    "three_pid_creds",
    "token",
}


@pytest.mark.parametrize("call", [call for call in CALLS if SECRETS & names_sent(call)], ids=str)
def test_secrets_do_not_show(call: MethodCall) -> None:
    client = RecordingClient(answer_to(call))
    made_by(call, client)
    sent = {**(call.body or {}), **dict(in_order(call.request)[1])}
    shown = repr(client.endpoints) + repr(client.requests)
    for name in SECRETS & set(sent):
        secret = sent[name]
        if isinstance(secret, bool):  # "give me a refresh token"
            continue
        values = [secret] if isinstance(secret, str) else [*secret.values()]
        assert [value for value in values if f"'{value}'" in shown] == []


def class_node(module: Any, name: str) -> ast.ClassDef:
    """Return a class of a module as syntax."""
    tree = ast.parse(inspect.getsource(module))
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def test_type_checkers_are_not_told_that_any_arguments_do() -> None:
    """An operation without fields has no `__init__` of its own to them, so that a visible `__new__` counts."""
    visible = {node.name for node in class_node(model_module, "Model").body if isinstance(node, ast.FunctionDef)}
    assert "__new__" not in visible


def test_a_field_specifier_is_one_that_type_checkers_know() -> None:
    """What is unknown to them seems optional and positional, whatever it is."""
    (transform,) = class_node(endpoint_module, "Endpoint").decorator_list
    assert isinstance(transform, ast.Call)
    (specifiers,) = (keyword.value for keyword in transform.keywords if keyword.arg == "field_specifiers")
    known = {name.id.lstrip("_") for name in ast.walk(specifiers) if isinstance(name, ast.Name)}
    used = {
        ast.unparse(statement.value.func)
        for chapter in Path(gomatrix_py.api.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(chapter.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.value, ast.Call)
    }
    assert {"field", "secret", "query", "body"} <= used
    assert used - {"attrs.field"} <= known


# ------------------------------------------------------------------ what single operations do besides


def test_the_body_of_a_delete_holds_the_credentials() -> None:
    client = RecordingClient()
    client.delete_device("DEVICE", auth={"type": "m.login.password", "password": "hunter2"})
    (request,) = client.requests
    assert "hunter2" not in request.url
    assert isinstance(request.body, bytes)
    assert json.loads(request.body) == {"auth": {"type": "m.login.password", "password": "hunter2"}}


@pytest.mark.parametrize("kind", [GetThirdPartyLocations, GetThirdPartyUsers])
def test_fields_of_a_network_stay_the_callers(kind: type[GetThirdPartyLocations | GetThirdPartyUsers]) -> None:
    fields = {"nick": "alice"}
    request = kind("irc", fields).to_request(Target(BASE, "a-token", "@bridge:example.org"))
    assert in_order(request.url)[1] == [("nick", "alice"), ("user_id", "@bridge:example.org")]
    assert fields == {"nick": "alice"}


def test_a_transaction_id_is_new_for_each_call_and_kept_where_it_is_given() -> None:
    client = RecordingClient()
    client.send_to_device("m.dummy", {OWN_USER: {"*": {}}})
    client.send_to_device("m.dummy", {OWN_USER: {"*": {}}})
    client.send_to_device("m.dummy", {OWN_USER: {"*": {}}}, txn_id="mine")
    ids = [request.url.rpartition("/")[2] for request in client.requests]
    assert len(set(ids)) == 3
    assert ids[2] == "mine"


def test_calls_for_our_own_user_need_one() -> None:
    client = RecordingClient(is_logged_in=False)
    client.set_credentials("", "a-token")
    with pytest.raises(UsageError, match="user id"):
        client.get_account_data("m.direct")
    with pytest.raises(UsageError, match="user id"):
        client.get_tags("!room:example.org")
    assert client.requests == []


def test_the_address_for_single_sign_on_holds_no_credentials() -> None:
    client = RecordingClient()
    client.app_service_user_id = "@bridge:example.org"
    url = client.get_sso_redirect_url("http://localhost:8080/?a=b&c=d")
    assert (
        url
        == f"{BASE}/_matrix/client/v3/login/sso/redirect?redirectUrl=http%3A%2F%2Flocalhost%3A8080%2F%3Fa%3Db%26c%3Dd"
    )
    with pytest.raises(UsageError, match="idp_id"):
        client.get_idp_redirect_url("..", "http://localhost:8080/")


def test_a_long_poll_may_take_its_time() -> None:
    assert GetEvents(timeout=300_000).limits().read_s == 330.0
    assert GetEvents().limits().read_s == 30.0


def test_an_upload_to_a_reserved_address_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as stream:
        request = UploadToMXC("example.org", "media1", Upload(stream, 7), "image/png").to_request(Target(BASE, "t"))
        assert request.body == Upload(stream, 7)
    assert request.headers["Content-Type"] == "image/png"
    with pytest.raises(UsageError):
        RecordingClient().upload_to_mxc("mxc://../x", b"content")


def test_the_ground_of_the_chapters_promises_nothing_itself() -> None:
    with pytest.raises(NotImplementedError):
        _ = Api().homeserver_url
    assert isinstance(inspect.getattr_static(Client, "get_push_rules"), Call)
