"""Endpoints: where each field goes, what the answer becomes, and how one becomes a method."""

from __future__ import annotations

import inspect
import io
import json
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from gomatrix_py import Client
from gomatrix_py.api.base import carries_out
from gomatrix_py.api.login import Login, RefreshToken
from gomatrix_py.api.room_membership import BanUser
from gomatrix_py.api.server import GetVersions, RespVersions
from gomatrix_py.codec import DocumentList, DocumentMap, field
from gomatrix_py.errors import DecodeError, Forbidden, UsageError
from gomatrix_py.http.endpoint import Call, Caller, Empty, Endpoint, Response, Target, body, header, member, query
from gomatrix_py.http.messages import HttpRequest, HttpResponse, Limits, Redirects, Upload

TARGET = Target("https://hs.example/", "syt_token")
APP_SERVICE = Target("https://hs.example", "as_token", "@ghost:hs.example")


class RespThing(Response):
    name: str
    count: int | None = None


class PutThing(Endpoint[RespThing]):
    """Put a thing."""

    METHOD, PATH = "PUT", "/v3/things/{thing_id}/{state_key}"
    thing_id: str
    state_key: str = ""
    plain: str | None = None
    renamed: str | None = field(default=None, name="m.renamed")
    limit: int | None = query(default=None)
    asked_from: str | None = query(default=None, name="from")
    kind: str | None = header(default=None, name="X-Kind")


class ListThings(Endpoint[RespThing]):
    METHOD, PATH = "GET", "/v3/things"
    limit: int | None = None
    rooms: list[str] | None = None
    is_deep: bool | None = field(default=None, name="deep")


class DeleteThing(Endpoint[Empty]):
    METHOD, PATH = "DELETE", "/v3/things/{thing_id}"
    thing_id: str
    reason: str | None = None
    auth: dict[str, Any] | None = member(default=None)


class PostWhole(Endpoint[Empty]):
    METHOD, PATH = "POST", "/v3/whole/{thing_id}"
    thing_id: str
    content: Any = body()
    content_type: str | None = header(default=None, name="Content-Type")


def sent(request: HttpRequest) -> Any:
    assert isinstance(request.body, bytes)
    return json.loads(request.body)


# ------------------------------------------------------------------ where fields go


def test_each_field_goes_to_its_place() -> None:
    request = PutThing("a/b", "k", plain="p", renamed="r", limit=3, asked_from="t0", kind="rare").to_request(TARGET)
    assert request.method == "PUT"
    assert request.url == "https://hs.example/v3/things/a%2Fb/k?limit=3&from=t0"
    assert sent(request) == {"plain": "p", "m.renamed": "r"}
    assert request.headers == {"X-Kind": "rare", "Content-Type": "application/json"}
    assert request.access_token == "syt_token"
    assert request.route == "PUT /v3/things/{thing_id}/{state_key}"


def test_none_is_left_out_everywhere() -> None:
    request = PutThing("a").to_request(TARGET)
    assert request.url == "https://hs.example/v3/things/a"  # the empty state key, too
    assert sent(request) == {}
    assert request.headers == {"Content-Type": "application/json"}


def test_a_verb_without_a_body_has_its_fields_in_the_query() -> None:
    request = ListThings(5, ["!a:b", "!c:d"], is_deep=False).to_request(TARGET)
    assert urlsplit(request.url).query == "limit=5&rooms=%21a%3Ab&rooms=%21c%3Ad&deep=false"
    assert request.body is None
    assert request.headers == {}


def test_a_delete_has_a_body_only_where_one_is_declared_and_given() -> None:
    bare = DeleteThing("a", "why").to_request(TARGET)
    assert (bare.url, bare.body) == ("https://hs.example/v3/things/a?reason=why", None)
    assert sent(DeleteThing("a", auth={"type": "m.login.dummy"}).to_request(TARGET)) == {
        "auth": {"type": "m.login.dummy"}
    }


def test_a_post_without_fields_has_an_empty_object() -> None:
    class PostNothing(Endpoint[Empty]):
        METHOD, PATH = "POST", "/v3/nothing"

    assert PostNothing().to_request(TARGET).body == b"{}"


@pytest.mark.parametrize("content", [{"a": [1, None]}, [], "text", 0, False])
def test_a_whole_body_is_sent_as_it_is(content: Any) -> None:
    request = PostWhole("a", content).to_request(TARGET)
    assert sent(request) == content
    assert request.headers == {"Content-Type": "application/json"}


def test_bytes_and_uploads_are_sent_untouched() -> None:
    upload = Upload(io.BytesIO(b"abc"), 3)
    for whole in (b"\x00\xff", upload):
        request = PostWhole("a", whole, "image/png").to_request(TARGET)
        assert request.body is whole
        assert request.headers == {"Content-Type": "image/png"}
    assert PostWhole("a", b"x").to_request(TARGET).headers == {}


