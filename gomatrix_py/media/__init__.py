"""What can be said of a file before it is sent, and under which name one may be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .filenames import safe_filename
    from .inspect import MediaFacts, inspect_media
    from .kinds import guess_mimetype, mimetype_to_msgtype
    from .progress import Progress, ProgressBar
    from .sources import MediaSource, OpenSource, opened
    from .thumbnails import Thumbnail, make_thumbnail

__all__ = [
    "MediaFacts",
    "MediaSource",
    "OpenSource",
    "Progress",
    "ProgressBar",
    "Thumbnail",
    "guess_mimetype",
    "inspect_media",
    "make_thumbnail",
    "mimetype_to_msgtype",
    "opened",
    "safe_filename",
]

_MODULES = {
    "MediaFacts": "inspect",
    "MediaSource": "sources",
    "OpenSource": "sources",
    "Progress": "progress",
    "ProgressBar": "progress",
    "Thumbnail": "thumbnails",
    "guess_mimetype": "kinds",
    "inspect_media": "inspect",
    "make_thumbnail": "thumbnails",
    "mimetype_to_msgtype": "kinds",
    "opened": "sources",
    "safe_filename": "filenames",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: most scripts send text."""
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
