"""Somebody who verifies devices by short strings as the specification says, and shares no code with the package.

Written from "Key verification framework" and "Short Authentication String (SAS) verification" of the client-server
API. The key agreement and HKDF are libolm's; base64, HMAC, canonical JSON, the device's own keys and HTTP are of
other libraries, and nothing here comes from `gomatrix_py`. Its messages go to the homeserver in plain text, as
the specification allows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any, cast

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from olm.sas import Sas

__all__ = ["EMOJI", "FORMS", "SasParty", "SasRun"]

METHOD = "m.sas.v1"
AGREEMENT, HASH, MAC = "curve25519-hkdf-sha256", "sha256", "hkdf-hmac-sha256.v2"
FORMS = ("decimal", "emoji")
TIMEOUT_S = 20.0

_CODES = (
    "1f436 1f431 1f981 1f40e 1f984 1f437 1f418 1f430 1f43c 1f413 1f427 1f422 1f41f 1f419 1f98b 1f337 "
    "1f333 1f335 1f344 1f30f 1f319 2601+fe0f 1f525 1f34c 1f34e 1f353 1f33d 1f355 1f382 2764+fe0f 1f600 1f916 "
    "1f3a9 1f453 1f527 1f385 1f44d 2602+fe0f 231b 23f0 1f381 1f4a1 1f4d5 270f+fe0f 1f4ce 2702+fe0f 1f512 1f511 "
    "1f528 260e+fe0f 1f3c1 1f682 1f6b2 2708+fe0f 1f680 1f3c6 26bd 1f3b8 1f3ba 1f514 2693 1f3a7 1f4c1 1f4cc"
)
EMOJI = ["".join(chr(int(part, 16)) for part in code.split("+")) for code in _CODES.split()]


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


class SasParty:
    """A device of a user, by plain HTTP.

    Args:
        url: of the homeserver.
        name, password: of the account.

    Attributes:
        user_id, device_id, ed25519: its own.
    """

    def __init__(self, url: str, name: str, password: str) -> None:
        self._url = f"{url.rstrip('/')}/_matrix/client/v3"
        self._http = requests.Session()
        self._http.trust_env = False
        login = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": password}
        answer = self.call("POST", "login", login)
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"
        self.user_id, self.device_id = str(answer["user_id"]), str(answer["device_id"])
        self._since = ""
        self._heard: list[dict[str, Any]] = []
        self._publish_keys()

    def call(self, method: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """Send a request, and return its answer; what is no success fails the test."""
        answer = self._http.request(method, f"{self._url}/{path}", json=body, params=query, timeout=TIMEOUT_S)
        assert answer.status_code == 200, (path, answer.text)
        return cast("dict[str, Any]", answer.json())

    def _publish_keys(self) -> None:
        signing, agreeing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        self.ed25519 = unpadded(signing.public_key().public_bytes_raw())
        keys: dict[str, Any] = {
            "user_id": self.user_id,
            "device_id": self.device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                f"ed25519:{self.device_id}": self.ed25519,
                f"curve25519:{self.device_id}": unpadded(agreeing.public_key().public_bytes_raw()),
            },
        }
        signature = unpadded(signing.sign(canonical(keys)))
        keys["signatures"] = {self.user_id: {f"ed25519:{self.device_id}": signature}}
        self.call("POST", "keys/upload", {"device_keys": keys})

    def fingerprint_of(self, user_id: str, device_id: str) -> str:
        """Return what the homeserver says is the ed25519 key of a device."""
        answer = self.call("POST", "keys/query", {"device_keys": {user_id: []}})
        return str(answer["device_keys"][user_id][device_id]["keys"][f"ed25519:{device_id}"])

    def tell(self, user_id: str, device_id: str, event_type: str, content: dict[str, Any]) -> None:
        """Send a message to a device."""
        path = f"sendToDevice/{event_type}/{uuid.uuid4().hex}"
        self.call("PUT", path, {"messages": {user_id: {device_id: content}}})

    def heard(self, event_type: str, transaction_id: str = "") -> dict[str, Any]:
        """Return the content of a message, and wait for it where it has not come yet."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            for event in self._heard:
                content: dict[str, Any] = event["content"]
                if event["type"] == event_type and transaction_id in ("", content["transaction_id"]):
                    self._heard.remove(event)
                    return content
            assert time.monotonic() < deadline, f"no {event_type}, only {self._heard}"
            self._sync()

    def _sync(self) -> None:
        wanted: dict[str, Any] = {"room": {"rooms": []}, "presence": {"types": []}, "account_data": {"types": []}}
        query = {"filter": json.dumps(wanted), "timeout": "500", **({"since": self._since} if self._since else {})}
        answer = self.call("GET", "sync", **query)
        self._since = answer["next_batch"]
        self._heard += answer.get("to_device", {}).get("events", [])

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> SasParty:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class SasRun:
    """One verification with a device.

    Args:
        party: who verifies.
        user_id, device_id: whom.
        transaction_id: of the verification; a new one where it is left out.
    """

    def __init__(self, party: SasParty, user_id: str, device_id: str, transaction_id: str = "") -> None:
        self.party = party
        self.other = (user_id, device_id)
        self.fingerprint = party.fingerprint_of(user_id, device_id)
        self.transaction_id = transaction_id or uuid.uuid4().hex
        self.started = False
        self.start_content: dict[str, Any] = {}
        self.commitment = ""
        self.their_key = ""
        self._sas = Sas()
        self.key = str(self._sas.pubkey)

    # ------------------------------------------------------------ messages

    def tell(self, kind: str, **members: Any) -> dict[str, Any]:
        """Send a message of the verification, and return its content."""
        content = {"transaction_id": self.transaction_id, **members}
        self.party.tell(*self.other, f"m.key.verification.{kind}", content)
        return content

    def heard(self, kind: str) -> dict[str, Any]:
        """Return the content of a message of the verification; waits for it."""
        return self.party.heard(f"m.key.verification.{kind}", self.transaction_id)

    # ------------------------------------------------------------ how it begins

    def request(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        self.tell("request", from_device=self.party.device_id, methods=[METHOD], timestamp=now_ms)

    def take_request(self) -> None:
        content = self.heard("request")
        assert content["from_device"] == self.other[1]
        assert METHOD in content["methods"]
        assert abs(content["timestamp"] - time.time() * 1000) < 10 * 60 * 1000

    def ready(self) -> None:
        self.tell("ready", from_device=self.party.device_id, methods=["m.qr_code.show.v1", METHOD])

    def take_ready(self) -> None:
        content = self.heard("ready")
        assert content["from_device"] == self.other[1]
        assert METHOD in content["methods"]

    # ------------------------------------------------------------ the agreement

    def start(self, **changed: Any) -> None:
        """Start; `changed` are members that are to be others than they should be."""
        members = {
            "from_device": self.party.device_id,
            "method": METHOD,
            "key_agreement_protocols": [AGREEMENT],
            "hashes": [HASH],
            "message_authentication_codes": [MAC, "hkdf-hmac-sha256"],
            "short_authentication_string": [*FORMS],
            **changed,
        }
        self.started, self.start_content = True, self.tell("start", **members)

    def take_start(self) -> None:
        self.started, self.start_content = False, self.heard("start")
        assert self.start_content["from_device"] == self.other[1]
        assert self.start_content["method"] == METHOD
        assert AGREEMENT in self.start_content["key_agreement_protocols"]
        assert HASH in self.start_content["hashes"]
        assert MAC in self.start_content["message_authentication_codes"]
        assert "decimal" in self.start_content["short_authentication_string"]

    def _commitment_to(self, key: str) -> str:
        return unpadded(hashlib.sha256(key.encode() + canonical(self.start_content)).digest())

    def accept(self, **changed: Any) -> None:
        """Accept what they started; `changed` as for `start`."""
        members = {
            "key_agreement_protocol": AGREEMENT,
            "hash": HASH,
            "message_authentication_code": MAC,
            "short_authentication_string": [*FORMS],
            "commitment": self._commitment_to(self.key),
            **changed,
        }
        self.tell("accept", **members)

    def take_accept(self, forms: Sequence[str] = FORMS) -> None:
        content = self.heard("accept")
        chosen = (content["key_agreement_protocol"], content["hash"], content["message_authentication_code"])
        assert chosen == (AGREEMENT, HASH, MAC)
        assert sorted(content["short_authentication_string"]) == [*forms]
        self.commitment = content["commitment"]

    def send_key(self) -> None:
        self.tell("key", key=self.key)

    def take_key(self) -> None:
        self.their_key = self.heard("key")["key"]
        assert not self.started or self._commitment_to(self.their_key) == self.commitment
        self._sas.set_their_pubkey(self.their_key)

    # ------------------------------------------------------------ what people compare

    def _hkdf(self, info: str, length: int) -> bytes:
        return bytes(self._sas.generate_bytes(info, length))

    def _string_info(self) -> str:
        ours = (self.party.user_id, self.party.device_id, self.key)
        theirs = (*self.other, self.their_key)
        names = (*ours, *theirs) if self.started else (*theirs, *ours)
        return "|".join(("MATRIX_KEY_VERIFICATION_SAS", *names, self.transaction_id))

    @property
    def emoji(self) -> list[str]:
        bits = int.from_bytes(self._hkdf(self._string_info(), 6), "big") >> 6
        return [EMOJI[bits >> shift & 63] for shift in range(36, -1, -6)]

    @property
    def decimals(self) -> tuple[int, ...]:
        bits = int.from_bytes(self._hkdf(self._string_info(), 5), "big") >> 1
        return tuple((bits >> shift & 8191) + 1000 for shift in (26, 13, 0))

    # ------------------------------------------------------------ MACs

    def _mac(self, text: str, sender: tuple[str, str], receiver: tuple[str, str], key_id: str) -> str:
        info = "".join(("MATRIX_KEY_VERIFICATION_MAC", *sender, *receiver, self.transaction_id, key_id))
        return unpadded(hmac.digest(self._hkdf(info, 32), text.encode(), "sha256"))

    def send_mac(self, **changed: Any) -> None:
        """Vouch for our key; `changed` as for `start`."""
        own, key_id = (self.party.user_id, self.party.device_id), f"ed25519:{self.party.device_id}"
        members = {
            "mac": {key_id: self._mac(self.party.ed25519, own, self.other, key_id)},
            "keys": self._mac(key_id, own, self.other, "KEY_IDS"),
            **changed,
        }
        self.tell("mac", **members)

    def take_mac(self) -> None:
        """Check what they vouch for: it must be the key that the homeserver said is theirs."""
        content, own = self.heard("mac"), (self.party.user_id, self.party.device_id)
        key_id = f"ed25519:{self.other[1]}"
        listed = ",".join(sorted(content["mac"]))
        assert content["keys"] == self._mac(listed, self.other, own, "KEY_IDS")
        assert content["mac"][key_id] == self._mac(self.fingerprint, self.other, own, key_id)

    def done(self) -> None:
        self.tell("done")

    def take_done(self) -> None:
        self.heard("done")
