"""What a check-up finds about encryption."""

from __future__ import annotations

from ..crypto import spaces
from ..crypto.to_device_queue import has_room
from ..errors import DecodeError, HTTPError, TransportError
from .crypto_requests import CryptoRequests
from .diagnosis import Finding, Level

__all__ = ["encryption_findings"]

_WHAT = "encryption"


def encryption_findings(requests: CryptoRequests) -> list[Finding]:
    """Return what is to be said of a client's keys; the server is asked for those that others see.

    Args:
        requests: of the client.
    """
    engine = requests.engine
    with engine.step() as step:
        waiting = sum(1 for _ in step.scan(spaces.WAITING))
        is_due, is_published = engine.account.needs_upload(step), engine.account.is_published(step)
        is_full = not has_room(step)
    queued = len(engine.queued_messages())
    found = [Finding(Level.OK, _WHAT, f"by {engine.backend.name}, device {engine.own.device_id}")]
    found += _about_published_keys(requests, is_published=is_published)
    if is_due:
        found.append(Finding(Level.WARNING, _WHAT, "keys of ours must go up", "sync once"))
    if is_full:
        problem = f"{queued} messages to devices wait, too many: what other devices ask for is not answered"
        found.append(Finding(Level.PROBLEM, _WHAT, problem, "sync, and see in the log why the server takes none"))
    elif queued:
        found.append(Finding(Level.WARNING, _WHAT, f"{queued} messages to devices wait", "sync once"))
    if waiting:
        advice = "wait for their keys, or import a key file; client.crypto.explain(event) says more"
        found.append(Finding(Level.WARNING, _WHAT, f"{waiting} events cannot be read", advice))
    return found


def _about_published_keys(requests: CryptoRequests, *, is_published: bool) -> list[Finding]:
    try:
        published = requests.published_keys()
    except (TransportError, HTTPError, DecodeError):  # of the server itself others tell
        return []
    if published is not None and not requests.is_ours(published):
        problem = "the server has other keys of this device than this store: nobody could read or trust what it sends"
        return [Finding(Level.PROBLEM, _WHAT, problem, "bring back the store it had, or log in anew")]
    if published is None and is_published:
        advice = "client.crypto.ensure_consistency() publishes them again"
        return [Finding(Level.PROBLEM, _WHAT, "the server has lost the keys of this device", advice)]
    return []
