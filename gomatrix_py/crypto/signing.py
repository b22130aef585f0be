"""Signed JSON. Spec: appendices, "Signing JSON"."""

from __future__ import annotations

from typing import Any

from ..canonical_json import canonical_json
from ..errors import BadSignature, UsageError
from .backend.base import Account, Backend

__all__ = ["sign_json", "verify_json"]

_UNSIGNED = frozenset({"signatures", "unsigned"})


def _signed_part(document: dict[str, Any]) -> bytes:
    return canonical_json({key: value for key, value in document.items() if key not in _UNSIGNED})


def sign_json(document: dict[str, Any], account: Account, user_id: str, device_id: str) -> dict[str, Any]:
    """Return a document with our device's signature added.

    Raises:
        UsageError: it cannot be written as canonical JSON.
    """
    signatures = {name: dict(of_name) for name, of_name in document.get("signatures", {}).items()}
    signatures.setdefault(user_id, {})[f"ed25519:{device_id}"] = account.sign(_signed_part(document))
    return {**document, "signatures": signatures}


def verify_json(document: Any, backend: Backend, key: str, user_id: str, key_name: str) -> None:
    """Check the signature that a key put on a document.

    Args:
        document: the JSON object.
        backend: to check with.
        key: the Ed25519 key, unpadded base64.
        user_id: whose it is.
        key_name: its name among the signatures, after ``ed25519:``.

    Raises:
        BadSignature: there is none by this key, or it is wrong.
    """
    signatures = document.get("signatures") if isinstance(document, dict) else None
    of_user = signatures.get(user_id) if isinstance(signatures, dict) else None
    signature = of_user.get(f"ed25519:{key_name}") if isinstance(of_user, dict) else None
    if not isinstance(signature, str):
        raise BadSignature("it is not signed by this key")
    try:
        signed = _signed_part(document)
    except UsageError as error:
        raise BadSignature(f"it cannot have been signed: {error}") from None
    backend.verify(key, signed, signature)
