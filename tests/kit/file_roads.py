"""Encrypted attachments and files of room keys that are nearly right, and what must hold of what is made of them.

An input is self-contained: what once failed can be replayed for ever.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gomatrix_py.codec import dumps, loads, loads_tolerant
from gomatrix_py.crypto import key_file_format
from gomatrix_py.crypto.attachments import decrypt_to
from gomatrix_py.crypto.key_files import KeyKeeper, import_keys
from gomatrix_py.errors import AttachmentError, DecodeError, KeyFileError, UsageError
from gomatrix_py.media.received import file_of
from tests.kit.crooked import crooked_bytes, crooked_text, crooked_value
from tests.kit.key_file_samples import PASSPHRASE, sealed, wrapped

__all__ = [
    "asking_for",
    "check_attachment",
    "check_key_file",
    "make_attachment",
    "make_key_file",
    "no_long_derivations",
]

# ------------------------------------------------------------------ attachments: a message, a line end, a ciphertext

PLAIN = b"the plaintext of a file, which is longer than a block or two of the cipher"
_KEY, _START = bytes(range(32)), bytes(range(8)) + bytes(8)


def _counted(key: bytes, start: bytes, data: bytes) -> bytes:
    """Return AES in counter mode of which the low 64 bits count, block by block."""
    low = int.from_bytes(start[8:], "big")
    blocks = b"".join(start[:8] + ((low + n) % 2**64).to_bytes(8, "big") for n in range(len(data) // 16 + 1))
    stream = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(blocks)  # noqa: S305
    return bytes(one ^ other for one, other in zip(data, stream, strict=False))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _raw(text: str) -> bytes:
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


CIPHERTEXT = _counted(_KEY, _START, PLAIN)
_URLSAFE_KEY = base64.urlsafe_b64encode(_KEY).decode().rstrip("=")
_SHA256 = _b64(hashlib.sha256(CIPHERTEXT).digest())


def _message() -> dict[str, Any]:
    key = {"kty": "oct", "alg": "A256CTR", "k": _URLSAFE_KEY, "key_ops": ["encrypt", "decrypt"], "ext": True}
    file = {"url": "mxc://hs/1", "key": key, "iv": _b64(_START), "hashes": {"sha256": _SHA256}, "v": "v2"}
    return {"msgtype": "m.file", "body": "a.txt", "info": {"size": len(PLAIN)}, "file": file}


_NUMBERS = (-1, 0, 2**31, 2**53 - 1, 2**63, 10**18, 10**400, 1.5, True)
_VERSIONS = ("v1", "v3", "V2", "", 2, None)


def _odd_text(chance: random.Random, sound: str) -> Any:
    """Return a text in the place of Base64: other alphabets, padding, lengths."""
    match chance.randrange(6):
        case 0:
            return crooked_text(chance, (sound,), ("=", "==", "+", "/", "-", "_", "\n", " "))
        case 1:
            return sound + "=" * chance.randrange(1, 5)
        case 2:
            return _b64(chance.randbytes(chance.choice((0, 1, 8, 15, 16, 17, 31, 32, 33, 64))))
        case 3:
            return sound.translate(str.maketrans("+/-_", "-_+/"))
        case 4:
            return _b64(bytes(8) + b"\xff" * 8)  # a counter about to turn over
        case _:
            return crooked_value(chance)


def make_attachment(chance: random.Random) -> bytes:
    """Return a message and its ciphertext, with something wrong in either."""
    message, ciphertext = _message(), CIPHERTEXT
    file = message["file"]
    match chance.randrange(8):
        case 0:
            ciphertext = crooked_bytes(chance, (CIPHERTEXT,))
        case 1:
            holder, name = chance.choice([(file, one) for one in file] + [(file["key"], one) for one in file["key"]])
            del holder[name]
        case 2:
            holder, name = chance.choice([(file, one) for one in file] + [(file["key"], one) for one in file["key"]])
            holder[name] = crooked_value(chance)
        case 3:
            holder, name = chance.choice([(file, "iv"), (file["key"], "k"), (file["hashes"], "sha256")])
            holder[name] = _odd_text(chance, holder[name])
        case 4:
            message["info"] = chance.choice(({"size": chance.choice(_NUMBERS)}, crooked_value(chance)))
            ciphertext = ciphertext[: chance.randrange(len(ciphertext) + 1)]
            file["hashes"]["sha256"] = chance.choice((_SHA256, _b64(hashlib.sha256(ciphertext).digest())))
        case 5:
            file["hashes"] = {chance.choice(("sha512", "SHA256", "sha256 ", "md5")): _SHA256}
        case 6:
            file["v"] = chance.choice(_VERSIONS)
        case _:
            text = dumps(message, ascii_only=True)
            return crooked_bytes(chance, (text,)).replace(b"\n", b" ") + b"\n" + ciphertext
    try:
        return dumps(message, ascii_only=True) + b"\n" + ciphertext
    except UsageError:  # no JSON has that
        return b"{}\n" + ciphertext


def check_attachment(data: bytes, folder: Path) -> bool:
    """Decrypt, to a path and to a file object: all of it, as its hash says, or nothing; return whether it was taken.

    Args:
        data: an input.
        folder: an empty one, which stays so.
    """
    line, _, ciphertext = data.partition(b"\n")
    goes_to_disk = hashlib.sha256(data).digest()[0] < 16  # which waits for the disk
    taken = []
    for decode in (loads, loads_tolerant):
        found = _decrypted(decode, line, ciphertext, io.BytesIO())
        if goes_to_disk:
            assert _decrypted(decode, line, ciphertext, folder / "file") == found
        taken.append(found is not None)
    assert not goes_to_disk or list(folder.iterdir()) == [], "something is left behind"
    return any(taken)


def _decrypted(decode: Callable[[bytes], Any], line: bytes, ciphertext: bytes, to: Path | io.BytesIO) -> bytes | None:
    try:
        content = decode(line)
        received = file_of(content if isinstance(content, dict) else {})
        if received.encrypted is None:
            return None
        size = decrypt_to(io.BytesIO(ciphertext), received.encrypted, to)
    except (AttachmentError, DecodeError, UsageError):
        assert (to.getvalue() == b"") if isinstance(to, io.BytesIO) else not to.exists()
        return None
    plain = to.getvalue() if isinstance(to, io.BytesIO) else to.read_bytes()
    if isinstance(to, Path):
        to.unlink()
    file = received.encrypted
    assert hashlib.sha256(ciphertext).digest() == _raw(file.hashes["sha256"]), "it is not what the message tells of"
    assert plain == _counted(_raw(file.key.k), _raw(file.iv), ciphertext), "it reads as something else"
    assert size == len(plain)
    return plain


# ------------------------------------------------------------------ files of room keys

_SESSION_KEY = _b64(b"\1" + bytes(4) + bytes(range(128)) + b"\x58" + b"\x66" * 31)
_ENTRY = {
    "algorithm": "m.megolm.v1.aes-sha2",
    "room_id": "!r:hs",
    "session_id": _b64(b"\x58" + b"\x66" * 31),
    "session_key": _SESSION_KEY,
    "sender_key": "A" * 43,
    "sender_claimed_keys": {"ed25519": "A" * 43},
    "forwarding_curve25519_key_chain": [],
}
_ROUNDS_AT = 1 + 16 + 16
_ROUNDS = (0, 1, 9, 11, 10_000_000, 10_000_001, 2**31 - 1, 2**31, 2**32 - 1)
_EDGES = (
    *(b"-----BEGIN MEGOLM SESSION DATA-----", b"-----END MEGOLM SESSION DATA-----"),
    *(b"-----", b"BEGIN", b"END", b"\n", b"\r\n", b"=", b"==", b"-", b"_", b"\0"),
)


def make_key_file(chance: random.Random) -> bytes:
    """Return a file with something wrong: around it, in its head, in its letters, or in what it holds."""
    match chance.randrange(6):
        case 0:
            return crooked_bytes(chance, (sealed(dumps([_ENTRY])).getvalue(),))
        case 1:
            return asking_for(chance.choice(_ROUNDS))
        case 2:
            body = bytearray(_body(sealed(dumps([_ENTRY])).getvalue()))
            return wrapped(base64.b64encode(crooked_bytes(chance, (bytes(body),))).decode())
        case 3:
            file = sealed(dumps([_ENTRY])).getvalue()
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(file) + 1)
                file = file[:at] + chance.choice(_EDGES) + file[at + chance.randrange(3) :]
            return file
        case 4:
            return sealed(_entries(chance)).getvalue()
        case _:
            return sealed(crooked_bytes(chance, (dumps([_ENTRY, _ENTRY]),))).getvalue()


def asking_for(rounds: int) -> bytes:
    """Return a file that says that its key was derived in so many rounds."""
    body = bytearray(_body(sealed(dumps([_ENTRY])).getvalue()))
    body[_ROUNDS_AT : _ROUNDS_AT + 4] = rounds.to_bytes(4, "big")
    return wrapped(base64.b64encode(bytes(body)).decode())


def _entries(chance: random.Random) -> bytes:
    entries: list[Any] = []
    for _ in range(chance.randrange(4)):
        entry: Any = dict(_ENTRY)
        name = chance.choice(list(entry))
        match chance.randrange(4):
            case 0:
                del entry[name]
            case 1:
                entry[name] = crooked_value(chance)
            case 2:
                entry[name] = crooked_text(chance, (str(entry[name]),), ("=", "+", "/", " ", "\0"))
            case _:
                entry = crooked_value(chance)
        entries.append(entry)
    try:
        return dumps(chance.choice((entries, entries, entries, {"a": entries}, entries[:1] and entries[0])))
    except UsageError:
        return b"[1e999]"


def _body(file: bytes) -> bytes:
    letters = b"".join(file.split(b"-----")[2].split())
    try:
        return base64.b64decode(letters.rstrip(b"=") + b"=" * (-len(letters.rstrip(b"=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_authentic(file: bytes) -> bool:
    """Tell whether a file was made by somebody who knows the passphrase, by the letter of the specification."""
    inside = file.partition(b"-----BEGIN MEGOLM SESSION DATA-----")[2].partition(b"-----END")[0]
    body = _body(b"----------" + inside + b"-----")
    if len(body) < _ROUNDS_AT + 4 + 32:
        return False
    rounds = int.from_bytes(body[_ROUNDS_AT : _ROUNDS_AT + 4], "big")
    if not 0 < rounds <= 1000:
        return False
    keys = hashlib.pbkdf2_hmac("sha512", PASSPHRASE.encode(), body[1:17], rounds, 64)
    return hmac.digest(keys[32:], body[:-32], "sha256") == body[-32:]


def no_long_derivations(secret: bytes, salt: bytes, rounds: int) -> tuple[bytes, bytes]:
    """Stand in for `key_file_format._keys`: what takes seconds is let off, once it is known to end."""
    assert rounds <= key_file_format.MOST_ROUNDS, "it would take hours"
    derived = hashlib.pbkdf2_hmac("sha512", secret, salt, rounds if rounds <= 1000 else 1, 64)
    return derived[:32], derived[32:]


def check_key_file(data: bytes, keeper: KeyKeeper) -> bool:
    """Import: a report of a file that somebody made who knows the passphrase, or an error; return whether it was."""
    try:
        report = import_keys(keeper, io.BytesIO(data), PASSPHRASE)
    except KeyFileError:
        return False
    assert _is_authentic(data), "it was made by somebody who does not know the passphrase"
    assert report.total >= report.taken >= 0
    return True
