"""Every example, run as its reader runs it, against a real Synapse; and the README's tour, line by line."""

from __future__ import annotations

import importlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Client, DefaultSyncer, Event, EventSource
from gomatrix_py.errors import Conflict
from gomatrix_py.links import build_matrix_link
from gomatrix_py.testing.devserver import DevServer
from gomatrix_py.testing.pytest_plugin import MatrixUser
from tests.kit.example_scripts import EXAMPLES, credentials, run_script, running_script
from tests.kit.waiting import wait_until
from tests.meta.rst import Snippet, snippet, snippets

HAS_A_TEST = {
    "cron_digest.py",
    "demo.py",  # in test_demo.py
    "prometheus_metrics.py",
    "nightly_maintenance.py",  # in test_synapse_nightly.py
    "echo_bot.py",
    "encrypted_echo_bot.py",  # in test_encrypted_bot_example.py
    "export_history.py",
    "media.py",
    "sans_io.py",
    "send_file.py",
    "sso_login.py",  # in test_signing_in.py
    "state_watcher.py",
    "threads.py",  # in test_threads_example.py
}


def test_every_example_has_a_test() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == HAS_A_TEST


def heard_from(client: Client, user_id: str) -> queue.Queue[Event]:
    """Return a queue of what a user does in the rooms of a client, from now on."""
    heard: queue.Queue[Event] = queue.Queue()
    client.syncer = syncer = DefaultSyncer()

    @syncer.on_source(EventSource.TIMELINE)
    def listen(event: Event) -> None:
        if event.sender == user_id:
            heard.put(event)

    client.sync_once()
    return heard


def test_echo_bot(alice: Client, matrix_user: MatrixUser) -> None:
    bot = matrix_user("bot", "a password")
    settings = {**credentials(bot), "MATRIX_PASSWORD": "a password"}
    heard = heard_from(alice, bot.user_id)
    with running_script("echo_bot.py", settings=settings) as script, alice.start_sync():
        room_id = alice.create_room(invite=[bot.user_id]).room_id
        joined = heard.get(timeout=20)
        assert (joined.type, joined.content["membership"]) == ("m.room.member", "join")
        alice.send_notice(room_id, "bots do not answer this")
        alice.send_text(room_id, "Grüße 🐍")
        echo = heard.get(timeout=20)
        assert (echo.body, echo.message_type) == ("Grüße 🐍", "m.notice")
        assert script.interrupt() == -signal.SIGINT
    assert "KeyboardInterrupt" in script.errors


def test_cron_digest(alice: Client, bob: Client, room_id: str, tmp_path: Path) -> None:
    store, settings = str(tmp_path / "digest.sqlite3"), credentials(alice)
    bob.send_text(room_id, "before the first run")
    assert run_script("cron_digest.py", store, settings=settings) == ["nothing new"]
    bob.send_text(room_id, "one")
    bob.send_text(room_id, "two")
    room, *lines = run_script("cron_digest.py", store, settings=settings)
    assert room == "Wonderland"
    assert [line.partition("  ")[2].partition("  ")[2] for line in lines] == [
        f"{bob.user_id}: one",
        f"{bob.user_id}: two",
    ]
    assert run_script("cron_digest.py", store, settings=settings) == ["nothing new"]