def test_documents_are_sent_by_their_wire_names() -> None:
    request = Login("m.login.password", password="p", initial_device_display_name="d").to_request(TARGET)
    assert sent(request) == {"type": "m.login.password", "password": "p", "initial_device_display_name": "d"}


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {1, object()}])
def test_what_is_no_json_is_refused_before_anything_is_sent(value: Any) -> None:
    with pytest.raises(UsageError):
        PostWhole("a", {"value": value}).to_request(TARGET)


def test_a_bad_path_field_is_refused() -> None:
    with pytest.raises(UsageError, match="thing_id"):
        PutThing("..").to_request(TARGET)


def test_times_are_sent_in_milliseconds_wherever_they_stand() -> None:
    moment: Any = datetime(2024, 2, 29, 12, tzinfo=timezone.utc)
    length: Any = timedelta(seconds=1.5)
    request = PutThing("a", plain=moment, limit=length, kind=moment).to_request(TARGET)
    assert sent(request) == {"plain": 1709208000000}
    assert request.url.endswith("?limit=1500")
    assert request.headers["X-Kind"] == "1709208000000"
    with pytest.raises(UsageError, match="time zone"):
        PutThing("a", plain=moment.replace(tzinfo=None)).to_request(TARGET)


# ------------------------------------------------------------------ tokens


def test_without_the_token_it_needs_a_call_is_refused() -> None:
    with pytest.raises(UsageError, match="log in"):
        BanUser("!r:s", "@u:s").to_request(Target("https://hs.example"))


def test_a_call_that_needs_none_goes_without() -> None:
    assert GetVersions().to_request(Target("https://hs.example")).access_token == ""
    assert GetVersions().to_request(TARGET).access_token == "syt_token"


@pytest.mark.parametrize("endpoint", [Login("m.login.token", token="t"), RefreshToken("r")])
def test_a_call_that_must_not_carry_the_token_never_does(endpoint: Endpoint[Any]) -> None:
    request = endpoint.to_request(APP_SERVICE)
    assert request.access_token == ""
    assert "user_id" not in request.url


def test_an_application_service_names_the_user_it_acts_for() -> None:
    assert urlsplit(ListThings(5).to_request(APP_SERVICE).url).query == "limit=5&user_id=%40ghost%3Ahs.example"
    assert urlsplit(ListThings(5).to_request(TARGET).url).query == "limit=5"


def test_a_target_shows_no_token() -> None:
    assert "syt_token" not in repr(TARGET)


@pytest.mark.parametrize("endpoint", [Login("m.login.password", password="planted"), RefreshToken("planted")])
def test_an_endpoint_shows_no_secret(endpoint: Endpoint[Any]) -> None:
    assert "planted" not in repr(endpoint)
    assert "planted" not in repr(endpoint.to_request(TARGET))


# ------------------------------------------------------------------ what the declaration says


def test_only_what_is_declared_safe_may_be_repeated() -> None:
    class Careless(PostWhole):
        IS_REPEATABLE = True

    class Careful(PutThing):
        IS_REPEATABLE = False

    requests: list[tuple[Endpoint[Any], bool]] = [
        (ListThings(), True),
        (PutThing("a"), True),
        (DeleteThing("a"), True),
        (PostWhole("a", {}), False),
        (Careless("a", {}), True),
        (Careful("a"), False),
    ]
    assert [(one.to_request(TARGET).may_retry, wanted) for one, wanted in requests] == [
        (wanted, wanted) for _, wanted in requests
    ]


def test_limits_and_redirects_are_the_declared_ones() -> None:
    class Slow(ListThings):
        LIMITS: ClassVar[Limits | None] = Limits(total_s=7)
        REDIRECTS = Redirects.MEDIA

    assert Slow().to_request(TARGET).limits.total_s == 7
    assert Slow().to_request(TARGET).redirects is Redirects.MEDIA
    assert ListThings().to_request(TARGET).limits == Limits()
    assert ListThings().to_request(TARGET).redirects is Redirects.NEVER


def test_equal_endpoints_are_equal() -> None:
    assert PutThing("a", limit=1) == PutThing("a", limit=1)
    assert PutThing("a", limit=1) != PutThing("a", limit=2)
    other: Endpoint[Any] = DeleteThing("a")
    assert other != ListThings()
    assert BanUser("!r:s", "@u:s").to_request(TARGET) == BanUser("!r:s", "@u:s").to_request(TARGET)


# ------------------------------------------------------------------ answers, without any client


def test_an_answer_becomes_its_class() -> None:
    thing = PutThing("a").parse(HttpResponse(200, {}, b'{"name":"n","count":2,"new":[1]}'))
    assert (thing.name, thing.count, thing.extra) == ("n", 2, {"new": [1]})
    assert thing.raw == {"name": "n", "count": 2, "new": [1]}


def test_an_answer_without_a_body_is_an_empty_object() -> None:
    assert isinstance(DeleteThing("a").parse(HttpResponse(204)), Empty)
    with pytest.raises(DecodeError):
        PutThing("a").parse(HttpResponse(200))


@pytest.mark.parametrize("content", [b"[]", b'"secret"', b"7", b"null", b"{", b"<html>", b'{"name":"\xff"}', b"{}"])
def test_an_answer_that_is_not_what_the_spec_says_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        PutThing("a").parse(HttpResponse(200, {}, content))
    assert "secret" not in str(caught.value)


