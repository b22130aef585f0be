"""Polls, receipts, account data, verification, calls: what is more than its members."""

from __future__ import annotations

from typing import Any

import pytest

from gomatrix_py.codec import Document, unstructure
from gomatrix_py.events.contents.account_data import (
    DirectContent,
    IdentityServerContent,
    InvitePermissionConfigContent,
)
from gomatrix_py.events.contents.calls import CallHangupContent, CallInviteContent, HangupReason
from gomatrix_py.events.contents.encryption import OlmCiphertext, RoomEncryptedContent
from gomatrix_py.events.contents.ephemeral import Presence, Receipt, ReceiptContent
from gomatrix_py.events.contents.polls import (
    PollAnswer,
    PollEndContent,
    PollOption,
    PollResponseContent,
    PollStartContent,
    StablePollResponseContent,
    UnstablePollAnswer,
    UnstablePollEndContent,
)
from gomatrix_py.events.contents.push_rules import PushCondition, PushRulesContent
from gomatrix_py.events.contents.relations import RelatesTo, RelType
from gomatrix_py.events.contents.verification import (
    KeyVerificationCancelContent,
    KeyVerificationReadyContent,
    KeyVerificationReciprocateStartContent,
    KeyVerificationSasStartContent,
    KeyVerificationStartContent,
)
from gomatrix_py.events.registry import BadContent, parse_content


def read(event_type: str, content: dict[str, Any]) -> Any:
    return parse_content(event_type, content, is_state=False)


# ------------------------------------------------------------------ polls

OPTIONS = [PollOption("pizza", "Pizza"), PollOption("pie", "Pie")]
STABLE = {
    "m.text": [{"body": "Lunch?"}],
    "m.poll": {
        "kind": "m.disclosed",
        "max_selections": 2,
        "question": {"m.text": [{"body": "Lunch?"}]},
        "answers": [{"m.id": one.id, "m.text": [{"body": one.text}]} for one in OPTIONS],
    },
}
UNSTABLE = {
    "org.matrix.msc1767.text": "Lunch?",
    "org.matrix.msc3381.poll.start": {
        "kind": "org.matrix.msc3381.poll.disclosed",
        "max_selections": 2,
        "question": {"org.matrix.msc1767.text": "Lunch?"},
        "answers": [{"id": one.id, "org.matrix.msc1767.text": one.text} for one in OPTIONS],
    },
}
FORMS = [
    ("m.poll.start", STABLE, "m.poll"),
    ("org.matrix.msc3381.poll.start", UNSTABLE, "org.matrix.msc3381.poll.start"),
]


@pytest.mark.parametrize(("event_type", "content", "_name"), FORMS)
def test_both_forms_of_a_poll_are_read_alike(event_type: str, content: dict[str, Any], _name: str) -> None:
    made = read(event_type, content)
    assert isinstance(made, PollStartContent)
    assert made.problems == ()
    assert (made.question, made.answers) == ("Lunch?", OPTIONS)
    assert (made.max_selections, made.is_disclosed) == (2, True)
    assert unstructure(made) == content


@pytest.mark.parametrize(("event_type", "content", "name"), FORMS)
def test_what_a_poll_does_not_say(event_type: str, content: dict[str, Any], name: str) -> None:
    poll = {key: value for key, value in content[name].items() if key in ("question", "answers")}
    made = read(event_type, {name: poll})
    assert (made.max_selections, made.is_disclosed, made.text) == (1, False, None)
    for number in (0, -5, "2", None):
        assert read(event_type, {name: {**poll, "max_selections": number}}).max_selections == 1
    many = read(event_type, {name: {**poll, "answers": content[name]["answers"] * 15}})
    assert len(many.answers) == 20
    assert isinstance(read(event_type, {name: {"question": poll["question"]}}), BadContent)


def test_answers_are_made_with_the_names_of_their_form() -> None:
    assert unstructure(PollAnswer("a", "A")) == {"m.id": "a", "m.text": "A"}
    assert unstructure(UnstablePollAnswer("a", "A")) == {"id": "a", "org.matrix.msc1767.text": "A"}


