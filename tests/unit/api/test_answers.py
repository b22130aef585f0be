"""The answer of each operation, made from what the specification says of it: whole, least, and broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gomatrix_py import SyncResponse
from gomatrix_py.api.media import Download
from gomatrix_py.codec import Document, fields_of, structure, unstructure
from gomatrix_py.errors import DecodeError
from gomatrix_py.events.contents.push_rules import PushCondition
from gomatrix_py.http.endpoint import Empty, Endpoint, Response
from gomatrix_py.http.messages import HttpResponse
from tests.kit.operations import CALLS, SHAPES, RecordingClient, altered, full, least

# Two are pages for a browser, and never asked for.
NO_ANSWER = {"redirectToSSO", "redirectToIdP"}
MEDIA = {name for name, shape in SHAPES.items() if shape.get("response") == "bytes"}
ANSWERS = {name: shape["response"] for name, shape in SHAPES.items() if name not in NO_ANSWER | MEDIA}

# Members that an answer may lack, though the specification requires them: old or careless servers.
LENIENT = {
    ("getRoomSummary", "guest_can_join"),
    ("getRoomSummary", "num_joined_members"),
    ("getRoomSummary", "world_readable"),
    ("getTurnServer", "ttl"),
    ("getTurnServer", "uris"),
    ("login", "device_id"),
}
# Members without which an answer says nothing, though the specification does not require them.
STRICT = {("getJoinedMembersByRoom", "joined"), ("redactEvent", "event_id")}
# A member that its class reads from `extra`, as null means something there.
IN_EXTRA = {PushCondition: {"value": "text"}, Empty: {"a": "b"}}


def _endpoints() -> dict[str, Endpoint[Any]]:
    found: dict[str, Endpoint[Any]] = {}
    for call in CALLS:
        if call.operation not in found and call.operation not in NO_ANSWER:
            client = RecordingClient(ANSWERS.get(call.operation) and full(ANSWERS[call.operation]))
            call.on(client)
            (found[call.operation],) = client.endpoints
    return found


ENDPOINTS = _endpoints()


def parse(operation: str, document: Any) -> Any:
    """Return what an operation makes of an answer."""
    body = json.dumps(document).encode()
    return ENDPOINTS[operation].parse(HttpResponse(200, {}, body, len(body)))


def documents_in(value: Any) -> Iterator[Document]:
    """Yield an answer and every document in it."""
    if isinstance(value, Document):
        yield value
        value = [getattr(value, one.name) for one in fields_of(type(value)) if one.name not in ("extra", "raw")]
    if isinstance(value, dict):
        value = list(value.values())
    for member in value if isinstance(value, list) else ():
        yield from documents_in(member)


def lost(sent: Any, read: Any, place: str = "") -> list[str]:
    """Return which members of a document did not come through; defaults that were added do not count."""
    if isinstance(sent, dict) and isinstance(read, dict):
        return [one for key, member in sent.items() for one in lost(member, read.get(key), f"{place}.{key}")]
    if isinstance(sent, list) and isinstance(read, list) and len(sent) == len(read):
        return [one for n, member in enumerate(sent) for one in lost(member, read[n], f"{place}[{n}]")]
    return [] if sent == read and type(sent) is type(read) else [place]


def test_every_operation_has_an_endpoint_here() -> None:
    assert len(ENDPOINTS) + len(NO_ANSWER) == len(ANSWERS) + len(MEDIA) + len(NO_ANSWER) == 166
    assert set(ENDPOINTS) == set(SHAPES) - NO_ANSWER
    assert {"response" in SHAPES[name] for name in NO_ANSWER} == {False}


# ------------------------------------------------------------------ sound answers


@pytest.mark.parametrize("operation", ANSWERS)
def test_every_member_the_specification_knows_is_declared(operation: str) -> None:
    document = full(ANSWERS[operation])
    answer = parse(operation, document)
    if isinstance(answer, SyncResponse):
        assert answer.raw == document
        assert answer.problems == ()
        return
    assert lost(document, unstructure(answer)) == []
    for one in documents_in(answer):
        assert one.problems == ()
        assert one.extra == IN_EXTRA.get(type(one), {}), type(one)


@pytest.mark.parametrize("operation", ANSWERS)
def test_required_members_are_enough(operation: str) -> None:
    document = least(ANSWERS[operation])
    for name in (name for strict, name in STRICT if strict == operation):
        document[name] = full(ANSWERS[operation])[name]
    answer = parse(operation, document)
    assert getattr(answer, "problems", ()) == ()


OBJECTS = {name: shape for name, shape in ANSWERS.items() if not isinstance(shape, list)}


@pytest.mark.parametrize("operation", OBJECTS)
def test_what_is_not_known_is_kept(operation: str) -> None:
    document = {**full(OBJECTS[operation]), "org.example.new": {"a": [1]}}
    answer = parse(operation, document)
    if operation == "getProtocols":  # the members are protocols, and this is none
        assert set(answer) == {"key"}
    elif isinstance(answer, (Document, SyncResponse)):
        assert answer.extra["org.example.new"] == {"a": [1]}
    else:
        assert getattr(answer, "raw", answer) == document
    if isinstance(answer, (Response, SyncResponse)):
        assert answer.raw == document


@pytest.mark.parametrize("operation", sorted(MEDIA))
def test_media_is_bytes_whatever_they_are(operation: str) -> None:
    answer = ENDPOINTS[operation].parse(HttpResponse(200, {"content-type": "image/png"}, b"\x89PNG{", 5))
    assert answer == Download(b"\x89PNG{", "image/png", "", 5)


# ------------------------------------------------------------------ broken answers


def faults(read: Callable[[Any], Any], document: Any) -> list[str]:
    """Return where a broken member makes reading fail with anything but the documented error."""
    found = []
    for place, changed in altered(document):
        try:
            read(changed)
        except DecodeError:
            pass
        except Exception as error:  # noqa: BLE001 - any other error is what is looked for
            found.append(f"{place}: {error!r}")
    return found


@pytest.mark.parametrize("operation", ANSWERS)
def test_a_broken_member_gives_a_value_or_the_documented_error(operation: str) -> None:
    assert faults(lambda document: parse(operation, document), full(ANSWERS[operation])) == []


def test_a_reader_that_trusts_the_server_is_noticed() -> None:
    document = full(ANSWERS["getCapabilities"])

    def trusting(answer: Any) -> Any:
        return answer["capabilities"]["m.room_versions"]["available"].items()

    assert len(faults(trusting, document)) > 10


WITH_MEMBERS = {name: shape for name, shape in ANSWERS.items() if isinstance(shape, dict) and "*" not in shape}


@pytest.mark.parametrize("operation", WITH_MEMBERS)
def test_a_wrong_optional_member_is_reported_and_costs_nothing_else(operation: str) -> None:
    shape = WITH_MEMBERS[operation]
    for name in (one for one in shape if not one.endswith("!") and (operation, one) not in STRICT):
        answer = parse(operation, {**full(shape), name: None})
        assert answer.problems == ()  # null is as good as missing
        answer = parse(operation, {**full(shape), name: [[7.5]]})
        assert answer.problems[0].path.startswith(name)
        assert lost({key: member for key, member in full(shape).items() if key != name}, _plain(answer)) == []


LISTS = [name for name, shape in ANSWERS.items() if isinstance(shape, list)]
MAPPINGS = ["getProtocols"]


@pytest.mark.parametrize("operation", LISTS)
def test_a_wrong_element_of_a_bare_list_is_reported_and_costs_nothing_else(operation: str) -> None:
    document = full(ANSWERS[operation])
    answer = parse(operation, [*document, 7])
    assert len(answer) == len(document)
    assert [problem.path for problem in answer.problems] == [f"[{len(document)}]"]
    assert parse(operation, document).problems == ()


@pytest.mark.parametrize("operation", MAPPINGS)
def test_a_wrong_member_of_a_bare_mapping_is_reported_and_costs_nothing_else(operation: str) -> None:
    document = full(ANSWERS[operation])
    answer = parse(operation, {**document, "wrong": 7})
    assert set(answer) == set(document)
    assert [problem.path for problem in answer.problems] == ["wrong"]


def _plain(answer: Any) -> Any:
    return answer.raw if isinstance(answer, SyncResponse) else unstructure(answer)


@pytest.mark.parametrize("operation", WITH_MEMBERS)
def test_a_missing_required_member_is_named(operation: str) -> None:
    document = full(WITH_MEMBERS[operation])
    for name in (one.rstrip("!") for one in WITH_MEMBERS[operation] if one.endswith("!")):
        broken = {key: member for key, member in document.items() if key != name}
        if (operation, name) in LENIENT:
            assert parse(operation, broken).problems == ()
        else:
            with pytest.raises(DecodeError) as caught:
                parse(operation, broken)
            assert caught.value.path == name


NO_ANSWERS = (b"[1]", b'"text"', b"7", b"{", b"\xff", b'{"a": NaN}', b"[[[", b"null")


@pytest.mark.parametrize("operation", ANSWERS)
def test_what_is_no_answer_at_all_is_refused(operation: str) -> None:
    endpoint = ENDPOINTS[operation]
    for body in NO_ANSWERS:
        if isinstance(ANSWERS[operation], list) and body == b"[1]":
            assert endpoint.parse(HttpResponse(200, {}, body)) == []  # a list, with nothing sound in it
        else:
            with pytest.raises(DecodeError):
                endpoint.parse(HttpResponse(200, {}, body))


def test_a_shape_that_is_not_declared_would_be_noticed() -> None:
    class Poorer(Response):
        start: str | None = None

    answer = structure({"start": "a", "end": "b"}, Poorer)
    assert [one.extra for one in documents_in(answer)] == [{"end": "b"}]
    assert lost({"a": [{"b": 1}, 2]}, {"a": [{"b": True}, 2], "c": []}) == [".a[0].b"]
    assert lost({"a": [1, 2]}, {"a": [1]}) == [".a"]
