"""Files for later: the upload and the message that needs it are two rows of the outbox, sent one after the other."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from ..cancellation import CancelToken
from ..codec import loads
from ..errors import EncryptionRequired, UsageError
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
        """Keep a file to be sent by the next `outbox.flush`; it must stay where it is, as it is, until then.

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

        self._check_room_is_plain(room_id)
        path = Path(path).absolute()
        with self._opened(path, None) as file:
            known = prepare(file, filename=filename, mimetype=mimetype, with_thumbnail=False)
        upload = {
            "path": str(path),
            "mimetype": known.mimetype,
            "filename": known.filename,
            "size": path.stat().st_size,
        }
        row = self._row(room_id, "m.room.message", upload, None, kind=OutboxKind.UPLOAD)
        kept = self.outbox.queue(row)
        content: dict[str, Any] = file_content(known, {"url": pending_uri(kept.txn_id)}, known.info)
        if caption:
            content["body"] = caption
        event = self._event_row(room_id, "m.room.message", content, None, None)
        event.depends_on = kept.id
        self._limit_life(event, time_to_live)
        return self.outbox.queue(event)

    def _check_room_is_plain(self, room_id: str) -> None:
        if not self.allow_plaintext and self._must_encrypt(room_id) is not None:
            raise EncryptionRequired(f"{room_id} is encrypted: files for it are sent at once, by send_file")

    def _transmit(self, row: OutboxRow, cancel: CancelToken | None) -> str:
        if row.kind is not OutboxKind.UPLOAD:
            return super()._transmit(row, cancel)
        self._check_room_is_plain(row.room_id)
        wanted = loads(row.content)
        path = Path(wanted["path"])
        if not path.is_file() or path.stat().st_size != wanted["size"]:
            raise UsageError(f"{path} is gone, or not the file that was to be sent")
        return self.upload(path, mimetype=wanted["mimetype"], filename=wanted["filename"], cancel=cancel)
