"""User-interactive authentication: which stages to complete, and what to answer. Pure: nothing here asks anybody.

Spec: "User-Interactive Authentication API".
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import attrs

from ..codec import Document
from ..errors import UsageError, UserInteractive

__all__ = [
    "MAX_ROUNDS",
    "Auth",
    "AuthInput",
    "Completion",
    "DummyAuth",
    "EmailAuth",
    "FallbackAuth",
    "MultiAuth",
    "PasswordAuth",
    "PhoneAuth",
    "Policy",
    "RecaptchaAuth",
    "Stage",
    "StageCallback",
    "TermsAuth",
    "TokenAuth",
    "complete_stages",
    "policies_of",
]

MAX_ROUNDS = 20
"""A server that is not content after so many answers never will be."""

Completion = Generator[dict[str, Any], UserInteractive, None]


@attrs.frozen
class Stage:
    """One stage that is to be completed now.

    Attributes:
        type: such as ``m.login.password``.
        session: of the server; it stands in every answer.
        params: what the server says about this stage.
        fallback_url: a page on which a person can complete the stage in a browser.
        user_id: our own, "" where there is none yet.
        attempt: 1 at first, 2 where the first answer did not do.
        error: what the server said of the last answer, "" for nothing.
    """

    type: str
    session: str = ""
    params: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    fallback_url: str = attrs.field(default="", repr=False)
    user_id: str = ""
    attempt: int = 1
    error: str = ""


class Auth:
    """Something that can answer stages; the ready ones are below, and a plain function of a `Stage` is one too.

    Class attributes:
        TYPES: the stages it answers; None for any.
        ATTEMPTS: how often it may be asked for one stage, where the server is not content.
    """

    TYPES: tuple[str, ...] | None = None
    ATTEMPTS = 1

    def can_answer(self, stage_type: str) -> bool:
        """Tell whether stages of this type are ours to answer."""
        return self.TYPES is None or stage_type in self.TYPES

    def attempts(self, stage_type: str) -> int:
        """Return how often a stage of this type may be answered."""
        return self.ATTEMPTS

    def answer(self, stage: Stage) -> Mapping[str, Any] | None:
        """Return what to send for a stage, without type and session.

        Returns:
            The members to send; {} where the stage was completed elsewhere, in a browser for example; None to
            decline, so that another flow is tried.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return the name alone: most of them hold a secret."""
        return f"<{type(self).__name__}>"


class PasswordAuth(Auth):
    """Answers with the password of the account.

    Args:
        password: of the account.
        user: a user id, or an identifier of `gomatrix_py.api.login`; ourselves where it is left out.
    """

    TYPES = ("m.login.password",)

    def __init__(self, password: str, user: str | Document = "") -> None:
        self.password = password
        self.user = user

    def answer(self, stage: Stage) -> Mapping[str, Any]:
        """Return identifier and password."""
        who = self.user or stage.user_id
        if not who:
            raise UsageError("PasswordAuth needs a user, as nobody is logged in")
        identifier = {"type": "m.id.user", "user": who} if isinstance(who, str) else who
        return {"type": "m.login.password", "identifier": identifier, "password": self.password}


class DummyAuth(Auth):
    """Completes the stage that asks for nothing."""

    TYPES = ("m.login.dummy",)

    def answer(self, stage: Stage) -> Mapping[str, Any]:
        """Return that there is nothing to say."""
        return {"type": stage.type}


class TokenAuth(Auth):
    """Answers with a registration token that the administrator of the server gave out."""

    TYPES = ("m.login.registration_token", "org.matrix.msc3231.login.registration_token")

    def __init__(self, token: str) -> None:
        self.token = token

    def answer(self, stage: Stage) -> Mapping[str, Any]:
        """Return the token."""
        return {"type": stage.type, "token": self.token}


@attrs.frozen
class Policy:
    """A document that has to be accepted: its id, version, and name and address by language."""

    policy_id: str
    version: str
    texts: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)


def policies_of(stage: Stage) -> list[Policy]:
    """Return what the stage ``m.login.terms`` wants to be accepted; what is not as specified is left out."""
    policies = stage.params.get("policies")
    if not isinstance(policies, Mapping):
        return []
    return [
        Policy(policy_id, policy["version"], _texts(policy))
        for policy_id, policy in policies.items()
        if isinstance(policy, Mapping) and isinstance(policy.get("version"), str)
    ]


def _texts(policy: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        language: (text["name"], text["url"])
        for language, text in policy.items()
        if isinstance(text, Mapping) and isinstance(text.get("name"), str) and isinstance(text.get("url"), str)
    }


class TermsAuth(Auth):
    """Accepts the terms of service.

    Args:
        accept: gets the policies and returns whether they are accepted; where it is left out they are.
    """

    TYPES = ("m.login.terms",)

    def __init__(self, accept: Callable[[list[Policy]], bool] | None = None) -> None:
        self.accept = accept

    def answer(self, stage: Stage) -> Mapping[str, Any] | None:
        """Return the acceptance, None where it is refused."""
        if self.accept is not None and not self.accept(policies_of(stage)):
            return None
        return {"type": stage.type}


class RecaptchaAuth(Auth):
    """Answers with the response of a solved reCAPTCHA.

    Args:
        solve: gets the public key of the server and returns the response.
    """

    TYPES = ("m.login.recaptcha",)

    def __init__(self, solve: Callable[[str], str]) -> None:
        self.solve = solve

    def answer(self, stage: Stage) -> Mapping[str, Any]:
        """Return the response."""
        return {"type": stage.type, "response": self.solve(str(stage.params.get("public_key", "")))}


class FallbackAuth(Auth):
    """Lets a person complete a stage in a browser: single sign-on, reCAPTCHA, or anything else.

    Args:
        show: gets the address to open, and returns when the person says that it is done.
        types: the stages to complete so; any where it is left out.
    """

    ATTEMPTS = 3

    def __init__(self, show: Callable[[str], object], types: tuple[str, ...] = ()) -> None:
        self.show = show
        self.types = types

    def can_answer(self, stage_type: str) -> bool:
        """Tell whether the stage is one of `types`."""
        return not self.types or stage_type in self.types

    def answer(self, stage: Stage) -> Mapping[str, Any] | None:
        """Return that the stage was completed elsewhere."""
        if not stage.fallback_url:
            return None
        self.show(stage.fallback_url)
        return {}


class EmailAuth(Auth):
    """Answers with an e-mail address that was validated, see `request_registration_email_token`.

    Args:
        sid: of the validation.
        client_secret: that it was begun with.
        wait: called before each answer; returns when the person has followed the link in the message.
        id_server, id_access_token: where it was validated by an identity server and not by the homeserver.
    """

    TYPES = ("m.login.email.identity",)
    ATTEMPTS = 3

    def __init__(
        self,
        sid: str,
        client_secret: str,
        wait: Callable[[], object] | None = None,
        *,
        id_server: str = "",
        id_access_token: str = "",
    ) -> None:
        self.sid = sid
        self.client_secret = client_secret
        self.wait = wait
        self.id_server = id_server
        self.id_access_token = id_access_token

    def attempts(self, stage_type: str) -> int:
        """Return 1 where nobody is waited for: the same answer again would be in vain."""
        return self.ATTEMPTS if self.wait is not None else 1

    def answer(self, stage: Stage) -> Mapping[str, Any]:
        """Return the credentials of the validation."""
        if self.wait is not None:
            self.wait()
        creds = {"sid": self.sid, "client_secret": self.client_secret}
        if self.id_server:
            creds |= {"id_server": self.id_server, "id_access_token": self.id_access_token}
        return {"type": stage.type, "threepid_creds": creds}


class PhoneAuth(EmailAuth):
    """Answers with a phone number that was validated, see `request_registration_phone_token`; as `EmailAuth`."""

    TYPES = ("m.login.msisdn",)


class MultiAuth(Auth):
    """Answers each stage with the first of several that can; plain functions and lists may be among them."""

    def __init__(self, *auths: Auth | StageCallback | Sequence[Any]) -> None:
        self.auths = tuple(_as_auth(auth) for auth in auths)

    def can_answer(self, stage_type: str) -> bool:
        """Tell whether one of them can."""
        return any(auth.can_answer(stage_type) for auth in self.auths)

    def attempts(self, stage_type: str) -> int:
        """Return how often those that can may be asked."""
        return max((auth.attempts(stage_type) for auth in self.auths if auth.can_answer(stage_type)), default=1)

    def answer(self, stage: Stage) -> Mapping[str, Any] | None:
        """Return the first answer there is."""
        for auth in self.auths:
            if auth.can_answer(stage.type) and stage.attempt <= auth.attempts(stage.type):
                answer = auth.answer(stage)
                if answer is not None:
                    return answer
        return None

    def __repr__(self) -> str:
        return f"MultiAuth({', '.join(map(repr, self.auths))})"


class _CallbackAuth(Auth):
    ATTEMPTS = 3

    def __init__(self, callback: StageCallback) -> None:
        self.callback = callback

    def answer(self, stage: Stage) -> Mapping[str, Any] | None:
        return self.callback(stage)


StageCallback = Callable[[Stage], "Mapping[str, Any] | None"]
AuthInput = dict[str, Any] | Auth | Sequence[Any] | Callable[[Stage], Mapping[str, Any] | None]
"""What completes stages: a dict that is sent as it is, an `Auth`, several, or a function of a `Stage`."""


def _as_auth(given: Any) -> Auth:
    if isinstance(given, Auth):
        return given
    if isinstance(given, (list, tuple)):
        return MultiAuth(*given)
    if callable(given):
        return _CallbackAuth(given)
    raise UsageError(f"auth must be a dict, PasswordAuth or another Auth, or a function, not {type(given).__name__}")


# ------------------------------------------------------------------ from one stage to the next


def complete_stages(
    given: AuthInput,
    wanted: UserInteractive,
    *,
    user_id: str = "",
    fallback_url: Callable[[str, str], str] | None = None,
) -> Completion:
    """Yield what to send as ``auth``, one answer after the other; send in what the server says to each.

    The shortest flow that can be completed is taken, anew after each answer.

    Args:
        given: what answers the stages.
        wanted: what the server asked for first.
        user_id: our own, "" where there is none yet.
        fallback_url: returns the page for a stage and a session.

    Raises:
        UserInteractive: as the server said last: a wrong answer, or no flow that can be completed.
        UsageError: `given` answers nothing.
    """
    auth = _as_auth(given)
    attempts: dict[str, int] = {}
    declined: set[str] = set()
    session = ""
    for _ in range(MAX_ROUNDS):
        session = wanted.session or session
        answer: dict[str, Any] | None = None
        while answer is None:
            stage_type = _next_stage(auth, wanted, attempts, declined)
            stage = _stage(stage_type, wanted, session, user_id, attempts, fallback_url)
            attempts[stage_type] = stage.attempt
            said = {} if not stage_type else auth.answer(stage)
            if said is None:
                declined.add(stage_type)
            else:
                answer = _whole(said, stage)
        wanted = yield answer
    raise _given_up(wanted, f"not content after {MAX_ROUNDS} answers")


def _stage(
    stage_type: str,
    wanted: UserInteractive,
    session: str,
    user_id: str,
    attempts: Mapping[str, int],
    fallback_url: Callable[[str, str], str] | None,
) -> Stage:
    params = wanted.params.get(stage_type)
    params = params if isinstance(params, Mapping) else {}
    attempt = attempts.get(stage_type, 0) + 1
    said = wanted.wrapped_error.error if wanted.wrapped_error is not None and attempt > 1 else ""
    if stage_type == "m.oauth":  # the one whose page the server names itself
        url = params.get("url")
        page = url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""
    else:
        page = fallback_url(stage_type, session) if fallback_url and stage_type and session else ""
    return Stage(stage_type, session, params, page, user_id, attempt, said)


def _next_stage(auth: Auth, wanted: UserInteractive, attempts: Mapping[str, int], declined: set[str]) -> str:
    """Return the first stage left of the shortest flow that can be completed, "" where none is left.

    Raises:
        UserInteractive: there is no such flow.
    """

    def may_answer(stage: str) -> bool:
        if stage in declined or not auth.can_answer(stage):
            return False
        return attempts.get(stage, 0) < auth.attempts(stage)

    left = [[stage for stage in flow if stage not in wanted.completed] for flow in wanted.flows]
    possible = [stages for stages in left if all(map(may_answer, stages))]
    if [] in possible and attempts.get("", 0) == 0:
        return ""
    possible = [stages for stages in possible if stages]
    if not possible:
        has_said_why = bool(attempts) and wanted.wrapped_error is not None
        raise _given_up(wanted, "" if has_said_why else f"it wants {_in_words(left)}")
    return min(possible, key=len)[0]


def _in_words(flows: Sequence[Sequence[str]]) -> str:
    return ", or ".join(" and ".join(stages) for stages in flows if stages) or "stages that it does not name"


def _given_up(wanted: UserInteractive, why: str) -> UserInteractive:
    if why:
        wanted.message = f"{wanted.message} ({why})"
        wanted.args = (str(wanted),)
    return wanted


def _whole(said: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Return an answer with type and session; one that says nothing has no type."""
    answer = dict(said)
    if set(answer) - {"session"}:
        answer.setdefault("type", stage.type)
    if stage.session:
        answer.setdefault("session", stage.session)
    return answer
