"""Signing in with a store of keys: it belongs to one device, and a login goes on as that one."""

from __future__ import annotations

from typing import Any

from ..api.login import RespLogin
from ..crypto.account import OwnAccount
from ..crypto.backend import backend
from ..crypto.engine import Engine
from ..crypto.steps import Step
from ..crypto.vault import Vault
from ..errors import CryptoError
from ..store import InMemoryStore
from ..store.key_values import key_values_of
from .crypto_options import Crypto
from .signing_in import SigningInMethods

__all__ = ["CryptoSigningIn"]


class CryptoSigningIn(SigningInMethods):
    """What `SigningInMethods` does, for a client that encrypts."""

    crypto_options: Crypto
    _engine: tuple[tuple[object, str, str], Engine] | None

    @property
    def engine(self) -> Engine:
        """What encrypts."""
        raise NotImplementedError

    def forget_engine(self) -> None:
        """Begin with a new engine."""
        raise NotImplementedError

    def _log_in(self, kind: str, device_id: str, *args: Any, **fields: Any) -> RespLogin:
        known = self._device_of_store()
        if known and device_id and device_id != known:
            raise CryptoError(
                f"the keys in this store are those of device {known}: they are of no use to {device_id}, which needs"
                " a store of its own"
            )
        answer = super()._log_in(kind, device_id or known, *args, **fields)
        if known:  # the server forgets the keys of a device that was logged out
            with self.engine.step() as step:
                self.engine.account.forget_upload(step)
        return answer

    def _device_of_store(self) -> str:
        """Return the device whose keys the store holds, "" for none.

        This fails where nothing could be encrypted, before a login makes a device that nobody can use.

        Raises:
            CryptoUnavailable: no library is installed.
            WrongStoreKey, UsageError: the store's secrets cannot be opened.
        """
        backend(self.crypto_options.library)
        if self._engine is not None and self._engine[0][0] is self.store:
            with self._engine[1].step() as step:
                known = OwnAccount.published_device(step)
            if not known:
                self.forget_engine()
            return known
        key_values = key_values_of(self.store)
        if key_values is None or isinstance(self.store, InMemoryStore):
            return ""
        step = Step(Vault.open(key_values, self.crypto_options.store_key(self.store)))
        known = OwnAccount.published_device(step)
        step.commit()
        return known
