"""Texts and bytes that are nearly right, made by chance: quicker than Hypothesis, for millions of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["crooked_bytes", "crooked_text", "crooked_value"]

_ODD = "\0\t\n\r\x1b\x7f \u200b\u202e\u2028\ufeff\ud800\udfffé🦊\U0010ffff"
_PLAIN = "aZ09._-~/\\:@#!$%&?=+[](){}<>\"'`|;,*^"


def crooked_text(chance: random.Random, seeds: Sequence[str], pieces: Sequence[str] = ()) -> str:
    """Return one of the seeds with up to six places changed, or pieces in any order."""
    if pieces and chance.random() < 0.4:
        return "".join(chance.choices(pieces, k=chance.randrange(1, 12)))
    text = chance.choice(seeds)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 6))):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(7):
            case 0:
                text = text[:at] + text[at + chance.randrange(1, 5) :]
            case 1:
                text = text[:at]
            case 2:
                text = text[:at] + text[at : at + chance.randrange(1, 40)] * chance.choice((2, 3, 30)) + text[at:]
            case 3 if pieces:
                text = text[:at] + chance.choice(pieces) + text[at:]
            case 4:
                text = text[:at] + chance.choice(_ODD) + text[at:]
            case 5:
                text = text[:at] + chr(chance.randrange(0x110000)) + text[at + 1 :]
            case _:
                text = text[:at] + chance.choice(_PLAIN) + text[at + 1 :]
    return text[:4000]


def crooked_bytes(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds with up to eight places flipped, cut, doubled or written over."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at:]
            case 2:
                del data[at : at + chance.randrange(1, 20)]
            case 3:
                data[at:at] = data[at : at + chance.randrange(1, 40)]
            case 4:
                data[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
            case _:
                data[at:at] = chance.randbytes(chance.randrange(1, 9))
    return bytes(data)


def crooked_value(chance: random.Random, depth: int = 3) -> object:
    """Return a value that JSON may or may not have a canonical form for."""
    match chance.randrange(9 if depth else 6):
        case 0:
            return chance.choice((None, True, False))
        case 1:
            return chance.randrange(-100, 100)
        case 2:
            return chance.choice((2**53 - 1, -(2**53) + 1, 2**53, -(2**53), 2**63, -0.0, 0.5, 1e300))
        case 3 | 4:
            return crooked_text(chance, ("", "a", 'q"\\', "é\ue000", "\U0001f98a"), ("\x1f", "\ue000", "\U00010000"))
        case 5:
            return ""
        case 6:
            return [crooked_value(chance, depth - 1) for _ in range(chance.randrange(4))]
        case _:
            return {
                crooked_text(chance, ("a", "b", "\uffff", "\U00010000")): crooked_value(chance, depth - 1)
                for _ in range(chance.randrange(5))
            }
