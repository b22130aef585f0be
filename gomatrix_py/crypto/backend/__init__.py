"""The libraries for Olm and Megolm, behind one interface; each client chooses its own."""

from __future__ import annotations

from typing import Literal

from ...errors import CryptoUnavailable
from .base import Backend

__all__ = ["BackendName", "backend", "backend_of_pickle", "tagged"]

BackendName = Literal["vodozemac", "olm"]


def backend(name: BackendName | None = None) -> Backend:
    """Return a library by its name, or the best one installed: vodozemac before libolm.

    Raises:
        CryptoUnavailable: it is not installed, or none is.
    """
    for candidate in (name,) if name is not None else ("vodozemac", "olm"):
        found = _load(candidate)
        if found is not None:
            return found
    wanted = name or "vodozemac"
    extra = "olm" if wanted == "olm" else "crypto"
    raise CryptoUnavailable(f"{wanted} is not installed: pip install 'gomatrix_py[{extra}]'")


def _load(name: str) -> Backend | None:
    try:
        if name == "vodozemac":
            from .vodozemac_backend import VodozemacBackend

            return VodozemacBackend()
        if name == "olm":
            from .olm_backend import OlmBackend

            return OlmBackend()
    except ImportError:
        return None
    raise CryptoUnavailable(f"there is no backend {name!r}; there are 'vodozemac' and 'olm'")


def tagged(name: str, pickle: str) -> str:
    """Return a pickle that says which library it is for."""
    return f"{name}:{pickle}"


def backend_of_pickle(pickle: str) -> tuple[str, str]:
    """Return which library a tagged pickle is for, and the pickle."""
    name, _, rest = pickle.partition(":")
    return name, rest
