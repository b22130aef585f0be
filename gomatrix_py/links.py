"""Links to users, rooms and events: ``matrix:`` URIs and matrix.to. Spec: appendices, "URIs"."""

from __future__ import annotations

__all__: list[str] = []
