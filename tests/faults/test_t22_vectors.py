"""T22: what the specification gives as examples, computed by each library.

Examples of attachments, key files and the short authentication string stand with their modules, in
``tests/unit/crypto``.
"""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gomatrix_py.canonical_json import canonical_json
from gomatrix_py.codec import loads
from gomatrix_py.crypto.backend import BackendName, backend
from gomatrix_py.crypto.signing import verify_json
from gomatrix_py.errors import BadSignature, UsageError

LIBRARIES: tuple[BackendName, ...] = ("vodozemac", "olm")

CANONICAL = [
    ("{}", "{}"),
    ('{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'),
    ('{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'),
    ('{"b":"2","a":"1"}', '{"a":"1","b":"2"}'),
    (
        '{"auth": {"success": true, "mxid": "@john.doe:example.com", "profile": {"display_name": "John Doe",'
        ' "three_pids": [{"medium": "email", "address": "john.doe@example.org"}, {"medium": "msisdn",'
        ' "address": "123456789"}]}}}',
        '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":'
        '"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
    ),
    ('{"a": "日本語"}', '{"a":"日本語"}'),
    ('{"本": 2, "日": 1}', '{"日":1,"本":2}'),
    ('{"a": "\\u65E5"}', '{"a":"日"}'),
    ('{"a": null}', '{"a":null}'),
    # by code point: a private-use character comes before an emoji, though UTF-16 has it the other way round
    ('{"\\ud83d\\ude00": 1, "\\uf000": 2}', '{"\uf000":2,"\U0001f600":1}'),
]


@pytest.mark.parametrize(("given", "expected"), CANONICAL)
def test_canonical_json(given: str, expected: str) -> None:
    assert canonical_json(loads(given.encode())) == expected.encode()


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), float("nan"), "\ud800"])
def test_what_has_no_canonical_form(value: object) -> None:
    with pytest.raises(UsageError):
        canonical_json({"a": value})


SEED = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
SIGNED = [
    ({}, "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"),
    (
        {"one": 1, "two": "Two"},
        "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw",
    ),
]


def public_key() -> str:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(SEED + "="))
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("document", "signature"), SIGNED)
def test_signed_json(library: BackendName, document: dict[str, object], signature: str) -> None:
    signed = {**document, "signatures": {"domain": {"ed25519:1": signature}}, "unsigned": {"age": 1}}
    verify_json(signed, backend(library), public_key(), "domain", "1")
    for lie in ({**signed, "one": 2}, {**signed, "signatures": {"other": {"ed25519:1": signature}}}):
        with pytest.raises(BadSignature):
            verify_json(lie, backend(library), public_key(), "domain", "1")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_signature_of_ours_is_one_of_theirs(library: BackendName) -> None:
    account = backend(library).new_account()
    signature = account.sign(canonical_json({"one": 1}))
    for other in LIBRARIES:
        backend(other).verify(account.ed25519_key, b'{"one":1}', signature)


INFO = "MATRIX_KEY_VERIFICATION_SAS|@a:hs|A|key|@b:hs|B|key|transaction"


@pytest.mark.parametrize("ours", LIBRARIES)
@pytest.mark.parametrize("theirs", LIBRARIES)
def test_both_see_the_same_short_string(ours: BackendName, theirs: BackendName) -> None:
    alice, bob = backend(ours).new_sas(), backend(theirs).new_sas()
    alices_key, bobs_key = alice.public_key, bob.public_key
    at_alice, at_bob = alice.agree(bobs_key), bob.agree(alices_key)
    assert at_alice.emoji_indices(INFO) == at_bob.emoji_indices(INFO)
    assert at_alice.decimals(INFO) == at_bob.decimals(INFO)
    assert at_alice.mac("message", INFO) == at_bob.mac("message", INFO)
    assert at_alice.mac("message", INFO) != at_bob.mac("message", INFO + "x")
    assert len(at_alice.emoji_indices(INFO)) == 7
    assert all(1000 <= number <= 9191 for number in at_alice.decimals(INFO))
