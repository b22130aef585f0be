"""URIs with which a program of its own fetches and decrypts a file: ``emxc:``, as terminal clients hand them on."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

from ..errors import UsageError
from ..events.contents.encrypted_file import EncryptedFile

__all__ = ["encrypted_mxc_to_plumb"]


def encrypted_mxc_to_plumb(file: EncryptedFile, http_url: str, mimetype: str | None = None) -> str:
    """Return an ``emxc:`` URI that says where an encrypted file is and how to read it. It is a secret.

    Args:
        file: what the message says of the file.
        http_url: where it is, from `Client.mxc_to_http`.
        mimetype: its kind, where the program is to know it.

    Raises:
        UsageError: the URL is none of http or https, or there is no SHA-256 hash.

    Source: matrix-nio's helper of this name.
    """
    place = urlsplit(http_url)
    if place.scheme not in ("http", "https") or not place.netloc:
        raise UsageError("that is no http(s) URL of a file")
    if "sha256" not in file.hashes:
        raise UsageError("the message says no SHA-256 hash of the file")
    wanted = {"key": file.key.k, "hash": file.hashes["sha256"], "iv": file.iv}
    if mimetype is not None:
        wanted["mimetype"] = mimetype
    return urlunsplit(("emxc", place.netloc, place.path, urlencode(wanted), ""))
