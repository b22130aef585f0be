"""Objects kept beside their pickles: each handed out once, none after it changed."""

from __future__ import annotations

import pytest

from gomatrix_py.crypto.reopening import Reopening
from gomatrix_py.crypto.trust import BlindTrust
from tests.kit.key_server import KeyServer, Peer


def test_an_object_is_handed_out_once() -> None:
    kept: Reopening[object] = Reopening(2)
    thing = object()
    kept.keep("a", thing)
    assert (kept.take("a"), kept.take("a")) == (thing, None)


def test_the_oldest_go_first() -> None:
    kept: Reopening[int] = Reopening(2)
    for number, name in enumerate("abc"):
        kept.keep(name, number)
    assert [kept.take(name) for name in "abc"] == [None, 1, 2]


def test_an_object_that_changed_is_not_found_under_its_old_pickle() -> None:
    server = KeyServer()
    alice, bob = (Peer(server, user_id, "D", policy=BlindTrust()) for user_id in ("@alice:hs", "@bob:hs"))
    first = alice.say("!r:hs", ["@alice:hs", "@bob:hs"], "1")
    with pytest.raises(ZeroDivisionError), alice.engine.encrypt("!r:hs", first.content["session_id"], "m.x", {}):
        raise ZeroDivisionError
    second = alice.say("!r:hs", ["@alice:hs", "@bob:hs"], "2")
    bob.sync()
    assert [bob.engine.decrypt(event).message_index for event in (first, second)] == [0, 1]
