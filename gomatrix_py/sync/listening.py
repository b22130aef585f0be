"""How to listen to a syncer: to types of events, classes of contents, parts of an answer, and whole answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from ..errors import UsageError
from ..events import EventSource
from .listeners import ContentClasses, Listener, Listeners, ResponseListener, is_content_class

__all__ = ["Listening"]


class Listening:
    """The listeners of a syncer, and the methods that add and remove them."""

    def __init__(self) -> None:
        self.listeners = Listeners()
        self._response_listeners: tuple[ResponseListener, ...] = ()

    @overload
    def on_event_type(self, event_type: str, callback: Listener) -> Listener: ...

    @overload
    def on_event_type(self, event_type: str) -> Callable[[Listener], Listener]: ...

    def on_event_type(self, event_type: str, callback: Listener | None = None) -> Any:
        """Tell a listener of every event of a type, wherever it comes from; also as a decorator."""
        return self._listen(callback, event_type, None, None)

    @overload
    def on_event(self, content_class: ContentClasses, callback: Listener) -> Listener: ...

    @overload
    def on_event(self, content_class: ContentClasses) -> Callable[[Listener], Listener]: ...

    @overload
    def on_event(self, content_class: Listener) -> Listener: ...

    @overload
    def on_event(self, content_class: None = None) -> Callable[[Listener], Listener]: ...

    def on_event(
        self, content_class: ContentClasses | Listener | None = None, callback: Listener | None = None
    ) -> Any:
        """Tell a listener of every event whose content is of a class, or of everything; also as a decorator.

        ``on_event(RoomMessageText, listener)`` hears of texts, ``on_event(RoomMessage, listener)`` of messages of
        every kind, ``on_event((RoomNameContent, RoomTopicContent), listener)`` of both, and ``on_event(listener)``
        of everything. The listener gets the event; its `typed` is the content as an object of the class.

        Args:
            content_class: a class of `gomatrix_py.events.contents`, one of your own that was registered before,
                `UnknownContent` for types without a class, `BadContent` for what is not as specified,
                `RedactedContent` for what was redacted, or a tuple of them. A class stands for those below it.
            callback: the listener.

        Raises:
            UsageError: no event is read as this class.
        """
        if content_class is None or is_content_class(content_class):
            return self._listen(callback, None, None, content_class)
        if callback is not None or not callable(content_class):
            raise UsageError(f"{content_class!r} is no class of contents")
        return self._listen(content_class, None, None, None)

    @overload
    def on_source(
        self,
        source: EventSource,
        callback: Listener,
        *,
        event_type: str | None = None,
        content_class: ContentClasses | None = None,
    ) -> Listener: ...

    @overload
    def on_source(
        self,
        source: EventSource,
        *,
        event_type: str | None = None,
        content_class: ContentClasses | None = None,
    ) -> Callable[[Listener], Listener]: ...

    def on_source(
        self,
        source: EventSource,
        callback: Listener | None = None,
        *,
        event_type: str | None = None,
        content_class: ContentClasses | None = None,
    ) -> Any:
        """Tell a listener of events from one part of the answer; also as a decorator.

        Args:
            source: the part.
            callback: the listener.
            event_type: only those of this type.
            content_class: only those whose content is of this class, see `on_event`.

        Raises:
            UsageError: no event is read as this class.
        """
        return self._listen(callback, event_type, source, content_class)

    def on_response(self, callback: ResponseListener) -> ResponseListener:
        """Tell a listener of every whole answer, after its events; also as a decorator."""
        self._response_listeners = (*self._response_listeners, callback)
        return callback

    def remove_listener(self, callback: Listener | ResponseListener) -> None:
        """Tell a listener of nothing any more."""
        self.listeners.remove(callback)  # type: ignore[arg-type]
        self._response_listeners = tuple(one for one in self._response_listeners if one != callback)

    def _listen(
        self,
        callback: Listener | None,
        event_type: str | None,
        source: EventSource | None,
        content_class: ContentClasses | None,
    ) -> Any:
        def register(listener: Listener) -> Listener:
            self.listeners.add(listener, event_type, source, content_class)
            return listener

        return register if callback is None else register(callback)