def test_votes() -> None:
    relation = {"rel_type": "m.reference", "event_id": "$poll"}
    stable = read("m.poll.response", {"m.relates_to": relation, "m.selections": ["pie"]})
    unstable = read(
        "org.matrix.msc3381.poll.response",
        {"m.relates_to": relation, "org.matrix.msc3381.poll.response": {"answers": ["pie", "pie"]}},
    )
    for made in (stable, unstable):
        assert isinstance(made, PollResponseContent)
        assert made.relates_to is not None
        assert made.relates_to.refers_to == "$poll"
    assert (stable.selections, unstable.selections) == (["pie"], ["pie", "pie"])
    assert isinstance(read("m.poll.response", {"m.relates_to": relation}), BadContent)
    relates_to = RelatesTo(RelType.REFERENCE, "$poll")
    assert unstructure(StablePollResponseContent([], relates_to=relates_to)) == {
        "m.relates_to": relation,
        "m.selections": [],
    }


def test_the_end_of_a_poll() -> None:
    assert read("m.poll.end", {"m.poll.results": {"pie": 3, "x": "many"}}).results == {"pie": 3}
    unstable = read(
        "org.matrix.msc3381.poll.end", {"org.matrix.msc3381.poll.end": {}, "org.matrix.msc1767.text": "over"}
    )
    assert isinstance(unstable, PollEndContent)
    assert unstable.text == "over"
    assert unstructure(UnstablePollEndContent()) == {"org.matrix.msc3381.poll.end": {}}


# ------------------------------------------------------------------ contents whose members are ids


def test_direct_chats() -> None:
    content = {"@a:s": ["!x", "!y"], "@b:s": [], "@c:s": ["!z", 5], "@d:s": "!w", "org.example": {"x": 1}}
    made = read("m.direct", content)
    assert made.rooms == {"@a:s": ["!x", "!y"], "@b:s": [], "@c:s": ["!z"]}
    assert {problem.path for problem in made.problems} == {"@c:s[1]", "@d:s", "org.example"}
    assert unstructure(made) == content
    assert unstructure(DirectContent.of({"@a:s": ["!x"]})) == {"@a:s": ["!x"]}
    assert DirectContent().rooms == {}


def test_receipts() -> None:
    content = {
        "$e": {
            "m.read": {"@a:s": {"ts": 5, "thread_id": "main"}, "@b:s": {}, "@c:s": 5},
            "m.read.private": {"@a:s": {"ts": "5"}},
            "org.example": {"@a:s": {"ts": 1}},
        },
        "$f": [],
    }
    made = read("m.receipt", content)
    assert isinstance(made, ReceiptContent)
    events = made.events
    assert list(events) == ["$e"]
    assert events["$e"].read == {"@a:s": Receipt(5, "main"), "@b:s": Receipt()}
    assert events["$e"].read_private == {"@a:s": Receipt()}
    assert {problem.path for problem in made.problems} == {"$e.m.read.@c:s", "$e.m.read.private.@a:s.ts", "$f"}
    assert unstructure(made) == content


# ------------------------------------------------------------------ where null means something


@pytest.mark.parametrize(
    ("content", "base_url", "is_refused"),
    [
        ({}, None, False),
        ({"base_url": None}, None, True),
        ({"base_url": "https://id.example"}, "https://id.example", False),
        ({"base_url": 5}, None, False),
    ],
)
def test_an_identity_server_may_be_refused(content: dict[str, Any], base_url: str | None, is_refused: bool) -> None:
    made = read("m.identity_server", content)
    assert isinstance(made, IdentityServerContent)
    assert (made.base_url, made.is_refused) == (base_url, is_refused)
    assert unstructure(made) == content


@pytest.mark.parametrize("value", ["x", 5, True, None, {}, ["x"]])
def test_a_push_condition_may_compare_with_null(value: Any) -> None:
    condition = {"kind": "event_property_is", "key": "content.x", "is": ">2", "value": value}
    rule = {"rule_id": "r", "actions": ["notify", {"set_tweak": "highlight"}], "default": False, "enabled": True}
    content = {"global": {"override": [{**rule, "conditions": [condition]}]}}
    made = read("m.push_rules", content)
    assert isinstance(made, PushRulesContent)
    assert unstructure(made) == content
    found: PushCondition = made.global_.override[0].conditions[0]  # type: ignore[union-attr, index]
    assert found.value == (value if isinstance(value, (str, int)) else None)
    assert found.is_ == ">2"