class ListNames(Endpoint[DocumentList[RespThing]]):
    METHOD, PATH = "GET", "/v3/names"


class MapNames(Endpoint[DocumentMap[RespThing]]):
    METHOD, PATH = "GET", "/v3/names/map"


def test_a_list_that_is_the_whole_answer_tells_what_it_left_out() -> None:
    names = ListNames().parse(HttpResponse(200, {}, b'[{"name":"a"},7,{"name":"b","count":"x"}]'))
    assert [one.name for one in names] == ["a", "b"]
    assert [problem.path for problem in names.problems] == ["[1]", "[2].count"]
    assert ListNames().parse(HttpResponse(200, {}, b"[]")).problems == ()
    for wrong in (b"{}", b"", b"7", b"null"):
        with pytest.raises(DecodeError):
            ListNames().parse(HttpResponse(200, {}, wrong))


def test_a_mapping_that_is_the_whole_answer_tells_what_it_left_out() -> None:
    names = MapNames().parse(HttpResponse(200, {}, b'{"one":{"name":"a"},"two":{}}'))
    assert [(key, one.name) for key, one in names.items()] == [("one", "a")]
    assert [problem.path for problem in names.problems] == ["two.name"]
    assert isinstance(names, dict)


def test_an_answer_that_is_not_2xx_is_raised() -> None:
    content = b'{"errcode":"M_FORBIDDEN","error":"no"}'
    with pytest.raises(Forbidden) as caught:
        PutThing("a").parse(HttpResponse(403, {}, content))
    assert caught.value.message == "PUT /v3/things/{thing_id}/{state_key} failed"
    assert caught.value.contents == content


def test_a_request_and_its_answer_need_no_client() -> None:
    request = GetVersions().to_request(Target("http://127.0.0.1:1"))
    assert (request.method, request.url) == ("GET", "http://127.0.0.1:1/_matrix/client/versions")
    answer = GetVersions().parse(HttpResponse(200, {}, b'{"versions":["v1.11"]}'))
    assert isinstance(answer, RespVersions)
    assert answer.versions == ["v1.11"]


# ------------------------------------------------------------------ as methods


class Recording(Caller):
    """Thing calls."""

    put_thing = Call(PutThing)

    def __init__(self) -> None:
        self.calls: list[Endpoint[Any]] = []

    def call(self, endpoint: Endpoint[Any]) -> Any:
        self.calls.append(endpoint)
        return "answered"


def test_a_call_makes_the_endpoint_from_its_arguments() -> None:
    client = Recording()
    answered: Any = client.put_thing("a", plain="p")
    assert answered == "answered"
    assert client.calls == [PutThing("a", plain="p")]


def test_a_call_refuses_what_the_endpoint_does_not_take() -> None:
    untyped: Any = Recording().put_thing
    with pytest.raises(TypeError):
        untyped("a", nonsense=1)
    with pytest.raises(TypeError):
        untyped()


def test_a_call_looks_like_the_method_it_stands_for() -> None:
    method: Callable[..., Any] = Recording().put_thing
    assert method.__name__ == "put_thing"
    assert method.__qualname__ == "Recording.put_thing"
    assert method.__doc__ == "Put a thing."
    assert list(inspect.signature(method).parameters) == [
        "thing_id",
        "state_key",
        "plain",
        "renamed",
        "limit",
        "asked_from",
        "kind",
    ]
    assert inspect.signature(method).parameters["limit"].default is None


class ListThingsLegacy(ListThings):
    """List things; deprecated, use `list_things`."""

    DEPRECATED = "list_things"


class OldAndNew(Recording):
    """Calls of both kinds, one of them written out."""

    list_things = Call(ListThings)
    list_things_legacy = Call(ListThingsLegacy)

    @carries_out(ListThingsLegacy)
    def list_some_things(self, limit: int) -> Any:
        """List some things."""
        return self.call(ListThingsLegacy(limit))


def test_a_deprecated_call_names_what_to_use_where_it_was_called() -> None:
    client = OldAndNew()
    here = inspect.currentframe()
    assert here is not None
    with pytest.warns(DeprecationWarning, match="list_things_legacy is deprecated: use list_things") as caught:
        client.list_things_legacy(5)
    assert (caught[0].filename, caught[0].lineno) == (__file__, here.f_lineno - 1)
    with pytest.warns(DeprecationWarning, match="list_some_things is deprecated: use list_things") as caught:
        client.list_some_things(5)
    assert (caught[0].filename, caught[0].lineno) == (__file__, here.f_lineno - 1)
    assert client.calls == [ListThingsLegacy(5), ListThingsLegacy(5)]
    assert client.list_some_things.__doc__ == "List some things."


def test_what_is_current_or_called_as_a_value_warns_of_nothing() -> None:
    client = OldAndNew()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.list_things(5)
        client.call(ListThingsLegacy(5))
    assert caught == []


def test_a_call_on_the_class_is_the_call_itself() -> None:
    assert isinstance(Recording.put_thing, Call)
    assert Client.ban_user.endpoint is BanUser
