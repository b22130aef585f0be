"""Contents that Hypothesis made and spoiled: reading gives an object of a class, or says what is wrong."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gomatrix_py.codec import Document, dumps, loads, unstructure
from gomatrix_py.events import registry
from gomatrix_py.events.contents.redaction import redacted_content
from gomatrix_py.events.registry import BadContent, UnknownContent, content_class, parse_content, register_content
from gomatrix_py.events.sizes import event_size
from gomatrix_py.events.stripped import InviteState
from tests.kit.event_facts import EventType, event_types
from tests.kit.strategies import any_text, json_objects, json_values, mutants, texts

TYPES = event_types()
kinds = st.sampled_from(TYPES)
names = st.sampled_from(sorted({kind.name for kind in TYPES})) | texts
quick = settings(max_examples=200, deadline=None)

special = st.sampled_from(["__class__", "__proto__", "{0.__init__}", "%s", "extra", "problems", "m.relates_to", ""])
odd_objects = st.dictionaries(special | any_text, json_values(special | any_text), max_size=4)


def check(made: Any, content: Any) -> None:
    """Fail unless reading kept its promise."""
    assert isinstance(made, (Document, UnknownContent, BadContent))
    if isinstance(made, BadContent):
        assert made.raw is content
        assert " raised " not in made.why  # a class of ours may refuse, but not break
    elif isinstance(made, UnknownContent):
        assert made.content is content
    else:
        written = unstructure(made)
        known = [path for path, _ in made.problems]
        for name in content:  # nothing is lost but what is null, or reported
            spoiled = any(path == name or path.startswith((f"{name}.", f"{name}[")) for path in known)
            assert name in written or content[name] is None or spoiled
    assert isinstance(repr(made), str)


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[EventType, dict[str, Any]]:
    """Return a type and a full content of it in which some values were replaced or taken out."""
    kind = draw(kinds)
    return kind, draw(mutants(st.just(kind.full())))


@given(spoiled())
@quick
def test_a_spoiled_content_never_raises(given_content: tuple[EventType, dict[str, Any]]) -> None:
    kind, content = given_content
    before = copy.deepcopy(content)
    check(parse_content(kind.name, content, is_state=kind.is_state), content)
    assert content == before


@given(names, odd_objects | json_objects, st.booleans(), st.booleans())
@example("m.room.power_levels", {"ban": 10**400, "users": {"": "9" * 9000}}, True, False)
@example("m.room.message", {"msgtype": "__class__", "body": "\ud800"}, False, False)
@quick
def test_any_object_never_raises(name: str, content: dict[str, Any], is_state: bool, is_redacted: bool) -> None:
    before = copy.deepcopy(content)
    check(parse_content(name, content, is_state=is_state, is_redacted=is_redacted), content)
    assert content == before


@given(names, json_values())
@quick
def test_any_value_never_raises(name: str, content: Any) -> None:
    made = parse_content(name, content, is_state=False)
    assert isinstance(made, BadContent) or isinstance(content, dict)


@given(kinds, odd_objects)
@quick
def test_unknown_members_are_kept_as_they_are(kind: EventType, unknown: dict[str, Any]) -> None:
    unknown.pop("m.relates_to", None)  # some know it, and drop it where it is null
    content = {**unknown, **kind.full()}
    made = parse_content(kind.name, content, is_state=kind.is_state)
    assert type(made) is content_class(kind.name, is_state=kind.is_state, variant=kind.variant)
    assert isinstance(made, Document)
    assert unstructure(made) == content


@given(kinds, st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(-(2**70), 2**70))
@quick
def test_texts_and_numbers_are_written_as_they_were_read(kind: EventType, text: str, number: int) -> None:
    content = _with(kind.full(), text, number)
    made = parse_content(kind.name, content, is_state=kind.is_state)
    if isinstance(made, Document) and kind.line != "m.room.power_levels":  # levels have bounds
        assert loads(dumps(unstructure(made))) == content
        assert parse_content(kind.name, unstructure(made), is_state=kind.is_state) == made


def _with(value: Any, text: str, number: int) -> Any:
    """Put a text and a number for each free text and number of a sample."""
    if isinstance(value, dict):
        return {name: _with(member, text, number) for name, member in value.items()}
    if isinstance(value, list):
        return [_with(member, text, number) for member in value]
    if value == "s":
        return text
    return number if value == 7 and value is not True else value


@given(names, json_objects, st.sampled_from(["1", "6", "8", "9", "11", "12", "org.example"]))
@quick
def test_a_redaction_takes_and_never_adds(name: str, content: dict[str, Any], version: str) -> None:
    left = redacted_content(name, content, version)
    assert left.items() <= content.items() if _is_flat(left) else set(left) <= set(content)
    assert redacted_content(name, left, version) == left
    parse_content(name, left, is_state=True, is_redacted=True)


def _is_flat(content: dict[str, Any]) -> bool:
    return all(isinstance(value, (str, int, float, type(None))) for value in content.values())


@given(texts, texts, json_objects, st.none() | texts)
@quick
def test_a_size_is_the_length_of_the_json(room_id: str, name: str, content: dict[str, Any], key: str | None) -> None:
    event = {"type": name, "room_id": room_id, "content": content, **({} if key is None else {"state_key": key})}
    assert event_size(room_id, name, content, key) == len(dumps(event))


stripped_events = st.fixed_dictionaries(
    {"type": names, "state_key": st.sampled_from(["", "@us:s"]), "content": json_objects}, optional={"sender": texts}
)


@given(st.lists(stripped_events | json_values(), max_size=5))
@quick
def test_stripped_state_never_raises(events: list[Any]) -> None:
    state = InviteState(events, "@us:s")
    for name in ("name", "topic", "avatar_url", "canonical_alias", "join_rule", "room_type", "inviter", "reason"):
        assert isinstance(getattr(state, name), (str, type(None)))
    assert state.is_direct in (True, False)
    assert state.is_encrypted in (True, False)


# ------------------------------------------------------------------ what these checks would notice


class Breaking(Document):
    def __attrs_post_init__(self) -> None:
        raise KeyError("membership")


class Losing(Document):
    def __attrs_post_init__(self) -> None:
        self.extra = {}


@pytest.mark.parametrize("naive", [Breaking, Losing])
def test_a_class_that_breaks_or_loses_is_noticed(naive: type[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    content = {"membership": "join"}
    check(parse_content("m.room.member", content, is_state=True), content)
    register_content(naive, "m.room.member", is_state=True)
    with pytest.raises(AssertionError):
        check(parse_content("m.room.member", content, is_state=True), content)
