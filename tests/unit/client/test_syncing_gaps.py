"""Gaps that fill themselves against a scripted homeserver, and what happens when history cannot be had."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py import Client, UsageError
from gomatrix_py.errors import (
    ServerError,
    UnknownToken,
)
from gomatrix_py.store import Gap
from tests.conformance.six_methods import SixMethodStore
from tests.kit.recorder import Recorder
from tests.kit.scripted_client import Impatient, make_client, sinces
from tests.kit.scripted_homeserver import (
    ROOM,
    USER,
    Cut,
    Reply,
    ScriptedHomeserver,
    joined,
    message,
    sync_answer,
)


def _page(*events: dict[str, Any], end: str | None = None) -> dict[str, Any]:
    return {"start": "p1", "chunk": list(events), **({"end": end} if end else {})}


LIMITED = sync_answer("s2", joined(message("$9"), limited=True, prev_batch="p1"))


@pytest.mark.parametrize(
    "history",
    [
        Reply(403, {"errcode": "M_FORBIDDEN"}),
        Reply(500, {"errcode": "M_UNKNOWN"}),
        Reply(body=b"not json"),
        {"chunk": "not a list", "start": "x"},
    ],
)
def test_history_the_server_does_not_give_keeps_nothing_back(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder, history: Any
) -> None:
    syncer.fill_gaps = 10
    server.route("GET", "/messages", history)
    server.will_answer(sync_answer("s1"), LIMITED)
    client.sync_once()
    client.sync_once()
    assert heard.bodies == ["$9"]
    (gap,) = client.gaps()
    assert (gap.since, gap.prev_batch) == ("s1", "p1")
    server.route("GET", "/messages", _page(message("$8"), message("$7")))
    assert [event.event_id for event in client.fill_gap(gap)] == ["$7", "$8"]


def test_a_connection_that_breaks_while_a_gap_is_filled_leaves_nothing_half_done(
    server: ScriptedHomeserver, client: Client, syncer: Impatient, heard: Recorder
) -> None:

    pages = [_page(message("$8"), end="p2"), Cut(), _page(message("$8"), end="p2"), _page(message("$7"))]
    syncer.fill_gaps = 10
    server.route("GET", "/messages", lambda seen: pages.pop(0))
    server.will_answer(sync_answer("s1"), LIMITED, LIMITED)
    with client.start_sync():
        heard.wait_for_bodies("$9")
    assert heard.bodies == ["$7", "$8", "$9"]
    assert client.gaps() == []
    assert sinces(server)[:3] == ["", "s1", "s1"]


def test_a_token_that_ends_while_a_gap_is_filled_ends_the_loop(
    server: ScriptedHomeserver, client: Client, syncer: Impatient
) -> None:
    syncer.fill_gaps = 10
    server.route("GET", "/messages", Reply(401, {"errcode": "M_UNKNOWN_TOKEN"}))
    server.will_answer(sync_answer("s1"), LIMITED)
    with pytest.raises(UnknownToken):
        client.sync()
    assert client.store.load_next_batch(USER) == "s1"


def test_filling_by_hand_reports_what_went_wrong_and_keeps_the_gap(
    server: ScriptedHomeserver, client: Client, heard: Recorder
) -> None:
    server.will_answer(sync_answer("s1"), LIMITED)
    client.sync_once()
    client.sync_once()
    (gap,) = client.gaps()
    server.route("GET", "/messages", Reply(502, b""))
    with pytest.raises(ServerError):
        client.fill_gap(gap)
    assert client.gaps() == [gap]
    assert heard.bodies == ["$9"]


def test_a_store_without_gaps_says_so(server: ScriptedHomeserver) -> None:
    with make_client(server, store=SixMethodStore()) as client:
        assert client.gaps() == []
        with pytest.raises(UsageError):
            client.fill_gap(Gap(ROOM, "s1", "p1"))
