"""Events and the contents gomatrix names."""

from .contents import TagContent, TagProperties
from .event import Event, EventHead, EventSource
from .messages import (
    AudioInfo,
    AudioMessage,
    FileInfo,
    FileMessage,
    HTMLMessage,
    ImageInfo,
    ImageMessage,
    LocationMessage,
    TextMessage,
    ThumbnailInfo,
    VideoInfo,
    VideoMessage,
    get_html_message,
)

__all__ = [
    "AudioInfo",
    "AudioMessage",
    "Event",
    "EventHead",
    "EventSource",
    "FileInfo",
    "FileMessage",
    "HTMLMessage",
    "ImageInfo",
    "ImageMessage",
    "LocationMessage",
    "TagContent",
    "TagProperties",
    "TextMessage",
    "ThumbnailInfo",
    "VideoInfo",
    "VideoMessage",
    "get_html_message",
]
