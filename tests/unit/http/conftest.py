"""Shared by the tests of the HTTP layer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from gomatrix_py.http.transport import RequestsTransport
from tests.kit.raw_server import Certificate, self_signed


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command to make a certificate with")
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def transport() -> Iterator[RequestsTransport]:
    """A transport whose connections are closed at the end."""
    made = RequestsTransport()
    yield made
    made.close()
