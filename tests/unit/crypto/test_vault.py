"""The vault: only its key opens it, every value in its place, and steps that happen whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gomatrix_py import InMemoryStore, SQLiteStore
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.vault import Passphrase, Vault
from gomatrix_py.errors import BadPickle, StoreError, UsageError, WrongStoreKey
from gomatrix_py.store.key_values import Change, KeyValueStorer
from gomatrix_py.store.outbox import OutboxRow
from gomatrix_py.store.records import SyncBatch

KEY = bytes(range(32))


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InMemoryStore | SQLiteStore]:
    if request.param == "memory":
        yield InMemoryStore()
        return
    with SQLiteStore(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def key_values(store: InMemoryStore | SQLiteStore) -> KeyValueStorer:
    return store.key_values


def test_values_are_written_together(key_values: KeyValueStorer) -> None:
    key_values.write([Change("s", "b", b"2"), Change("s", "a", b"1"), Change("t", "a", b"3")])
    key_values.write([Change("s", "b", None), Change("s", "aa", b"4")])
    assert list(key_values.scan("s")) == [("a", b"1"), ("aa", b"4")]
    assert list(key_values.scan("s", "aa")) == [("aa", b"4")]
    assert (key_values.get("t", "a"), key_values.get("t", "b"), key_values.count("s")) == (b"3", None, 2)


@pytest.mark.parametrize("prefix", ["%", "_", "@a:hs|", "\U0010ffff", "ä"])
def test_a_prefix_is_no_pattern(key_values: KeyValueStorer, prefix: str) -> None:
    key_values.write([Change("s", prefix + "x", b"1"), Change("s", "other", b"2")])
    assert list(key_values.scan("s", prefix)) == [(prefix + "x", b"1")]


@pytest.mark.parametrize("key", [KEY, Passphrase("correct horse")])
def test_only_its_key_opens_it(key_values: KeyValueStorer, key: bytes | Passphrase) -> None:
    vault = Vault.open(key_values, key)
    key_values.write([Change("s", "a", vault.sealed("s", "a", b"secret"))])
    assert Vault.open(key_values, key).get("s", "a") == b"secret"
    before = list(key_values.scan("vault"))
    for wrong in (bytes(32), Passphrase("wrong"), os.urandom(32)):
        with pytest.raises(WrongStoreKey):
            Vault.open(key_values, wrong)
    assert list(key_values.scan("vault")) == before
    assert vault.get("s", "a") == b"secret"


def test_a_value_is_read_where_it_was_put_only(key_values: KeyValueStorer) -> None:
    vault = Vault.open(key_values, KEY)
    sealed = vault.sealed("s", "a", b"secret")
    assert b"secret" not in sealed
    assert vault.sealed("s", "a", b"secret") != sealed
    for space, key, stored in (("s", "b", sealed), ("t", "a", sealed), ("s", "a", sealed[:-1]), ("s", "a", b"")):
        with pytest.raises(BadPickle):
            vault.opened(space, key, stored)


def test_the_key_can_be_changed(key_values: KeyValueStorer) -> None:
    old = Vault.open(key_values, KEY)
    key_values.write([Change("s", "a", old.sealed("s", "a", b"secret"))])
    new = old.change_key(Passphrase("correct horse"), ["s"])
    assert new.get("s", "a") == b"secret"
    assert Vault.open(key_values, Passphrase("correct horse")).get("s", "a") == b"secret"
    with pytest.raises(WrongStoreKey):
        Vault.open(key_values, KEY)
    back = new.change_key(KEY, ["s"])
    assert Vault.open(key_values, KEY).get("s", "a") == back.get("s", "a") == b"secret"
    with pytest.raises(WrongStoreKey):
        Vault.open(key_values, Passphrase("correct horse"))


def test_keys_that_protect_nothing_are_refused(key_values: KeyValueStorer) -> None:
    with pytest.raises(UsageError):
        Passphrase("")
    for short in (b"", b"short", bytes(33)):
        with pytest.raises(UsageError):
            Vault.open(key_values, short)
    assert "correct horse" not in repr(Passphrase("correct horse"))


# ------------------------------------------------------------------ steps


def test_a_step_sees_what_it_did_and_nobody_else_does(key_values: KeyValueStorer) -> None:
    vault = Vault.open(key_values, KEY)
    first = Step(vault)
    first.put_record("s", "a", {"n": 1})
    first.put("s", "b", b"[]")
    first.commit()
    step = Step(vault)
    step.remove("s", "b")
    step.put_record("s", "c", {"n": 3})
    assert list(step.records("s")) == [("a", {"n": 1}), ("c", {"n": 3})]
    assert (step.get("s", "b"), step.record("s", "a")) == (None, {"n": 1})
    assert vault.get("s", "c") is None
    step.commit()
    assert list(Step(vault).records("s")) == [("a", {"n": 1}), ("c", {"n": 3})]
    assert Step(vault).is_empty


def test_a_record_that_is_none_is_said(key_values: KeyValueStorer) -> None:
    vault = Vault.open(key_values, KEY)
    step = Step(vault)
    step.put("s", "a", b"[1]")
    with pytest.raises(BadPickle):
        step.record("s", "a")
    step.put("s", "a", b"{")
    with pytest.raises(BadPickle):
        step.record("s", "a")


def test_changes_go_along_with_a_sync_and_with_rows(store: InMemoryStore | SQLiteStore) -> None:
    store.commit_sync(SyncBatch("@a:hs", "s1", changes=[Change("s", "a", b"1")]))
    row, _ = store.outbox.add(OutboxRow("!a:hs", "m.x", b"{}", "t1"))
    store.outbox.update([row], changes=[Change("s", "b", b"2")])
    assert list(store.key_values.scan("s")) == [("a", b"1"), ("b", b"2")]


def test_changes_fail_with_the_sync_they_belong_to(tmp_path: Path) -> None:
    with SQLiteStore(tmp_path / "store.db") as store:
        with pytest.raises(StoreError):
            store.commit_sync(SyncBatch("@a:hs", "\ud800", changes=[Change("s", "a", b"1")]))
        assert store.key_values.get("s", "a") is None
