"""The guides in docs, run as they stand on a real homeserver."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import Client, CryptoClient
from gomatrix_py.testing import DevServer
from tests.kit.pictures import png
from tests.meta.names import INSTANCES, check_expression
from tests.meta.rst import Snippet, snippets

GUIDES = ["encryption", "media", "rooms", "sending", "signing_in", "syncing"]

# What each guide prints where all went as it says.
SAID = {
    "encryption": ["1 () ()", "b'the way down'", "{}", "ok       encryption: by", "(before: none)"],
    "media": ["cat.png image/png", "/_matrix/client/v1/media/download/", "of 100000 bytes"],
    "rooms": ["Tea party None 2", "join", "True True False", "m.room.create", "True ['!"],
    "sending": ["<b>bold</b>", "Tea at five?", "{'🫖': 1}", "Who brings cake?", "{'1': 1, '2': 0}", "bytes"],
    "signing_in": ["still", "welcome, @dormouse:localhost"],
    "syncing": ["True", "A room of one's own"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with DevServer() as server:
        yield server


def adapted(code: str, server: DevServer, guide: str) -> str:
    """Return the code of a guide for people of its own on the server of the test."""
    code = code.replace("https://matrix.example.org", server.url)
    for name in ("alice", "bob"):
        code = code.replace(f'"{name}"', f'"{name}-{guide}"').replace(f"@{name}:", f"@{name}-{guide}:")
    return code.replace("example.org", "localhost")


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_does_what_it_says(
    guide: str,
    server: DevServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("alice", "bob"):
        with server.register(f"{name}-{guide}", "wonderland", client_class=CryptoClient) as person:
            if guide == "encryption" and name == "bob":
                person.sync_once()  # and so has a device to encrypt for
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(png(64, 48))
    (tmp_path / "downloads").mkdir()
    namespace: dict[str, object] = {"__name__": guide}
    for one in snippets(f"docs/{guide}.rst"):
        if not one.name:  # those that have a name need a person or a keyring
            code = compile(adapted(one.code, server, guide), f"{one.document}:{one.line}", "exec")
            exec(code, namespace)  # noqa: S102 - to run it is the test
    said = capsys.readouterr().out
    assert [text for text in SAID[guide] if text not in said] == []


# ------------------------------------------------------------------ what cannot be run


def calls_in(one: Snippet) -> list[str]:
    """Return the calls of a snippet that begin with the name of a class or of one of its objects."""
    heads = {*INSTANCES, "Client", "Session"}
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(one.code))
        if isinstance(node, ast.Call) and ast.unparse(node.func).partition(".")[0] in heads
    ]


UNRUN = [one for guide in GUIDES for one in snippets(f"docs/{guide}.rst") if one.name]


@pytest.mark.parametrize("one", UNRUN, ids=lambda one: one.name)
def test_what_needs_a_person_calls_what_exists(one: Snippet) -> None:
    calls = [call for call in calls_in(one) if not call.startswith(("client.session.", "client.crypto."))]
    assert calls
    for call in calls:
        check_expression(call)


def test_few_snippets_go_unrun() -> None:
    assert [one.name for one in UNRUN] == ["comparing", "keyring", "browser"]


def test_a_call_of_what_does_not_exist_is_noticed() -> None:
    (call,) = calls_in(Snippet("a guide", 1, "x", "client.login_by_horse('Boxer')\nprint(other.thing())"))
    with pytest.raises(LookupError):
        check_expression(call)


def test_people_of_a_guide_are_its_own(server: DevServer) -> None:
    code = 'Client("https://matrix.example.org").login_with_password("alice", "@bob:example.org")'
    assert adapted(code, server, "x") == f'Client("{server.url}").login_with_password("alice-x", "@bob-x:localhost")'
    assert isinstance(Client(server.url), Client)
