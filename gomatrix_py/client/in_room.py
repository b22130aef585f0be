"""Methods of the client as methods of one room: the same parameters, but for the room's id."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from ..http.endpoint import Call

__all__ = ["InRoom", "OfEvent", "in_room"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _HasClient(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def client(self) -> Any: ...


class InRoom(Generic[P, R_co]):
    """A method of the client whose first parameter is the id of a room; see `in_room`."""

    def __init__(self, name: str, doc: str | None) -> None:
        self.name = name
        self.__doc__ = f"{doc or ''}\n\nThis is `Client.{name}` for this room."

    @overload
    def __get__(self, handle: None, owner: type) -> InRoom[P, R_co]: ...

    @overload
    def __get__(self, handle: _HasClient, owner: type) -> Callable[P, R_co]: ...

    def __get__(self, handle: _HasClient | None, owner: type) -> Any:
        if handle is None:
            return self
        bound = partial(getattr(handle.client, self.name), handle.id)
        bound.__doc__ = self.__doc__
        return bound


@overload
def in_room(method: Call[Concatenate[str, P], R]) -> InRoom[P, R]: ...


@overload
def in_room(method: Callable[Concatenate[Any, str, P], R]) -> InRoom[P, R]: ...


def in_room(method: Any) -> Any:
    """Make a method of the client one of a room: ``kick = in_room(MembershipApi.kick_user)``.

    Type checkers and editors see the same parameters, without the first.
    """
    return InRoom(method.__name__, method.__doc__)


class OfEvent(Generic[P, R_co]):
    """A method of the client about an event, which may be given as a bare id where the room is known."""

    def __init__(self, method: Callable[Concatenate[Any, P], R_co]) -> None:
        self.name = method.__name__
        self.__doc__ = f"{method.__doc__ or ''}\n\nThis is `Client.{self.name}`; a bare id is of this room."

    @overload
    def __get__(self, handle: None, owner: type) -> OfEvent[P, R_co]: ...

    @overload
    def __get__(self, handle: _HasClient, owner: type) -> Callable[P, R_co]: ...

    def __get__(self, handle: _HasClient | None, owner: type) -> Any:
        if handle is None:
            return self
        bound = partial(getattr(handle.client, self.name), room_id=handle.id)
        bound.__doc__ = self.__doc__
        return bound
