"""A device that mautrix-python drives, with blocking calls: an independent other side for tests of encryption."""

from __future__ import annotations

import asyncio
import logging
import uuid
from types import TracebackType
from typing import Any

from mautrix.client import Client
from mautrix.client.state_store import MemoryStateStore
from mautrix.crypto import OlmMachine
from mautrix.crypto.store import MemoryCryptoStore
from mautrix.errors import DecryptionError
from mautrix.types import EventType, TrustState, UserID

from tests.kit.asyncio_thread import AsyncioThread
from tests.kit.waiting import wait_until

__all__ = ["MautrixPeer"]


class _Rooms(MemoryStateStore):
    """What its encryption asks beside what its own store keeps."""

    async def find_shared_rooms(self, user_id: Any) -> list[Any]:
        return [
            room_id
            for room_id, members in self.members.items()
            if user_id in members and self.encryption.get(room_id) is not None
        ]


class MautrixPeer:
    """A device of a user, in a loop of its own.

    Attributes:
        client, machine: of mautrix; use them through `run`.
        read: what it heard and could read, as (sender, text).
        unread: the ids of the events that it could not read.
    """

    def __init__(self, url: str, name: str, password: str) -> None:
        self.thread = AsyncioThread()
        self.read: list[tuple[str, str]] = []
        self.heard: list[Any] = []
        self.unread: list[str] = []
        self._since: str | None = None
        self.run(self._begin(url, name, password))
        self.sync()

    async def _begin(self, url: str, name: str, password: str) -> None:
        quiet = logging.getLogger("mautrix")
        quiet.setLevel(logging.CRITICAL)
        self.client: Any = Client(base_url=url, state_store=_Rooms(), log=quiet, crypto_log=quiet)
        await self.client.login(UserID(name), password=password, store_access_token=True, update_hs_url=False)
        self.store: Any = MemoryCryptoStore("tests", "pickles")
        machine: Any = OlmMachine  # its types know one logger only
        self.machine = machine(self.client, self.store, self.client.state_store, quiet)
        await self.machine.load()
        self.machine.share_keys_min_trust = TrustState.UNVERIFIED
        self.client.crypto = self.machine
        self.client.add_event_handler(EventType.ROOM_MESSAGE, self._note)
        self.client.add_event_handler(EventType.ROOM_ENCRYPTED, self._try)
        await self.store.put_device_id(self.client.device_id)
        await self.machine.share_keys(0)

    async def _note(self, event: Any) -> None:
        self.heard.append(event)
        self.read.append((str(event.sender), str(event.content.body)))

    async def _try(self, event: Any) -> None:
        try:
            await self.machine.decrypt_megolm_event(event)
        except DecryptionError:
            self.unread.append(str(event.event_id))

    def run(self, work: Any) -> Any:
        """Return what a call of mautrix returns."""
        return self.thread.run(work)

    # ------------------------------------------------------------ syncing

    def sync(self) -> None:
        """Sync once, and wait until every handler has run."""
        self.run(self._sync_once())

    async def _sync_once(self) -> None:
        data = await self.client.sync(since=self._since, timeout=200)
        self._since = data["next_batch"]
        await asyncio.gather(*self.client.handle_sync(data))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=5)

    def sync_until_read(self, text: str) -> None:
        """Sync until a text was read."""

        def look() -> bool:
            if any(said == text for _, said in self.read):
                return True
            self.sync()
            return any(said == text for _, said in self.read)

        wait_until(look, f"mautrix should read {text!r}; it could not read {self.unread}")

    def read_again(self, event_id: str, room_id: str) -> str:
        """Return what an event says that could not be read when it came."""
        event = self.run(self.client.get_event(room_id, event_id))
        return str(self.run(self.machine.decrypt_megolm_event(event)).content.body)

    # ------------------------------------------------------------ keys

    def knows(self, room_id: str, session_id: str) -> bool:
        """Tell whether it has a room key."""
        return bool(self.run(self.store.has_group_session(room_id, session_id)))

    def lose_sessions(self) -> None:
        """Forget all sessions with other devices."""
        self.store._olm_sessions.clear()

    def use_new_key(self, room_id: str) -> None:
        """Encrypt the next message with a new room key."""
        self.run(self.store.remove_outbound_group_session(room_id))

    # ------------------------------------------------------------ rooms

    def join(self, room_id: str) -> None:
        """Join a room, and learn who is in it."""
        self.run(self.client.join_room_by_id(room_id))
        self.sync()

    def send(self, room_id: str, text: str) -> str:
        """Send a text to a room, and return the event's id."""
        return str(self.run(self.client.send_text(room_id, text, txn_id=uuid.uuid4().hex)))

    # ------------------------------------------------------------ its end

    def close(self) -> None:
        """Close its connections."""
        self.run(self.client.api.session.close())
        self.thread.close()

    def __enter__(self) -> MautrixPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
