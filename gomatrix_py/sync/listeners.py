"""Who wants to hear of which events."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard, get_args

from ..api.sync import SyncResponse
from ..codec import dumps
from ..errors import ListenerFailed, UsageError
from ..events import Event, EventSource
from ..events.registry import BadContent, Content, UnknownContent, event_types_of

__all__ = [
    "ContentClasses",
    "Listener",
    "ListenerPolicy",
    "Listeners",
    "ResponseListener",
    "is_content_class",
    "log_listener_error",
    "raise_listener_error",
]

Listener = Callable[[Event], Any]
"""Called with each event; what it returns does not matter."""

ResponseListener = Callable[[SyncResponse, str], Any]
"""Called with each answer and the `since` it answers."""

ListenerPolicy = Callable[["Event | SyncResponse", "Listener | ResponseListener", Exception], None]
"""Called when a listener raises on an event or a whole answer; whatever it raises itself stops the sync."""

ContentClasses = type[Content] | tuple[type[Content], ...]
"""A class of contents, or several; base classes stand for all below them."""

# a type as a JSON writer may spell it that escapes more than it must: "m.room.\u006dessage", "com.example\/x"
_ESCAPED_ASCII = re.compile(rb"\\(?:u00[0-7]|/)")
_ESCAPED = re.compile(rb"\\[u/]")

log = logging.getLogger("gomatrix_py.sync")


def log_listener_error(told: Event | SyncResponse, listener: Listener | ResponseListener, error: Exception) -> None:
    """Log what a listener raised, and go on."""
    log.error("listener %s raised on %s", _name(listener), _brief(told), exc_info=error)


def raise_listener_error(told: Event | SyncResponse, listener: Listener | ResponseListener, error: Exception) -> None:
    """Stop the sync; an event is delivered again by the next one, a whole answer is not."""
    raise ListenerFailed(f"listener {_name(listener)} raised {type(error).__name__} on {_brief(told)}") from error


def _name(listener: Listener | ResponseListener) -> str:
    name: str = getattr(listener, "__qualname__", repr(listener))
    return name


def _brief(told: Event | SyncResponse) -> str:
    return f"{told.type} {told.event_id}" if isinstance(told, Event) else repr(told)


# ------------------------------------------------------------------ contents


def is_content_class(value: object) -> TypeGuard[ContentClasses]:
    """Tell whether this is a class of contents, or a tuple of them."""
    several = value if isinstance(value, tuple) else (value,)
    return bool(several) and all(isinstance(one, type) and issubclass(one, get_args(Content)) for one in several)


def _types_of(classes: tuple[type[Content], ...]) -> tuple[str, ...] | None:
    """Return the types of the events whose contents are read as one of these classes; None for any.

    Raises:
        UsageError: no content is ever read as one of them.
    """
    from ..events.contents.redaction import RedactedContent  # a family of contents, which take time to import

    kinds: list[str] = []
    for cls in classes:
        if any(issubclass(one, cls) for one in (UnknownContent, BadContent, RedactedContent)):
            return None  # the type of an event does not tell whether it is read as one of these
        found = event_types_of(cls)
        if not found:
            raise UsageError(f"no event is read as {cls.__qualname__}; register_content() comes before listening")
        kinds += found
    return tuple(kinds)


# ------------------------------------------------------------------ who wants what


class _Wish:
    """What one listener wants: events of certain types, from a source, read as certain classes; None means any."""

    __slots__ = ("beginnings", "classes", "listener", "source", "types")

    def __init__(
        self,
        listener: Listener,
        event_type: str | None,
        source: EventSource | None,
        classes: tuple[type[Content], ...] | None,
    ) -> None:
        self.listener = listener
        self.source = source
        self.classes = classes
        kinds = None if classes is None else _types_of(classes)
        self.beginnings = tuple(kind[:-1] for kind in kinds or () if kind.endswith("*"))
        self.types = None if kinds is None else frozenset(kind for kind in kinds if not kind.endswith("*"))
        if event_type is not None:
            self.types = frozenset((event_type,) if self._may_be(event_type) else ())
            self.beginnings = ()

    def _may_be(self, event_type: str) -> bool:
        return self.types is None or event_type in self.types or event_type.startswith(self.beginnings)

    def wants(self, source: EventSource, event_type: str) -> bool:
        """Tell whether such an event may be meant."""
        return self.source in (None, source) and self._may_be(event_type)


class _Search:
    """How to find the types that are wanted from one source in an array of events that nobody decoded."""

    __slots__ = ("escaped", "everything", "texts")

    def __init__(self, wishes: list[_Wish]) -> None:
        types = {kind for wish in wishes for kind in wish.types or ()}
        beginnings = {kind for wish in wishes for kind in wish.beginnings}
        self.everything = any(wish.types is None for wish in wishes)
        self.texts = [*map(dumps, sorted(types)), *(dumps(kind)[:-1] for kind in sorted(beginnings))]
        self.escaped = _ESCAPED_ASCII if all(map(str.isascii, types | beginnings)) else _ESCAPED

    def may_find(self, array: bytes) -> bool:
        """Tell whether one of the types may stand there, be it in escapes."""
        if self.everything or not self.texts:
            return self.everything
        return any(text in array for text in self.texts) or self.escaped.search(array) is not None


class _Found(NamedTuple):
    """Who may want events of one source and type."""

    listeners: tuple[Listener, ...]
    wishes: tuple[_Wish, ...]
    must_be_read: bool


class _Table:
    """Who listens, and what was found out about it; never changed but replaced, so that no thread finds half."""

    __slots__ = ("entries", "found", "searches")

    def __init__(self, entries: tuple[_Wish, ...]) -> None:
        self.entries = entries
        self.found: dict[tuple[EventSource, str], _Found] = {}
        self.searches: dict[EventSource, _Search] = {}


class Listeners:
    """Who listens: by event type, source, class of content, or to everything; threads may share it.

    Attributes:
        sealed_types: the types of events that are something else once they are opened.
    """

    def __init__(self) -> None:
        self.sealed_types: frozenset[str] = frozenset()
        self._table = _Table(())
        self._lock = threading.Lock()

    def add(
        self,
        listener: Listener,
        event_type: str | None,
        source: EventSource | None,
        content_class: ContentClasses | None = None,
    ) -> None:
        """Let a listener hear of events of a type, from a source, with a content of a class (None: any).

        Raises:
            UsageError: no event is read as this class.
        """
        if content_class is not None and not is_content_class(content_class):
            raise UsageError(f"{content_class!r} is no class of contents")
        classes = (content_class,) if isinstance(content_class, type) else content_class
        wish = _Wish(listener, event_type, source, classes)
        with self._lock:
            self._table = _Table((*self._table.entries, wish))

    def remove(self, listener: Listener) -> None:
        """Let a listener hear of nothing any more."""
        with self._lock:
            self._table = _Table(tuple(wish for wish in self._table.entries if wish.listener != listener))

    def may_want(self, source: EventSource, array: bytes) -> bool:
        """Tell, without decoding, whether anybody could want an event of this JSON array.

        A type that stands nowhere in the array, not even in escapes, is the type of none of its events.
        """
        table = self._table
        search = table.searches.get(source)
        if search is None:
            wishes = [wish for wish in table.entries if wish.source in (None, source)]
            search = table.searches[source] = _Search(wishes)
        return search.may_find(array)

    def wanting(self, source: EventSource, event_type: str) -> tuple[Listener, ...]:
        """Return those who may want such an event, in the order they were added.

        Whoever listens to anything may want one of `sealed_types`: what it is shows once it is opened.
        """
        if event_type in self.sealed_types:
            return tuple(wish.listener for wish in self._table.entries if wish.source in (None, source))
        return self._find(source, event_type).listeners

    def hearing(self, source: EventSource, event: Event) -> tuple[Listener, ...]:
        """Return those who are to be told of an event, in the order they were added."""
        found = self._find(source, event.type)
        if not found.must_be_read:
            return found.listeners
        return tuple(
            wish.listener for wish in found.wishes if wish.classes is None or isinstance(event.typed, wish.classes)
        )

    def _find(self, source: EventSource, event_type: str) -> _Found:
        table = self._table
        found = table.found.get((source, event_type))
        if found is None:
            wishes = tuple(wish for wish in table.entries if wish.wants(source, event_type))
            listeners = tuple(wish.listener for wish in wishes)
            found = _Found(listeners, wishes, any(wish.classes is not None for wish in wishes))
            if len(table.found) < 10_000:  # a server can invent types without end
                table.found[source, event_type] = found
        return found
