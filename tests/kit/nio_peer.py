"""A device that matrix-nio drives, with blocking calls: an independent other side for tests of encryption."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import nio

from tests.kit.asyncio_thread import AsyncioThread
from tests.kit.waiting import wait_until

__all__ = ["NioPeer"]


class NioPeer:
    """A device of a user, in a loop of its own.

    Attributes:
        client: of nio; use it through `run`.
        read: what it heard and could read, as (sender, text).
        unread: the events that it could not read.
    """

    def __init__(self, url: str, name: str, password: str, folder: Path, device_id: str = "") -> None:
        self.thread = AsyncioThread()
        self.read: list[tuple[str, str]] = []
        self.unread: list[nio.MegolmEvent] = []
        self.heard: list[Any] = []
        folder.mkdir(exist_ok=True)
        self.thread.run(self._begin(url, name, password, folder, device_id))
        self.sync()

    async def _begin(self, url: str, name: str, password: str, folder: Path, device_id: str) -> None:
        config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
        self.client = nio.AsyncClient(url, name, device_id, store_path=str(folder), config=config)
        self.client.add_event_callback(self._note, (nio.RoomMessage, nio.MegolmEvent, nio.RoomEncryptedMedia))
        answer = await self.client.login(password, device_name="nio")
        assert isinstance(answer, nio.LoginResponse), answer

    async def _note(self, room: Any, event: Any) -> None:
        del room
        self.heard.append(event)
        if isinstance(event, nio.MegolmEvent):
            self.unread.append(event)
        else:
            self.read.append((event.sender, event.body))

    def run(self, work: Any) -> Any:
        """Return what a call of nio answers; an error it answers fails the test."""
        answer = self.thread.run(work)
        assert not isinstance(answer, nio.ErrorResponse), answer
        return answer

    def run_for_effect(self, work: Any) -> None:
        """Carry out what answers nothing."""
        self.thread.run(work)

    # ------------------------------------------------------------ syncing

    def sync(self) -> None:
        """Sync once, and do all that its own loop does beside."""
        self.run(self.client.sync(timeout=200))
        self.run(self._after_sync())

    async def _after_sync(self) -> None:
        client = self.client
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            await client.keys_query()
        if client.should_claim_keys:
            await client.keys_claim(client.get_users_for_key_claiming())
        await client.send_to_device_messages()

    def sync_until_read(self, text: str) -> None:
        """Sync until a text was read."""

        def look() -> bool:
            if any(said == text for _, said in self.read):
                return True
            self.sync()
            return any(said == text for _, said in self.read)

        wait_until(look, f"nio should read {text!r}; it could not read {self.unread}")

    # ------------------------------------------------------------ keys

    def knows(self, room_id: str, session_id: str) -> bool:
        """Tell whether it has a room key."""
        assert self.client.olm is not None
        entries = self.client.olm.inbound_group_store._entries[room_id]
        return any(session_id in of_device for of_device in entries.values())

    def lose_sessions(self) -> None:
        """Forget all sessions with other devices."""
        assert self.client.olm is not None
        self.client.olm.session_store._entries.clear()

    def use_new_key(self, room_id: str) -> None:
        """Encrypt the next message with a new room key."""
        self.client.invalidate_outbound_session(room_id)

    # ------------------------------------------------------------ rooms

    def join(self, room_id: str) -> None:
        """Join a room, and learn who is in it."""
        self.run(self.client.join(room_id))
        self.sync()
        self.run(self.client.joined_members(room_id))
        self.sync()

    def send(self, room_id: str, text: str) -> str:
        """Send a text to a room, whoever's devices are in it, and return the event's id."""
        content = {"msgtype": "m.text", "body": text}
        sending = self.client.room_send(room_id, "m.room.message", content, ignore_unverified_devices=True)
        answer = self.run(sending)
        return str(answer.event_id)

    # ------------------------------------------------------------ its end

    def close(self) -> None:
        """Close its connections."""
        self.thread.run(self.client.close())
        self.thread.close()

    def __enter__(self) -> NioPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
