"""The example that prints threads, run as its reader runs it."""

from __future__ import annotations

from gomatrix_py import Client
from tests.kit.example_scripts import credentials, run_script


def test_threads(alice: Client, bob: Client, room_id: str) -> None:
    settings = credentials(alice)
    assert run_script("threads.py", room_id, settings=settings) == []
    me, other = alice.user_id, bob.user_id
    expected = [f"{me}: Tea: what do you think?", f"  {me}: I will go first.", f"  {me}: It is grand.  👍 1"]
    assert run_script("threads.py", room_id, "Tea", settings=settings) == expected
    thread = alice.thread(room_id, next(iter(alice.threads_iter(room_id))))
    reply = bob.send_text(room_id, "No.", thread=thread.root).event_id
    bob.edit(reply, "Yes.\nPlease.", room_id=room_id)
    bob.react(thread.root, "🎉")
    expected[0] += "  🎉 1"
    assert run_script("threads.py", room_id, settings=settings) == [*expected, f"  {other}: Yes.", "    Please."]
