"""Models: declared at once, built by attrs at the first instance."""

from __future__ import annotations

import contextlib
import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from gomatrix_py.codec import Document, Model, Problem, build, field, fields_of, model, secret, structure, wire_name
from gomatrix_py.http.endpoint import Empty, Endpoint

evolve: Callable[..., Any] = attrs.evolve  # type checkers do not know that models are attrs classes
LIVENESS_S = 5.0
ARRIVAL_S = 0.3


class Profile(Document):
    """Kept at module level, so that it can be pickled."""

    name: str
    tags: list[str] = field(factory=list)
    height: int | None = field(default=None, name="h")


class Login(Document):
    user: str
    password: str = secret()
    token: str | None = secret(default=None, name="access_token")


class Session(Document):
    login: Login
    others: list[Login] = field(factory=list)


class Greet(Endpoint[Empty]):
    METHOD, PATH = "POST", "/greet/{name}"
    name: str
    times: int = 1


# ------------------------------------------------------------------ built at first use


def new_class() -> Any:
    class Fresh(Document):
        first: int
        second: str = "two"

    return Fresh


def test_a_class_is_built_when_its_first_instance_is_made() -> None:
    fresh = new_class()
    assert not is_built(fresh)
    one = fresh(1)
    assert is_built(fresh)
    assert (one.first, one.second, one.extra, one.problems) == (1, "two", {}, ())


def is_built(cls: type[Model]) -> bool:
    return "__attrs_attrs__" in vars(cls)


def test_asking_for_the_fields_builds_too() -> None:
    fresh = new_class()
    assert [one.name for one in fields_of(fresh)] == ["extra", "problems", "first", "second"]
    assert is_built(fresh)


def test_types_are_resolved_to_what_they_name() -> None:
    types = {one.name: one.type for one in fields_of(Profile)}
    assert types["height"] == int | None
    assert types["tags"] == list[str]


def test_building_again_changes_nothing() -> None:
    fresh = build(new_class())
    before = vars(fresh)["__attrs_attrs__"]
    assert build(fresh) is fresh
    assert vars(fresh)["__attrs_attrs__"] is before


def test_many_threads_may_make_the_first_instance_at_once() -> None:
    for _ in range(20):
        fresh = new_class()
        made = in_threads(16, fresh)
        assert sorted(one.first for one in made) == list(range(16))
        assert {type(one) for one in made} == {fresh}


