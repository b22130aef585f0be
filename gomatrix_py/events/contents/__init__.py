"""What events hold, one class per event type and one module per family.

`gomatrix_py.events.registry` knows which class belongs to which type, and imports a family when an event of
it is first read. A member that is None is not there; required members are those without which the event
means nothing. Times are milliseconds since the epoch, durations milliseconds, sizes bytes.
"""

from .tags import TagContent, TagProperties

__all__ = ["TagContent", "TagProperties"]