def test_send_file(alice: Client, bob: Client, room_id: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(b"curiouser and curiouser\n" * 1000)
    (event_id,) = run_script("send_file.py", room_id, str(file), "Chapter 2", settings=credentials(alice))
    event = bob.get_event(room_id, event_id)
    assert (event.message_type, event.content["filename"], event.body) == ("m.file", "notes.txt", "Chapter 2")
    assert event.content["info"] == {"mimetype": "text/plain", "size": file.stat().st_size}
    assert bob.download(event.content["url"]).content == file.read_bytes()


def test_media(alice: Client, bob: Client, room_id: str, tmp_path: Path) -> None:
    alice.send_text(room_id, "text is not kept")
    alice.send_image(room_id, b"a picture", filename="cat.png")
    bob.send_file(room_id, b"another", filename="../cat.png")
    bob.send_file(room_id, b"too much of it", filename="large.bin")
    lines = run_script("media.py", room_id, str(tmp_path / "kept"), "10", settings=credentials(alice))
    assert lines[:2] == [
        f"{alice.user_id}: {tmp_path / 'kept' / 'cat.png'}, 9 bytes",
        f"{bob.user_id}: {tmp_path / 'kept' / 'cat (1).png'}, 7 bytes",
    ]
    assert lines[2].startswith(f"{bob.user_id}: not kept, ")
    kept = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert kept == {"cat.png": b"a picture", "cat (1).png": b"another"}


SERIES = re.compile(r'gomatrix_py_\w+(\{\w+="(\\.|[^"\\\n])*"(,\w+="(\\.|[^"\\\n])*")*\})? [0-9.e+-]+')


def test_prometheus_metrics(alice: Client, bob: Client, room_id: str) -> None:
    with running_script("prometheus_metrics.py", "0", settings=credentials(bob)) as script:
        url = script.next_line()

        def scraped() -> str:
            with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - our own script's
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                text: str = answer.read().decode()
                return text

        wait_until(lambda: "gomatrix_py_sync_bytes_count" in scraped(), "the first sync is counted")
        alice.send_text(room_id, "hello")
        wait_until(lambda: "gomatrix_py_sync_bytes_count 1\n" not in scraped(), "the next one is, too")
        text = scraped()
        assert script.interrupt() == -signal.SIGINT
    assert 'gomatrix_py_request_seconds_count{route="GET /_matrix/client/v3/sync",status="200"}' in text
    assert "# TYPE gomatrix_py_in_flight gauge\ngomatrix_py_in_flight 0\n" in text
    wrong = [line for line in text.splitlines() if not line.startswith("# TYPE ") and not SERIES.fullmatch(line)]
    assert wrong == []


def test_export_history(alice: Client, room_id: str, tmp_path: Path) -> None:
    for number in range(5):
        alice.send_text(room_id, f"number {number} 🐍")
    path, settings = tmp_path / "room.jsonl", credentials(alice)

    def exported() -> list[dict[str, Any]]:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    (told,) = run_script("export_history.py", room_id, str(path), settings=settings)
    events = exported()
    assert told == f"{len(events)} events added to {path}"
    assert [event["event_id"] for event in events] == [one.event_id for one in alice.messages_iter(room_id)][::-1]
    assert events[0]["type"] == "m.room.create"
    assert [event["content"]["body"] for event in events[-5:]] == [f"number {number} 🐍" for number in range(5)]
    alice.send_text(room_id, "later")
    alias = f"#export-{alice.user_id[1:].partition(':')[0]}:localhost"
    alice.create_room_alias(alias, room_id)
    assert run_script("export_history.py", alias, str(path), settings=settings) == [f"1 events added to {path}"]
    link = build_matrix_link(alias).to_matrix_to()
    assert run_script("export_history.py", link, str(path), settings=settings) == [f"0 events added to {path}"]
    assert [event["event_id"] for event in exported()] == [one.event_id for one in alice.messages_iter(room_id)][::-1]
    assert [one.name for one in tmp_path.iterdir()] == ["room.jsonl"]


def test_an_export_goes_on_over_pages(alice: Client, room_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    new_events = importlib.import_module("export_history").new_events
    one_page = [event.event_id for event in new_events(alice, room_id, None)]
    assert [event.event_id for event in new_events(alice, room_id, None, page_size=2)] == one_page
    assert [event.event_id for event in new_events(alice, room_id, one_page[2], page_size=2)] == one_page[3:]
    assert len(one_page) > 4


def test_state_watcher(alice: Client, bob: Client, room_id: str) -> None:
    with running_script("state_watcher.py", settings=credentials(alice)) as script:
        assert script.next_line() == "watching"
        bob.send_text(room_id, "this is no state")
        alice.send_state_event(room_id, "m.room.topic", "", {"topic": "Tea"})
        assert script.next_line() == f"Wonderland: m.room.topic is now 'Tea' (by {alice.user_id})"
        bob.leave_room(room_id)
        assert script.next_line() == f"Wonderland: {bob.user_id}: join -> leave (by {bob.user_id})"
        assert script.interrupt() == 0
    assert script.errors == ""


def test_sans_io(alice: Client) -> None:
    whoami, ban, refused = run_script("sans_io.py", settings=credentials(alice))
    assert whoami == f"I am {alice.user_id}"
    assert ban.startswith("POST /_matrix/client/v3/rooms/%21no-such-room%3Aexample.org/ban b'{")
    assert alice.access_token not in ban
    assert refused.startswith("the server refused: M_")


def test_an_example_that_fails_is_noticed(alice: Client) -> None:
    with pytest.raises(AssertionError, match="M_UNKNOWN_TOKEN"):
        run_script("sans_io.py", settings={**credentials(alice), "MATRIX_TOKEN": "wrong"})


# ------------------------------------------------------------------ the README


def tour() -> list[Snippet]:
    """Return the README's snippets that go on where the one before stopped."""
    return [one for one in snippets("README.rst") if not one.name]


@pytest.fixture
def wonderland(matrix_server: DevServer) -> Client:
    """The account that the tour logs in to."""
    try:
        return matrix_server.register("alice", "wonderland")
    except Conflict:  # a run before made it
        return matrix_server.login("alice", "wonderland")


def test_the_tour_of_the_readme(
    matrix_server: DevServer,
    wonderland: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("map.pdf").write_bytes(b"%PDF-1.4")
    namespace: dict[str, object] = {"__name__": "tour"}
    for one in tour():
        code = one.code.replace("https://matrix.example.org", matrix_server.url)
        exec(compile(code, f"README.rst:{one.line}", "exec"), namespace)  # noqa: S102 - to run it is the test
    client = namespace["client"]
    assert isinstance(client, Client)
    client.close()
    said = capsys.readouterr().out
    assert len(tour()) >= 6
    assert "A room of one's own" in said  # the store
    assert "not for us: M_" in said  # the errors
    assert "['v1.16']" in said  # the transport


def test_the_readme_s_own_test(tmp_path: Path) -> None:
    (tmp_path / "test_bot.py").write_text(snippet("README.rst", "test_bot.py").code, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_bot.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
