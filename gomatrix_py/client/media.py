"""Uploads and downloads, streamed in constant memory."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..api.media import (
    Download,
    GetMedia,
    GetMediaConfig,
    GetMediaConfigLegacy,
    GetMediaLegacy,
    GetThumbnail,
    GetThumbnailLegacy,
    MediaConfig,
    RespMediaUpload,
    UploadContent,
)
from ..errors import NotFound, Unrecognized, UsageError
from ..http.endpoint import Endpoint
from ..http.messages import MEBIBYTE, HttpRequest, Limits, Redirects, Upload
from ..ids import parse_mxc
from .base import BaseClient

__all__ = ["MediaMethods"]


class MediaMethods(BaseClient):
    """Uploads and downloads. Authenticated media first, the old paths for servers that lack it."""

    _has_authenticated_media = True

    def upload_to_content_repo(
        self,
        content: bytes | IO[bytes],
        content_type: str = "application/octet-stream",
        content_length: int | None = None,
        *,
        filename: str | None = None,
    ) -> RespMediaUpload:
        """Upload bytes, or a binary file object that is read while it is sent.

        Args:
            content: what to upload; a file object is read from where it stands.
            content_type: its MIME type.
            content_length: in bytes; found out where the file object can tell.
            filename: the name to upload it under.

        Raises:
            UsageError: the file is not opened in binary mode, its length is unknown, or it ended early.
            TooLarge: the server takes no file of this size.
            TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`. An upload is never repeated
                once bytes of it were sent.

        Spec: POST /_matrix/media/v3/upload; gomatrix UploadToContentRepo.
        """
        given: object = content
        if isinstance(given, io.TextIOBase):
            raise UsageError("the upload must be opened in binary mode")
        if isinstance(content, (bytes, bytearray, memoryview)):
            body: bytes | Upload = bytes(content)
        else:
            body = Upload(content, _length_of(content) if content_length is None else content_length)
        return self.call(UploadContent(body, content_type, filename))

    def upload_link(self, link: str, *, max_bytes: int = 64 * MEBIBYTE) -> RespMediaUpload:
        """Fetch an http(s) URL and upload what is there. The access token does not go along.

        Do not pass links from strangers: your machine may reach hosts that theirs cannot.

        Args:
            link: the URL.
            max_bytes: fetch no more than this.

        Raises:
            AnswerTooLarge: there is more.
            RedirectRefused, TransportError, HTTPError: it cannot be fetched or uploaded.

        Source: gomatrix UploadLink.
        """
        with tempfile.TemporaryFile() as spool:
            fetched = self._exchange.send(
                HttpRequest(
                    "GET",
                    link,
                    "GET (a link to upload)",
                    headers={"Accept": "*/*"},
                    may_retry=True,
                    limits=Limits(total_s=600, max_bytes=max_bytes),
                    redirects=Redirects.MEDIA,
                    sink=spool,
                )
            )
            spool.seek(0)
            content_type = fetched.headers.get("content-type", "application/octet-stream")
            return self.upload_to_content_repo(spool, content_type, fetched.size)

    def download(self, uri: str, to: str | Path | IO[bytes] | None = None) -> Download:
        """Download media.

        Args:
            uri: an ``mxc://`` address.
            to: a path or a binary file object to write to; None keeps the bytes in the result. A path
                appears only when the file is whole.

        Raises:
            UsageError: the address is not one.
            NotFound: there is no such media.
            TruncatedAnswer: it did not arrive whole.

        Spec: GET /_matrix/client/v1/media/download/{serverName}/{mediaId}.
        """
        place = parse_mxc(uri)
        return self._fetch(GetMedia(*place), GetMediaLegacy(*place), to)

    def thumbnail(
        self,
        uri: str,
        width: int,
        height: int,
        method: str | None = None,
        *,
        to: str | Path | IO[bytes] | None = None,
    ) -> Download:
        """Download a thumbnail of about this size in pixels; `method` is "crop" or "scale".

        Spec: GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}.
        """
        place = parse_mxc(uri)
        return self._fetch(
            GetThumbnail(*place, width, height, method), GetThumbnailLegacy(*place, width, height, method), to
        )

    def media_config(self) -> MediaConfig:
        """Ask how large an upload may be. Spec: GET /_matrix/client/v1/media/config."""
        answer: MediaConfig = self._first_known(GetMediaConfig(), GetMediaConfigLegacy(), None)
        return answer

    def _fetch(
        self, endpoint: Endpoint[Download], legacy: Endpoint[Download], to: str | Path | IO[bytes] | None
    ) -> Download:
        if isinstance(to, (str, Path)):
            with _appearing_whole(Path(to)) as file:
                download: Download = self._first_known(endpoint, legacy, file)
                return download
        answer: Download = self._first_known(endpoint, legacy, to)
        return answer

    def _first_known(self, endpoint: Endpoint[Any], legacy: Endpoint[Any], sink: IO[bytes] | None) -> Any:
        if self._has_authenticated_media and self.access_token:
            try:
                return self.call(endpoint, sink=sink)
            except Unrecognized:
                self._has_authenticated_media = False
            except NotFound as error:
                # "no such media" is an answer; a 404 that is no Matrix error may be a proxy's word on the path
                if error.errcode:
                    raise
        return self.call(legacy, sink=sink)


def _length_of(content: IO[bytes]) -> int:
    try:
        here = content.tell()
        end = content.seek(0, os.SEEK_END)
        content.seek(here)
    except (OSError, ValueError, AttributeError):
        raise UsageError("the length of the upload is unknown: give content_length") from None
    return end - here


@contextlib.contextmanager
def _appearing_whole(path: Path) -> Iterator[IO[bytes]]:
    """Write to a temporary file beside `path` and rename it at the end; nothing is left on failure."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:50]}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            raise
    os.replace(file.name, path)
