"""`admin.users`: accounts, devices and what users did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.base import carries_out
from ..api.paging import Paged
from ..errors import HTTPError, UsageError
from ..http.endpoint import Call
from . import accounts, activity, devices, registration
from .accounts import UserPage, UserRow
from .group import AdminGroup
from .moments import When
from .paging import check_page_size, listing
from .registration import GetNonce, Registered, RegisterWithSecret, registration_mac
from .waiting import UserRedaction

__all__ = ["UsersGroup"]


class UsersGroup(AdminGroup):
    """`admin.users`."""

    list_users = Call(accounts.ListUsers)
    list_users_v3 = Call(accounts.ListUsersV3)
    get_user = Call(accounts.GetUser)
    put_user = Call(accounts.PutUser)
    search_users = Call(accounts.SearchUsers)
    deactivate_user = Call(accounts.DeactivateUser)
    suspend_user = Call(accounts.SuspendUser)
    reset_password = Call(accounts.ResetPassword)
    get_admin_flag = Call(accounts.GetAdminFlag)
    set_admin_flag = Call(accounts.SetAdminFlag)
    login_as_user = Call(accounts.LoginAsUser)
    shadow_ban_user = Call(accounts.ShadowBanUser)
    unshadow_ban_user = Call(accounts.UnshadowBanUser)
    check_username = Call(accounts.CheckUsername)
    find_user_by_external_id = Call(accounts.FindUserByExternalId)
    find_user_by_threepid = Call(accounts.FindUserByThreepid)
    allow_cross_signing_replacement = Call(accounts.AllowCrossSigningReplacement)
    renew_account = Call(accounts.RenewAccount)
    get_features = Call(accounts.GetFeatures)
    set_features = Call(accounts.SetFeatures)

    whois = Call(activity.WhoIsUser)
    list_joined_rooms = Call(activity.ListJoinedRooms)
    list_memberships = Call(activity.ListMemberships)
    list_pushers = Call(activity.ListPushers)
    get_account_data = Call(activity.GetAccountData)
    count_sent_invites = Call(activity.CountSentInvites)
    count_joined_rooms = Call(activity.CountJoinedRooms)
    get_rate_limit = Call(activity.GetRateLimit)
    set_rate_limit = Call(activity.SetRateLimit)
    delete_rate_limit = Call(activity.DeleteRateLimit)
    get_redaction = Call(activity.GetUserRedaction)

    list_devices = Call(devices.ListDevices)
    create_device = Call(devices.CreateDevice)
    get_device = Call(devices.GetDevice)
    update_device = Call(devices.UpdateDevice)
    delete_device = Call(devices.DeleteDevice)
    delete_devices = Call(devices.DeleteDevices)

    get_nonce = Call(registration.GetNonce)

    def iter_users(
        self, *, page_size: int | None = None, guests: bool | None = None, **filters: Any
    ) -> Paged[UserPage, UserRow]:
        """Yield every account, one at a time.

        Who is deactivated or locked on the way may be passed over by the server's pages: to change accounts, take
        a list of all first, as `bulk` does.

        Args:
            page_size: how many to read at once.
            guests: whether guests are among them; None is yes, and no where an authentication service keeps the
                accounts: there are none then.
            filters: as for `list_users`.

        Raises:
            UsageError: no page size.
            PagingError: the server's pages would never end.
        """
        limit = check_page_size(page_size)

        def read(token: str | None) -> UserPage:
            nonlocal guests
            try:
                return self.list_users(token, limit, guests=guests, **filters)
            except HTTPError as error:
                if error.code != 400 or guests is not None or not self._admin.delegates_accounts():
                    raise
                guests = False
                return self.list_users(token, limit, guests=guests, **filters)

        return listing(read, lambda page: page.users, lambda page: page.next_token, key=lambda user: user.user_id)

    @carries_out(activity.RedactUser)
    def redact_user(
        self,
        user_id: str,
        rooms: Sequence[str] = (),
        *,
        reason: str | None = None,
        limit: int | None = None,
        use_admin: bool | None = None,
        before: When | None = None,
        after: When | None = None,
    ) -> UserRedaction:
        """Begin to redact what a user sent.

        Args:
            user_id: of this server or another.
            rooms: where; none means all rooms that the user is in or banned from.
            reason: what people read.
            limit: at most so many events of each room; Synapse takes 1000 where None is given.
            use_admin: redact as the administrator and not as the user.
            before, after: only what was sent then.

        Returns:
            A handle to wait with.

        Raises:
            HTTPError: 400 where a redaction of this user is under way.
            UsageError: a moment that is none, or one room instead of a list.
        """
        if isinstance(rooms, str):
            raise UsageError("rooms are a list of room ids, not one")
        call = activity.RedactUser(
            user_id, list(rooms), reason=reason, limit=limit, use_admin=use_admin, before=before, after=after
        )
        return UserRedaction(self._admin, self.call(call).redact_id, user_id)

    @carries_out(RegisterWithSecret)
    def register(
        self,
        shared_secret: str,
        username: str,
        password: str,
        *,
        admin: bool = False,
        user_type: str | None = None,
        **options: Any,
    ) -> Registered:
        """Make an account with the shared secret of homeserver.yaml; no access token is needed or sent.

        Args:
            shared_secret: `registration_shared_secret`.
            username: the localpart.
            password: of the new account.
            admin: whether it becomes a server administrator.
            user_type: such as "bot".
            options: `displayname`, `inhibit_login`, `refresh_token`, `device_id`, `initial_device_display_name`.

        Raises:
            Conflict: the username is taken.
            Forbidden: the secret is not the server's.
            UnsupportedByServer: an authentication service keeps the accounts.
            UsageError: username, password or type hold NUL.
        """
        registration_mac(shared_secret, "", username, password, admin=admin, user_type=user_type)  # before any byte
        nonce = self.call(GetNonce()).nonce
        mac = registration_mac(shared_secret, nonce, username, password, admin=admin, user_type=user_type)
        return self.call(
            RegisterWithSecret(nonce, username, password, mac, admin=admin, user_type=user_type, **options)
        )
