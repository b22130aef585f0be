"""People and rooms on a real Synapse; `matrix_server` and `matrix_user` come from the package's own plugin."""

from __future__ import annotations

import pytest

from gomatrix_py import Client
from gomatrix_py.testing.pytest_plugin import MatrixUser


@pytest.fixture
def alice(matrix_user: MatrixUser) -> Client:
    """A user."""
    return matrix_user("alice")


@pytest.fixture
def bob(matrix_user: MatrixUser) -> Client:
    """Another user."""
    return matrix_user("bob")


@pytest.fixture
def room_id(alice: Client, bob: Client) -> str:
    """A room that Alice made and Bob joined."""
    made = alice.create_room("Wonderland", invite=[bob.user_id]).room_id
    bob.join_room(made)
    return made
