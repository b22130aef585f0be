"""From a name in prose to the thing it names."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

import attrs

import gomatrix_py
from gomatrix_py import Client, DefaultSyncer, Event, Room, SyncHandle
from gomatrix_py.codec import Model, fields_of
from gomatrix_py.http.endpoint import Call, Caller
from gomatrix_py.store import SyncStorer

# What the documents call an object of each class.
INSTANCES = {
    "client": Client,
    "event": Event,
    "handle": SyncHandle,
    "room": Room,
    "store": SyncStorer,
    "syncer": DefaultSyncer,
}


def resolve(dotted: str) -> Any:
    """Return what a dotted path of the package names: a module, a class, a function, a method or a field.

    A field of an attrs class, and an argument of a constructor, count as found; their class is returned.

    Raises:
        LookupError: it names nothing.
    """
    parts = dotted.split(".")
    found: Any = None
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        return follow(found, parts[length:])
    raise LookupError(dotted)


def follow(start: Any, path: list[str]) -> Any:
    """Return what a path of attributes leads to; see `resolve`."""
    found = start
    for number, name in enumerate(path):
        is_last = number == len(path) - 1
        if hasattr(found, name):
            found = getattr(found, name)
        elif not (is_last and isinstance(found, type) and name in own_names(found)):
            raise LookupError(f"{found!r} has no {name}")
    return found


def own_names(cls: type) -> set[str]:
    """Return the names of a class's fields and constructor arguments."""
    if issubclass(cls, Model):
        return {field.name for field in fields_of(cls)}
    names = {field.name for field in attrs.fields(cls)} if attrs.has(cls) else set()
    return names | set(inspect.signature(cls).parameters)


def find_class(name: str) -> Any:
    """Return what the package offers under a bare name: from the top, or from any of its modules' `__all__`.

    Raises:
        LookupError: it offers no such thing.
    """
    if name in gomatrix_py.__all__:
        return getattr(gomatrix_py, name)
    for module in _modules():
        if name in getattr(module, "__all__", ()):
            return getattr(module, name)
    raise LookupError(f"the package offers no {name}")


def _modules() -> list[ModuleType]:
    names = [info.name for info in pkgutil.walk_packages(gomatrix_py.__path__, "gomatrix_py.")]
    return [importlib.import_module(name) for name in names if ".conformance" not in name]


def check_expression(text: str) -> None:
    """Check a name or a call as documents write them: ``client.send_text(room, text)``, ``Room``.

    Raises:
        LookupError: a name leads nowhere, or a call does not fit what it calls.
    """
    try:
        expression = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise LookupError(f"{text!r} is neither a name nor a call") from None
    call = expression if isinstance(expression, ast.Call) else None
    dotted = ast.unparse(call.func if call else expression)
    head, _, rest = dotted.partition(".")
    path = rest.split(".") if rest else []
    if head == "gomatrix_py":
        found = resolve(dotted)
    else:
        found = follow(INSTANCES.get(head) or find_class(head), path)
    if call is not None and (call.args or call.keywords):
        _check_call(found, call, is_method=head in INSTANCES)


def _check_call(found: Any, call: ast.Call, *, is_method: bool) -> None:
    if isinstance(found, Call):  # a declared operation: its method has the operation's arguments
        found, is_method = found.__get__(Caller(), Caller), False
    arguments = [None, *call.args] if is_method else call.args
    try:
        inspect.signature(found).bind(*arguments, **{str(one.arg): one.value for one in call.keywords})
    except TypeError as error:
        raise LookupError(f"{ast.unparse(call)}: {error}") from None
