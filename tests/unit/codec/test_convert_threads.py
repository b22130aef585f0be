"""Reading documents in several threads at once: where a thread is in its document is its own affair."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gomatrix_py.codec import Document, convert, field, register_type, structure
from gomatrix_py.errors import DecodeError

LIVENESS_S = 10.0


class Everything(Document):
    text: str = ""
    names: list[str] = field(factory=list)
    counts: dict[str, int] = field(factory=dict)


def test_threads_read_different_documents_at_once() -> None:
    rounds, together, wrong = 200, threading.Barrier(4), []

    def read(number: int) -> None:
        names = ["ok", number, "ok"]
        together.wait(LIVENESS_S)
        for _ in range(rounds):
            made = structure({f"only-{number}": 1, "names": names, "counts": {f"key-{number}": "x"}}, Everything)
            paths = [problem.path for problem in made.problems]
            if paths != ["names[1]", f"counts.key-{number}"] or made.extra != {f"only-{number}": 1}:
                wrong.append(paths)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIVENESS_S)
    assert wrong == []


class Pause:
    """A type whose reading waits for the test."""

    reached: dict[str, threading.Event]
    may_go_on: dict[str, threading.Event]

    @classmethod
    def load(cls, value: Any) -> str:
        cls.reached[value].set()
        cls.may_go_on[value].wait(LIVENESS_S)
        raise DecodeError("paused")


register_type(Pause, load=Pause.load, dump=str)  # type: ignore[arg-type]


class Paused(Document):
    first: list[Pause] = field(factory=list)
    second: list[Pause] = field(factory=list)


def overlapping_reads() -> dict[str, list[str]]:
    """Begin to read one document, begin another, end the one, end the other; return the reported paths."""
    Pause.reached = {name: threading.Event() for name in ("first", "second")}
    Pause.may_go_on = {name: threading.Event() for name in ("first", "second")}
    paths: dict[str, list[str]] = {}

    def read(name: str) -> None:
        try:
            paths[name] = [problem.path for problem in structure({name: [name]}, Paused).problems]
        except IndexError as error:  # the other's place was taken off
            paths[name] = [repr(error)]

    threads = {name: threading.Thread(target=read, args=(name,)) for name in ("first", "second")}
    for name, thread in threads.items():
        thread.start()
        assert Pause.reached[name].wait(LIVENESS_S)
    for name, thread in threads.items():
        Pause.may_go_on[name].set()
        thread.join(LIVENESS_S)
    return paths


def test_overlapping_reads_keep_their_places_apart() -> None:
    assert overlapping_reads() == {"first": ["first[0]"], "second": ["second[0]"]}


def test_a_place_shared_by_threads_would_be_mixed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    methods = {name: vars(convert._Work)[name] for name in ("__init__", "reading", "wrong", "report")}
    monkeypatch.setattr(convert, "_work", type("Shared", (), methods)())
    assert overlapping_reads() != {"first": ["first[0]"], "second": ["second[0]"]}


def test_a_document_read_while_another_is_being_read_has_its_own_problems() -> None:
    """A registered type may itself call `structure`."""

    class Wrapper:
        def __init__(self, inner: Everything) -> None:
            self.inner = inner

    register_type(Wrapper, load=lambda value: Wrapper(structure(value, Everything)), dump=lambda one: one.inner)
    read = structure([{"text": 5}, {"names": [1]}], list[Wrapper])
    assert [[problem.path for problem in one.inner.problems] for one in read] == [["text"], ["names[0]"]]
