"""A conversation in an encrypted room: starts Synapse, lets a scripted user talk to the echo bot, and cleans up.

Run it with ``make demo``. It ends with 0 where every line was echoed, and with 1 and a reason where not.
"""

import queue
import sys
from concurrent.futures import ThreadPoolExecutor

from encrypted_echo_bot import make_bot

from gomatrix_py import CryptoClient, DefaultSyncer, Event, EventSource, MatrixError
from gomatrix_py.testing import DevServer

LINES = ("Hello, is anybody here?", "You sound familiar.", "Grüße aus Köln! 🐍", "Goodbye.")
PATIENCE_S = 15.0
ENCRYPTION = {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


class DemoError(Exception):
    """The conversation did not go as scripted."""


def say(who: str, text: str) -> None:
    print(f"{who:>10}  {text}", flush=True)


def talk(alice: CryptoClient, bot_user_id: str) -> None:
    """Invite the bot, wait until it joins, say each line and wait for its echo."""
    from_bot: queue.Queue[Event] = queue.Queue()
    alice.syncer = syncer = DefaultSyncer()

    @syncer.on_source(EventSource.TIMELINE)
    def listen(event: Event) -> None:
        if event.sender == bot_user_id:
            from_bot.put(event)

    alice.sync_once()  # what comes after this is news, and is delivered
    with alice.start_sync():
        room_id = alice.create_room("The demo", invite=[bot_user_id], initial_state=[ENCRYPTION]).room_id
        if next_from(from_bot).type != "m.room.member":
            raise DemoError("the bot spoke before it joined")
        say("", f"{bot_user_id} joined {room_id}")
        for line in LINES:
            say("alice", line)
            alice.send_text(room_id, line)
            echo = next_from(from_bot).body
            say("echo", str(echo))
            if echo != line:
                raise DemoError(f"the bot said {echo!r} and not {line!r}")


def next_from(events: queue.Queue[Event]) -> Event:
    try:
        return events.get(timeout=PATIENCE_S)
    except queue.Empty:
        raise DemoError(f"nothing came from the bot within {PATIENCE_S:g} s") from None


def main() -> int:
    say("", "starting Synapse …")
    try:
        with DevServer() as server:
            say("", f"it runs at {server.url}")
            bot = server.register("echo", "a password", client_class=CryptoClient)
            alice = server.register("alice", "wonderland", client_class=CryptoClient)
            make_bot(bot)
            with bot.start_sync(), ThreadPoolExecutor(1, "alice") as threads:
                threads.submit(talk, alice, bot.user_id).result()
    except (DemoError, MatrixError) as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    say("", f"done: {len(LINES)} lines were said and echoed, encrypted; everything is shut down")
    return 0


if __name__ == "__main__":
    sys.exit(main())
