"""An operation of an HTTP API, declared once: verb, path, typed fields, answer."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin, overload

import attrs

from ..codec import Document, DocumentList, Model, build, dumps, fields_of, structure, unstructure, wire_name
from ..codec import field as _field
from ..codec import secret as _secret
from ..errors import HTTPError, UsageError
from ..times import in_milliseconds
from .answers import error_from, json_list, json_object
from .messages import HttpRequest, HttpResponse, Limits, Redirects, Upload
from .urls import check_base_url, expand, path_fields, query_string

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, dataclass_transform

    P = ParamSpec("P")
else:
    from ..codec.model import dataclass_transform

    P = TypeVar("P")

__all__ = [
    "Call",
    "Caller",
    "Empty",
    "Endpoint",
    "Response",
    "Target",
    "body",
    "header",
    "member",
    "query",
    "warn_if_deprecated",
]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
E_co = TypeVar("E_co", bound="Endpoint[Any]", covariant=True)

_PLACE = "gomatrix_py.place"
_SAFE_VERBS = frozenset({"GET", "PUT", "DELETE"})


class Response(Document):
    """An answer: an object of the specification that also keeps itself as it came (`raw`)."""

    raw: dict[str, Any] = _field(factory=dict, kw_only=True, repr=False, eq=False)


class Empty(Response):
    """An answer that says nothing but "done"."""


def query(*, default: Any = attrs.NOTHING, name: str | None = None, kw_only: bool = False) -> Any:
    """Declare a field of the query string."""
    return _field(default=default, name=name, kw_only=kw_only, metadata={_PLACE: "query"})


def header(*, default: Any = attrs.NOTHING, name: str | None = None, kw_only: bool = False) -> Any:
    """Declare a field sent as a header."""
    return _field(default=default, name=name, kw_only=kw_only, metadata={_PLACE: "header"})


def member(*, default: Any = attrs.NOTHING, name: str | None = None, kw_only: bool = False) -> Any:
    """Declare a member of the JSON body where the verb does not imply it (a DELETE with ``auth``)."""
    return _field(default=default, name=name, kw_only=kw_only, metadata={_PLACE: "member"})


def body(*, default: Any = attrs.NOTHING, kw_only: bool = False) -> Any:
    """Declare the field that is the whole body: any JSON value, bytes, or an `Upload`."""
    return _field(default=default, kw_only=kw_only, repr=False, metadata={_PLACE: "body"})


@attrs.frozen
class Target:
    """Where a declared request goes, and as whom.

    Attributes:
        base_url: of the homeserver.
        access_token: "" for none.
        app_service_user_id: the user an application service acts for; sent as ``user_id=``.
    """

    base_url: str = attrs.field(converter=check_base_url)
    access_token: str = attrs.field(default="", repr=False)
    app_service_user_id: str = ""


@dataclass_transform(frozen_default=True, field_specifiers=(_field, _secret, query, header, member, body))
class Endpoint(Model, Generic[R]):
    """One operation. A subclass names verb, path and answer, and its fields are the parameters.

    A field that stands in PATH is part of the path; every other one is a member of the JSON body, or of
    the query where the verb has no body, unless it is declared with `query`, `header`, `member` or `body`.
    Times and durations may be given as `datetime` and `timedelta`; they are sent in milliseconds.

    Class attributes:
        METHOD, PATH: the verb, and the path with fields in braces.
        NEEDS_AUTH: False where the call works without an access token.
        SENDS_TOKEN: False where a token must not be sent even if there is one.
        IS_REPEATABLE: whether the server may see it twice; None means "as its verb promises".
        ADDED: the version of the specification that brought it.
        DEPRECATED: the method to use instead, "" where it is current.
        MSC: the number of the proposal that it is part of, 0 where it is in the specification.
        UNSTABLE_FEATURE: what /versions calls it while its version is not listed, "" where it has no name there.
        RATE_LIMITED: whether the specification lets a server answer 429.
        LIMITS: times and sizes, where the client's own do not fit.
        REDIRECTS: which redirects its answer may send us on.
    """

    IS_FROZEN = True
    METHOD: ClassVar[str]
    PATH: ClassVar[str]
    NEEDS_AUTH: ClassVar[bool] = True
    SENDS_TOKEN: ClassVar[bool] = True
    IS_REPEATABLE: ClassVar[bool | None] = None
    ADDED: ClassVar[str] = ""
    DEPRECATED: ClassVar[str] = ""
    MSC: ClassVar[int] = 0
    UNSTABLE_FEATURE: ClassVar[str] = ""
    RATE_LIMITED: ClassVar[bool] = False
    LIMITS: ClassVar[Limits | None] = None
    REDIRECTS: ClassVar[Redirects] = Redirects.NEVER
    ANSWER: ClassVar[Any] = Empty

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is Endpoint:
                cls.ANSWER = get_args(base)[0]

    @classmethod
    def route(cls) -> str:
        """Return verb and path template: the name of this operation in hooks, logs and rate limits."""
        return f"{cls.METHOD} {cls.PATH}"

    def to_request(self, target: Target) -> HttpRequest:
        """Return the HTTP request; no I/O happens.

        Args:
            target: homeserver and credentials.

        Raises:
            UsageError: a path segment or a value that cannot be sent, or no token where one is needed.
        """
        if self.NEEDS_AUTH and not target.access_token:
            raise UsageError(f"{self.route()} needs an access token: log in first")
        in_path, in_query, in_headers, payload = self._sort_fields()
        if target.app_service_user_id and self.SENDS_TOKEN:
            in_query["user_id"] = target.app_service_user_id
        encoded = query_string(in_query)
        url = target.base_url + expand(self.PATH, in_path) + (f"?{encoded}" if encoded else "")
        if payload is not None and not isinstance(payload, (bytes, Upload)):
            in_headers["Content-Type"] = "application/json"
            payload = dumps(payload)
        may_retry = self.METHOD in _SAFE_VERBS if self.IS_REPEATABLE is None else self.IS_REPEATABLE
        return HttpRequest(
            method=self.METHOD,
            url=url,
            route=self.route(),
            headers=in_headers,
            body=payload,
            access_token=target.access_token if self.SENDS_TOKEN else "",
            may_retry=may_retry,
            limits=self.limits(),
            redirects=self.REDIRECTS,
        )

    def limits(self) -> Limits:
        """Return the times and sizes that fit this call."""
        return self.LIMITS or Limits()

    def parse(self, response: HttpResponse) -> R:
        """Return the answer as a value.

        Raises:
            HTTPError: the answer is not 2xx.
            DecodeError: it is not what the specification says.
        """
        if not response.is_success:
            raise self.error(response)
        return self._read(response)

    def error(self, response: HttpResponse) -> HTTPError:
        """Return the error for an answer that is not 2xx."""
        return error_from(response, self.route())

    def _read(self, response: HttpResponse) -> R:
        document: Any = json_list(response) if get_origin(self.ANSWER) is DocumentList else json_object(response)
        answer: R = structure(document, self.ANSWER)
        if isinstance(answer, Response):
            answer.raw = document
        return answer

    @classmethod
    def _places(cls) -> list[tuple[str, str, str]]:
        """Return (attribute, place, wire name) for each field."""
        if "_places_made" not in cls.__dict__:
            names = set(path_fields(cls.PATH))
            default = "query" if cls.METHOD in ("GET", "HEAD", "DELETE") else "member"
            cls._places_made = [
                (one.name, "path" if one.name in names else one.metadata.get(_PLACE, default), wire_name(one))
                for one in fields_of(cls)
            ]
        return cls._places_made

    _places_made: ClassVar[list[tuple[str, str, str]]]

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        sorted_fields: dict[str, dict[str, Any]] = {
            "path": {},
            "query": {},
            "header": {},
            "member": {},
            "body": {},
        }
        for attribute, place, name in self._places():
            value = in_milliseconds(getattr(self, attribute))
            if place == "path" or value is not None:
                sorted_fields[place][name if place != "path" else attribute] = value
        payload: Any = None
        if sorted_fields["body"]:
            (payload,) = sorted_fields["body"].values()
            if not isinstance(payload, (bytes, Upload)):
                payload = unstructure(payload)
        elif self.METHOD in ("POST", "PUT") or sorted_fields["member"]:
            payload = unstructure(sorted_fields["member"])
        headers = {name: str(value) for name, value in sorted_fields["header"].items()}
        return sorted_fields["path"], sorted_fields["query"], headers, payload


class Caller:
    """Whatever can carry out an endpoint; `Client` is one."""

    def call(self, endpoint: Endpoint[R]) -> R:
        """Send a declared request and return its parsed answer."""
        raise NotImplementedError


def warn_if_deprecated(endpoint: type[Endpoint[Any]], method: str) -> None:
    """Tell whoever called a method of the client that there is a newer one, where there is."""
    if endpoint.DEPRECATED:
        warnings.warn(f"{method} is deprecated: use {endpoint.DEPRECATED}", DeprecationWarning, stacklevel=3)


class Call(Generic[P, R_co]):
    """Makes a declared operation a method of the client: ``ban_user = Call(BanUser)``.

    Type checkers and editors see a method with the endpoint's parameters that returns its answer.
    """

    def __init__(self, endpoint: Callable[P, Endpoint[R_co]]) -> None:
        self.endpoint: Any = endpoint
        self.__doc__ = endpoint.__doc__
        self._known_signature: inspect.Signature | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name
        self.__qualname__ = f"{owner.__qualname__}.{name}"

    @overload
    def __get__(self, client: None, owner: type) -> Call[P, R_co]: ...

    @overload
    def __get__(self, client: Caller, owner: type) -> Callable[P, R_co]: ...

    def __get__(self, client: Caller | None, owner: type) -> Any:
        if client is None:
            return self

        def bound(*args: Any, **kwargs: Any) -> Any:
            warn_if_deprecated(self.endpoint, self.__name__)
            return client.call(self.endpoint(*args, **kwargs))

        bound.__name__, bound.__qualname__, bound.__doc__ = self.__name__, self.__qualname__, self.__doc__
        bound.__signature__ = self._signature()  # type: ignore[attr-defined]
        return bound

    def _signature(self) -> inspect.Signature:
        """Return the endpoint's parameters, for `help()` and editors."""
        if self._known_signature is None:
            parameters = inspect.signature(build(self.endpoint).__init__).parameters
            self._known_signature = inspect.Signature(list(parameters.values())[1:])
        return self._known_signature
