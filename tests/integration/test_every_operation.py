"""Every operation of the specification is called on a real Synapse, or it is said why it cannot be.

The calls stand in `tests/kit/served_*.py`: each asserts what came back.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.errors import HTTPError, Unrecognized
from gomatrix_py.http.endpoint import Endpoint
from tests.kit.operations import CALLS
from tests.kit.served import CHECKS, Check, World, serves, small_world
from tests.meta.operations import declared, fact_for

for _checks in ("rooms", "accounts", "files_and_keys"):
    importlib.import_module(f"tests.kit.served_{_checks}")

ENDPOINTS: dict[str, type[Endpoint[Any]]] = {
    fact.operation: endpoint for endpoint in declared() if (fact := fact_for(endpoint)) is not None
}
ROOT = Path(__file__).resolve().parents[2]

_REQUEST = "tests/unit/api/test_chapters.py::test_a_method_makes_its_request"
_ANSWER = "tests/unit/api/test_answers.py::test_every_member_the_specification_knows_is_declared"
_NO_MAIL = "the code goes out by e-mail or by an identity server, and none may be contacted"
_NO_PROVIDER = "Synapse has no OAuth 2.0 or single sign-on provider of its own"
_LATER = "Synapse 1.163 does not have it yet"
_NO_LXML = "previews need lxml, which is not installed"
_FROZEN = "Synapse shows media of today to nobody on the old paths"

# What is not served, why, and the tests that cover its request and its answer instead.
NOT_SERVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "add3PID": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "bind3PID": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "post3PIDs": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "inviteBy3PID": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "requestTokenTo3PIDEmail": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "requestTokenTo3PIDMSISDN": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "requestTokenToRegisterEmail": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "requestTokenToRegisterMSISDN": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "requestTokenToResetPasswordEmail": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "requestTokenToResetPasswordMSISDN": (_NO_MAIL, (_REQUEST, _ANSWER)),
    "getAuthMetadata": (_NO_PROVIDER, (_REQUEST, _ANSWER)),
    "redirectToIdP": (_NO_PROVIDER, (_REQUEST,)),
    "redirectToSSO": (_NO_PROVIDER, (_REQUEST,)),
    "getAdminLockUser": (_LATER, (_REQUEST, _ANSWER)),
    "setAdminLockUser": (_LATER, (_REQUEST, _ANSWER)),
    "getAdminSuspendUser": (_LATER, (_REQUEST, _ANSWER)),
    "setAdminSuspendUser": (_LATER, (_REQUEST, _ANSWER)),
    "getWellknownPolicy": (_LATER, (_REQUEST, _ANSWER)),
    "getWellknownSupport": (_LATER, (_REQUEST, _ANSWER)),
    "queryLocationByAlias": ("Synapse has lookups by protocol only", (_REQUEST, _ANSWER)),
    "queryUserByID": ("Synapse has lookups by protocol only", (_REQUEST, _ANSWER)),
    "getUrlPreview": (_NO_LXML, (_REQUEST, _ANSWER)),
    "getUrlPreviewAuthed": (_NO_LXML, (_REQUEST, _ANSWER)),
    "getContent": (_FROZEN, (_REQUEST, "tests/unit/api/test_answers.py::test_media_is_bytes_whatever_they_are")),
    "getContentOverrideName": (
        _FROZEN,
        (_REQUEST, "tests/unit/api/test_answers.py::test_media_is_bytes_whatever_they_are"),
    ),
    "getContentThumbnail": (
        _FROZEN,
        (_REQUEST, "tests/unit/api/test_answers.py::test_media_is_bytes_whatever_they_are"),
    ),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A homeserver with people, rooms and a bridge."""
    with small_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.mark.parametrize("check", dict.fromkeys(CHECKS.values()), ids=lambda check: check.__name__)
def test_operations_answer(check: Check, world: World) -> None:
    endpoints = {ENDPOINTS[operation] for operation, its in CHECKS.items() if its is check}
    world.answered()
    is_deprecated = any(one.DEPRECATED for one in endpoints)
    with pytest.warns(DeprecationWarning, match="is deprecated: use") if is_deprecated else contextlib.nullcontext():
        check(world)
    assert endpoints - world.answered() == set()


def test_every_operation_is_called_or_accounted_for() -> None:
    assert set(CHECKS) | set(NOT_SERVED) == set(ENDPOINTS)
    assert set(CHECKS) & set(NOT_SERVED) == set()
    assert len(ENDPOINTS) == 166
    assert len(CHECKS) >= 140


@pytest.mark.parametrize("operation", NOT_SERVED)
def test_what_is_not_served_is_covered_elsewhere(operation: str) -> None:
    _, tests = NOT_SERVED[operation]
    assert operation in {call.operation for call in CALLS}
    for test in tests:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


NOT_YET = [operation for operation, (why, _) in NOT_SERVED.items() if why == _LATER]


@pytest.mark.parametrize("operation", NOT_YET)
def test_what_is_not_there_yet_would_be_noticed_when_it_comes(operation: str, world: World) -> None:
    call = next(call for call in CALLS if call.operation == operation)
    with pytest.raises(HTTPError) as refused:
        call.on(world.admin)
    assert refused.value.code == 404
    assert isinstance(refused.value, Unrecognized) or refused.value.wrapped_error is None


def test_a_check_that_calls_nothing_would_be_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def idle(world: World) -> None: ...

    monkeypatch.setitem(CHECKS, "getVersions", idle)
    with pytest.raises(AssertionError):
        test_operations_answer(idle, world)
    with pytest.raises(AssertionError):
        serves("getVersions")(idle)
