"""What Synapse's answers are made of: records that keep what came, moments in four units, flags that are numbers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, cast

from ..codec import fields_of, register_type, structure, wire_name
from ..errors import DecodeError
from ..http.endpoint import Response

__all__ = ["CreationTime", "Done", "Flag", "Milliseconds", "PageNumber", "Record", "RecordedTime", "keep_raw"]

Milliseconds = Annotated[datetime, "milliseconds since the epoch"]
RecordedTime = Annotated[datetime, "milliseconds since the epoch, 0 for never"]
CreationTime = Annotated[datetime, "seconds in one answer, milliseconds in another"]
Flag = Annotated[bool, "a boolean, 0 or 1"]
PageNumber = Annotated[str, "a string in one answer, a number in another"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECONDS_END = 100_000_000_000  # the year 5138 in seconds, 1973 in milliseconds


class Record(Response):
    """An answer, or a part of one: it cannot be changed.

    `raw` is the JSON object as it came, `extra` what of it the class does not declare.
    """

    IS_FROZEN = True


class Done(Record):
    """An answer that says nothing but "done"."""


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DecodeError("expected an integer")
    return value


def _moment(milliseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise DecodeError(f"{milliseconds} ms is no moment") from None


def _milliseconds(value: Any) -> datetime:
    return _moment(_integer(value))


def _recorded_time(value: Any) -> datetime | None:
    return _moment(_integer(value)) if value else None


def _creation_time(value: Any) -> datetime:
    number = _integer(value)
    return _moment(number * 1000 if abs(number) < _SECONDS_END else number)


def _flag(value: Any) -> bool:
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    raise DecodeError("expected a boolean, 0 or 1")


def _page_number(value: Any) -> str:
    return value if isinstance(value, str) else str(_integer(value))


for _form, _load in (
    (Milliseconds, _milliseconds),
    (RecordedTime, _recorded_time),
    (CreationTime, _creation_time),
    (Flag, _flag),
    (PageNumber, _page_number),
):
    register_type(cast("Any", _form), load=_load, dump=lambda value: value)


def keep_raw(made: Any, document: Any) -> None:
    """Give each record of an answer the JSON object that it was made from."""
    if made is document:  # plain JSON, which holds no records, however deep it goes
        return
    if isinstance(made, Record) and isinstance(document, dict):
        object.__setattr__(made, "raw", document)
        for one in fields_of(type(made)):
            if one.name not in ("raw", "extra", "problems"):
                keep_raw(getattr(made, one.name), document.get(wire_name(one)))
    elif isinstance(made, dict) and isinstance(document, dict):
        for key, member in made.items():
            keep_raw(member, document[key])
    elif isinstance(made, list) and made and isinstance(document, list):
        kept = document if len(document) == len(made) else _those_that_fit(document, type(made[0]))
        for member, source in zip(made, kept, strict=False):
            keep_raw(member, source)


def _those_that_fit(documents: list[Any], kind: type) -> list[Any]:
    """Return the elements that reading a list kept: it leaves out those that are no `kind`."""
    fitting = []
    for document in documents:
        try:
            structure(document, kind)
        except DecodeError:
            continue
        fitting.append(document)
    return fitting
