"""A session as a value that can be kept: in a file only its owner may read, or in the system's keyring."""

from __future__ import annotations

__all__: list[str] = []
