"""Making accounts and sessions, and our own profile: what gomatrix adds to the declared calls."""

from __future__ import annotations

from typing import Any

from ..api.profile import GetProfileField, ProfileApi, RespUserDisplayName, RespUserStatus, SetProfileField
from ..api.registration import Register, RespRegister
from ..codec import structure
from ..errors import UsageError, UserInteractive
from .session_methods import SessionMethods

__all__ = ["AccountMethods"]


class AccountMethods(SessionMethods, ProfileApi):
    """Registering as gomatrix has it, display name and avatar; signing in stands in the classes below."""

    def register_guest(self, **fields: Any) -> RespRegister:
        """Make a guest account; takes what `register` takes. Source: gomatrix RegisterGuest.

        Raises:
            Forbidden: the server has no guests.
            UserInteractive: the server wants stages first.
        """
        return self.call(Register(**{**fields, "kind": "guest"}))

    def register_dummy(self, username: str, password: str, **fields: Any) -> RespRegister:
        """Make an account on a server that asks for nothing but a name and a password.

        Credentials are not set on this client; see `set_credentials`.

        Args:
            username: the localpart.
            password: of the new account.
            fields: what else `register` takes.

        Raises:
            Conflict: the name is taken.
            UserInteractive: the server wants more than ``m.login.dummy``; its `flows` say what.

        Source: gomatrix RegisterDummy.
        """
        try:
            return self.call(Register(username, password, **fields))
        except UserInteractive as wanted:
            if not wanted.has_single_stage_flow("m.login.dummy"):
                raise
            auth = {"type": "m.login.dummy", "session": wanted.session}
        return self.call(Register(username, password, **{**fields, "auth": auth}))

    # ------------------------------------------------------------ profile

    def get_display_name(self, user_id: str) -> RespUserDisplayName:
        """Read a user's display name. Spec: GET /profile/{userId}/displayname."""
        return structure(self.call(GetProfileField(user_id, "displayname")), RespUserDisplayName)

    def get_own_display_name(self) -> RespUserDisplayName:
        """Read our own display name."""
        return self.get_display_name(self.own_user_id())

    def set_display_name(self, display_name: str) -> None:
        """Set our own display name."""
        self.call(SetProfileField(self.own_user_id(), "displayname", {"displayname": display_name}))

    def get_avatar_url(self, user_id: str = "") -> str:
        """Return the ``mxc://`` address of a user's avatar (our own where none is named), "" for none."""
        content = self.call(GetProfileField(user_id or self.own_user_id(), "avatar_url"))
        url = content.get("avatar_url")
        return url if isinstance(url, str) else ""

    def set_avatar_url(self, url: str) -> None:
        """Set our own avatar, an ``mxc://`` address.

        Raises:
            UsageError: not a string.
        """
        if not isinstance(url, str):
            raise UsageError("the avatar must be given as an mxc:// address; upload it first")
        self.call(SetProfileField(self.own_user_id(), "avatar_url", {"avatar_url": url}))

    def get_own_status(self) -> RespUserStatus:
        """Read our own presence."""
        return self.get_status(self.own_user_id())
