"""Making accounts with the shared secret of homeserver.yaml. Source: register_api."""

from __future__ import annotations

import hashlib
import hmac

from ..codec import field, secret
from ..errors import UsageError
from .endpoint import AdminEndpoint
from .wire import Record

__all__ = ["GetNonce", "Nonce", "RegisterWithSecret", "Registered", "registration_mac"]


class Nonce(Record):
    """What one registration has to hold; good for a minute and one try."""

    nonce: str = secret()


class GetNonce(AdminEndpoint[Nonce]):
    """Ask for the nonce of one registration. Source: register_api."""

    METHOD, PATH, WITHOUT_MAS = "GET", "/_synapse/admin/v1/register", True
    NEEDS_AUTH, SENDS_TOKEN = False, False


class Registered(Record):
    """The new account, and its first session unless that was not wanted."""

    user_id: str
    home_server: str = ""
    access_token: str | None = secret(default=None)
    device_id: str | None = None
    refresh_token: str | None = secret(default=None)
    expires_in_ms: int | None = None


class RegisterWithSecret(AdminEndpoint[Registered]):
    """Make an account, with a nonce and the code that `registration_mac` makes. Source: register_api."""

    METHOD, PATH, WITHOUT_MAS = "POST", "/_synapse/admin/v1/register", True
    NEEDS_AUTH, SENDS_TOKEN, IS_REPEATABLE = False, False, False
    nonce: str = secret()
    username: str
    password: str = secret()
    mac: str = secret()
    admin: bool | None = field(default=None, kw_only=True)
    user_type: str | None = field(default=None, kw_only=True)
    displayname: str | None = field(default=None, kw_only=True)
    inhibit_login: bool | None = field(default=None, kw_only=True)
    refresh_token: bool | None = field(default=None, kw_only=True)
    device_id: str | None = field(default=None, kw_only=True)
    initial_device_display_name: str | None = field(default=None, kw_only=True)


def registration_mac(
    shared_secret: str,
    nonce: str,
    username: str,
    password: str,
    *,
    admin: bool = False,
    user_type: str | None = None,
) -> str:
    """Return the code that shows that whoever registers knows the shared secret.

    Args:
        shared_secret: `registration_shared_secret` of homeserver.yaml.
        nonce: from `GetNonce`.
        username: exactly as it is sent: Synapse lower-cases it later.
        password: of the new account.
        admin: whether it becomes a server administrator.
        user_type: such as "bot".

    Raises:
        UsageError: a part holds NUL, which separates the parts.

    Source: register_api.
    """
    parts = [nonce, username, password, "admin" if admin else "notadmin", *([user_type] if user_type else [])]
    if any("\0" in part for part in parts):
        raise UsageError("neither username, password nor user type may hold NUL")
    return hmac.new(shared_secret.encode(), "\0".join(parts).encode(), hashlib.sha1).hexdigest()