def test_invites_may_be_refused() -> None:
    assert read("m.invite_permission_config", {"default_action": "block"}).blocks_invites
    for content in ({}, {"default_action": "allow"}, {"default_action": 5}):
        assert not read("m.invite_permission_config", content).blocks_invites
    assert unstructure(InvitePermissionConfigContent("block")) == {"default_action": "block"}


# ------------------------------------------------------------------ devices


def test_a_verification_is_known_by_its_flow() -> None:
    between = read("m.key.verification.ready", {"from_device": "D", "methods": [], "transaction_id": "t"})
    in_room = read(
        "m.key.verification.ready",
        {"from_device": "D", "methods": [], "m.relates_to": {"rel_type": "m.reference", "event_id": "$request"}},
    )
    assert (between.flow_id, in_room.flow_id) == ("t", "$request")
    assert KeyVerificationReadyContent("D", []).flow_id is None
    other = {"from_device": "D", "methods": [], "m.relates_to": {"rel_type": "m.thread", "event_id": "$x"}}
    assert read("m.key.verification.ready", other).flow_id is None


def test_the_method_tells_how_a_verification_starts() -> None:
    sas = KeyVerificationSasStartContent("D", ["curve"], ["sha256"], ["hkdf"], [], transaction_id="t")
    assert read("m.key.verification.start", unstructure(sas)) == sas
    scanned = KeyVerificationReciprocateStartContent("D", "hunter2")
    assert read("m.key.verification.start", unstructure(scanned)) == scanned
    other = read("m.key.verification.start", {"from_device": "D", "method": "org.example"})
    assert type(other) is KeyVerificationStartContent
    assert isinstance(other, KeyVerificationStartContent)
    assert isinstance(read("m.key.verification.start", {"from_device": "D", "method": "m.sas.v1"}), BadContent)
    cancelled = KeyVerificationCancelContent("m.user", "no", transaction_id="t")
    assert unstructure(cancelled) == {"code": "m.user", "reason": "no", "transaction_id": "t"}


def test_a_ciphertext_is_for_a_room_or_for_devices() -> None:
    megolm = read("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA"})
    olm = read(
        "m.room.encrypted",
        {"algorithm": "m.olm.v1.curve25519-aes-sha2", "ciphertext": {"key": {"type": 0, "body": "Awog"}, "x": 5}},
    )
    assert isinstance(megolm, RoomEncryptedContent)
    assert megolm.ciphertext == "AwgA"
    assert olm.ciphertext == {"key": OlmCiphertext(0, "Awog")}
    assert isinstance(read("m.room.encrypted", {"algorithm": "x", "ciphertext": 5}), BadContent)


# ------------------------------------------------------------------ calls, presence


def test_a_call_of_the_older_protocol() -> None:
    made = read("m.call.invite", {"call_id": "c", "version": 0, "lifetime": 1, "offer": {"type": "offer", "sdp": ""}})
    assert isinstance(made, CallInviteContent)
    assert (made.version, made.party_id, made.problems) == (0, None, ())
    assert read("m.call.hangup", {"call_id": "c", "version": 0}) == CallHangupContent("c", 0)
    assert (
        read("m.call.hangup", {"call_id": "c", "version": "1", "reason": "user_busy"}).reason
        is HangupReason.USER_BUSY
    )
    assert isinstance(read("m.call.hangup", {"call_id": "c", "version": True}), BadContent)


def test_presence() -> None:
    made = read("m.presence", {"presence": "online", "last_active_ago": 1.5, "currently_active": "yes"})
    assert (made.presence, made.last_active_ago, made.currently_active) == (Presence.ONLINE, 1.5, None)


@pytest.mark.parametrize("name", ["m.marked_unread", "com.famedly.marked_unread"])
def test_an_older_name_is_read_too(name: str) -> None:
    made = read(name, {"unread": True})
    assert isinstance(made, Document)
    assert unstructure(made) == {"unread": True}
