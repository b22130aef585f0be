"""Writes docs/operations.rst from the declarations: ``python -m tests.meta.make_operations_table``."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from gomatrix_py import Client
from gomatrix_py.http.endpoint import Call, Endpoint
from tests.meta.operations import declared, fact_for, proposed
from tests.meta.tree import ROOT

__all__ = ["DOCUMENT", "document", "methods_by_endpoint"]

DOCUMENT = "docs/operations.rst"

_HEAD = """\
Operations
==========

Every operation of the Matrix Client-Server API, and the method of ``Client`` that carries it out. "Since" is the
version of the specification that brought it, empty for what was there from the beginning. This page is made from
the declarations by ``make docs``, and a test holds it to them.

An operation as a value, which is what ``Client.call`` takes, has its class in the module that heads each table.
What is handed out in pages has an iterator too: ``Client.messages_iter``, ``Client.relations_iter``,
``Client.threads_iter``, ``Client.public_rooms_iter``, ``Client.hierarchy_iter``, ``Client.search_iter``,
``Client.notifications_iter``, ``Client.mutual_rooms_iter``, ``Client.user_directory_iter``. ``Client.supports`` tells
whether the server has something, and ``gomatrix_py.errors.UnsupportedByServer`` is raised where a call needs what it
has not.

The specification has {count} operations. {deprecated} of them are deprecated: their methods work, and warn.
"""

_PROPOSALS = """\
Proposals
---------

What Synapse serves of proposals that are not in the specification yet. Names and meaning may change with them.
"""


def methods_by_endpoint() -> dict[type[Endpoint[Any]], str]:
    """Return the name of the client's method for each operation."""
    found = {}
    for name in dir(Client):
        member = inspect.getattr_static(Client, name)
        endpoint = member.endpoint if isinstance(member, Call) else getattr(member, "__endpoint__", None)
        if endpoint is not None:
            found[endpoint] = name
    return found


def document() -> str:
    """Return the page."""
    methods = methods_by_endpoint()
    operations = declared()
    deprecated = sum(bool(one.DEPRECATED) for one in operations)
    lines = [_HEAD.format(count=len(operations), deprecated=_in_words(deprecated).capitalize())]
    for module, endpoints in groupby(sorted(operations, key=_place), key=lambda one: one.__module__):
        heading = f"``{module}``"
        lines += [heading, "-" * len(heading), "", _subject(module), ""]
        rows = [(_asked(one), methods[one], _since(one), _note(one)) for one in endpoints]
        lines += [*_table(("Operation", "Method", "Since", "Note"), rows, (48, 30, 7, 15)), ""]
    lines.append(_PROPOSALS)
    rows = [
        (_asked(one), methods[one], f"MSC{one.MSC}", f"``{one.__module__}``")
        for one in sorted(proposed(), key=lambda one: (one.MSC, _place(one)))
    ]
    lines += _table(("Operation", "Method", "Proposal", "Module"), rows, (48, 27, 10, 15))
    return "\n".join(lines) + "\n"


def _place(endpoint: type[Endpoint[Any]]) -> tuple[str, int]:
    return endpoint.__module__, inspect.getsourcelines(endpoint)[1]


def _asked(endpoint: type[Endpoint[Any]]) -> str:
    path = endpoint.PATH.removeprefix("/_matrix/client")
    fact = fact_for(endpoint) if not endpoint.MSC else None
    third_party = " with a third-party id" if fact is not None and fact.operation == "inviteBy3PID" else ""
    peeking = " with a room" if fact is not None and fact.operation == "peekEvents" else ""
    return f"{endpoint.METHOD} {path}{third_party}{peeking}"


def _since(endpoint: type[Endpoint[Any]]) -> str:
    return endpoint.ADDED


def _note(endpoint: type[Endpoint[Any]]) -> str:
    return f"deprecated: ``Client.{endpoint.DEPRECATED}``" if endpoint.DEPRECATED else ""


def _subject(module: str) -> str:
    lines = (inspect.getdoc(sys.modules[module]) or "").splitlines()
    return re.sub(r"``?([^`]*)``?", r"\1", lines[0].partition(" Spec: ")[0])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], widths: tuple[int, ...]) -> Iterator[str]:
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield f"   :widths: {' '.join(map(str, widths))}"
    yield ""
    for operation, method, *rest in [head, *rows]:
        is_head = operation == head[0]
        cells = [operation, method if is_head else f"``Client.{method}``", *rest]
        yield f"   * - {cells[0]}"
        yield from (f"     - {cell}".rstrip() for cell in cells[1:])


def _in_words(number: int) -> str:
    words = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    return words[number] if number < len(words) else str(number)


if __name__ == "__main__":
    (ROOT / DOCUMENT).write_text(document(), encoding="utf-8")
