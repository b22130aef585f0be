"""Which keys a verification is about: read once when it begins, and not to change before it ends."""

from __future__ import annotations

import attrs

from ...errors import VerificationFailed
from ..account import OwnKeys
from ..device_info import DeviceInfo
from ..devices import Devices
from ..steps import Step
from .messages import Code

__all__ = ["Identities", "IdentityKeys", "KeysAtStart"]


@attrs.frozen
class IdentityKeys:
    """The public cross-signing keys of a user, "" where there is none."""

    master: str
    self_signing: str = ""
    user_signing: str = ""


class Identities:
    """What a verification asks about users' identities; this one knows of none.

    Cross-signing replaces it.
    """

    def keys_of(self, step: Step, user_id: str) -> IdentityKeys | None:
        """Return the cross-signing keys of a user, None where they have none."""
        return None

    def vouched_master_key(self, step: Step) -> str:
        """Return our own master key where this device may ask others to verify it, "" otherwise."""
        return ""

    def note_verified(self, step: Step, user_id: str, master_key: str) -> None:
        """Take in that a user's master key was verified."""


@attrs.frozen
class KeysAtStart:
    """The keys of the other side as they were when the verification began."""

    device: DeviceInfo
    identity: IdentityKeys | None

    @classmethod
    def find(
        cls, step: Step, devices: Devices, identities: Identities, own: OwnKeys, names: tuple[str, str]
    ) -> KeysAtStart | None:
        """Return the keys of a device, None where it is not known or was deleted.

        Args:
            step: to read in.
            devices, identities: where they are.
            own: our device.
            names: user id and device id of the other one.

        Raises:
            VerificationFailed: a device of one of the users poses as a cross-signing key.
        """
        device = devices.device(step, *names)
        if device is None or not device.is_active:
            return None
        for user_id in {names[0], own.user_id}:
            _check_names(step, devices, identities.keys_of(step, user_id), user_id)
        return cls(device, identities.keys_of(step, names[0]))

    def check_unchanged(self, now: KeysAtStart | None) -> None:
        """Refuse keys that are others now.

        Raises:
            VerificationFailed: the server gave the device or the user other keys, or deleted the device.
        """
        if now is None or _identity(self) != _identity(now):
            raise VerificationFailed("keys changed while they were verified", cancel_code=Code.KEY_MISMATCH)

    def by_key_id(self) -> dict[str, str]:
        """Return what a MAC can vouch for, as public keys by key id."""
        found = {f"ed25519:{self.device.device_id}": self.device.ed25519}
        if self.identity is not None and self.identity.master:
            found[f"ed25519:{self.identity.master}"] = self.identity.master
        return found


def _identity(keys: KeysAtStart) -> tuple[object, ...]:
    device = keys.device
    return device.ed25519, device.curve25519, device.has_changed_keys, keys.identity


def _check_names(step: Step, devices: Devices, identity: IdentityKeys | None, user_id: str) -> None:
    if identity is None:
        return
    public = set(attrs.astuple(identity)) - {""}
    if any(device.device_id in public for device in devices.of_user(step, user_id)):
        raise VerificationFailed(
            f"{user_id} has a device that poses as a cross-signing key", cancel_code=Code.KEY_MISMATCH
        )
