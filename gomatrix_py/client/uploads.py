"""Uploads, streamed in constant memory, and repeated where that does no harm."""

from __future__ import annotations

import io
import os
import tempfile
from typing import IO, Any, cast

import attrs

from ..api.media import (
    CreateMXC,
    GetMedia,
    GetMediaLegacy,
    RespMediaUpload,
    UploadContent,
    UploadToMXC,
)
from ..cancellation import CancelToken
from ..errors import (
    AnswerTooLarge,
    Conflict,
    DecodeError,
    FileTooLarge,
    HTTPError,
    NotFound,
    Unrecognized,
    UsageError,
)
from ..http.messages import MEBIBYTE, HttpRequest, Limits, Redirects, Upload
from ..http.retry import RetryPolicy
from ..ids import MxcUri, parse_mxc
from ..media.progress import Progress, WatchedSource
from ..media.sources import MediaSource, OpenSource, opened
from .media import MediaMethods

__all__ = ["UploadMethods"]

_LIMIT_IS_GOOD_FOR_S = 3600.0
_TRIES_AFTER_CONFLICT = 3
_WAIT_FOR_UPLOAD_MS = 10_000


class UploadMethods(MediaMethods):
    """Uploads. To a reserved address where the server has those (MSC2246): that can be repeated."""

    _has_reserved_addresses = True
    _limit_known_until = float("-inf")
    _known_limit: int | None = None

    def upload(
        self,
        source: MediaSource,
        *,
        filename: str | None = None,
        mimetype: str | None = None,
        uri: str | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> str:
        """Upload a file and return its ``mxc://`` address.

        An address is reserved first where the server can do that, so that a broken upload is tried again,
        by the client's retry policy, without leaving anything behind.

        Args:
            source: a path, bytes, or a binary file object, read from where it stands. One that cannot seek
                is copied to a temporary file first. Of a file that grows meanwhile the rest is left out.
            filename: the name to upload it under; its own where it is left out.
            mimetype: its kind; found out where it is left out.
            uri: an address that `create_mxc` reserved, to upload to it.
            progress: told of each piece: a function of (bytes done, bytes in all), or a bar such as tqdm's.
            cancel: lets another thread end the upload.

        Raises:
            UsageError: there is no such file, it may not be read, or it became shorter meanwhile; the MIME
                type or the address is none.
            FileTooLarge: the server takes no file of this size.
            Conflict: something was uploaded to `uri` before.
            RequestCancelled: it was cancelled.
            TransportError, HTTPError, DecodeError: see `gomatrix_py.errors`.

        Spec: POST /_matrix/media/v1/create, PUT /_matrix/media/v3/upload/{serverName}/{mediaId}, POST
        /_matrix/media/v3/upload.
        """
        from ..media.inspect import inspect_media
        from ..media.kinds import check_mimetype

        if uri is not None:
            parse_mxc(uri)
        if mimetype is not None:
            check_mimetype(mimetype)
        with self._opened(source, cancel) as file:
            name = file.filename if filename is None else filename
            kind = mimetype or inspect_media(file, name).mimetype
            return self._upload_file(file, kind, name, uri=uri, progress=progress, cancel=cancel)

    def upload_to_content_repo(
        self,
        content: bytes | IO[bytes],
        content_type: str = "application/octet-stream",
        content_length: int | None = None,
        *,
        filename: str | None = None,
    ) -> RespMediaUpload:
        """Upload bytes, or a binary file object that is read while it is sent; `upload` does more.

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

        Pass links from strangers only to a client with `block_private_addresses`: your machine may reach hosts
        that theirs cannot.

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

    # ------------------------------------------------------------ how large it may be

    def _opened(self, source: MediaSource, cancel: CancelToken | None) -> Any:
        return opened(source, at_most=self._upload_limit(), cancel=cancel)

    def _upload_limit(self) -> int | None:
        """Return how many bytes the server takes, asked once an hour; None where it does not say."""
        now = self.clock.monotonic()
        if now >= self._limit_known_until:
            try:
                limit = self.media_config().upload_size
            except (HTTPError, DecodeError):  # it is for a better error only
                limit = None
            self._known_limit = limit if limit is not None and limit >= 0 else None
            self._limit_known_until = now + _LIMIT_IS_GOOD_FOR_S
        return self._known_limit

    def _check_upload_size(self, file: OpenSource) -> None:
        limit = self._upload_limit()
        if limit is not None and file.length > limit:
            message = f"the file has {file.length} bytes or more; the server takes {limit}"
            raise FileTooLarge(message, size=file.length, limit=limit)

    # ------------------------------------------------------------ the two ways to upload

    def _upload_file(
        self,
        file: OpenSource,
        mimetype: str,
        filename: str,
        *,
        uri: str | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> str:
        self._check_upload_size(file)
        with file.reader() as stream:
            watched = WatchedSource(stream, file.length, progress)
            body = Upload(cast("IO[bytes]", watched), file.length)
            reserved = uri or self._reserve(cancel)
            if reserved is not None:
                try:
                    self._upload_to(
                        UploadToMXC(*parse_mxc(reserved), body, mimetype, filename or None), watched, cancel
                    )
                    return reserved
                except (NotFound, Unrecognized):
                    if uri is not None:
                        raise
                    self._has_reserved_addresses = False  # it reserves what it does not take
                    watched.begin_again()
            answer = self.call(UploadContent(body, mimetype, filename or None), cancel=cancel)
            return _checked(answer.content_uri)

    def _reserve(self, cancel: CancelToken | None) -> str | None:
        """Reserve an address; None where the server has none to give, and the old way is to be taken."""
        if not self._has_reserved_addresses:
            return None
        policy = self._exchange.policy
        at_once = attrs.evolve(policy, statuses=policy.statuses - {429})  # too many are reserved already
        try:
            return _checked(self.call(CreateMXC(), retry=at_once, cancel=cancel).content_uri)
        except Unrecognized:
            self._has_reserved_addresses = False
        except DecodeError:
            pass
        except HTTPError as error:
            if error.code == 401:
                raise
        return None

    def _upload_to(self, endpoint: UploadToMXC, watched: WatchedSource, cancel: CancelToken | None) -> None:
        """Upload to a reserved address.

        "There is something already" is what a repeated upload hears where the answer to the first was lost,
        or where the server is not yet through with it: only a look at the address tells what is true.
        """
        for last in (*[False] * (_TRIES_AFTER_CONFLICT - 1), True):
            try:
                self.call(endpoint, cancel=cancel)
                return
            except Conflict:
                if not watched.was_wound_back:
                    raise
                if self._is_uploaded(MxcUri(endpoint.server_name, endpoint.media_id), cancel):
                    return
                if last:
                    raise
            watched.begin_again()

    def _is_uploaded(self, place: MxcUri, cancel: CancelToken | None) -> bool:
        kind = GetMedia if self._has_authenticated_media else GetMediaLegacy
        request = kind(*place, timeout_ms=_WAIT_FOR_UPLOAD_MS).to_request(self._target)
        nothing_of_it = attrs.evolve(request.limits, max_bytes=0)
        try:
            self._exchanged(attrs.evolve(request, limits=nothing_of_it, cancel=cancel), RetryPolicy.never())
        except AnswerTooLarge:
            return True
        except HTTPError:
            return False
        return True


def _checked(uri: str) -> str:
    try:
        parse_mxc(uri)
    except UsageError as error:
        raise DecodeError(str(error), path="content_uri") from None
    return uri


def _length_of(content: IO[bytes]) -> int:
    try:
        here = content.tell()
        end = content.seek(0, os.SEEK_END)
        content.seek(here)
    except (OSError, ValueError, AttributeError):
        raise UsageError("the length of the upload is unknown: give content_length") from None
    return end - here
