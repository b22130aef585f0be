"""Downloads, streamed in constant memory; authenticated media first."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, Any, cast

import attrs

from ..api.media import (
    Download,
    GetMedia,
    GetMediaConfig,
    GetMediaConfigLegacy,
    GetMediaLegacy,
    GetMediaNamed,
    GetMediaNamedLegacy,
    GetThumbnail,
    GetThumbnailLegacy,
    MediaConfig,
)
from ..cancellation import CancelToken
from ..errors import NotFound, Unrecognized, UsageError
from ..http.endpoint import Endpoint, Target
from ..ids import MxcUri, parse_mxc
from ..media.arrival import appearing_whole, arriving
from ..media.filenames import safe_filename
from ..media.kinds import extension_of
from ..media.progress import Progress, WatchedSink
from .base import BaseClient

__all__ = ["MediaMethods", "Place", "Transfer"]

Place = str | os.PathLike[str] | IO[bytes]
"""Where a download goes: a path, or a binary file object."""


@attrs.frozen
class Transfer:
    """How a download is watched and limited; `total` is what the caller expects, in bytes."""

    progress: Progress | None = None
    total: int | None = None
    cancel: CancelToken | None = None
    max_bytes: int | None = None

    def into(self, sink: IO[bytes] | None) -> IO[bytes] | None:
        """Return the file to write to in place of another, or of memory."""
        if self.progress is None and self.max_bytes is None:
            return sink
        watched: Any = WatchedSink(sink or io.BytesIO(), self.progress, self.total, self.max_bytes)
        return cast("IO[bytes]", watched)


class MediaMethods(BaseClient):
    """Downloads. Authenticated media first, the old paths for servers that lack it."""

    _has_authenticated_media = True

    def download(
        self,
        uri: str,
        to: Place | None = None,
        *,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Download media.

        Args:
            uri: an ``mxc://`` address.
            to: a path or a binary file object to write to; None keeps the bytes in the result. A path
                appears only when the file is whole.
            progress: told of each piece: a function of (bytes done, None), or a bar such as tqdm's.
            cancel: lets another thread end the download.
            max_bytes: take no more than this; for what strangers sent and is kept in memory.

        Raises:
            UsageError: the address is not one.
            NotFound: there is no such media.
            TruncatedAnswer: it did not arrive whole.
            AnswerTooLarge: it is larger than `max_bytes`.
            RequestCancelled: it was cancelled.
            TransportError, HTTPError: see `gomatrix_py.errors`.
            OSError: the file cannot be written.

        Spec: GET /_matrix/client/v1/media/download/{serverName}/{mediaId}.
        """
        place = parse_mxc(uri)
        transfer = Transfer(progress, None, cancel, max_bytes)
        return self._fetch(GetMedia(*place), GetMediaLegacy(*place), to, transfer)

    def download_to(
        self,
        uri: str,
        directory: str | os.PathLike[str],
        filename: str | None = None,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Download media into a directory, under a name that cannot lead out of it.

        Args:
            uri: an ``mxc://`` address.
            directory: an existing one.
            filename: what to call it, from wherever; the name the server tells where it is left out. See
                `gomatrix_py.media.safe_filename` for what becomes of it.
            overwrite: True replaces a file of this name; otherwise "name (1).ext" is taken, and so on.
            progress, cancel, max_bytes: see `download`.

        Returns:
            The download; `path` is where it is.

        Raises:
            UsageError: the address is not one, or there is no such directory.
            NotFound, TruncatedAnswer, AnswerTooLarge, RequestCancelled, TransportError, HTTPError, OSError: see
                `download`.
        """
        place = parse_mxc(uri)
        transfer = Transfer(progress, None, cancel, max_bytes)
        return self._fetch_into(directory, place, filename, transfer, overwrite=overwrite)

    def thumbnail(
        self,
        uri: str,
        width: int,
        height: int,
        method: str | None = None,
        *,
        to: Place | None = None,
        is_animated: bool | None = None,
        cancel: CancelToken | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Download a thumbnail that the server makes.

        Args:
            uri: an ``mxc://`` address.
            width, height: about the size it should have, in pixels.
            method: "crop" or "scale".
            to: see `download`.
            is_animated: True asks for a moving one, False for one that does not.
            cancel, max_bytes: see `download`.

        Raises:
            UsageError, NotFound, TruncatedAnswer, AnswerTooLarge, RequestCancelled, TransportError, HTTPError,
                OSError: see `download`.

        Spec: GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}.
        """
        place = parse_mxc(uri)
        return self._fetch(
            GetThumbnail(*place, width, height, method, animated=is_animated),
            GetThumbnailLegacy(*place, width, height, method, animated=is_animated),
            to,
            Transfer(cancel=cancel, max_bytes=max_bytes),
        )

    def mxc_to_http(
        self,
        uri: str,
        filename: str | None = None,
        *,
        width: int | None = None,
        height: int | None = None,
        method: str | None = None,
    ) -> str:
        """Return the http(s) URL of media, or of a thumbnail where width and height are given; asks nobody.

        On servers with authenticated media the URL answers only to requests with an access token, so
        it is of no use in a web page; `download` is what scripts want. It is the old kind of URL once a call
        has found the server to lack the new one.

        Args:
            uri: an ``mxc://`` address.
            filename: a name for the download, as part of the URL.
            width, height: of a thumbnail, in pixels.
            method: "crop" or "scale".

        Raises:
            UsageError: the address is not one, or only one of width and height is given.

        Spec: GET /_matrix/client/v1/media/download/{serverName}/{mediaId}; matrix-nio's helper of this name.
        """
        place = parse_mxc(uri)
        is_new = self._has_authenticated_media
        endpoint: Endpoint[Download]
        if width is not None and height is not None:
            endpoint = (GetThumbnail if is_new else GetThumbnailLegacy)(*place, width, height, method)
        elif width is not None or height is not None:
            raise UsageError("a thumbnail has a width and a height")
        elif filename is not None:
            endpoint = (GetMediaNamed if is_new else GetMediaNamedLegacy)(*place, filename)
        else:
            endpoint = (GetMedia if is_new else GetMediaLegacy)(*place)
        return endpoint.to_request(Target(self.homeserver_url, "none is in the URL")).url

    def media_config(self) -> MediaConfig:
        """Ask how large an upload may be. Spec: GET /_matrix/client/v1/media/config."""
        answer: MediaConfig = self._first_known(GetMediaConfig(), GetMediaConfigLegacy(), None)
        return answer

    # ------------------------------------------------------------ what all of them go through

    def _fetch(
        self, endpoint: Endpoint[Download], legacy: Endpoint[Download], to: Place | None, transfer: Transfer
    ) -> Download:
        if isinstance(to, (str, os.PathLike)):
            path = Path(to)
            with appearing_whole(path) as file:
                download: Download = self._first_known(endpoint, legacy, transfer.into(file), transfer.cancel)
            return attrs.evolve(download, path=path)
        memory = io.BytesIO() if to is None and transfer.into(None) is not None else None
        answer: Download = self._first_known(endpoint, legacy, transfer.into(to or memory), transfer.cancel)
        return answer if memory is None else attrs.evolve(answer, content=memory.getvalue())

    def _fetch_into(
        self,
        directory: str | os.PathLike[str],
        place: MxcUri,
        filename: str | None,
        transfer: Transfer,
        *,
        overwrite: bool,
    ) -> Download:
        folder = Path(directory)
        if not folder.is_dir():
            raise UsageError(f"there is no directory at {str(folder)!r}")
        with arriving(folder, "download") as arrival:
            sink = transfer.into(arrival.file)
            download: Download = self._first_known(GetMedia(*place), GetMediaLegacy(*place), sink, transfer.cancel)
            nameless = safe_filename(place.media_id + extension_of(download.content_type))
            name = safe_filename(download.filename if filename is None else filename, nameless)
            return attrs.evolve(download, path=arrival.keep_as(name, overwrite=overwrite))

    def _first_known(
        self,
        endpoint: Endpoint[Any],
        legacy: Endpoint[Any],
        sink: IO[bytes] | None,
        cancel: CancelToken | None = None,
    ) -> Any:
        if self._has_authenticated_media and self.access_token:
            try:
                return self.call(endpoint, sink=sink, cancel=cancel)
            except Unrecognized:
                self._has_authenticated_media = False
            except NotFound as error:
                # "no such media" is an answer; a 404 that is no Matrix error may be a proxy's word on the path
                if error.errcode:
                    raise
        return self.call(legacy, sink=sink, cancel=cancel)
