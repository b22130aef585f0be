"""What the specification says of each operation's parameters and answer, and a call for each to look at.

`operation_shapes.json` holds, by operation, the names and types of the query, the body and the answer. A name
that ends in "!" is required; ``{"*": x}`` is a mapping, ``[x]`` a list, "event" an event of whatever type.
`operation_calls.json` holds calls of client methods and the request that each has to make: with the required
parameters alone, and with all.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gomatrix_py import Client
from gomatrix_py.http.endpoint import Endpoint
from gomatrix_py.http.messages import HttpRequest, HttpResponse

__all__ = [
    "CALLS",
    "OWN_USER",
    "SHAPES",
    "MethodCall",
    "RecordingClient",
    "altered",
    "endpoint_of",
    "full",
    "least",
]

OWN_USER = "@alice:example.org"
_HERE = Path(__file__).parent
_EVENT = {
    "type": "m.room.message",
    "event_id": "$event",
    "sender": "@bob:example.org",
    "origin_server_ts": 1700000000000,
    "room_id": "!room:example.org",
    "content": {"body": "text", "msgtype": "m.text"},
    "unsigned": {"age": 7},
}
_SAMPLES: dict[str, Any] = {
    "any": "text",
    "boolean": True,
    "boolean|integer|null|string": "text",
    "event": _EVENT,
    "integer": 7,
    "null|string": "text",
    "number": 0.5,
    "object": {"a": "b"},
    "object|string": "text",
    "string": "text",
}
_WRONG: tuple[Any, ...] = (None, True, 7, 1.5, "text", [], {}, [None], {"a": None}, [{"a": []}], {"a": {"b": {}}})


class MethodCall(NamedTuple):
    """A call of a method, and the request it has to make: "VERB /path?query" and the JSON body."""

    operation: str
    method: str
    args: list[Any]
    kwargs: dict[str, Any]
    request: str
    body: Any = None

    def on(self, client: Client) -> Any:
        """Make the call and return what it returns; one that is deprecated has to say so."""
        method = getattr(client, self.method)
        if not endpoint_of(self.method).DEPRECATED:
            return method(*self.args, **self.kwargs)
        with pytest.warns(DeprecationWarning, match=f"{self.method} is deprecated: use "):
            return method(*self.args, **self.kwargs)

    def __str__(self) -> str:
        given = {*self.kwargs, *(f"{len(self.args)} positional" for _ in self.args[:1])}
        return f"{self.method}({', '.join(sorted(given))})"


def endpoint_of(method: str) -> type[Endpoint[Any]]:
    """Return the operation that a method of the client carries out."""
    member = inspect.getattr_static(Client, method)
    endpoint: type[Endpoint[Any]] = getattr(member, "endpoint", None) or member.__endpoint__
    return endpoint


def _with_bytes(row: dict[str, Any]) -> dict[str, Any]:
    row["args"] = [b"content" if one == "$bytes" else one for one in row["args"]]
    if row.get("body") == "$bytes":
        row["body"] = b"content"
    return row


SHAPES: dict[str, dict[str, Any]] = {
    row.pop("operation"): row for row in json.loads((_HERE / "operation_shapes.json").read_text(encoding="utf-8"))
}
CALLS = [
    MethodCall(**_with_bytes(row)) for row in json.loads((_HERE / "operation_calls.json").read_text(encoding="utf-8"))
]


class RecordingClient(Client):
    """A client without a network: it remembers endpoints and requests, and answers as it is told."""

    def __init__(self, answer: Any = None, *, is_logged_in: bool = True) -> None:
        self.answer = json.dumps({} if answer is None else answer).encode()
        self.endpoints: list[Endpoint[Any]] = []
        self.requests: list[HttpRequest] = []
        credentials = (OWN_USER, "a-token") if is_logged_in else ("", "")
        # allow_plaintext: nothing is asked but what is called
        super().__init__("https://example.org", *credentials, transport=self, allow_plaintext=True)

    def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; the one method of a transport."""
        self.requests.append(request)
        return HttpResponse(200, {}, self.answer, len(self.answer))

    def call(self, endpoint: Endpoint[Any], **options: Any) -> Any:
        """Remember the endpoint, and go on as any client."""
        self.endpoints.append(endpoint)
        return super().call(endpoint, **options)


# ------------------------------------------------------------------ answers made from shapes


def full(shape: Any) -> Any:
    """Return a document with every member a shape knows."""
    return _sample(shape, lambda name: True)


def least(shape: Any) -> Any:
    """Return a document with the required members alone."""
    return _sample(shape, lambda name: name.endswith("!"))


def _sample(shape: Any, is_wanted: Any) -> Any:
    if isinstance(shape, list):
        return [_sample(shape[0], is_wanted)]
    if isinstance(shape, dict) and "*" in shape:
        return {"key": _sample(shape["*"], is_wanted)}
    if isinstance(shape, dict):
        return {name.rstrip("!"): _sample(kind, is_wanted) for name, kind in shape.items() if is_wanted(name)}
    return copy.deepcopy(_SAMPLES[shape])


def altered(document: Any) -> Iterator[tuple[list[Any], Any]]:
    """Yield copies of a document in which one member, at any depth, is missing or something else, and where."""
    for place in _places(document, []):
        changed = copy.deepcopy(document)
        holder = _at(changed, place[:-1])
        del holder[place[-1]]
        yield place, changed
        for wrong in _WRONG:
            changed = copy.deepcopy(document)
            _at(changed, place[:-1])[place[-1]] = copy.deepcopy(wrong)
            yield place, changed


def _places(document: Any, above: list[Any]) -> Iterator[list[Any]]:
    if isinstance(document, (dict, list)):
        for key, member in document.items() if isinstance(document, dict) else enumerate(document):
            yield [*above, key]
            yield from _places(member, [*above, key])


def _at(document: Any, place: list[Any]) -> Any:
    for key in place:
        document = document[key]
    return document
