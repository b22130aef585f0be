"""Files for later: the upload and the message that needs it are two rows of the outbox, sent one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..cancellation import CancelToken
from ..codec import loads
from ..errors import EncryptionRequired, MatrixError, UsageError
from ..send.row_sender import pending_uri
from ..store.outbox import OutboxKind, OutboxRow
from .attachments import AttachmentMethods

__all__ = ["QueuedFileMethods"]


class QueuedFileMethods(AttachmentMethods):
    """`queue_file`."""

    def queue_file(
        self,
        room_id: str,
        path: str | Path,
        *,
        filename: str | None = None,
        mimetype: str | None = None,
        caption: str | None = None,
        time_to_live: timedelta | int | None = None,
    ) -> OutboxRow:
        """Keep a file to be sent by the next `outbox.flush`; works without a network.

        It must stay where it is, as it is, until then. Where it is gone, or has another size, nothing is sent.

        Args:
            room_id: where to.
            path: of the file.
            filename: the name people see; that of the file where it is None.
            mimetype: found out where it is None.
            caption: what is said about it.
            time_to_live: after how long it is no longer worth sending, in milliseconds; None for never.

        Returns:
            The row of the message.

        Raises:
            UsageError: there is no such file.
            EncryptionRequired: the room is encrypted; files for such rooms are sent at once, by `send_file`.
            OutboxFull, StoreError: it could not be kept.
        """
        from ..media.messages import file_content
        from ..media.prepare import prepare
        from ..media.sources import opened

        self._check_is_plain(room_id, self._known_encryption(room_id))  # the server is asked before it leaves
        path = Path(path).absolute()
        with opened(path) as file:
            known = prepare(file, filename=filename, mimetype=mimetype, with_thumbnail=False)
            size = file.length
        wanted = {"path": str(path), "mimetype": known.mimetype, "filename": known.filename, "size": size}
        upload = self._row(room_id, "m.room.message", wanted, None, kind=OutboxKind.UPLOAD)
        content: dict[str, Any] = file_content(known, {"url": pending_uri(upload.txn_id)}, known.info)
        content |= {"body": caption or content["body"], "m.mentions": {}}
        event = self._event_row(room_id, "m.room.message", content, None, None)
        for row in (upload, event):
            self._limit_life(row, time_to_live)
        upload = self.outbox.queue(upload)
        event.depends_on = upload.id
        try:
            return self.outbox.queue(event)
        except MatrixError:
            self.outbox.cancel(upload.id)
            raise

    def _check_is_plain(self, room_id: str, encryption: Mapping[str, Any] | None) -> None:
        if encryption is not None and not self.allow_plaintext:
            raise EncryptionRequired(f"{room_id} is encrypted: files for it are sent at once, by send_file")

    def _transmit(self, row: OutboxRow, cancel: CancelToken | None) -> str:
        if row.kind is not OutboxKind.UPLOAD:
            return super()._transmit(row, cancel)
        self._check_ours(row)
        if not self.allow_plaintext:
            self._check_is_plain(row.room_id, self._must_encrypt(row.room_id))
        wanted = loads(row.content)
        path = Path(wanted["path"])
        if not path.is_file() or path.stat().st_size != wanted["size"]:
            raise UsageError(f"{path} is gone, or not the file that was to be sent")
        return self.upload(path, mimetype=wanted["mimetype"], filename=wanted["filename"], cancel=cancel)

    def _find_sent(self, row: OutboxRow) -> str | None:
        # nobody sees a file that is uploaded twice
        return None if row.kind is OutboxKind.UPLOAD else super()._find_sent(row)
