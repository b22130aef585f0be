"""Which class reads what, and classes of one's own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gomatrix_py.codec import Document, unstructure
from gomatrix_py.errors import UsageError
from gomatrix_py.events import TagContent, registry
from gomatrix_py.events.contents.encryption import RoomEncryptedContent
from gomatrix_py.events.contents.messages import RoomMessage, RoomMessageFormatted, RoomMessageMedia, RoomMessageText
from gomatrix_py.events.contents.polls import PollStartContent
from gomatrix_py.events.contents.relations import RelatesTo
from gomatrix_py.events.contents.secret_storage import EncryptedSecretContent, SecretStorageKeyContent
from gomatrix_py.events.contents.verification import KeyVerificationDoneContent
from gomatrix_py.events.registry import (
    BadContent,
    UnknownContent,
    content_class,
    event_types_of,
    parse_content,
    register_content,
)
from tests.kit.event_facts import event_types, listed_types

ROOT = Path(__file__).resolve().parents[3]
TEXT = {"msgtype": "m.text", "body": "x"}


class Temperature(Document):
    celsius: int


class Warm(RoomMessage):
    celsius: int | None = None


@pytest.fixture(autouse=True)
def _nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


# ------------------------------------------------------------------ the table of the specification


def test_the_list_of_types_is_that_of_the_facts() -> None:
    part = ("other", "m.key.verification.m.relates_to")
    assert sorted(listed_types()) == sorted([part, *((kind.kind, kind.line) for kind in event_types())])
    assert len(listed_types()) == 79


@pytest.mark.parametrize(("kind", "line"), listed_types())
def test_every_type_has_a_class(kind: str, line: str) -> None:
    if line.endswith(".m.relates_to"):  # a member that steps of a verification share, and no type
        done = parse_content("m.key.verification.done", {"m.relates_to": {}}, is_state=False)
        assert done == KeyVerificationDoneContent(relates_to=RelatesTo())
        return
    name, _, variant = line.partition("$")
    cls = content_class(name, is_state=kind == "state", variant=variant)
    assert cls is not None
    assert issubclass(cls, Document)
    assert cls.__doc__
    if variant:
        assert cls is not content_class(name, is_state=False)


def test_a_type_without_a_class_is_noticed() -> None:
    assert content_class("m.room.invented", is_state=True) is None
    assert content_class("m.room.message", is_state=False, variant="m.invented") is RoomMessage


@pytest.mark.parametrize(("kind", "line"), listed_types())
def test_state_is_no_message_and_no_message_is_state(kind: str, line: str) -> None:
    name, _, variant = line.partition("$")
    assert content_class(name, is_state=kind != "state", variant=variant) is None
    made = parse_content(name, {"membership": "join", **TEXT}, is_state=kind != "state")
    assert isinstance(made, UnknownContent)


# ------------------------------------------------------------------ choosing


@pytest.mark.parametrize("msgtype", ["m.invented", "", "M.TEXT", "m.text ", None, 5, ["m.text"], {"m.text": 1}])
def test_a_message_of_no_known_kind_is_a_message(msgtype: Any) -> None:
    made = parse_content("m.room.message", {"msgtype": msgtype, "body": "x"}, is_state=False)
    if isinstance(msgtype, str):
        assert type(made) is RoomMessage
        assert made.msgtype == msgtype
    else:
        assert isinstance(made, BadContent)


@pytest.mark.parametrize("key_id", ["", "abc", "a.b", "{0}", "default_key"])
def test_a_type_that_ends_in_an_id(key_id: str) -> None:
    name = f"m.secret_storage.key.{key_id}"
    assert content_class(name, is_state=False) is SecretStorageKeyContent
    assert content_class(name, is_state=True) is None


def test_ids_without_end_fill_no_memory() -> None:
    before = registry._class_at.cache_info().currsize
    for number in range(1000):
        parse_content(f"m.secret_storage.key.{number}", {"algorithm": "x"}, is_state=False)
        parse_content(f"org.example.{number}", {}, is_state=False)
        parse_content("m.room.message", {"msgtype": f"m.{number}", "body": ""}, is_state=False)
    assert registry._class_at.cache_info().currsize <= before + 2


def test_secrets_have_a_class() -> None:
    for name in ("m.cross_signing.master", "m.megolm_backup.v1"):
        assert content_class(name, is_state=False) is EncryptedSecretContent


def test_types_of_a_class() -> None:
    assert event_types_of(RoomMessageText) == ("m.room.message",)
    assert event_types_of(RoomMessageMedia) == ("m.room.message",)
    assert event_types_of(RoomEncryptedContent) == ("m.room.encrypted",)
    assert event_types_of(PollStartContent) == ("m.poll.start", "org.matrix.msc3381.poll.start")
    assert event_types_of(SecretStorageKeyContent) == ("m.secret_storage.key.*",)
    assert event_types_of(TagContent) == ("m.tag",)
    assert event_types_of(Temperature) == event_types_of(UnknownContent) == event_types_of(int) == ()
    assert set(event_types_of(Document)) >= {kind.name for kind in event_types()}


# ------------------------------------------------------------------ classes of one's own


def test_a_class_of_ones_own() -> None:
    assert isinstance(parse_content("org.example.t", {"celsius": 20}, is_state=True), UnknownContent)
    assert register_content(Temperature, "org.example.t", is_state=True) is Temperature
    assert parse_content("org.example.t", {"celsius": 20}, is_state=True) == Temperature(20)
    assert isinstance(parse_content("org.example.t", {"celsius": 20}, is_state=False), UnknownContent)
    assert isinstance(parse_content("org.example.t", {"celsius": "hot"}, is_state=True), BadContent)
    assert event_types_of(Temperature) == ("org.example.t",)


def test_a_msgtype_of_ones_own() -> None:
    register_content(Warm, "m.room.message", variant="org.example.warm")
    made = parse_content("m.room.message", {"msgtype": "org.example.warm", "body": "x", "celsius": 3}, is_state=False)
    assert made == Warm("x", msgtype="org.example.warm", celsius=3)
    assert type(parse_content("m.room.message", TEXT, is_state=False)) is RoomMessageText


def test_a_class_of_ones_own_takes_precedence() -> None:
    register_content(Warm, "m.room.message", variant="m.text")
    assert type(parse_content("m.room.message", TEXT, is_state=False)) is Warm
    register_content(Warm, "m.room.message")
    assert content_class("m.room.message", is_state=False, variant="m.notice") is not Warm
    assert content_class("m.room.message", is_state=False, variant="m.invented") is Warm
    register_content(RoomMessageFormatted, "m.room.message")
    assert content_class("m.room.message", is_state=False) is RoomMessageFormatted


@pytest.mark.parametrize("what", [int, dict, Temperature(1), None, "Temperature", BadContent])
def test_only_documents_are_registered(what: Any) -> None:
    with pytest.raises(UsageError, match="subclass of Document"):
        register_content(what, "org.example.t")


@pytest.mark.parametrize(
    ("name", "is_state"), [("org.example.t", False), ("m.room.message", True), ("m.room.name", True)]
)
def test_only_two_types_have_variants(name: str, is_state: bool) -> None:
    with pytest.raises(UsageError, match=r"no variants.*m\.room\.message"):
        register_content(Temperature, name, is_state=is_state, variant="x")


class Raising(Document):
    celsius: int | None = None

    def __attrs_post_init__(self) -> None:
        raise ZeroDivisionError(f"hunter2 {self.celsius}")


def test_a_class_that_raises_makes_a_bad_content(caplog: pytest.LogCaptureFixture) -> None:
    register_content(Raising, "org.example.t")
    content = {"celsius": 1}
    made = parse_content("org.example.t", content, is_state=False)
    assert made == BadContent(content, "Raising raised ZeroDivisionError")
    assert "Raising raised on a content of org.example.t" in caplog.text


def test_threads_register_and_read_at_once() -> None:
    names = [f"org.example.{number}" for number in range(200)]
    wrong: list[Any] = []
    start = threading.Barrier(8)

    def register(mine: list[str]) -> None:
        start.wait()
        for name in mine:
            register_content(Temperature, name)

    def read() -> None:
        start.wait()
        for name in names:
            made = parse_content(name, {"celsius": 1}, is_state=False)
            if made not in (Temperature(1), UnknownContent({"celsius": 1})):
                wrong.append(made)
            event_types_of(Temperature)

    threads = [threading.Thread(target=register, args=(names[part::4],)) for part in range(4)]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(event_types_of(Temperature)) == len(names)  # none was lost to another thread


AT_ONCE = """
import sys, threading
from gomatrix_py.events.registry import parse_content
from tests.kit.event_facts import event_types
sys.setswitchinterval(1e-6)
start, wrong = threading.Barrier(8), []
def read(turn):
    kinds = event_types()
    kinds = kinds[turn * 9:] + kinds[:turn * 9]
    start.wait()
    for kind in kinds:
        made = parse_content(kind.name, kind.full(), is_state=kind.is_state)
        if getattr(made, "problems", None) != ():
            wrong.append((kind.line, made))
