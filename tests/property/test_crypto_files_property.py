"""Files from strangers: a value or the documented error, and never a plaintext that nobody wrote."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gomatrix_py.codec import dumps, loads, structure, unstructure
from gomatrix_py.crypto import key_file_format
from gomatrix_py.crypto.array_entries import array_entries
from gomatrix_py.crypto.attachments import EncryptingReader, decrypt_to
from gomatrix_py.crypto.exported_keys import ExportedKey
from gomatrix_py.crypto.inbound import KeySource
from gomatrix_py.crypto.key_file_format import KeyFileWriter, opened_key_file
from gomatrix_py.crypto.steps import Step
from gomatrix_py.crypto.trust_files import import_trust
from gomatrix_py.crypto.vault import Vault
from gomatrix_py.errors import AttachmentError, BadKey, DecodeError, KeyFileError, UsageError
from gomatrix_py.events.contents.encrypted_file import EncryptedFile
from gomatrix_py.store.key_values import MemoryKeyValues

settings.register_profile("files", max_examples=150, deadline=None)
FILES = settings.get_profile("files")
BEGIN, END = b"-----BEGIN MEGOLM SESSION DATA-----", b"-----END MEGOLM SESSION DATA-----"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def opened(file: bytes, passphrase: str) -> bytes:
    with opened_key_file(io.BytesIO(file), passphrase) as plaintext:
        return b"".join(plaintext())


@pytest.fixture(autouse=True, scope="module")
def _few_rounds() -> Any:
    """What makes guessing slow makes tests slow; neither may a flipped bit ask for more."""
    before = key_file_format.LEAST_ROUNDS, key_file_format.MOST_ROUNDS
    key_file_format.LEAST_ROUNDS, key_file_format.MOST_ROUNDS = 1, 1000
    yield
    key_file_format.LEAST_ROUNDS, key_file_format.MOST_ROUNDS = before


@FILES
@given(st.binary(max_size=300), st.text(min_size=1, max_size=20))
def test_what_is_sealed_is_opened(plain: bytes, passphrase: str) -> None:
    file = io.BytesIO()
    writer = KeyFileWriter(file, passphrase, 1)
    writer.write(plain)
    writer.finish()
    assert opened(file.getvalue(), passphrase) == plain


@FILES
@given(st.binary(max_size=200), st.booleans(), st.text(max_size=5))
def test_any_bytes_are_no_key_file(data: bytes, is_wrapped: bool, passphrase: str) -> None:
    with pytest.raises(KeyFileError):
        opened(BEGIN + data + END if is_wrapped else data, passphrase)


@FILES
@given(st.binary(max_size=200), st.integers(0, 1200), st.text(max_size=5))
def test_any_body_under_a_right_mac_is_read(plain: bytes, rounds: int, passphrase: str) -> None:
    head = b"\x01" + bytes(32) + rounds.to_bytes(4, "big") + plain
    mac_key = hashlib.pbkdf2_hmac("sha512", passphrase.encode("utf-8", "surrogatepass"), bytes(16), rounds or 1, 64)[
        32:
    ]
    file = base64.b64encode(head + hmac.new(mac_key, head, hashlib.sha256).digest())
    if 1 <= rounds <= 1000:
        assert len(opened(BEGIN + file + END, passphrase)) == len(plain)
    else:
        with pytest.raises(KeyFileError):
            opened(BEGIN + file + END, passphrase)


@FILES
@given(st.data())
def test_a_flipped_bit_yields_no_plaintext(data: st.DataObject) -> None:
    file = io.BytesIO()
    writer = KeyFileWriter(file, "x", 1)
    writer.write(b'[{"session_key":"secret"}]')
    writer.finish()
    sealed = bytearray(base64.b64decode(b"".join(file.getvalue().splitlines()[1:-1])))
    at, bit = data.draw(st.integers(0, len(sealed) - 1)), data.draw(st.integers(0, 7))
    sealed[at] ^= 1 << bit
    with pytest.raises(KeyFileError):
        opened(BEGIN + base64.b64encode(sealed) + END, "x")
    sealed[at] ^= 1 << bit
    assert b"secret" in opened(BEGIN + base64.b64encode(sealed) + END, "x")


@FILES
@given(st.lists(JSON, max_size=6), st.integers(1, 40))
def test_arrays_are_cut_as_a_parser_would(values: list[Any], size: int) -> None:
    text = dumps(values)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [loads(one) for one in array_entries(pieces)] == values


@FILES
@given(st.text(alphabet='[]{},:"\\ 1a\n', max_size=40).map(str.encode) | st.binary(max_size=40), st.integers(1, 10))
def test_any_text_is_an_array_or_is_refused(text: bytes, size: int) -> None:
    try:
        expected: Any = loads(text)
    except DecodeError:
        expected = None
    found: Any = None
    with contextlib.suppress(DecodeError):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        found = [loads(one) for one in array_entries(pieces)]
    assert found == (expected if isinstance(expected, list) else None)


@FILES
@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("algorithm", "room_id", "session_key"), JSON)))
def test_any_entry_is_a_key_or_is_refused(entry: Any) -> None:
    with contextlib.suppress(BadKey):
        ExportedKey.from_entry(entry, KeySource.IMPORTED)


@FILES
@given(
    st.fixed_dictionaries(
        {"algorithm": st.just("m.megolm.v1.aes-sha2"), "room_id": st.just("!r"), "session_id": st.just("s")},
        optional=dict.fromkeys(
            ("sender_key", "sender_claimed_keys", "forwarding_curve25519_key_chain", "shared_history"), JSON
        ),
    )
)
def test_odd_members_cost_no_key(entry: dict[str, Any]) -> None:
    found = ExportedKey.from_entry({**entry, "session_key": "k"}, KeySource.IMPORTED)
    again = ExportedKey.from_entry(loads(dumps(found.as_entry())), KeySource.IMPORTED)
    assert again == found
    forwarded = ExportedKey.from_entry(loads(dumps(found.as_forwarded())), KeySource.IMPORTED)
    assert forwarded == found


# ------------------------------------------------------------------ attachments


def _sealed(plain: bytes) -> tuple[bytes, dict[str, Any]]:
    reader = EncryptingReader(io.BytesIO(plain))
    ciphertext = reader.read()
    told: dict[str, Any] = unstructure(reader.file_info("mxc://hs/1"))
    return ciphertext, told


@FILES
@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_changed_attachment_yields_nothing(plain: bytes, data: st.DataObject) -> None:
    ciphertext, told = _sealed(plain)
    bit = data.draw(st.integers(0, len(ciphertext) * 8 - 1))
    flipped = bytearray(ciphertext)
    flipped[bit // 8] ^= 1 << bit % 8
    cut = data.draw(st.integers(0, len(ciphertext) - 1))
    more = ciphertext + data.draw(st.binary(min_size=1, max_size=20))
    for hurt in (bytes(flipped), ciphertext[:cut], more):
        out = io.BytesIO()
        with pytest.raises(AttachmentError):
            decrypt_to(io.BytesIO(hurt), structure(told, EncryptedFile), out)
        assert out.getvalue() == b""
    out = io.BytesIO()
    decrypt_to(io.BytesIO(ciphertext), structure(told, EncryptedFile), out)
    assert out.getvalue() == plain


@FILES
@given(st.data())
def test_any_description_is_one_or_is_refused(data: st.DataObject) -> None:
    ciphertext, told = _sealed(b"plain")
    holder, name = data.draw(
        st.sampled_from([(told, "v"), (told, "iv"), (told, "hashes"), *((told["key"], one) for one in told["key"])])
    )
    holder[name] = data.draw(JSON | st.fixed_dictionaries({"sha256": JSON}))
    out = io.BytesIO()
    try:
        decrypt_to(io.BytesIO(ciphertext), structure(told, EncryptedFile), out)
    except (AttachmentError, DecodeError):
        assert out.getvalue() == b""
    else:
        assert out.getvalue() == b"plain" or name in ("iv", "k")


# ------------------------------------------------------------------ trust


@FILES
@given(
    st.binary(max_size=100)
    | st.lists(st.sampled_from(["@a:hs", "D", "matrix-ed25519", "A" * 43, "verified", "%", "#", " ", "\n"])).map(
        lambda words: " ".join(words).encode()
    )
)
def test_any_trust_file_is_taken_or_refused(data: bytes) -> None:
    step = Step(Vault(MemoryKeyValues(), bytes(32)))
    changed = 0
    with contextlib.suppress(UsageError):
        changed = import_trust(step, io.BytesIO(data)).changed
    assert changed == len(step.changes())
