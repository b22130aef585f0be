"""The store in one SQLite file.

`file` opens it, by way of `lock` (who owns it) and `inspection` (is it whole), `schema` says what is in it,
`store` reads and writes it, and `live_rooms` are the rooms of it that are in memory.
"""

from .store import SQLiteStore

__all__ = ["SQLiteStore"]
