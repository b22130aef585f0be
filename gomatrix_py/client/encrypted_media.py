"""Files of encrypted rooms: encrypted before they are uploaded, and decrypted once their hash was checked."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import IO, Any

import attrs

from ..api.media import Download, GetMedia, GetMediaLegacy
from ..cancellation import CancelToken
from ..codec import unstructure
from ..crypto.attachments import EncryptingReader, decrypt_to, decrypt_unchecked
from ..errors import RequestCancelled
from ..events.contents.encrypted_file import EncryptedFile
from ..ids import parse_mxc
from ..media.arrival import arriving
from ..media.filenames import safe_filename
from ..media.kinds import extension_of
from ..media.progress import Progress
from ..media.received import ReceivedFile
from ..media.sources import OpenSource
from .attachments import AttachmentMethods
from .media import Place, Transfer

__all__ = ["EncryptedMediaMethods"]

_PIECE = 64 * 1024
_KIND = "application/octet-stream"  # the server need not know more


class EncryptedMediaMethods(AttachmentMethods):
    """What `AttachmentMethods` does, for encrypted rooms too."""

    def _place_file(
        self,
        room_id: str,
        file: OpenSource,
        mimetype: str,
        filename: str,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> dict[str, Any]:
        if self._must_encrypt(room_id) is None:
            return super()._place_file(room_id, file, mimetype, filename, progress, cancel)
        # kept as it leaves: a second try must send the same bytes, whatever became of the file meanwhile
        with tempfile.TemporaryFile() as spool, file.reader() as plain:
            reader = EncryptingReader(plain)
            while piece := reader.read(_PIECE):
                if cancel is not None and cancel.is_cancelled:
                    raise RequestCancelled("cancelled while the file was encrypted", was_sent=False)
                spool.write(piece)
            sealed = OpenSource(spool, 0, spool.tell())
            url = self._upload_file(sealed, _KIND, "", progress=progress, cancel=cancel)
            return {"file": unstructure(reader.file_info(url))}

    def _open_encrypted(
        self, file: ReceivedFile, to: Place | None, transfer: Transfer, *, overwrite: bool
    ) -> Download:
        info = file.encrypted
        if info is None:
            raise AssertionError("it is not encrypted")
        place = parse_mxc(info.url)
        with tempfile.TemporaryFile() as spool:
            sink = transfer.into(spool)
            fetched: Download = self._first_known(GetMedia(*place), GetMediaLegacy(*place), sink, transfer.cancel)
            spool.seek(0)
            about = attrs.evolve(fetched, content=b"", content_type=file.mimetype, filename=file.filename)
            if isinstance(to, (str, os.PathLike)) and Path(to).is_dir():
                name = safe_filename(file.filename, safe_filename(place.media_id + extension_of(file.mimetype)))
                return _decrypted_into(Path(to), name, spool, info, about, overwrite=overwrite)
            if to is None:
                memory = io.BytesIO()
                size = decrypt_to(spool, info, memory)
                return attrs.evolve(about, content=memory.getvalue(), size=size)
            size = decrypt_to(spool, info, to)
            path = Path(to) if isinstance(to, (str, os.PathLike)) else None
            return attrs.evolve(about, path=path, size=size)


def _decrypted_into(
    directory: Path, name: str, ciphertext: IO[bytes], info: EncryptedFile, about: Download, *, overwrite: bool
) -> Download:
    with arriving(directory, "download") as arrival:
        size = decrypt_unchecked(ciphertext, info, arrival.file)
        return attrs.evolve(about, path=arrival.keep_as(name, overwrite=overwrite), size=size)
