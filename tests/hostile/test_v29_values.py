"""V29: no value of the package shows a secret; more than forty are planted, one in each place that holds one.

What is logged while they are used, by whomever, is in tests/faults/test_t24_secrets.py and
tests/unit/http/test_secrets.py.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import gomatrix_py
from gomatrix_py.codec import Model
from gomatrix_py.codec.model import build
from gomatrix_py.http.answers import error_from
from gomatrix_py.http.messages import HttpResponse

PLANTED = "planted-91c4"
HOLDS_A_SECRET = re.compile(
    r"(?:^|_)(?:access_token|refresh_token|id_access_token|device_token|password|new_password|client_secret|"
    r"secret|passphrase|private_key|session_key|login_token|hs_token|as_token|mac_key)$|^token$"
)
# what is only called like one: switches, a public token, how a passphrase is used, an administrator's list
NO_SECRETS = {
    *("Login.refresh_token", "Register.refresh_token", "RegisterWithSecret.refresh_token"),
    *("LoginFlow.get_login_token", "CapabilitySet.get_login_token", "CapabilitySet.change_password"),
    *("SignedThirdPartyInvite.token", "SecretStorageKeyContent.passphrase", "GetRegistrationToken.token"),
    *("NewRegistrationToken.token", "UpdateRegistrationToken.token", "DeleteRegistrationToken.token"),
}


def _models() -> Iterator[type[Any]]:
    for module in pkgutil.walk_packages(gomatrix_py.__path__, "gomatrix_py."):
        if ".testing" in module.name:
            continue
        for kind in tuple(vars(importlib.import_module(module.name)).values()):
            if isinstance(kind, type) and kind.__module__ == module.name and kind is not Model:
                if issubclass(kind, Model):
                    yield build(kind)
                elif attrs.has(kind):
                    yield kind


def holders() -> list[tuple[type[Any], Any]]:
    """Return each class of the package with each of its fields that holds a secret."""
    return [
        (kind, attribute)
        for kind in _models()
        for attribute in attrs.fields(kind)
        if HOLDS_A_SECRET.search(attribute.name) and f"{kind.__name__}.{attribute.name}" not in NO_SECRETS
    ]


HOLDERS = [pytest.param(kind, field, id=f"{kind.__name__}.{field.name}") for kind, field in holders()]


def with_planted(kind: type[Any], name: str) -> Any:
    """Return a value of a class, as it is however it was made, with a secret in one of its fields."""
    value: Any = object.__new__(kind)
    for attribute in attrs.fields(kind):
        object.__setattr__(value, attribute.name, PLANTED if attribute.name == name else "x")
    return value


def test_there_are_many_places_for_secrets() -> None:
    assert len(HOLDERS) >= 40


@pytest.mark.parametrize(("kind", "field"), HOLDERS)
def test_a_value_shows_no_secret(kind: type[Any], field: Any) -> None:
    value = with_planted(kind, field.name)
    assert getattr(value, field.name) == PLANTED
    for said in (repr(value), str(value), f"{[value]} {(value,)}", f"{value!s:.500}"):
        assert PLANTED not in said


def test_the_control_a_field_without_the_mark_is_shown() -> None:
    @attrs.define
    class Careless:
        access_token: str

    assert PLANTED in repr(with_planted(Careless, "access_token"))


def test_what_a_server_says_of_a_secret_is_not_kept_in_an_error() -> None:
    body = b'{"errcode":"M_FORBIDDEN","error":"no","access_token":"%s"}' % PLANTED.encode()
    error = error_from(HttpResponse(403, {}, body), "POST /login")
    assert PLANTED not in f"{error} {error!r}"