def in_threads(count: int, make: Callable[[int], Any]) -> list[Any]:
    made: list[Any] = []
    together = threading.Barrier(count)

    def run(number: int) -> None:
        together.wait(LIVENESS_S)
        made.append(make(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIVENESS_S)
    return made


def builds_of(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let two threads make the first instance, with time for both to begin building; count the builds."""
    begun: list[type] = []
    both_inside = threading.Barrier(2)
    real = attrs.define

    def slow_define(cls: type, **options: Any) -> type:
        begun.append(cls)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_inside.wait(ARRIVAL_S)
        return real(cls, **options)

    with monkeypatch.context() as patch:
        patch.setattr(attrs, "define", slow_define)
        in_threads(2, fresh)
    return begun.count(fresh)


def test_a_class_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert builds_of(new_class(), monkeypatch) == 1


def test_without_the_lock_it_would_be_built_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "_build_lock", contextlib.nullcontext())
    assert builds_of(new_class(), monkeypatch) == 2


# ------------------------------------------------------------------ subclasses


def subclass_of(base: Any, name: str, kind: type, default: Any) -> Any:
    return type("Child", (base,), {"__module__": __name__, "__annotations__": {name: kind}, name: default})


def test_a_subclass_adds_fields_after_those_of_its_base() -> None:
    base = new_class()
    child = subclass_of(base, "third", float, 3.0)
    assert not is_built(base)
    one = child(1, "b", 2.5)
    assert (one.first, one.second, one.third) == (1, "b", 2.5)
    assert is_built(base)
    assert isinstance(one, base)
    assert base(1) != child(1)


def test_a_subclass_may_come_after_its_base_was_built_and_override_a_default() -> None:
    base = build(new_class())
    child = subclass_of(base, "second", str, "zwei")
    assert child(1).second == "zwei"
    assert base(1).second == "two"


# ------------------------------------------------------------------ how instances behave


def test_documents_compare_by_value() -> None:
    assert Profile("a", ["x"], 3) == Profile("a", ["x"], 3)
    assert Profile("a") != Profile("b")
    assert Profile("a", extra={"x": 1}) != Profile("a")
    assert Profile("a", problems=(Problem("x", "y"),)) == Profile("a")


def test_documents_are_mutable_so_they_have_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(Profile("a"))


def test_mutable_defaults_are_not_shared() -> None:
    one, other = Profile("a"), Profile("a")
    one.tags.append("x")
    one.extra["y"] = 1
    assert (other.tags, other.extra) == ([], {})


def test_extra_and_problems_are_given_by_name_only() -> None:
    with pytest.raises(TypeError):
        Profile("a", [], 3, {"x": 1})  # type: ignore[call-arg]


def test_a_missing_or_unknown_argument_is_an_error() -> None:
    with pytest.raises(TypeError):
        Profile()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Profile("a", nickname="b")  # type: ignore[call-arg]


def test_the_repr_shows_fields_but_neither_extra_nor_problems() -> None:
    shown = repr(Profile("a", extra={"x": 1}, problems=(Problem("x", "y"),)))
    assert shown == "Profile(name='a', tags=[], height=None)"


def test_documents_can_be_copied_and_pickled() -> None:
    one = Profile("a", ["x"], 3, extra={"k": [1]})
    deep = copy.deepcopy(one)
    assert deep == one
    assert deep.tags is not one.tags
    assert copy.copy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own bytes
    assert evolve(one, name="b") == Profile("b", ["x"], 3, extra={"k": [1]})


# ------------------------------------------------------------------ secrets


def test_a_secret_never_shows() -> None:
    login = Login("alice", "hunter2", "syt_hidden")
    swapped = Login("alice", token="hunter2", password="syt_hidden")
    places = [login, Session(login, [login]), [login], {"x": login}, (swapped,)]
    shown = "".join(f"{place} {place!r}" for place in places)
    assert "hunter2" not in shown
    assert "syt_hidden" not in shown
    assert "alice" in shown
    assert (login.password, login.token) == ("hunter2", "syt_hidden")


def test_a_secret_declared_as_an_ordinary_field_would_show() -> None:
    class Careless(Document):
        password: str

    assert "hunter2" in repr(Careless("hunter2"))


def test_a_secret_that_was_read_from_a_document_does_not_show_either() -> None:
    login = structure({"user": "alice", "password": "hunter2", "access_token": "syt_hidden"}, Login)
    assert login.token == "syt_hidden"
    assert "syt_hidden" not in repr(login)
    assert "hunter2" not in repr(login)


# ------------------------------------------------------------------ fields


def test_a_field_may_have_another_name_in_json() -> None:
    assert {one.name: wire_name(one) for one in fields_of(Login)} == {
        "extra": "extra",
        "problems": "problems",
        "user": "user",
        "password": "password",
        "token": "access_token",
    }


def test_options_of_fields_reach_attrs() -> None:
    class Optioned(Document):
        shown: int = field(default=1, kw_only=True, repr=lambda value: f"<{value}>")
        compared: int = field(default=1, eq=False)
        made: list[int] = field(factory=list, init=False, metadata={"note": "x"})

    one = Optioned(shown=5)
    assert "shown=<5>" in repr(one)
    assert Optioned(2) == Optioned(3)
    with pytest.raises(TypeError):
        Optioned(made=[1])  # type: ignore[call-arg]
    assert {field.name: field.metadata.get("note") for field in fields_of(Optioned)}["made"] == "x"


# ------------------------------------------------------------------ frozen endpoints


def test_an_endpoint_is_a_frozen_value() -> None:
    one = Greet("alice", 2)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.times = 3  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del one.name
    assert one == Greet("alice", times=2)
    assert one != Greet("alice")
    assert len({one, Greet("alice", 2), Greet("alice")}) == 2
    assert repr(one) == "Greet(name='alice', times=2)"


def test_an_endpoint_can_be_copied_and_pickled() -> None:
    one = Greet("alice", 2)
    assert copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own bytes
    assert evolve(one, times=9) == Greet("alice", 9)
