"""Every event type of the specification: read into its class, written back whole, and never raising."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from gomatrix_py.codec import Document, field, fields_of, structure, unstructure
from gomatrix_py.errors import DecodeError
from gomatrix_py.events.registry import BadContent, UnknownContent, content_class, parse_content
from tests.kit.event_facts import EventType, Member, event_types, wrong_for
from tests.kit.strategies import with_value

TYPES = event_types()
MEMBERS = [(kind, member) for kind in TYPES for member in kind.members()]

# Members the specification requires and we do not, because the event still means something without them.
RELAXED = {
    "m.call.answer party_id": "added by 1.7: calls of version 0 have none",
    "m.call.candidates party_id": "the same",
    "m.call.hangup party_id": "the same",
    "m.call.hangup reason": "calls of version 0 end without one",
    "m.call.invite party_id": "added by 1.7: calls of version 0 have none",
    "m.call.negotiate party_id": "the same",
    "m.call.reject party_id": "the same",
    "m.call.sdp_stream_metadata_changed party_id": "the same",
    "m.call.select_answer party_id": "the same",
    "m.policy.rule.room reason": "a ban is a ban without a reason",
    "m.policy.rule.server reason": "the same",
    "m.policy.rule.user reason": "the same",
    "m.room.member third_party_invite.display_name": "a redaction leaves `signed` only",
    "m.room.member third_party_invite.signed": "a redaction may leave nothing of the invite",
    "m.room.name name": "an absent name says that there is none",
    "m.room.policy public_keys.ed25519": "keys by algorithm, of which the reader takes the one it knows",
    "m.room.topic topic": "an absent topic says that there is none",
    "m.space.child via": "an absent list says that the room is no child",
    "m.space.parent via": "an absent list says that the space is no parent",
    "m.sticker url": "in encrypted rooms `file` stands in its place",
}

# Members that stay in `extra`, because null means something there.
IN_EXTRA = {"m.identity_server base_url", *(f"m.push_rules global.{kind}.0.conditions.0.value" for kind in (
    "content", "override", "room", "sender", "underride"
))}  # fmt: skip

# Members that the specification names of what is a map to us.
ENTRIES = {"notifications.room", "public_keys.ed25519"}

# Values of another kind that are read all the same, by member or by type.
ALSO_READ: dict[str, tuple[type, ...]] = {"version": (int,), "m.room.power_levels": (float,)}

# What is written though it was not there.
ADDED: dict[str, dict[str, Any]] = {"m.tag": {"tags": {}}}


def read(kind: EventType, content: dict[str, Any]) -> Any:
    return parse_content(kind.name, content, is_state=kind.is_state)


def class_of(kind: EventType) -> type[Document]:
    cls = content_class(kind.name, is_state=kind.is_state, variant=kind.variant)
    assert cls is not None
    return cls


def with_unknown(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "org.example.unknown": {"deep": [None, 1.5, {"": "ü🎉"}]}, "org.example.null": None}


def documents(value: Any) -> Iterator[Document]:
    """Yield the documents inside a value, itself included."""
    if isinstance(value, Document):
        yield value
        for one in fields_of(type(value)):
            if one.name not in ("extra", "problems"):
                yield from documents(getattr(value, one.name))
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from documents(inner)


# ------------------------------------------------------------------ there and back


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.line)
@pytest.mark.parametrize("amount", ["minimal", "full"])
def test_a_sound_content_is_read_and_written_back_whole(kind: EventType, amount: str) -> None:
    content = with_unknown(kind.minimal() if amount == "minimal" else kind.full())
    before = copy.deepcopy(content)
    made = read(kind, content)
    assert type(made) is class_of(kind)
    assert [problem for problem in made.problems if not problem.path.startswith("org.example.")] == []
    written = unstructure(made)
    assert written == {**ADDED.get(kind.line, {}), **content}
    assert content == before
    assert read(kind, written) == made


def test_a_class_that_forgets_what_it_does_not_know_would_be_noticed() -> None:
    class Forgetful(Document):
        membership: str
        extra: dict[str, Any] = field(factory=dict, init=False)

        def __attrs_post_init__(self) -> None:
            self.extra = {}

    kind = next(kind for kind in TYPES if kind.name == "m.room.member")
    with pytest.raises(TypeError):  # it cannot even be built: the codec hands `extra` over
        structure(with_unknown(kind.minimal()), Forgetful)
    sound = structure(with_unknown(kind.minimal()), class_of(kind))
    sound.extra = {}
    assert unstructure(sound) != with_unknown(kind.minimal())


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.line)
def test_every_member_of_the_specification_is_declared(kind: EventType) -> None:
    made = read(kind, kind.full())
    undeclared = {name for document in documents(made) for name in document.extra}
    expected = {
        place.rpartition(".")[2].rpartition(" ")[2] for place in IN_EXTRA if place.startswith(f"{kind.line} ")
    }
    assert undeclared == expected


def test_a_member_that_is_not_declared_is_noticed() -> None:
    kind = next(kind for kind in TYPES if kind.line == "m.room.member")
    made = read(
        kind,
        {**kind.full(), "third_party_invite": {"signed": {"mxid": "@a:b", "signatures": {}, "token": "t", "new": 1}}},
    )
    assert {name for document in documents(made) for name in document.extra} == {"new"}


# ------------------------------------------------------------------ what is missing or wrong


def place(kind: EventType, member: Member) -> str:
    return f"{kind.line} {member}"


@pytest.mark.parametrize(
    ("kind", "member"), MEMBERS, ids=lambda one: one.line if isinstance(one, EventType) else str(one)
)
def test_a_member_may_be_missing_only_where_the_specification_says_so(kind: EventType, member: Member) -> None:
    is_entry = member.path[-1] in (0, "a key") or str(member) in ENTRIES  # null is no value of a list or a map
    for instead in (...,) if is_entry else (..., None):
        made = read(kind, with_value(kind.full(), member.path, instead))
        if _tells_the_class(kind, member):
            assert type(made) is content_class(kind.name, is_state=kind.is_state) or isinstance(made, BadContent)
        elif member.is_required and place(kind, member) not in RELAXED:
            assert isinstance(made, BadContent) or made.problems
        else:
            assert type(made) is class_of(kind)
            assert made.problems == ()


def _tells_the_class(kind: EventType, member: Member) -> bool:
    return bool(kind.variant) and member.path in (("msgtype",), ("method",))


def test_no_exception_to_the_specification_is_left_from_before() -> None:
    places = {place(kind, member) for kind, member in MEMBERS}
    assert set(RELAXED) <= places
    assert places >= IN_EXTRA


@pytest.mark.parametrize(
    ("kind", "member"), MEMBERS, ids=lambda one: one.line if isinstance(one, EventType) else str(one)
)
def test_a_member_of_the_wrong_type_is_bad_or_reported(kind: EventType, member: Member) -> None:
    for wrong in wrong_for(member):
        if isinstance(wrong, ALSO_READ.get(kind.line, ALSO_READ.get(str(member), ()))):
            continue
        content = with_value(kind.full(), member.path, wrong)
        before = copy.deepcopy(content)
        made = read(kind, content)
        assert content == before
        if place(kind, member) in IN_EXTRA:
            assert unstructure(made) == content
        elif isinstance(made, BadContent):
            assert made.raw is content
            assert " raised " not in made.why
        elif not _tells_the_class(kind, member):
            assert made.problems, (str(member), wrong)


def test_a_wrong_optional_member_leaves_the_others_as_they_are() -> None:
    made = parse_content("m.room.member", {"membership": "join", "displayname": 5, "reason": "why"}, is_state=True)
    assert unstructure(made) == {"membership": "join", "reason": "why"}
    assert isinstance(made, Document)
    assert [problem.path for problem in made.problems] == ["displayname"]


def test_a_wrong_required_member_is_named() -> None:
    made = parse_content("m.room.member", {"membership": 5}, is_state=True)
    assert made == BadContent({"membership": 5}, "membership: expected a string")


def test_the_codec_alone_does_raise() -> None:
    cls = content_class("m.room.member", is_state=True)
    assert cls is not None
    with pytest.raises(DecodeError):
        structure({}, cls)


@pytest.mark.parametrize("content", [None, [], "x", 5, 1.5, True, object()])
def test_what_is_no_object_is_bad(content: Any) -> None:
    made = parse_content("m.room.message", content, is_state=False)
    assert isinstance(made, BadContent)
    assert made.raw is content


# ------------------------------------------------------------------ special names, long texts, huge numbers

SPECIAL = [
    "__class__",
    "__proto__",
    "__dict__",
    "__init__",
    "_is_built",
    "constructor",
    "{0.__init__}",
    "{0.__class__.__mro__}",
    "%s%n%(x)s",
    "extra",
    "problems",
    "self",
    "cls",
    "",
    "\x00",
    "a.b.c",
    "‮ü🎉\U0010ffff",
    "x" * 70_000,
]


@pytest.mark.parametrize("name", SPECIAL, ids=lambda name: repr(name[:24]))
def test_a_special_name_is_plain_data(name: str) -> None:
    for kind in TYPES:
        content = {**kind.full(), name: {name: [name]}}
        made = read(kind, content)
        assert type(made) is class_of(kind)
        assert made.extra[name] == {name: [name]}
        assert unstructure(made)[name] == {name: [name]}
        assert name not in repr(made) or len(name) < 9
    assert isinstance(parse_content(name, {name: name}, is_state=False), UnknownContent)
    assert isinstance(parse_content(name, {name: name}, is_state=True), UnknownContent)


@pytest.mark.parametrize("name", SPECIAL, ids=lambda name: repr(name[:24]))
def test_a_special_name_chooses_no_class(name: str) -> None:
    message = parse_content("m.room.message", {"msgtype": name, "body": name}, is_state=False)
    assert type(message) is content_class("m.room.message", is_state=False)
    assert unstructure(message) == {"msgtype": name, "body": name}


def test_special_names_as_keys_of_maps() -> None:
    content = {"users": dict.fromkeys(SPECIAL, 50), "events": dict.fromkeys(SPECIAL, -1)}
    assert unstructure(parse_content("m.room.power_levels", content, is_state=True)) == content


@pytest.mark.parametrize("number", [0, -1, 2**53, -(2**63), 2**63, 2**64, 10**400])
def test_numbers_of_any_size_are_kept(number: int) -> None:
    content = {"algorithm": "m.megolm.v1.aes-sha2", "rotation_period_ms": number, "other": number}
    assert unstructure(parse_content("m.room.encryption", content, is_state=True)) == content


# ------------------------------------------------------------------ secrets

SECRETS = {
    "m.room_key": "session_key",
    "m.forwarded_room_key": "session_key",
    "m.secret.send": "secret",
    "m.key.verification.start$m.reciprocate.v1": "secret",
}


@pytest.mark.parametrize("line", SECRETS)
def test_no_secret_shows(line: str) -> None:
    kind = next(kind for kind in TYPES if kind.line == line)
    content = {**kind.full(), SECRETS[line]: "hunter2"}
    good = read(kind, content)
    bad = read(kind, {name: value if name == SECRETS[line] else None for name, value in content.items()})
    unknown = parse_content("org.example.unknown", content, is_state=False)
    wrong = read(kind, {**content, SECRETS[line]: ["hunter2"]})
    assert type(good) is class_of(kind)
    assert isinstance(bad, BadContent)
    assert isinstance(wrong, BadContent)
    assert isinstance(unknown, UnknownContent)
    for made in (good, bad, wrong, unknown):
        assert "hunter2" not in f"{made!r} {made}"
    assert unstructure(good)[SECRETS[line]] == "hunter2"


def test_no_key_of_a_file_shows() -> None:
    kind = next(kind for kind in TYPES if kind.line == "m.room.message$m.image")
    assert "a key" not in repr(read(kind, kind.full()))
    assert read(kind, kind.full()).file.key.k == "a key"
