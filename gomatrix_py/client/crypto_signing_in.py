"""Signing in with a store of keys: it belongs to one device, and a login goes on as that one."""

from __future__ import annotations

from typing import Any

from ..api.login import RespLogin
from ..api.registration import RespRegister
from ..crypto.account import OwnAccount
from ..crypto.backend import backend
from ..crypto.engine import Engine
from ..crypto.steps import Step
from ..crypto.vault import Vault, check_installed
from ..errors import CryptoError, UsageError
from ..store import InMemoryStore, is_sync_storer
from ..store.key_values import KeyValueStorer, key_values_of
from .crypto_options import Crypto
from .oauth import OAuthMethods
from .saved_sessions import Session

__all__ = ["CryptoSigningIn", "key_values_for"]


class CryptoSigningIn(OAuthMethods):
    """What `OAuthMethods` and `SigningInMethods` do, for a client that encrypts."""

    crypto_options: Crypto
    _engine: tuple[tuple[object, str, str], Engine] | None
    _goes_on_as = ""

    @property
    def engine(self) -> Engine:
        """What encrypts."""
        raise NotImplementedError

    def forget_engine(self) -> None:
        """Begin with a new engine."""
        raise NotImplementedError

    def _device_to_be(self, device_id: str) -> str:
        known = self._goes_on_as = self._device_of_store()
        if known and device_id and device_id != known:
            raise CryptoError(
                f"the keys in this store are those of device {known}: they are of no use to {device_id}, which needs"
                " a store of its own"
            )
        return device_id or known

    def _adopt(self, answer: RespLogin | RespRegister) -> None:
        super()._adopt(answer)
        self._publish_again()

    def _adopt_tokens(self, *args: Any) -> Session:
        session = super()._adopt_tokens(*args)
        self._publish_again()
        return session

    def _publish_again(self) -> None:
        if self._goes_on_as:  # the server forgets the keys of a device that was logged out
            with self.engine.step() as step:
                self.engine.account.forget_upload(step)

    def _device_of_store(self) -> str:
        """Return the device whose keys the store holds, "" for none.

        This fails where nothing could be encrypted, before a login makes a device that nobody can use.

        Raises:
            CryptoUnavailable: a library is not installed.
            WrongStoreKey, UsageError: the store's secrets cannot be opened, or it can keep none.
        """
        backend(self.crypto_options.library)
        check_installed()
        if self._engine is not None and self._engine[0][0] is self.store:
            with self._engine[1].step() as step:
                known = OwnAccount.published_device(step)
            if not known:
                self.forget_engine()
            return known
        key_values = key_values_for(self.store)
        if isinstance(self.store, InMemoryStore):
            return ""
        step = Step(Vault.open(key_values, self.crypto_options.store_key(self.store)))
        known = OwnAccount.published_device(step)
        step.commit()
        return known


def key_values_for(store: object) -> KeyValueStorer:
    """Return where a store keeps what encryption needs.

    Raises:
        UsageError: nowhere.
    """
    key_values = key_values_of(store)
    if key_values is None or not is_sync_storer(store):
        raise UsageError("this store cannot keep what encryption needs: use InMemoryStore or SQLiteStore")
    return key_values