threads = [threading.Thread(target=read, args=(turn,)) for turn in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(wrong)
"""


def test_threads_may_be_the_first_to_read_each_type() -> None:
    ran = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, check=True, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("[]\n", "")


# ------------------------------------------------------------------ nothing before it is needed


def loaded_by(statements: str) -> set[str]:
    """Return our modules that are loaded after some statements in a fresh interpreter."""
    program = (
        f"{statements}\nimport json, sys\nprint(json.dumps([m for m in sys.modules if 'gomatrix_py.events' in m]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.removeprefix("gomatrix_py.events.") for name in json.loads(ran.stdout)}


# What the endpoints of `gomatrix_py.api` answer with, what is sent, and what the views of rooms read.
AT_IMPORT = {
    "contents.encrypted_file",
    "contents.encryption",
    "contents.ephemeral",
    "contents.extensible",
    "contents.members",
    "contents.messages",
    "contents.polls",
    "contents.power_levels",
    "contents.push_rules",
    "contents.relations",
    "contents.room_state",
    "contents.spaces",
    "contents.stickers",
    "contents.tags",
}


def test_families_are_imported_when_they_are_first_read() -> None:
    families = {name for name in loaded_by("import gomatrix_py") if name.startswith("contents.")}
    assert families <= AT_IMPORT
    after = loaded_by(
        "import gomatrix_py\nfrom gomatrix_py.events.registry import parse_content\n"
        "parse_content('m.room.member', {'membership': 'join'}, is_state=True)"
    )
    assert "contents.members" in after
    assert {"contents.calls", "contents.policy", "contents.verification"}.isdisjoint(after)


def test_an_import_of_everything_is_noticed() -> None:
    after = loaded_by("from gomatrix_py.events.registry import event_types_of\nevent_types_of(dict)")
    assert "contents.calls" in after


# ------------------------------------------------------------------ what reading gives


def test_unknown_and_bad_contents_keep_what_came() -> None:
    content = {"body": "hunter2", "org.example": 5}
    unknown = parse_content("org.example", content, is_state=False)
    assert unknown == UnknownContent(content)
    assert repr(unknown) == "UnknownContent(<'body', 'org.example'>)"
    bad = parse_content("m.room.message", content, is_state=False)
    assert bad == BadContent(content, "msgtype: required, but missing")
    assert repr(bad) == "BadContent('msgtype: required, but missing')"


def test_contents_without_a_class_compare_and_match() -> None:
    assert UnknownContent({}) != UnknownContent({"a": 1})
    assert UnknownContent({}) != BadContent({}, "")
    assert BadContent({}, "a") != BadContent({}, "b")
    match parse_content("m.typing", {}, is_state=False):
        case BadContent(raw, why):
            assert (raw, why) == ({}, "user_ids: required, but missing")
        case other:
            pytest.fail(f"{other!r} is not bad")


def test_a_content_that_was_read_can_be_sent() -> None:
    made = parse_content("m.room.message", {**TEXT, "org.example": 5}, is_state=False)
    assert unstructure(made) == {**TEXT, "org.example": 5}
