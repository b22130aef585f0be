"""The content repository. Spec: "Content repository"."""

from __future__ import annotations

import re
from email.message import Message
from pathlib import Path
from typing import Any, ClassVar

import attrs

from ..codec import field
from ..events.open_enum import OpenEnum
from ..http.endpoint import Call, Empty, Endpoint, Response, body, header, query
from ..http.messages import HttpResponse, Limits, Redirects, Upload
from ..ids import parse_mxc
from ..times import Duration, Moment
from .base import Api, carries_out

__all__ = [
    "CreateMXC",
    "Download",
    "GetMedia",
    "GetMediaConfig",
    "GetMediaConfigLegacy",
    "GetMediaLegacy",
    "GetMediaNamed",
    "GetMediaNamedLegacy",
    "GetThumbnail",
    "GetThumbnailLegacy",
    "GetURLPreview",
    "GetURLPreviewLegacy",
    "MediaApi",
    "MediaConfig",
    "RespCreateMXC",
    "RespMediaUpload",
    "ThumbnailMethod",
    "URLPreview",
    "UploadContent",
    "UploadToMXC",
]

_MEDIA_LIMITS = Limits(connect_s=10, read_s=120, total_s=6 * 3600, max_bytes=64 * 1024**3)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")


class RespMediaUpload(Response):
    """The ``mxc://`` address of what was uploaded."""

    content_uri: str


class UploadContent(Endpoint[RespMediaUpload]):
    """Upload bytes or an open file. Spec: POST /_matrix/media/v3/upload."""

    METHOD, PATH, RATE_LIMITED, LIMITS = "POST", "/_matrix/media/v3/upload", True, _MEDIA_LIMITS
    content: bytes | Upload = body()
    content_type: str = header(default="application/octet-stream", name="Content-Type")
    filename: str | None = query(default=None)


class RespCreateMXC(Response):
    """An address to upload to later, until `unused_expires_at` (milliseconds since the epoch)."""

    content_uri: str
    unused_expires_at: int | None = None


class CreateMXC(Endpoint[RespCreateMXC]):
    """Reserve an ``mxc://`` address before there is anything to upload. Spec: POST /_matrix/media/v1/create."""

    METHOD, PATH, RATE_LIMITED, ADDED = "POST", "/_matrix/media/v1/create", True, "1.7"
    IS_REPEATABLE = True  # an address that nobody uses expires


class UploadToMXC(Endpoint[Empty]):
    """Upload to a reserved address. Spec: PUT /_matrix/media/v3/upload/{serverName}/{mediaId}."""

    METHOD, PATH = "PUT", "/_matrix/media/v3/upload/{server_name}/{media_id}"
    RATE_LIMITED, ADDED, LIMITS = True, "1.7", _MEDIA_LIMITS
    server_name: str
    media_id: str
    content: bytes | Upload = body()
    content_type: str = header(default="application/octet-stream", name="Content-Type")
    filename: str | None = query(default=None)


class MediaConfig(Response):
    """What the content repository takes; `upload_size` is bytes, None where there is no stated limit."""

    upload_size: int | None = field(default=None, name="m.upload.size")


class GetMediaConfig(Endpoint[MediaConfig]):
    """Ask how large an upload may be. Spec: GET /_matrix/client/v1/media/config."""

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", "/_matrix/client/v1/media/config", True, "1.11"


class GetMediaConfigLegacy(Endpoint[MediaConfig]):
    """Ask how large an upload may be; deprecated, use `get_media_config`. Spec: GET /_matrix/media/v3/config."""

    METHOD, PATH, RATE_LIMITED, DEPRECATED = "GET", "/_matrix/media/v3/config", True, "get_media_config"


@attrs.frozen
class Download:
    """Media from the repository.

    Attributes:
        content: the bytes, b"" where they were written to a file.
        content_type: as the server says it, "" where it does not; never trust it.
        filename: the last part of the name the uploader gave, "" where there is none. It may be shown;
            it is not a path.
        size: in bytes.
        path: of the file they were written to, None where that was no path.
    """

    content: bytes = attrs.field(repr=False)
    content_type: str = ""
    filename: str = ""
    size: int = 0
    path: Path | None = None


def _download_from(response: HttpResponse) -> Download:
    message = Message()
    disposition = response.headers.get("content-disposition", "")
    if disposition:
        message["Content-Disposition"] = disposition
    name = message.get_filename() or ""
    name = _UNSAFE.split(name)[-1].strip()
    return Download(
        response.body,
        response.headers.get("content-type", ""),
        "" if name in (".", "..") else name[:255],
        response.size,
    )


class _MediaEndpoint(Endpoint[Download]):
    LIMITS: ClassVar[Limits | None] = _MEDIA_LIMITS
    REDIRECTS = Redirects.MEDIA
    ANSWER: ClassVar[Any] = Download

    def _read(self, response: HttpResponse) -> Download:
        return _download_from(response)


class GetMedia(_MediaEndpoint):
    """Download media. Spec: GET /_matrix/client/v1/media/download/{serverName}/{mediaId}."""

    METHOD, PATH = "GET", "/_matrix/client/v1/media/download/{server_name}/{media_id}"
    RATE_LIMITED, ADDED = True, "1.11"
    server_name: str
    media_id: str
    timeout_ms: Duration | None = None


class GetMediaNamed(_MediaEndpoint):
    """Download media under another file name. Spec: GET …/download/{serverName}/{mediaId}/{fileName}."""

    METHOD, PATH = "GET", "/_matrix/client/v1/media/download/{server_name}/{media_id}/{file_name}"
    RATE_LIMITED, ADDED = True, "1.11"
    server_name: str
    media_id: str
    file_name: str
    timeout_ms: Duration | None = None


