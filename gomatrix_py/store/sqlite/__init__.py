"""The store in one SQLite file.

`file` opens, locks and checks it, `schema` says what is in it, `store` reads and writes it.
"""

from .store import SQLiteStore

__all__ = ["SQLiteStore"]
