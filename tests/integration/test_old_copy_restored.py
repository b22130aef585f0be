"""A whole store that is put back as it was, while the account went on: no place of a ratchet is used twice.

The copy is of the whole folder, lock file and all, so that only encryption can find out.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py import Crypto, CryptoClient, SQLiteStore
from gomatrix_py.client.client_warnings import StoreRolledBack
from gomatrix_py.client.old_copies import OldCopies
from gomatrix_py.crypto.backend import BackendName
from gomatrix_py.crypto.outbound import Outbound
from gomatrix_py.crypto.trust import BlindTrust
from gomatrix_py.testing import DevServer
from gomatrix_py.testing.faults import FaultProxy
from tests.kit.encrypting import encrypted_room, heard, person, sync_until
from tests.kit.ratchet_audit import Audit

KEY = bytes(range(32))
LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")


class Restored:
    """Carol, whose store can be put back, and Dave, who reads what she says."""

    def __init__(self, server: DevServer, proxy: FaultProxy, folder: Path, library: BackendName) -> None:
        self.proxy, self.library = proxy, library
        self.folder, self.copy = folder / "store", folder / "copy"
        self.folder.mkdir()
        self.warned: list[object] = []
        self.carol = person(server, "carol", store=self._store(), crypto=self._crypto())
        self.dave = person(server, "dave", crypto=Crypto(trust=BlindTrust(), library=library))
        self.room_id = encrypted_room(self.carol, self.dave)
        self.at_dave = heard(self.dave)
        self.said: list[str] = []
        self.reopen()
        self.say("before")

    def _store(self) -> SQLiteStore:
        return SQLiteStore(self.folder / "carol.db")

    def _crypto(self) -> Crypto:
        return Crypto(key=KEY, trust=BlindTrust(), library=self.library)

    def reopen(self) -> None:
        """Go on with what the folder holds, as another process."""
        self.carol.close()
        old = self.carol
        options: dict[str, Any] = {"store": self._store(), "crypto": self._crypto()}
        self.carol = CryptoClient(self.proxy.url, old.user_id, old.access_token, device_id=old.device_id, **options)
        self.carol.on_warning(self.warned.append)

    def take_copy(self) -> None:
        """Keep all files of the store, and go on."""
        self.carol.close()
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.folder, self.copy)
        self.warned.clear()
        self.reopen()

    def put_back(self) -> None:
        """Let everything be as it was when the copy was taken."""
        self.carol.close()
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)
        self.reopen()

    def say(self, *texts: str) -> None:
        for text in texts:
            self.carol.send_text(self.room_id, text)
            self.said.append(text)

    def is_noticed(self) -> bool:
        return any(isinstance(one, StoreRolledBack) for one in self.warned)

    def read(self) -> list[str]:
        """Return what Dave could read of what was said."""
        sync_until(self.dave, lambda: len(self.at_dave) >= len(self.said))
        return ["" if "ciphertext" in event.content else str(event.body) for event in self.at_dave]

    def reused(self) -> set[tuple[str, ...]]:
        """Return the places of ratchets that two ciphertexts have left from."""
        audit = Audit()
        audit.note_passed(self.proxy.passed)
        assert audit.seen > 1
        return audit.reused


@contextmanager
def carol_and_dave(server: DevServer, folder: Path, library: BackendName) -> Iterator[Restored]:
    with FaultProxy(server.url, [], keeps_bytes=True) as proxy:
        found = Restored(server, proxy, folder, library)
        yield found
        found.carol.close()
        found.dave.close()


@pytest.fixture(scope="module", params=LIBRARIES)
def restored(
    matrix_server: DevServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Restored]:
    """Each test takes a copy first, and is done with it at its end."""
    with carol_and_dave(matrix_server, tmp_path_factory.mktemp("carol"), request.param) as found:
        yield found


def test_whatever_was_said_since_an_old_copy_is_noticed(restored: Restored) -> None:
    restored.take_copy()
    restored.put_back()
    restored.say("nothing was said since")
    assert not restored.is_noticed()

    restored.take_copy()
    restored.say("lost 1", "lost 2")
    restored.put_back()
    restored.carol.sync_once()
    assert restored.is_noticed(), "by a sync, though nobody listens"
    restored.say("after a sync")

    restored.take_copy()
    restored.say("lost 3")
    restored.put_back()
    restored.say("without a sync")
    assert restored.is_noticed(), "by asking, before anything is said"

    restored.take_copy()
    restored.carol.crypto.invalidate_outbound_session(restored.room_id)
    restored.say("lost 4, by a session of which the copy knows nothing")
    restored.put_back()
    restored.say("after a rotation")
    assert restored.is_noticed(), "by a session that is missing"

    assert restored.read() == restored.said
    assert restored.reused() == set()


def test_a_row_that_was_sent_since_is_not_sent_by_the_same_place(restored: Restored) -> None:
    restored.carol.queue_text(restored.room_id, "queued")
    restored.take_copy()
    assert restored.carol.outbox.flush()
    restored.said.append("queued")
    restored.say("lost")
    restored.put_back()
    assert restored.carol.outbox.flush(), "the copy does not know that it was sent; the server does"
    assert restored.is_noticed()
    restored.say("anew")
    assert restored.read() == restored.said
    assert restored.reused() == set()


def test_it_is_said_once(restored: Restored) -> None:
    restored.take_copy()
    restored.carol.crypto.invalidate_outbound_session(restored.room_id)
    restored.say("lost")
    restored.put_back()
    restored.say("anew")
    assert restored.is_noticed()
    for _ in range(2):
        restored.warned.clear()
        restored.reopen()
        restored.say("later")
        restored.carol.sync_once()
        assert not restored.is_noticed()


def test_who_does_not_look_says_two_things_at_one_place(
    matrix_server: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OldCopies, "look_at", lambda *_: None)
    monkeypatch.setattr(Outbound, "is_behind", lambda *_: False)
    with carol_and_dave(matrix_server, tmp_path, "vodozemac") as restored:
        restored.take_copy()
        restored.say("lost")
        restored.put_back()
        restored.say("unreadable")
        assert not restored.is_noticed()
        assert restored.read() == ["before", "lost", ""]
        assert restored.reused()