class GetMediaLegacy(_MediaEndpoint):
    """Download without a token; deprecated, use `get_media`. Spec: GET /_matrix/media/v3/download/…."""

    METHOD, PATH = "GET", "/_matrix/media/v3/download/{server_name}/{media_id}"
    RATE_LIMITED, NEEDS_AUTH, SENDS_TOKEN, DEPRECATED = True, False, False, "get_media"
    server_name: str
    media_id: str
    timeout_ms: Duration | None = None
    allow_remote: bool | None = query(default=None, kw_only=True)
    allow_redirect: bool | None = query(default=None, kw_only=True)


class GetMediaNamedLegacy(_MediaEndpoint):
    """Download under another name without a token; deprecated, use `get_media_named`.

    Spec: GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}.
    """

    METHOD, PATH = "GET", "/_matrix/media/v3/download/{server_name}/{media_id}/{file_name}"
    RATE_LIMITED, NEEDS_AUTH, SENDS_TOKEN, DEPRECATED = True, False, False, "get_media_named"
    server_name: str
    media_id: str
    file_name: str
    timeout_ms: Duration | None = None
    allow_remote: bool | None = query(default=None, kw_only=True)
    allow_redirect: bool | None = query(default=None, kw_only=True)


class ThumbnailMethod(OpenEnum):
    """How a thumbnail comes to its size: a part of the image, or all of it, smaller."""

    CROP = "crop"
    SCALE = "scale"


class GetThumbnail(_MediaEndpoint):
    """Download a thumbnail. Spec: GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}."""

    METHOD, PATH = "GET", "/_matrix/client/v1/media/thumbnail/{server_name}/{media_id}"
    RATE_LIMITED, ADDED = True, "1.11"
    server_name: str
    media_id: str
    width: int
    height: int
    method: ThumbnailMethod | str | None = None
    timeout_ms: Duration | None = None
    animated: bool | None = query(default=None, kw_only=True)


class GetThumbnailLegacy(_MediaEndpoint):
    """Download a thumbnail without a token; deprecated, use `get_thumbnail`.

    Spec: GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}.
    """

    METHOD, PATH = "GET", "/_matrix/media/v3/thumbnail/{server_name}/{media_id}"
    RATE_LIMITED, NEEDS_AUTH, SENDS_TOKEN, DEPRECATED = True, False, False, "get_thumbnail"
    server_name: str
    media_id: str
    width: int
    height: int
    method: ThumbnailMethod | str | None = None
    timeout_ms: Duration | None = None
    animated: bool | None = query(default=None, kw_only=True)
    allow_remote: bool | None = query(default=None, kw_only=True)
    allow_redirect: bool | None = query(default=None, kw_only=True)


class URLPreview(Response):
    """What a web page tells of itself (Open Graph); `image` is an ``mxc://`` address, sizes are bytes and pixels."""

    title: str | None = field(default=None, name="og:title")
    description: str | None = field(default=None, name="og:description")
    url: str | None = field(default=None, name="og:url")
    type: str | None = field(default=None, name="og:type")
    site_name: str | None = field(default=None, name="og:site_name")
    image: str | None = field(default=None, name="og:image")
    image_type: str | None = field(default=None, name="og:image:type")
    image_width: int | None = field(default=None, name="og:image:width")
    image_height: int | None = field(default=None, name="og:image:height")
    image_size: int | None = field(default=None, name="matrix:image:size")


class GetURLPreview(Endpoint[URLPreview]):
    """Let the homeserver read a web page; it learns the address. Spec: GET /_matrix/client/v1/media/preview_url.

    `ts` is when the page was of interest.
    """

    METHOD, PATH, RATE_LIMITED, ADDED = "GET", "/_matrix/client/v1/media/preview_url", True, "1.11"
    url: str
    ts: Moment | None = None


class GetURLPreviewLegacy(Endpoint[URLPreview]):
    """Let the homeserver read a web page; deprecated, use `get_url_preview`.

    Spec: GET /_matrix/media/v3/preview_url.
    """

    METHOD, PATH, RATE_LIMITED, DEPRECATED = "GET", "/_matrix/media/v3/preview_url", True, "get_url_preview"
    url: str
    ts: Moment | None = None


class MediaApi(Api):
    """The content repository as declared; streaming and fall-backs stand in the client."""

    get_media = Call(GetMedia)
    get_media_named = Call(GetMediaNamed)
    get_media_legacy = Call(GetMediaLegacy)
    get_media_named_legacy = Call(GetMediaNamedLegacy)
    get_thumbnail = Call(GetThumbnail)
    get_thumbnail_legacy = Call(GetThumbnailLegacy)
    get_media_config = Call(GetMediaConfig)
    get_media_config_legacy = Call(GetMediaConfigLegacy)
    get_url_preview = Call(GetURLPreview)
    get_url_preview_legacy = Call(GetURLPreviewLegacy)
    create_mxc = Call(CreateMXC)

    @carries_out(UploadContent)
    def upload_content(
        self,
        content: bytes | Upload,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
    ) -> RespMediaUpload:
        """Upload bytes or an open file. Spec: POST /_matrix/media/v3/upload."""
        return self.call(UploadContent(content, content_type, filename))

    @carries_out(UploadToMXC)
    def upload_to_mxc(
        self,
        uri: str,
        content: bytes | Upload,
        content_type: str = "application/octet-stream",
        filename: str | None = None,
    ) -> None:
        """Upload to an address that `create_mxc` reserved; it takes one upload.

        Raises:
            UsageError: the address is not one.
            Conflict: something was uploaded there already, perhaps by a try whose answer was lost.

        Spec: PUT /_matrix/media/v3/upload/{serverName}/{mediaId}.
        """
        self.call(UploadToMXC(*parse_mxc(uri), content, content_type, filename))
