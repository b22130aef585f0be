"""User-interactive authentication without a server: which flow is taken, what is said, when it is given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.api.login import ThirdpartyIdentifier
from gomatrix_py.errors import RespError, UsageError, UserInteractive
from gomatrix_py.http import uia
from gomatrix_py.http.uia import (
    MAX_ROUNDS,
    Auth,
    DummyAuth,
    EmailAuth,
    FallbackAuth,
    MultiAuth,
    PasswordAuth,
    PhoneAuth,
    Policy,
    RecaptchaAuth,
    Stage,
    TermsAuth,
    TokenAuth,
    complete_stages,
    policies_of,
)


def wanted(*flows: list[str], completed: tuple[str, ...] = (), said: str = "", **params: Any) -> UserInteractive:
    """Return what a server asks for."""
    error = UserInteractive(
        "POST /x failed", code=401, wrapped_error=RespError("M_FORBIDDEN", said) if said else None
    )
    error.flows, error.session, error.completed = flows, "s1", list(completed)
    error.params = {f"m.login.{name}": value for name, value in params.items()}
    return error


def page(stage: str, session: str) -> str:
    return f"https://hs/{stage}?{session}"


def run(auth: Any, server: Server, user_id: str = "@me:hs") -> list[dict[str, Any]]:
    """Answer a server until it is content, and return what it was sent."""
    sent = []
    stages = complete_stages(auth, server.ask(), user_id=user_id, fallback_url=page)
    answer = next(stages)
    while True:
        sent.append(answer)
        asked = server.take(answer)
        if asked is None:
            return sent
        answer = stages.send(asked)


class Server:
    """Wants stages, and takes what a test says is right; a session alone completes the stage it waits for."""

    def __init__(self, *flows: list[str], refuses: tuple[str, ...] = (), **params: Any) -> None:
        self.flows, self.refuses, self.params = flows, refuses, params
        self.completed: tuple[str, ...] = ()

    def ask(self, said: str = "") -> UserInteractive:
        return wanted(*self.flows, completed=self.completed, said=said, **self.params)

    def take(self, answer: dict[str, Any]) -> UserInteractive | None:
        assert answer["session"] == "s1"
        kind = answer.get("type")
        if kind in self.refuses:
            return self.ask("wrong")
        self.completed += (kind or self._next(),)
        is_done = any(set(flow) <= set(self.completed) for flow in self.flows)
        return None if is_done else self.ask()

    def _next(self) -> str:
        return next(stage for flow in self.flows for stage in flow if stage not in self.completed)


# ------------------------------------------------------------------ ready answers


@pytest.mark.parametrize(
    ("auth", "stage", "sent"),
    [
        (
            PasswordAuth("secret"),
            "m.login.password",
            {"identifier": {"type": "m.id.user", "user": "@me:hs"}, "password": "secret"},
        ),
        (
            PasswordAuth("secret", "you"),
            "m.login.password",
            {"identifier": {"type": "m.id.user", "user": "you"}, "password": "secret"},
        ),
        (DummyAuth(), "m.login.dummy", {}),
        (TokenAuth("t0"), "m.login.registration_token", {"token": "t0"}),
        (TokenAuth("t0"), "org.matrix.msc3231.login.registration_token", {"token": "t0"}),
        (TermsAuth(), "m.login.terms", {}),
        (RecaptchaAuth(lambda key: f"solved {key}"), "m.login.recaptcha", {"response": "solved k"}),
        (
            EmailAuth("sid", "cs"),
            "m.login.email.identity",
            {"threepid_creds": {"sid": "sid", "client_secret": "cs"}},
        ),
        (
            PhoneAuth("sid", "cs", id_server="is", id_access_token="it"),
            "m.login.msisdn",
            {
                "threepid_creds": {
                    "sid": "sid",
                    "client_secret": "cs",
                    "id_server": "is",
                    "id_access_token": "it",
                }
            },
        ),
        (lambda stage: {"x": stage.user_id}, "com.example.own", {"x": "@me:hs"}),
        (lambda stage: {"type": "other", "x": 1}, "com.example.own", {"type": "other", "x": 1}),
        ([DummyAuth(), TermsAuth()], "m.login.terms", {}),
    ],
)
def test_an_answer(auth: Any, stage: str, sent: dict[str, Any]) -> None:
    asked = wanted([stage], recaptcha={"public_key": "k"})
    answer = next(complete_stages(auth, asked, user_id="@me:hs", fallback_url=page))
    assert answer == {"type": stage, "session": "s1", **sent}


def test_a_password_needs_somebody() -> None:
    with pytest.raises(UsageError, match="user"):
        run(PasswordAuth("secret"), Server(["m.login.password"]), user_id="")


def test_a_password_may_be_somebody_s_by_another_identifier() -> None:
    who = ThirdpartyIdentifier(medium="email", address="a@b.example")
    (answer,) = run(PasswordAuth("secret", who), Server(["m.login.password"]))
    assert answer["identifier"] is who


def test_nothing_shows_its_secret() -> None:
    auths = MultiAuth(
        PasswordAuth("planted"),
        TokenAuth("planted"),
        EmailAuth("sid", "planted", id_access_token="planted"),
        PhoneAuth("sid", "planted"),
    )
    assert "planted" not in f"{auths!r} {auths}"
    assert "PasswordAuth" in repr(auths)
    assert "planted" in str(auths.auths[0].answer(Stage("m.login.password", user_id="@me:hs")))


TERMS = {
    "policies": {
        "tos": {
            "version": "1.2",
            "en": {"name": "Terms", "url": "https://hs/en"},
            "fr": {"name": "Conditions", "url": 7},
        },
        "broken": {"en": {"name": "no version", "url": "https://hs"}},
        "worse": 7,
    }
}


def test_terms_are_shown_and_accepted() -> None:
    shown: list[list[Policy]] = []

    def accept(policies: list[Policy]) -> bool:
        shown.append(policies)
        return True

    assert run(TermsAuth(accept), Server(["m.login.terms"], terms=TERMS)) == [
        {"type": "m.login.terms", "session": "s1"}
    ]
    assert shown == [[Policy("tos", "1.2", {"en": ("Terms", "https://hs/en")})]]


def test_terms_that_are_refused_end_it() -> None:
    with pytest.raises(UserInteractive, match=r"wants m\.login\.terms"):
        run(TermsAuth(lambda policies: False), Server(["m.login.terms"], terms=TERMS))


@pytest.mark.parametrize("policies", [None, 7, [], {"x": None}])
def test_terms_that_make_no_sense_are_none(policies: Any) -> None:
    assert policies_of(Stage("m.login.terms", params={"policies": policies})) == []


# ------------------------------------------------------------------ in a browser


def test_a_stage_is_completed_in_a_browser() -> None:
    shown: list[str] = []
    assert run(FallbackAuth(shown.append), Server(["m.login.sso"])) == [{"session": "s1"}]
    assert shown == ["https://hs/m.login.sso?s1"]


def test_a_page_named_by_the_server_is_shown_for_oauth() -> None:
    shown: list[str] = []
    error = wanted(["m.oauth"])
    error.params = {"m.oauth": {"url": "https://account.hs/reset"}}
    assert next(complete_stages(FallbackAuth(shown.append), error, fallback_url=page)) == {"session": "s1"}
    assert shown == ["https://account.hs/reset"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", 7, None])
def test_what_is_no_page_is_not_shown(url: Any) -> None:
    shown: list[str] = []
    error = wanted(["m.oauth"])
    error.params = {"m.oauth": {"url": url}}
    with pytest.raises(UserInteractive):
        next(complete_stages(FallbackAuth(shown.append), error, fallback_url=page))
    assert shown == []


def test_a_person_who_was_too_fast_is_asked_again_but_not_for_ever() -> None:
    shown: list[str] = []
    stages = complete_stages(FallbackAuth(shown.append, ("m.login.sso",)), wanted(["m.login.sso"]), fallback_url=page)
    next(stages)
    stages.send(wanted(["m.login.sso"]))
    stages.send(wanted(["m.login.sso"]))
    with pytest.raises(UserInteractive):
        stages.send(wanted(["m.login.sso"]))
    assert len(shown) == 3


# ------------------------------------------------------------------ which flow


def test_the_shortest_flow_that_can_be_completed_is_taken() -> None:
    flows = (["m.login.recaptcha"], ["m.login.terms", "m.login.dummy"], ["m.login.dummy"])
    assert [one["type"] for one in run(DummyAuth(), Server(*flows))] == ["m.login.dummy"]
    assert [one["type"] for one in run([TermsAuth(), DummyAuth()], Server(*flows[:2]))] == [
        "m.login.terms",
        "m.login.dummy",
    ]


def test_stages_come_in_their_order() -> None:
    server = Server(["m.login.registration_token", "m.login.terms", "m.login.dummy"])
    sent = run(MultiAuth(DummyAuth(), TermsAuth(), TokenAuth("t")), server)
    assert [one["type"] for one in sent] == server.flows[0]


def test_what_was_completed_before_is_not_done_again() -> None:
    server = Server(["m.login.password", "m.login.dummy"])
    server.completed = ("m.login.password",)
    assert [one["type"] for one in run(DummyAuth(), server)] == ["m.login.dummy"]


def test_a_flow_without_stages_is_completed_by_the_session() -> None:
    assert next(complete_stages(DummyAuth(), wanted([]))) == {"session": "s1"}


def test_without_a_flow_that_can_be_completed_the_error_says_what_is_wanted() -> None:
    with pytest.raises(UserInteractive, match=r"m\.login\.password and m\.x, or m\.y") as failure:
        run(DummyAuth(), Server(["m.login.password", "m.x"], ["m.y"]))
    assert failure.value.session == "s1"
    assert failure.value.code == 401


def test_one_who_declines_is_asked_for_another_flow() -> None:
    def only_dummy(stage: Stage) -> Mapping[str, Any] | None:
        return {} if stage.type == "m.login.terms" else None

    sent = run(only_dummy, Server(["m.login.password"], ["m.login.terms"]))
    assert sent == [{"session": "s1"}]


# ------------------------------------------------------------------ and when it is enough


def test_a_wrong_password_is_said_and_not_tried_twice() -> None:
    server = Server(["m.login.password"], refuses=("m.login.password",))
    with pytest.raises(UserInteractive, match="M_FORBIDDEN: wrong") as failure:
        run(PasswordAuth("guess"), server)
    assert "wants" not in str(failure.value)


def test_a_function_may_try_again_and_is_told_what_was_wrong() -> None:
    asked: list[tuple[int, str]] = []

    def guess(stage: Stage) -> Mapping[str, Any]:
        asked.append((stage.attempt, stage.error))
        return {"password": str(stage.attempt)}

    with pytest.raises(UserInteractive):
        run(guess, Server(["m.login.password"], refuses=("m.login.password",)))
    assert asked == [(1, ""), (2, "wrong"), (3, "wrong")]


def test_one_of_several_is_not_asked_more_often_than_it_likes() -> None:
    calls: list[int] = []

    def again(stage: Stage) -> Mapping[str, Any]:
        calls.append(stage.attempt)
        return {"password": "x"}

    with pytest.raises(UserInteractive):
        run(MultiAuth(PasswordAuth("guess"), again), Server(["m.login.password"], refuses=("m.login.password",)))
    assert calls == [2, 3]


def test_a_message_is_waited_for() -> None:
    waited: list[int] = []
    email = EmailAuth("sid", "cs", wait=lambda: waited.append(1))
    stages = complete_stages(email, wanted(["m.login.email.identity"]))
    next(stages)
    stages.send(wanted(["m.login.email.identity"]))
    assert len(waited) == 2
    assert EmailAuth("sid", "cs").attempts("m.login.email.identity") == 1


class _New(Auth):
    """Answers anything."""

    ATTEMPTS = 10**9

    def answer(self, stage: Stage) -> Mapping[str, Any]:
        return {"n": stage.attempt}


def test_a_server_that_is_never_content_is_left() -> None:
    stages = complete_stages(_New(), wanted(["m.a"]))
    next(stages)
    for _ in range(MAX_ROUNDS - 1):
        stages.send(wanted(["m.a"]))
    with pytest.raises(UserInteractive, match=f"not content after {MAX_ROUNDS}"):
        stages.send(wanted(["m.a"]))


def test_a_server_that_always_wants_something_new_is_left() -> None:
    stages = complete_stages(DummyAuth(), wanted([]))
    next(stages)
    with pytest.raises(UserInteractive):
        stages.send(wanted([]))


def test_without_the_bound_it_would_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(uia, "MAX_ROUNDS", 100)
    stages = complete_stages(_New(), wanted(["m.a"]))
    next(stages)
    assert [stages.send(wanted(["m.a"]))["n"] for _ in range(50)][-1] == 51


@pytest.mark.parametrize("nonsense", [7, "password", object()])
def test_what_answers_nothing_is_refused(nonsense: Any) -> None:
    with pytest.raises(UsageError, match="PasswordAuth"):
        next(complete_stages(nonsense, wanted(["m.login.dummy"])))


_TYPES = st.sampled_from(["m.login.dummy", "m.login.terms", "m.login.password", "m.x", ""])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.lists(_TYPES, max_size=3), max_size=3), st.lists(_TYPES, max_size=3)),
        min_size=1,
        max_size=30,
    )
)
def test_whatever_a_server_says_it_ends_with_an_answer_or_its_own_error(
    rounds: list[tuple[list[list[str]], list[str]]],
) -> None:
    def asked(number: int) -> UserInteractive:
        flows, completed = rounds[number % len(rounds)]
        return wanted(*flows, completed=tuple(completed))

    stages = complete_stages(MultiAuth(DummyAuth(), TermsAuth(), PasswordAuth("x", "me")), asked(0))
    answers = []
    try:
        answers.append(next(stages))
        while True:
            answers.append(stages.send(asked(len(answers))))
    except UserInteractive:
        pass
    assert len(answers) <= MAX_ROUNDS
    assert all(answer["session"] == "s1" for answer in answers)
