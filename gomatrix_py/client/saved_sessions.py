"""A session as a value that can be kept: in a file only its owner may read, or in the system's keyring."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from ..cancellation import CancelToken
from ..codec import loads
from ..errors import DecodeError, SessionError, UsageError
from ..http.urls import check_base_url

__all__ = ["KEYRING_SERVICE", "Session", "sole_use_of", "store_key_from_keyring"]

_KEY_BYTES = 32
KEYRING_SERVICE = "gomatrix_py"
LOCK_WAIT_S = 30.0
LOOK_S = 0.02

_FORMAT = 1
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_MAX_BYTES = 64 * 1024
_LEFT_OVER_S = 60
"""Another process may be writing right now, which takes moments."""
_TEXTS = (
    "homeserver_url",
    "user_id",
    "access_token",
    "device_id",
    "refresh_token",
    "oauth_issuer",
    "oauth_client_id",
)


def _no_secret(value: object) -> str:
    return "…" if value else "''"


@attrs.frozen
class Session:
    """What it takes to go on as a user and device; its repr shows no token.

    Attributes:
        homeserver_url: of the homeserver.
        user_id: who it is.
        access_token: a secret.
        device_id: "" where there is none.
        refresh_token: a secret; "" where the server gave none.
        expires_at_ts: when the access token ends, in milliseconds since the epoch; None where nobody said.
        oauth_issuer, oauth_client_id: of the provider that made the tokens, "" where the homeserver did.
    """

    homeserver_url: str = attrs.field(converter=check_base_url)
    user_id: str
    access_token: str = attrs.field(repr=_no_secret)
    device_id: str = ""
    refresh_token: str = attrs.field(default="", repr=_no_secret, kw_only=True)
    expires_at_ts: int | None = attrs.field(default=None, kw_only=True)
    oauth_issuer: str = attrs.field(default="", kw_only=True)
    oauth_client_id: str = attrs.field(default="", kw_only=True)

    # ------------------------------------------------------------ in a file

    def save(self, path: str | Path) -> None:
        """Write the session to a file that only its owner may read, whole or not at all.

        Args:
            path: of the file; the one that is there is replaced.

        Raises:
            SessionError: it cannot be written.
        """
        path = Path(path)
        fresh = path.with_name(f".{path.name}.{os.getpid()}-{time.monotonic_ns():x}")
        try:
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
            try:
                with open(fd, "wb") as file:
                    file.write(self._to_json())
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(fresh)
                raise
            _remove_left_over(path)
            _sync_folder(path.parent)
        except OSError as error:
            raise SessionError(f"the session cannot be saved to {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: str | Path) -> Session:
        """Read a session from a file.

        Raises:
            SessionError: there is none, others may read it, it belongs to somebody else, or is damaged.
        """
        path = Path(path)
        try:
            fd = os.open(path, os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
            with open(fd, "rb") as file:
                _check_owner(path, os.fstat(fd))
                text = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise SessionError(f"the session cannot be read from {path}: {error.strerror or error}") from error
        return cls._from_json(text, str(path))

    # ------------------------------------------------------------ in the keyring

    def save_to_keyring(self, service: str = KEYRING_SERVICE, name: str = "") -> None:
        """Write the session to the system's keyring; this needs the extra `gomatrix_py[keyring]`.

        Args:
            service: under which the keyring keeps it.
            name: under which it is found again; the user id where it is left out.

        Raises:
            UsageError: the keyring package is not installed.
            SessionError: the keyring cannot be used.
        """
        with _keyring() as keyring:
            keyring.set_password(service, name or self.user_id, self._to_json().decode())

    @classmethod
    def load_from_keyring(cls, name: str, service: str = KEYRING_SERVICE) -> Session:
        """Read a session from the system's keyring.

        Args:
            name: that it was saved under, the user id by default.
            service: under which the keyring keeps it.

        Raises:
            UsageError: the keyring package is not installed.
            SessionError: there is none, it is damaged, or the keyring cannot be used.
        """
        with _keyring() as keyring:
            text = keyring.get_password(service, name)
        if text is None:
            raise SessionError(f"the keyring has no session {name!r} of {service!r}")
        return cls._from_json(text.encode(), "the keyring")

    @classmethod
    def delete_from_keyring(cls, name: str, service: str = KEYRING_SERVICE) -> None:
        """Remove a session from the system's keyring; one that is not there is no error.

        Raises:
            UsageError: the keyring package is not installed.
            SessionError: the keyring cannot be used.
        """
        with _keyring() as keyring:
            if keyring.get_password(service, name) is not None:
                keyring.delete_password(service, name)

    # ------------------------------------------------------------ as text

    def _to_json(self) -> bytes:
        members = {name: value for name, value in attrs.asdict(self).items() if value not in ("", None)}
        return json.dumps({"version": _FORMAT, **members}, indent=2).encode() + b"\n"

    @classmethod
    def _from_json(cls, text: bytes, where: str) -> Session:
        try:
            document = loads(text) if len(text) <= _MAX_BYTES else None
        except DecodeError:  # its text is not shown: it may hold a token
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("version"), int):
            raise SessionError(f"{where} holds no saved session")
        if document["version"] != _FORMAT:
            raise SessionError(f"the session in {where} was written by another version of this package")
        texts = {name: document.get(name, "") for name in _TEXTS}
        expires = document.get("expires_at_ts")
        is_sound = all(isinstance(value, str) for value in texts.values()) and texts["user_id"]
        if not is_sound or not (expires is None or type(expires) is int) or not texts["access_token"]:
            raise SessionError(f"the session in {where} is damaged")
        try:
            return cls(**texts, expires_at_ts=expires)
        except UsageError as error:
            raise SessionError(f"the session in {where} is damaged: {error}") from None


def _check_owner(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise SessionError(f"{path} is not a regular file")
    if hasattr(os, "geteuid"):
        if about.st_uid != os.geteuid():
            raise SessionError(f"{path} belongs to another user of this machine")
        if about.st_mode & 0o077:
            raise SessionError(f"others may read {path}, which holds tokens: run chmod 600 on it")


def _remove_left_over(path: Path) -> None:
    """Remove what a process left beside a file that was killed while it wrote it: there are tokens in it."""
    left = re.compile(re.escape(f".{path.name}.") + r"[0-9]+-[0-9a-f]+")
    now = path.stat().st_mtime  # by the clock of the file system, as all of them
    for one in path.parent.iterdir():
        with contextlib.suppress(OSError):
            if left.fullmatch(one.name) and now - one.lstat().st_mtime > _LEFT_OVER_S:
                one.unlink()


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def store_key_from_keyring(name: str, service: str = KEYRING_SERVICE) -> bytes:
    """Return the key of a store from the system's keyring; a new one is put there where there is none.

    Args:
        name: under which it is found again.
        service: under which the keyring keeps it.

    Raises:
        UsageError: the keyring package is not installed.
        SessionError: what the keyring has is no key, or it cannot be used.
    """
    with _keyring() as keyring:
        text = keyring.get_password(service, name)
        if text is None:
            text = secrets.token_hex(_KEY_BYTES)
            keyring.set_password(service, name, text)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SessionError(f"what the keyring has as {name!r} of {service!r} is no key")
    return key


@contextlib.contextmanager
def _keyring() -> Iterator[Any]:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise UsageError("the keyring needs a package: run pip install 'gomatrix_py[keyring]'") from None
    try:
        yield keyring
    except KeyringError as error:
        raise SessionError(f"the keyring cannot be used: {error}") from error


# ------------------------------------------------------------------ shared with other processes


@contextlib.contextmanager
def sole_use_of(path: Path, cancel: CancelToken | None = None, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Keep other processes from renewing the tokens in a file while the block runs.

    Where that takes longer than `wait_s` seconds, or files cannot be locked here, the block runs all the same:
    a server takes the old refresh token until the new one was used.
    """
    cancel = cancel or CancelToken()
    try:
        import fcntl

        fd = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
    except (ImportError, OSError):
        yield
        return
    try:
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if cancel.wait(LOOK_S):
                    break
        yield
    finally:
        os.close(fd)
