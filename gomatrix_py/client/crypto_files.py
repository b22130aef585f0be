"""Key files, trust files, and what other devices ask of our keys, as `CryptoHandle` offers them."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import IO

from ..crypto.engine import Engine
from ..crypto.key_files import ImportReport, KeyProgress, export_keys, import_keys
from ..crypto.key_requests import KeyRequest
from ..crypto.trust_files import TrustReport, export_trust, import_trust
from .crypto_requests import CryptoRequests, EncryptingClient

__all__ = ["CryptoFileMethods"]


class CryptoFileMethods:
    """Keys and levels of trust in files, and keys on request."""

    _client: EncryptingClient
    _engine: Engine
    _requests: CryptoRequests

    # ------------------------------------------------------------ key files

    def export_keys(
        self,
        to: str | Path | IO[bytes],
        passphrase: str,
        rooms: Collection[str] | None = None,
        *,
        progress: KeyProgress | None = None,
    ) -> int:
        """Write room keys to an encrypted file, as Element and matrix-nio have it, and return how many.

        Args:
            to: a path, or a binary file object.
            passphrase: whoever knows it can read every message of these rooms.
            rooms: their ids; all rooms where it is left out.
            progress: told of (keys done, keys in all or None).

        Raises:
            UsageError: the passphrase is empty.
            OSError: the file cannot be written.
            StoreError: the store cannot be read.
        """
        return export_keys(self._engine, to, passphrase, rooms, progress=progress)

    def import_keys(
        self, source: str | Path | IO[bytes], passphrase: str, *, progress: KeyProgress | None = None
    ) -> ImportReport:
        """Take in the room keys of an encrypted file; events that waited for them are delivered.

        Args:
            source: a path, or a binary file object.
            passphrase: it was encrypted under.
            progress: told of (keys done, keys in all).

        Raises:
            KeyFileError: it is no such file, or the passphrase is wrong; nothing was imported.
            OSError: the file cannot be read.
            StoreError: the store cannot be written; what was taken before stays.
        """
        report = import_keys(self._engine, source, passphrase, progress=progress)
        if report.new_keys:
            self._client.deliver_late(report.new_keys)
        return report

    # ------------------------------------------------------------ trust files

    def export_trust(self, to: str | os.PathLike[str] | IO[bytes], levels: Collection[str] | None = None) -> int:
        """Write the levels of trust to a text file, in the manner of known_hosts, and return how many.

        Args:
            to: a path, or a binary file object.
            levels: those to write, such as ``["verified"]``; all where it is left out.

        Raises:
            OSError: the file cannot be written.
        """
        with self._engine.step() as step:
            return export_trust(step, self._engine.devices, to, levels)

    def import_trust(
        self, source: str | os.PathLike[str] | IO[bytes], *, level: str | None = None, overwrite: bool = False
    ) -> TrustReport:
        """Take in levels of trust from a text file: all of it, or nothing; see `trust_files.import_trust`.

        Raises:
            UsageError: a line is none; its number is named.
            OSError: the file cannot be read.
        """
        with self._engine.step() as step:
            report = import_trust(step, source, level=level, overwrite=overwrite)
        self._engine.device_watch.tell()
        return report

    # ------------------------------------------------------------ requests for keys

    @property
    def key_requests(self) -> list[KeyRequest]:
        """The requests for keys that wait for a decision; verified devices of our own are answered unasked."""
        with self._engine.step() as step:
            return self._engine.requests.active(step)

    def continue_key_share(self, request: KeyRequest) -> bool:
        """Answer a request for a key; return whether the key is on its way.

        Raises:
            CryptoError: the device must not have it.
            TransportError, HTTPError: it could not be sent, and will be later.
        """
        with self._engine.step() as step:
            is_on_its_way = self._engine.requests.continue_key_share(step, self._engine.own, request)
        self._requests.after_sync()
        return is_on_its_way

    def cancel_key_share(self, request: KeyRequest) -> bool:
        """Drop a request for a key; return whether it was there."""
        with self._engine.step() as step:
            return self._engine.requests.cancel_key_share(step, request)

    def request_room_key(self, room_id: str, session_id: str) -> int:
        """Ask our own verified devices for a key, and return how many were asked.

        Raises:
            TransportError, HTTPError: it could not be sent, and will be later.
        """
        with self._engine.step() as step:
            asked = self._engine.asking.request_key(step, self._engine.own, room_id, session_id)
        self._requests.send_queue()
        return len(asked)
