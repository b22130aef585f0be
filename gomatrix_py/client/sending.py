"""Sending messages: text, HTML, Markdown, places, stickers, with gomatrix's names and more."""

from __future__ import annotations

from typing import Any

from ..api.room_events import RespSendEvent, RoomEventsApi
from ..api.room_history import GetRelationsByType
from ..codec import unstructure
from ..errors import MatrixError
from ..events import Event, HTMLMessage, ImageInfo
from ..events.contents.messages import Mentions
from ..http.retry import RetryPolicy
from ..send.contents import as_object, html_content, html_of, markdown_content, sticker_content, text_content
from ..send.mentions import AskedMentions, resolve_mentions
from ..send.places import location_content
from ..send.relations import last_of_thread, message_relation, room_of, thread_root
from ..times import Moment
from .outgoing import OutgoingMethods

__all__ = ["SendingMethods"]

_MESSAGE = "m.room.message"


class SendingMethods(OutgoingMethods, RoomEventsApi):
    """Each blocks until the server has the event, and returns its id.

    What is common to them is said in `send_message`. Where an event is passed it says which room it is in; a
    bare id needs `room_id`.
    """

    # ------------------------------------------------------------ messages

    def send_message(
        self,
        room_id: str,
        content: Any,
        *,
        event_type: str = _MESSAGE,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send a content as a message.

        Args:
            room_id: where to.
            content: such as `markdown_content` of `gomatrix_py.send` makes, a content class, or a dict.
            event_type: of the message.
            reply_to: the event that is answered, or its id. An answer to an event in a thread stays there.
            thread: the event a thread began with, any event in it, or the root's id. For clients without
                threads, the message looks like an answer to the last event of the thread; for an id alone,
                the server is asked once which that is.
            mentions: who is notified. None: the users that links in the HTML lead to, and the sender of the
                event that is answered. A list of user ids: these, [] for nobody. ``Mentions(room=True)``:
                everybody, which nothing else does.
            txn_id: makes a repeated call the same event; a new one where it is left out.
            extra: further members of the content.

        Raises:
            UsageError: it cannot be sent: too large, no JSON, no such mention, another room than the event's;
                nothing was sent.
            TransportError, HTTPError, DecodeError: see `Client.call`.

        Spec: PUT /rooms/{roomId}/send/{eventType}/{txnId}; "Rich replies", "Threading", "User and room
        mentions".
        """
        plain = as_object(content)
        for event in (reply_to, thread):
            if isinstance(event, Event):
                room_of(event, room_id)
        latest = self._last_of_thread(room_id, thread) if thread is not None and reply_to is None else None
        relation = message_relation(reply_to, thread, latest)
        if relation is not None:
            plain["m.relates_to"] = unstructure(relation)
        if mentions is not None or "m.mentions" not in plain:
            replied_to = reply_to.sender if isinstance(reply_to, Event) else ""
            plain["m.mentions"] = unstructure(self._mentions(mentions, plain, replied_to))
        return self._send(room_id, event_type, plain | as_object(extra or {}), txn_id)

    def send_text(
        self,
        room_id: str,
        text: str,
        *,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send plain text (``m.text``); for the rest see `send_message`."""
        return self.send_message(
            room_id,
            text_content(text),
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def send_notice(
        self,
        room_id: str,
        text: str,
        *,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send text as a bot should (``m.notice``): other bots do not answer it; see `send_message`."""
        return self.send_message(
            room_id,
            text_content(text, msgtype="m.notice"),
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def send_emote(
        self,
        room_id: str,
        text: str,
        *,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send what we do (``m.emote``), to be shown after our name: "waves"; see `send_message`."""
        return self.send_message(
            room_id,
            text_content(text, msgtype="m.emote"),
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def send_html(
        self,
        room_id: str,
        html: str,
        *,
        body: str | None = None,
        msgtype: str = "m.text",
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send HTML, sanitised.

        Args:
            room_id: where to.
            html: `escape_html` is for text in it that is not yours, `mention` for users.
            body: the plain form; made from the HTML where it is left out.
            msgtype: ``m.text``, ``m.notice`` or ``m.emote``.
            reply_to, thread, mentions, txn_id, extra: see `send_message`.

        Raises:
            UsageError: another msgtype, or as in `send_message`.
        """
        return self.send_message(
            room_id,
            html_content(html, body=body, msgtype=msgtype),
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def send_markdown(
        self,
        room_id: str,
        text: str,
        *,
        msgtype: str = "m.text",
        allows_html: bool = False,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send Markdown: CommonMark, tables, ``~~struck through~~``; the body is the text as typed.

        Args:
            room_id: where to.
            text: `escape_markdown` is for text in it that is not yours, `mention_markdown` for users.
            msgtype: ``m.text``, ``m.notice`` or ``m.emote``.
            allows_html: True where HTML in it is HTML, sanitised; otherwise it is shown as it was written.
            reply_to, thread, mentions, txn_id, extra: see `send_message`.

        Raises:
            UsageError: another msgtype, or as in `send_message`.
        """
        return self.send_message(
            room_id,
            markdown_content(text, msgtype=msgtype, allows_html=allows_html),
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def send_formatted_text(self, room_id: str, text: str, formatted_text: str) -> RespSendEvent:
        """Send text with its HTML form, which is sent as it is: it is not sanitised."""
        return self.send_message(room_id, HTMLMessage(text, formatted_text))

    def send_location(
        self,
        room_id: str,
        uri: str,
        body: str | None = None,
        *,
        description: str | None = None,
        asset: str = "m.self",
        zoom_level: int | None = None,
        at: Moment | None = None,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send a place (``m.location``).

        Args:
            room_id: where to.
            uri: a ``geo:`` URI; `geo_uri` of `gomatrix_py.send` makes one.
            body: what clients show that have no maps; made from the rest where it is left out.
            description: a label for the place.
            asset: ``m.self`` where we are there, ``m.pin`` for a place on the map.
            zoom_level: of the map, 0 to 20.
            at: when it was there.
            reply_to, thread, mentions, txn_id, extra: see `send_message`.

        Raises:
            UsageError: the URI is none, or another member is not as it should be.
        """
        content = location_content(uri, body, description=description, asset=asset, zoom_level=zoom_level, at=at)
        return self.send_message(
            room_id,
            content,
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    def send_sticker(
        self,
        room_id: str,
        body: str,
        url: str,
        info: ImageInfo | None = None,
        *,
        reply_to: Event | str | None = None,
        thread: Event | str | None = None,
        mentions: AskedMentions = None,
        txn_id: str | None = None,
        extra: Any = None,
    ) -> RespSendEvent:
        """Send a sticker (``m.sticker``).

        Args:
            room_id: where to.
            body: what the image shows.
            url: where it was uploaded to, ``mxc://…``.
            info: its size and kind.
            reply_to, thread, mentions, txn_id, extra: see `send_message`.

        Raises:
            UsageError: the url is no ``mxc://`` address.
        """
        return self.send_message(
            room_id,
            sticker_content(body, url, info),
            event_type="m.sticker",
            reply_to=reply_to,
            thread=thread,
            mentions=mentions,
            txn_id=txn_id,
            extra=extra,
        )

    # ------------------------------------------------------------ what all of them go through

    @property
    def _acting_user_id(self) -> str:
        return self.app_service_user_id or self.user_id

    def _send(self, room_id: str, event_type: str, content: Any, txn_id: str | None = None) -> RespSendEvent:
        return self.send_message_event(room_id, event_type, as_object(content), txn_id=txn_id)

    def _mentions(self, asked: AskedMentions, content: dict[str, Any], replied_to: str = "") -> Mentions:
        return resolve_mentions(asked, html_of(content), replied_to, self._acting_user_id)

    def _last_of_thread(self, room_id: str, thread: Event | str) -> str | None:
        if isinstance(thread, Event):
            return last_of_thread(thread)
        endpoint = GetRelationsByType(room_id, thread_root(thread), "m.thread", limit=1)
        try:
            newest = self.call(endpoint, retry=RetryPolicy.never()).chunk
        except MatrixError:  # it is for looks only, and must not keep the message back
            return None
        return newest[0].event_id if newest else None
