"""Short authentication strings: an agreement on a key, what people compare of it, and MACs under it.

No states here; see `Verification`. Spec: "Short Authentication String (SAS) verification".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from ...canonical_json import canonical_json
from ...errors import BadKey, UsageError, VerificationFailed
from ...events.contents.verification import (
    KeyVerificationAcceptContent,
    KeyVerificationKeyContent,
    KeyVerificationMacContent,
    KeyVerificationSasStartContent,
    KeyVerificationStartContent,
)
from ..account import OwnKeys
from ..backend.base import Backend, EstablishedSas
from .messages import METHOD, Code, read

__all__ = ["Exchange", "commitment"]

_AGREEMENT, _HASH, _MAC = "curve25519-hkdf-sha256", "sha256", "hkdf-hmac-sha256.v2"
_FORMS = ("emoji", "decimal")
MACS_PER_MESSAGE = 100


class Exchange:
    """One run of the agreement.

    Args:
        backend: what computes it.
        own: our device.
        other: user id and device id of the other one.
        transaction_id: of the verification.

    Attributes:
        start_content: of the start that counts, in canonical JSON; b"" before.
        has_started: True where that start is ours.
        forms: the ways to show short strings that both sides know.
    """

    def __init__(self, backend: Backend, own: OwnKeys, other: tuple[str, str], transaction_id: str) -> None:
        self.own = (own.user_id, own.device_id)
        self.other = other
        self.transaction_id = transaction_id
        self.has_started = False
        self.start_content = b""
        self.forms: tuple[str, ...] = ()
        self._sas = backend.new_sas()
        self._commitment = ""
        self._shown: tuple[tuple[int, ...], tuple[int, int, int]] | None = None
        self._established: EstablishedSas | None = None

    # ------------------------------------------------------------ the agreement

    def start(self) -> dict[str, Any]:
        """Return the members of our start."""
        members = {
            "from_device": self.own[1],
            "method": METHOD,
            "key_agreement_protocols": [_AGREEMENT],
            "hashes": [_HASH],
            "message_authentication_codes": [_MAC],
            "short_authentication_string": list(_FORMS),
        }
        self.has_started = True
        self.start_content = canonical_json({"transaction_id": self.transaction_id, **members})
        return members

    def take_start(self, content: dict[str, Any]) -> None:
        """Take in their start.

        Raises:
            VerificationFailed: it is not as specified, or we have nothing in common.
        """
        _check_method(read(content, KeyVerificationStartContent).method)
        start = read(content, KeyVerificationSasStartContent)
        _choose(_AGREEMENT, start.key_agreement_protocols)
        _choose(_HASH, start.hashes)
        _choose(_MAC, start.message_authentication_codes)
        self.forms = _common_forms(start.short_authentication_string)
        self.has_started = False
        self.start_content = canonical_json(content)

    def accept(self) -> dict[str, Any]:
        """Return the members of our accept, which binds us to our key."""
        return {
            "method": METHOD,
            "key_agreement_protocol": _AGREEMENT,
            "hash": _HASH,
            "message_authentication_code": _MAC,
            "short_authentication_string": list(self.forms),
            "commitment": commitment(self._sas.public_key, self.start_content),
        }

    def take_accept(self, content: dict[str, Any]) -> None:
        """Take in what they chose and their commitment.

        Raises:
            VerificationFailed: it is not as specified, or they chose what we did not offer.
        """
        accept = read(content, KeyVerificationAcceptContent)
        _choose(_AGREEMENT, [accept.key_agreement_protocol])
        _choose(_HASH, [accept.hash])
        _choose(_MAC, [accept.message_authentication_code])
        self.forms = _common_forms(accept.short_authentication_string)
        if not _is_32_bytes(accept.commitment):
            raise VerificationFailed("the commitment is no SHA-256", cancel_code=Code.INVALID_MESSAGE)
        self._commitment = accept.commitment

    @property
    def public_key(self) -> str:
        """Our key, as it is sent."""
        return self._sas.public_key

    def take_key(self, content: dict[str, Any]) -> None:
        """Take in their key, and agree.

        Raises:
            VerificationFailed: it is none, of low order, our own, or not the one they committed to.
        """
        key = read(content, KeyVerificationKeyContent).key
        if self.has_started:
            self._check_commitment(key)
        self._check_key(key)
        try:
            established = self._sas.agree(key)
        except BadKey as error:
            raise VerificationFailed(f"their key is refused: {error}", cancel_code=Code.INVALID_MESSAGE) from None
        info = self._info(key)
        self._shown = (established.emoji_indices(info), established.decimals(info))
        self._established = established

    def _check_commitment(self, key: str) -> None:
        if not _are_equal(commitment(key, self.start_content), self._commitment):
            raise VerificationFailed(
                "their key is not the one they committed to", cancel_code=Code.MISMATCHED_COMMITMENT
            )

    def _check_key(self, key: str) -> None:
        if not _is_32_bytes(key) or _are_equal(key, self._sas.public_key):
            raise VerificationFailed("their key is none, or our own", cancel_code=Code.INVALID_MESSAGE)

    # ------------------------------------------------------------ the short string

    def _info(self, their_key: str) -> str:
        ours, theirs = (*self.own, self._sas.public_key), (*self.other, their_key)
        parts = (*ours, *theirs) if self.has_started else (*theirs, *ours)
        return "|".join(("MATRIX_KEY_VERIFICATION_SAS", *parts, self.transaction_id))

    def _compared(self) -> tuple[tuple[int, ...], tuple[int, int, int]]:
        if self._shown is None:
            raise UsageError("there is nothing to compare yet")
        return self._shown

    @property
    def emoji_indices(self) -> tuple[int, ...]:
        """Seven numbers below 64; none where the other side shows no emoji.

        Raises:
            UsageError: there is nothing to compare yet.
        """
        emoji, _ = self._compared()
        return emoji if "emoji" in self.forms else ()

    @property
    def decimals(self) -> tuple[int, int, int]:
        """Three numbers from 1000 to 9191.

        Raises:
            UsageError: there is nothing to compare yet.
        """
        _, decimals = self._compared()
        return decimals

    # ------------------------------------------------------------ MACs

    def _mac(self, sender: tuple[str, str], receiver: tuple[str, str], key_id: str, text: str) -> str:
        if self._established is None:
            raise UsageError("there is no agreement yet")
        info = "".join(("MATRIX_KEY_VERIFICATION_MAC", *sender, *receiver, self.transaction_id, key_id))
        return self._established.mac(text, info)

    def mac(self, keys: Mapping[str, str]) -> dict[str, Any]:
        """Return the members of our mac.

        Args:
            keys: our public keys by key id.
        """
        macs = {key_id: self._mac(self.own, self.other, key_id, key) for key_id, key in keys.items()}
        return {"mac": macs, "keys": self._mac(self.own, self.other, "KEY_IDS", _key_ids(macs))}

    def take_mac(self, content: dict[str, Any], keys: Mapping[str, str]) -> frozenset[str]:
        """Check their mac.

        Args:
            content: of the message.
            keys: their public keys as we know them, by key id; others they vouch for are left alone.

        Returns:
            The ids of the keys that are theirs indeed.

        Raises:
            VerificationFailed: it is not as specified, or one of the MACs is wrong.
        """
        mac = read(content, KeyVerificationMacContent)
        if len(mac.mac) > MACS_PER_MESSAGE:
            raise VerificationFailed("it vouches for too many keys", cancel_code=Code.INVALID_MESSAGE)
        self._check_mac("KEY_IDS", _key_ids(mac.mac), mac.keys)
        found = mac.mac.keys() & keys.keys()
        for key_id in sorted(found):
            self._check_mac(key_id, keys[key_id], mac.mac[key_id])
        return frozenset(found)

    def _check_mac(self, key_id: str, text: str, theirs: str) -> None:
        if not _are_equal(self._mac(self.other, self.own, key_id, text), theirs):
            raise VerificationFailed(f"the MAC of {key_id!a} is wrong", cancel_code=Code.KEY_MISMATCH)


def commitment(public_key: str, start_content: bytes) -> str:
    """Return what binds a device to a key before it has seen the other one.

    Args:
        public_key: unpadded base64.
        start_content: the content of the start, in canonical JSON.
    """
    digest = hashlib.sha256(public_key.encode("utf-8", "surrogatepass") + start_content).digest()
    return base64.b64encode(digest).decode().rstrip("=")


def _key_ids(macs: Mapping[str, str]) -> str:
    return ",".join(sorted(macs))


def _are_equal(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogatepass"))


def _is_32_bytes(text: str) -> bool:
    """Tell whether a text is 32 bytes of unpadded base64 in the one form they have."""
    try:
        data = base64.b64decode(text + "=", validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(data) == 32 and base64.b64encode(data).decode() == text + "="


def _check_method(method: str) -> None:
    if method != METHOD:
        raise VerificationFailed("they want a method that we do not know", cancel_code=Code.UNKNOWN_METHOD)


def _choose(ours: str, offered: Sequence[str]) -> None:
    if ours not in offered:
        raise VerificationFailed(f"they do not offer {ours}", cancel_code=Code.UNKNOWN_METHOD)


def _common_forms(offered: Sequence[object]) -> tuple[str, ...]:
    common = tuple(form for form in _FORMS if form in offered)
    if not common:
        raise VerificationFailed("there is no short string that both can show", cancel_code=Code.UNKNOWN_METHOD)
    return common
