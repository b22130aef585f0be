"""An operation of the admin API: an `Endpoint` that can send null, checks its moments, and reads frozen records."""

from __future__ import annotations

from typing import Any, ClassVar, Final, TypeVar, get_args, get_origin

from ..codec import fields_of, structure
from ..http.answers import json_object
from ..http.endpoint import Endpoint
from ..http.messages import HttpResponse, Limits
from .moments import MomentRule, check_moment
from .wire import keep_raw

__all__ = ["LONG", "UNSET", "AdminEndpoint", "Unset"]

R = TypeVar("R")

LONG = Limits(read_s=3600.0, total_s=4 * 3600.0)
"""For the calls that Synapse answers only when all is done."""


class Unset:
    """The type of `UNSET`: not sent, so left as it is; None is sent as null, "" as the empty string."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


class AdminEndpoint(Endpoint[R]):
    """One operation of Synapse's admin API.

    A field whose default is `UNSET` takes None for null; everywhere else None means "not sent".

    Class attributes:
        PAST, SINCE, FUTURE: the fields that take a `When`, by what each takes it for; see `MomentRule`.
        WITHOUT_MAS: True where the operation is gone once accounts are kept by an authentication service.
    """

    PAST: ClassVar[tuple[str, ...]] = ()
    SINCE: ClassVar[tuple[str, ...]] = ()
    FUTURE: ClassVar[tuple[str, ...]] = ()
    WITHOUT_MAS: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is AdminEndpoint:
                cls.ANSWER = get_args(base)[0]

    def _read(self, response: HttpResponse) -> R:
        return self._made_of(json_object(response))

    def _made_of(self, document: Any) -> R:
        answer: R = structure(document, self.ANSWER)
        keep_raw(answer, document)
        return answer

    def _sort_fields(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Any]:
        in_path, in_query, in_headers, payload = super()._sort_fields()
        takes_null = {one.name for one in fields_of(type(self)) if one.default is UNSET}
        for attribute, place, name in self._places():
            value = getattr(self, attribute)
            holder = in_query if place == "query" else payload
            if value is UNSET:
                holder.pop(name)
            elif value is None:
                if attribute in takes_null:
                    holder[name] = None
            elif (rule := self._moment_rule(attribute)) is not None:
                holder[name] = check_moment(value, rule, attribute)
        for one in fields_of(type(self)):
            if one.name in in_path and one.type == int | str:
                in_path[one.name] = str(in_path[one.name])
        return in_path, in_query, in_headers, payload

    def _moment_rule(self, attribute: str) -> MomentRule | None:
        for rule, fields in (
            (MomentRule.PAST, self.PAST),
            (MomentRule.SINCE, self.SINCE),
            (MomentRule.FUTURE, self.FUTURE),
        ):
            if attribute in fields:
                return rule
        return None
