"""The code of docs/synapse.rst and docs/synadm.rst, run as it stands on a real Synapse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.synapse_world import PASSWORD, World, running_world
from tests.meta.rst import snippets


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as made:
        yield made


@pytest.mark.parametrize("document", ["docs/synapse.rst", "docs/synadm.rst"])
def test_the_code_of_a_page_runs(world: World, document: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = document.partition("/")[2].partition(".")[0]
    world.server.register(f"alice-{name}", PASSWORD)
    world.admin.registration_tokens.new_token(f"tea-party-{name}", uses_allowed=1)
    places = {
        "https://matrix.example.org": world.server.url,
        "syt_an_administrators_token": world.root.access_token,
        "@alice:example.org": f"@alice-{name}:localhost",
        "tea-party": f"tea-party-{name}",
        "example.org": "localhost",
    }
    namespace: dict[str, object] = {}
    for one in snippets(document):
        code = one.code
        for told, here in places.items():
            code = code.replace(told, here)
        exec(compile(code, f"{document}:{one.line}", "exec"), namespace)  # noqa: S102 - to run the page is the test
    admin = namespace["admin"]
    assert type(admin).__name__ == "SynapseAdmin"
    admin.close()  # type: ignore[attr-defined]
    said = capsys.readouterr().out
    assert ("AdminCapabilities(" in said) is (name == "synapse")
    assert f"@alice-{name}:localhost" in said
