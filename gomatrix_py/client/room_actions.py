"""What can be done in a room: the client's methods by short names, and changes of what is set in a room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..api.account_data import AccountDataApi
from ..api.directory import DirectoryApi
from ..api.receipts import ReceiptsApi
from ..api.reports import ReportsApi
from ..api.room_events import RespSendEvent, RoomEventsApi
from ..api.room_history import HistoryApi
from ..api.room_membership import MembershipApi
from ..api.room_upgrades import RoomUpgradesApi
from ..api.tags import TagsApi
from ..errors import NotFound, UsageError
from ..events import Event
from ..media.sources import MediaSource
from ..rooms.power_edit import PowerLevelsEdit
from ..rooms.view import RoomView
from .answering import AnsweringMethods
from .attachments import AttachmentMethods, AttachmentOptions
from .avatars import AvatarMethods
from .conversations import ConversationMethods
from .in_room import OfEvent, in_room
from .outgoing import OutgoingMethods
from .paging import PagingMethods
from .personal_lists import PersonalListMethods
from .polls import PollMethods
from .room_calls import RoomCallMethods
from .sending import SendingMethods

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RoomActions"]

_ALIASES, _PINS = "m.room.canonical_alias", "m.room.pinned_events"
_FAVOURITE, _LOW_PRIORITY = "m.favourite", "m.lowpriority"
_MEGOLM = "m.megolm.v1.aes-sha2"
_UPLOADED = "mxc://"


class RoomActions(RoomView):
    """Actions in a room; each is one call of the client, whose errors it raises."""

    __slots__ = ()

    @property
    def client(self) -> PersonalListMethods:
        """The client that acts."""
        raise NotImplementedError

    # ------------------------------------------------------------ sending

    send_message = in_room(SendingMethods.send_message)
    send_text = in_room(SendingMethods.send_text)
    send_notice = in_room(SendingMethods.send_notice)
    send_emote = in_room(SendingMethods.send_emote)
    send_html = in_room(SendingMethods.send_html)
    send_markdown = in_room(SendingMethods.send_markdown)
    send_location = in_room(SendingMethods.send_location)
    send_sticker = in_room(SendingMethods.send_sticker)
    send_message_event = in_room(OutgoingMethods.send_message_event)
    send_state_event = in_room(RoomEventsApi.send_state_event)
    send_attachment = in_room(AttachmentMethods.send_attachment)
    send_file = in_room(AttachmentMethods.send_file)
    send_audio = in_room(AttachmentMethods.send_audio)
    send_voice = in_room(AttachmentMethods.send_voice)
    start_poll = in_room(PollMethods.start_poll)
    vote_in_poll = OfEvent(PollMethods.vote_in_poll)
    end_poll = OfEvent(PollMethods.end_poll)
    poll_results = OfEvent(PollMethods.poll_results)
    reply = OfEvent(AnsweringMethods.reply)
    edit = OfEvent(AnsweringMethods.edit)
    react = OfEvent(AnsweringMethods.react)
    unreact = OfEvent(ConversationMethods.unreact)
    redact = OfEvent(AnsweringMethods.redact)

    def send_image(self, source: MediaSource, **options: Unpack[AttachmentOptions]) -> RespSendEvent:
        """Upload an image and send it (``m.image``); see `Client.send_attachment`."""
        return self.send_attachment(source, msgtype="m.image", **options)

    def send_video(self, source: MediaSource, **options: Unpack[AttachmentOptions]) -> RespSendEvent:
        """Upload a film and send it (``m.video``); see `Client.send_attachment`."""
        return self.send_attachment(source, msgtype="m.video", **options)

    # ------------------------------------------------------------ reading

    messages = in_room(HistoryApi.messages)
    messages_iter = in_room(PagingMethods.messages_iter)
    context = in_room(HistoryApi.context)
    relations_iter = in_room(PagingMethods.relations_iter)
    threads_iter = in_room(PagingMethods.threads_iter)
    hierarchy_iter = in_room(PagingMethods.hierarchy_iter)
    thread = in_room(ConversationMethods.thread)
    edits = OfEvent(ConversationMethods.edits)
    latest_version = OfEvent(ConversationMethods.latest_version)
    reactions = OfEvent(ConversationMethods.reactions)
    get_event = in_room(RoomEventsApi.get_event)
    state_event = in_room(RoomCallMethods.state_event)
    timestamp_to_event = in_room(HistoryApi.timestamp_to_event)

    # ------------------------------------------------------------ coming, going, and whom to let in

    join = in_room(RoomCallMethods.join_room)
    knock = in_room(MembershipApi.knock_room)
    leave = in_room(MembershipApi.leave_room)
    forget = in_room(MembershipApi.forget_room)
    invite = in_room(MembershipApi.invite_user)
    kick = in_room(MembershipApi.kick_user)
    ban = in_room(MembershipApi.ban_user)
    unban = in_room(MembershipApi.unban_user)
    upgrade = in_room(RoomUpgradesApi.upgrade_room)
    report = in_room(ReportsApi.report_room)
    report_event = in_room(ReportsApi.report_event)

    # ------------------------------------------------------------ what is set in the room

    def set_name(self, name: str) -> RespSendEvent:
        """Name the room, "" for no name. Spec: ``m.room.name``."""
        return self._set("m.room.name", {"name": name})

    def set_topic(self, topic: str) -> RespSendEvent:
        """Say what the room is about, "" for nothing. Spec: ``m.room.topic``."""
        return self._set("m.room.topic", {"topic": topic})

    set_avatar = in_room(AvatarMethods.set_room_avatar)

    def set_avatar_url(self, url: str) -> RespSendEvent:
        """Give the room a picture that was uploaded before, "" for none. Spec: ``m.room.avatar``.

        Raises:
            UsageError: no ``mxc://`` address.
        """
        if url and not url.startswith(_UPLOADED):
            raise UsageError("the picture must be given as an mxc:// address; upload it first")
        return self._set("m.room.avatar", {"url": url} if url else {})

    def set_canonical_alias(self, alias: str | None, alt_aliases: Sequence[str] | None = None) -> RespSendEvent:
        """Set the main alias (None: none), and the others; those stay where they are left out.

        Spec: ``m.room.canonical_alias``.
        """
        others = list(alt_aliases) if alt_aliases is not None else self._texts_on_server("alt_aliases", _ALIASES)
        return self._set(_ALIASES, {**({"alias": alias} if alias else {}), "alt_aliases": others})

    def set_join_rule(self, join_rule: str, allowed_rooms: Sequence[str] = ()) -> RespSendEvent:
        """Say who may join: "public", "invite", "knock", "restricted", …; the last for members of other rooms.

        Spec: ``m.room.join_rules``.
        """
        allow = [{"type": "m.room_membership", "room_id": room_id} for room_id in allowed_rooms]
        return self._set("m.room.join_rules", {"join_rule": join_rule, **({"allow": allow} if allow else {})})

    def set_history_visibility(self, history_visibility: str) -> RespSendEvent:
        """Say who sees what was said: "invited", "joined", "shared" or "world_readable"."""
        return self._set("m.room.history_visibility", {"history_visibility": history_visibility})

    def set_guest_access(self, guest_access: str) -> RespSendEvent:
        """Say whether guests may join: "can_join" or "forbidden"."""
        return self._set("m.room.guest_access", {"guest_access": guest_access})

    def enable_encryption(self) -> RespSendEvent:
        """Let the room be encrypted from now on, for good: this cannot be undone. Spec: ``m.room.encryption``."""
        return self._set("m.room.encryption", {"algorithm": _MEGOLM})

    def set_power_levels(self, levels: PowerLevelsEdit | dict[str, Any]) -> RespSendEvent:
        """Send new power levels: what `edit_power_levels` made, or a content as it is.

        Raises:
            UsageError: the server would refuse the edit, or it would lock somebody out.
        """
        content = levels.content() if isinstance(levels, PowerLevelsEdit) else levels
        return self._set("m.room.power_levels", content)

    def set_power_level(self, user_id: str, level: int) -> RespSendEvent:
        """Give a user a power level; for more at once see `edit_power_levels` and `set_power_levels`.

        Raises:
            UsageError: as `set_power_levels`.
        """
        return self.set_power_levels(self.edit_power_levels().with_user(user_id, level))

    def pin(self, event: Event | str) -> None:
        """Pin an event behind those that are pinned. Spec: ``m.room.pinned_events``."""
        event_id = _id_of(event)
        self._change_pins(lambda pinned: pinned if event_id in pinned else [*pinned, event_id])

    def unpin(self, event: Event | str) -> None:
        """Pin an event no longer."""
        event_id = _id_of(event)
        self._change_pins(lambda pinned: [one for one in pinned if one != event_id])

    def add_child(
        self, room_id: str, via: Sequence[str], *, order: str | None = None, is_suggested: bool = False
    ) -> RespSendEvent:
        """Put a room into this space; `via` names servers to join it through. Spec: ``m.space.child``."""
        content = {"via": list(via), "suggested": is_suggested, **({"order": order} if order is not None else {})}
        return self.send_state_event("m.space.child", room_id, content)

    def remove_child(self, room_id: str) -> RespSendEvent:
        """Take a room out of this space."""
        return self.send_state_event("m.space.child", room_id, {})

    def add_alias(self, alias: str) -> None:
        """Give the room another alias on our server. Spec: PUT /directory/room/{roomAlias}."""
        self.client.create_room_alias(alias, self.id)

    get_aliases = in_room(DirectoryApi.get_room_aliases)
    get_visibility = in_room(DirectoryApi.get_room_visibility)
    set_visibility = in_room(DirectoryApi.set_room_visibility)

    # ------------------------------------------------------------ what it is to us

    add_tag = in_room(TagsApi.add_tag)
    remove_tag = in_room(TagsApi.remove_tag)
    set_account_data = in_room(AccountDataApi.set_room_account_data)
    send_receipt = in_room(ReceiptsApi.send_receipt)
    set_typing = in_room(ReceiptsApi.user_typing)

    def set_favourite(self, is_favourite: bool = True, *, order: float | None = None) -> None:
        """Put the room among our favourites, or take it out; `order`, from 0 to 1, is its place."""
        self._set_tag(_FAVOURITE, order, is_on=is_favourite)

    def set_low_priority(self, is_low_priority: bool = True, *, order: float | None = None) -> None:
        """Let the room stand behind others, or no longer."""
        self._set_tag(_LOW_PRIORITY, order, is_on=is_low_priority)

    def mark_read(self, event: Event | str, *, thread_id: str | None = None, is_private: bool = False) -> None:
        """Say that an event and all before it is read.

        Args:
            event: the last one read.
            thread_id: the root of the thread that was read, "main" for what is in none; None for everything.
            is_private: True where others are not to see it.

        Spec: module "Receipts".
        """
        self.send_receipt("m.read.private" if is_private else "m.read", _id_of(event), thread_id)

    def set_fully_read(self, event: Event | str) -> None:
        """Move our marker of what was read completely. Spec: module "Read and unread markers"."""
        self.client.set_read_markers(self.id, _id_of(event))

    def mark_unread(self, is_unread: bool = True) -> None:
        """Mark the room as unread, or no longer. Spec: ``m.marked_unread``."""
        self.set_account_data("m.marked_unread", {"unread": is_unread})

    def set_direct(self, user_id: str | None) -> None:
        """Keep the room as a direct chat with a user, None: as none."""
        self.client.set_direct(self.id, user_id)

    # ------------------------------------------------------------ below

    def _set(self, event_type: str, content: dict[str, Any]) -> RespSendEvent:
        return self.send_state_event(event_type, "", content)

    def _set_tag(self, tag: str, order: float | None, *, is_on: bool) -> None:
        if is_on:
            self.add_tag(tag, order)
        else:
            self.remove_tag(tag)

    def _texts_on_server(self, key: str, event_type: str) -> list[str]:
        """Return a list of texts as the server has it now: what is changed may be newer than the last sync."""
        try:
            value = self.state_event(event_type).get(key)
        except NotFound:
            return []
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

    def _change_pins(self, changed: Callable[[list[str]], list[str]]) -> None:
        before = self._texts_on_server("pinned", _PINS)
        after = changed(before)
        if after != before:
            self._set(_PINS, {"pinned": after})


def _id_of(event: Event | str) -> str:
    event_id = event.event_id if isinstance(event, Event) else event
    if not event_id:
        raise UsageError("the event has no id")
    return event_id
