"""What libolm lets pass and must not: malleable signatures, keys of small order, messages that lack a part.

Sources: RFC 8032 (5.1.7) for the bound of S, RFC 7748 (6.1) for contributory behaviour.
"""

from __future__ import annotations

import base64
import binascii

from ...errors import BadKey, BadSignature, DecryptionFailed

__all__ = ["check_curve25519_key", "check_ed25519_key", "check_pre_key_message", "check_signature", "decode"]

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_MINUS_ONE_ROOT = pow(2, (_P - 1) // 4, _P)
_TOP_BIT = 1 << 255


def decode(text: str, length: int) -> bytes:
    """Return the bytes of unpadded base64.

    Raises:
        BadKey: not base64, or not of this length.
    """
    try:
        data = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadKey("not base64") from None
    if len(data) != length:
        raise BadKey(f"{len(data)} bytes where {length} belong")
    return data


def check_curve25519_key(key: str) -> None:
    """Refuse a key with which any agreement ends in the same secret.

    Raises:
        BadKey: it is of low order, or no key.
    """
    u = int.from_bytes(decode(key, 32), "little") % _TOP_BIT % _P
    if u in _LOW_ORDER_U:
        raise BadKey("a Curve25519 key of low order")


def check_ed25519_key(key: str) -> None:
    """Refuse a key under which one signature fits any message.

    Raises:
        BadKey: it is of small order, no point of the curve, or no key.
    """
    number = int.from_bytes(decode(key, 32), "little")
    point = _point(number % _TOP_BIT, number >> 255)
    if point is None:
        raise BadKey("an Ed25519 key that is no point of the curve")
    for _ in range(3):
        point = _doubled(point)
    if point == (0, 1):
        raise BadKey("an Ed25519 key of small order")


def check_signature(signature: str) -> None:
    """Refuse a signature of which there are others for the same message.

    Raises:
        BadSignature: its second half is not below the order of the group, or it is none.
    """
    try:
        data = decode(signature, 64)
    except BadKey as error:
        raise BadSignature(f"the signature is {error}") from None
    if int.from_bytes(data[32:], "little") >= _L:
        raise BadSignature("a malleable signature")


def check_pre_key_message(body: str) -> None:
    """Refuse a message of type 0 that does not bring all its keys: libolm would read what is not there, and crash.

    Raises:
        DecryptionFailed: it lacks a part, or is no such message.
    """
    try:
        data = base64.b64decode(body.rstrip("=") + "=" * (-len(body.rstrip("=")) % 4), validate=True)
        parts = _parts(data[1:])
        is_whole = all(len(parts[tag]) == _KEY_BYTES for tag in _KEY_TAGS) and parts[_MESSAGE_TAG]
    except (ValueError, LookupError):
        is_whole = False
    if not is_whole:
        raise DecryptionFailed("no session can be made from this message: it lacks a part")


_KEY_BYTES = 32
_KEY_TAGS, _MESSAGE_TAG = (0x0A, 0x12, 0x1A), 0x22
_LONGEST_NUMBER = 4


def _parts(data: bytes) -> dict[int, bytes]:
    """Return the parts of a message by their tags; the last of several counts, as it does for libolm.

    Raises:
        ValueError, LookupError: it is none.
    """
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, (number, at) = data[at], _number(data, at + 1)
        if tag > 127:
            raise ValueError
        if tag & 7 == 2:
            if at + number > len(data):
                raise ValueError
            found[tag] = data[at : at + number]
            at += number
        elif tag & 7:
            raise ValueError
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(_LONGEST_NUMBER):
        number |= (data[at + place] & 127) << 7 * place
        if data[at + place] < 128:
            return number, at + place + 1
    raise ValueError


def _low_order_u() -> frozenset[int]:
    """The u of the points whose order divides eight, on the curve and on its twist."""
    found = {0, 1, _P - 1}
    # u of order eight: where doubling gives u = 1; (u**2 - 1)**2 = 4u(u**2 + 486662u + 1)
    for known in (
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    ):
        found.add(known % _P)
    return frozenset(found)


_LOW_ORDER_U = _low_order_u()


def _point(y: int, sign: int) -> tuple[int, int] | None:
    y %= _P
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _MINUS_ONE_ROOT % _P
    if (x * x - square) % _P:
        return None
    return (_P - x if x % 2 != sign else x) % _P, y


def _doubled(point: tuple[int, int]) -> tuple[int, int]:
    x, y = point
    k = _D * x * x * y * y
    return (
        2 * x * y * pow(1 + k, _P - 2, _P) % _P,
        (y * y + x * x) * pow(1 - k, _P - 2, _P) % _P,
    )
