"""Our own device: its identity, and the keys that others start sessions with.

Keys are made and stored before they are uploaded, and marked as published once the server has said so: after a
crash in between, the same keys are uploaded again.
"""

from __future__ import annotations

import logging
from typing import Any

import attrs

from ..api.keys import UploadKeys
from ..clock import Clock
from ..errors import CryptoError
from . import spaces
from .backend import backend_of_pickle, tagged
from .backend.base import Account, Backend
from .pacing import Pace
from .signing import sign_json
from .steps import Step

__all__ = ["ALGORITHMS", "OwnAccount", "OwnKeys", "unpickled"]

log = logging.getLogger("gomatrix_py.crypto")

ALGORITHMS = ("m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2")
KEYS_ON_SERVER = 50
"""What is refilled to, once half of it is used up; every library can hold as many."""
FALLBACK_LIFE_MS = 7 * 24 * 3600 * 1000
UPLOAD_EVERY_S, UPLOAD_AT_LEAST_EVERY_S = 10.0, 3600.0
"""A server that says again and again that it has no keys of ours must not be given some at every sync."""
_KEY = "own"
_TYPE = "signed_curve25519"


@attrs.frozen
class OwnKeys:
    """The public side of our device."""

    user_id: str
    device_id: str
    ed25519: str
    curve25519: str


class OwnAccount:
    """Keeps our account, and knows when which keys must go up.

    Args:
        backend: what new accounts are made with.
        own: our user id and device id.
        clock: for the age of fallback keys.
    """

    def __init__(self, backend: Backend, own: tuple[str, str], clock: Clock) -> None:
        self.backend = backend
        self.user_id, self.device_id = own
        self.clock = clock
        self._identity: Account | None = None
        self._device_keys: dict[str, Any] | None = None
        self._was_refused = False
        self._has_offered = self._was_offered_here = False
        self._pace = Pace(clock, UPLOAD_EVERY_S, UPLOAD_AT_LEAST_EVERY_S)
        self._pace_of_losses = Pace(clock, UPLOAD_EVERY_S, UPLOAD_AT_LEAST_EVERY_S)

    # ------------------------------------------------------------ the account

    def open(self, step: Step) -> OwnKeys:
        """Return our keys; make them where there are none.

        Raises:
            CryptoError: the store belongs to another device.
            BadPickle: it is damaged.
        """
        record = step.record(spaces.ACCOUNT, _KEY)
        if record is None:
            account = self.backend.new_account()
            record = {"user_id": self.user_id, "device_id": self.device_id, "is_uploaded": False, "on_server": 0}
            record |= {"fallback_at": 0, "fallback_wanted": True}
            self._save(step, record, account)
        elif (record["user_id"], record["device_id"]) != (self.user_id, self.device_id):
            raise CryptoError(
                f"the keys in this store belong to {record['user_id']}, device {record['device_id']}: go on as that"
                " device, or give another one a store of its own"
            )
        account = self.load(step)
        return OwnKeys(self.user_id, self.device_id, account.ed25519_key, account.curve25519_key)

    def _record(self, step: Step) -> dict[str, Any]:
        record = step.record(spaces.ACCOUNT, _KEY)
        if record is None:
            raise CryptoError("there is no account: the engine was not opened")
        return record

    def load(self, step: Step) -> Account:
        """Return the account; what is changed in it counts once it is given to `save`.

        An account that libolm kept is read by vodozemac where that is our library now.
        """
        name, pickle = backend_of_pickle(self._record(step)["pickle"])
        return unpickled(self.backend, "account", name, pickle, step.vault.pickle_key)  # type: ignore[no-any-return]

    def identity(self, step: Step) -> Account:
        """Return the account for what does not change it: to sign, and to start sessions."""
        if self._identity is None:
            self._identity = self.load(step)
        return self._identity

    def save(self, step: Step, account: Account) -> None:
        """Keep a changed account."""
        self._save(step, self._record(step), account)

    def _save(self, step: Step, record: dict[str, Any], account: Account) -> None:
        record["pickle"] = tagged(self.backend.name, account.pickle(step.vault.pickle_key))
        step.put_record(spaces.ACCOUNT, _KEY, record)

    def sign(self, step: Step, document: dict[str, Any]) -> dict[str, Any]:
        """Return a document with our device's signature."""
        return sign_json(document, self.identity(step), self.user_id, self.device_id)

    def device_keys(self, step: Step) -> dict[str, Any]:
        """Return our own keys as others see them, signed."""
        if self._device_keys is None:
            account = self.identity(step)
            document = {
                "user_id": self.user_id,
                "device_id": self.device_id,
                "algorithms": list(ALGORITHMS),
                "keys": {
                    f"ed25519:{self.device_id}": account.ed25519_key,
                    f"curve25519:{self.device_id}": account.curve25519_key,
                },
            }
            self._device_keys = sign_json(document, account, self.user_id, self.device_id)
        return self._device_keys

    @staticmethod
    def published_device(step: Step) -> str:
        """Return the device whose keys a store holds, "" for none; keys that nobody was ever told of are dropped."""
        record = step.record(spaces.ACCOUNT, _KEY)
        if record is None:
            return ""
        if record.get("was_published", record["is_uploaded"]):
            return str(record["device_id"])
        step.remove(spaces.ACCOUNT, _KEY)
        return ""

    # ------------------------------------------------------------ what the server has

    def note_counts(self, step: Step, counts: dict[str, int], unused_fallback_types: list[str] | None) -> None:
        """Take in what a sync says the server has of our keys; what it does not name is none.

        Args:
            step: to change.
            counts: one-time keys by algorithm.
            unused_fallback_types: the algorithms of fallback keys nobody used, None where it does not say.
        """
        record = self._record(step)
        news = {"on_server": _count(counts)}
        if news["on_server"]:
            self._pace.helped()
        if unused_fallback_types is not None and _TYPE not in unused_fallback_types:
            news["fallback_wanted"] = True
        if any(record[name] != value for name, value in news.items()):
            step.put_record(spaces.ACCOUNT, _KEY, {**record, **news})

    def note_listed(self, step: Step, answer: dict[str, Any]) -> None:
        """Take in what an answer to a /keys/query says of our own device: one that lacks it has lost its keys."""
        all_devices = answer.get("device_keys")
        of_own = all_devices.get(self.user_id) if isinstance(all_devices, dict) else None
        is_lost = isinstance(of_own, dict) and self.device_id not in of_own and self.is_published(step)
        if is_lost and self._pace_of_losses.may_go():
            log.warning("the server has lost the keys of our device %s: they are published again", self.device_id)
            self._pace_of_losses.went()
            self._publish_again(step)

    def is_published(self, step: Step) -> bool:
        """Tell whether the server was given the keys of our device."""
        return bool(self._record(step)["is_uploaded"])

    def needs_upload(self, step: Step) -> bool:
        """Tell whether keys should go up now."""
        record = self._record(step)
        return self._pace.may_go() and (
            not record["is_uploaded"]
            or record.get("offered_on") is not None  # asked soon: once they are used up nobody could tell
            or record["on_server"] < KEYS_ON_SERVER // 2
            or record["fallback_wanted"]
            or self._is_fallback_old(record)
        )

    def _is_fallback_old(self, record: dict[str, Any]) -> bool:
        age_ms = self.clock.now_ms() - record["fallback_at"]
        return not 0 <= age_ms <= FALLBACK_LIFE_MS

    def prepare_upload(self, step: Step) -> UploadKeys:
        """Make the keys that are missing, keep them, and return the request that publishes them.

        The step must be committed before the request is sent. Called again before `uploaded`, as nobody learned what
        became of them, the request only asks how many the server has: those that arrived may be given away by now,
        and must not be offered anew. Where they did not arrive, the same keys are offered the next time.
        """
        record, account = self._record(step), self.load(step)
        device_keys = None if record["is_uploaded"] else self.device_keys(step)
        if record.get("offered_on") is not None:
            self._has_offered = False
            return UploadKeys(device_keys)
        waiting = account.one_time_keys()
        missing = KEYS_ON_SERVER - record["on_server"] - len(waiting)
        record["offered_on"] = record["on_server"]
        self._has_offered = self._was_offered_here = True
        if missing > 0 and not (waiting and record["is_uploaded"]):
            account.generate_one_time_keys(missing)
        if (record["fallback_wanted"] or self._is_fallback_old(record)) and not account.fallback_key():
            account.generate_fallback_key()
            record["fallback_at"] = self.clock.now_ms()
        self._save(step, record, account)
        return UploadKeys(
            device_keys,
            {f"{_TYPE}:{key_id}": self._signed(account, key) for key_id, key in account.one_time_keys().items()},
            fallback_keys={
                f"{_TYPE}:{key_id}": self._signed(account, key, is_fallback=True)
                for key_id, key in account.fallback_key().items()
            },
        )

    def _signed(self, account: Account, key: str, *, is_fallback: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = {"key": key, "fallback": True} if is_fallback else {"key": key}
        return sign_json(document, account, self.user_id, self.device_id)

    def uploaded(self, step: Step, counts: dict[str, int]) -> None:
        """Take in that the server has what `prepare_upload` returned."""
        account, record = self.load(step), self._record(step)
        offered_on = record.get("offered_on")
        # fewer than before can be all that is left of more: where nobody can tell, none is offered a second time
        have_arrived = self._has_offered or offered_on is None or _count(counts) != offered_on
        if have_arrived:
            account.mark_keys_as_published()
            if self._was_offered_here:  # not by a process before us, so that it is long ago
                self._pace.went()
            record["fallback_wanted"] = False
        record |= {"is_uploaded": True, "was_published": True, "on_server": _count(counts), "offered_on": None}
        self._save(step, record, account)

    def refused(self, step: Step) -> None:
        """Take in that the server has other keys under our ids: this store is older than what it says.

        The keys that clash are never offered again; the next upload makes new ones.
        """
        log.error("the server knows other keys under our ids: the store was restored from an older copy")
        account, record = self.load(step), self._record(step)
        account.mark_keys_as_published()
        record["offered_on"] = None
        self._save(step, record, account)
        if self._was_refused:  # other keys, and refused again: a server that never takes any
            self._pace.went()
        self._was_refused = True

    def forget_upload(self, step: Step) -> None:
        """Publish our device again with the next upload, which may be at once: the server lost its keys."""
        self._pace = Pace(self.clock, UPLOAD_EVERY_S, UPLOAD_AT_LEAST_EVERY_S)
        self._publish_again(step, fallback_wanted=True)

    def _publish_again(self, step: Step, **news: bool) -> None:
        record = self._record(step)
        record |= {"was_published": record.get("was_published", record["is_uploaded"])}
        step.put_record(spaces.ACCOUNT, _KEY, {**record, **news, "is_uploaded": False})


def _count(counts: dict[str, Any]) -> int:
    count = counts.get(_TYPE)
    return max(0, count) if type(count) is int else 0


def unpickled(backend: Backend, what: str, name: str, pickle: str, key: bytes) -> Any:
    """Read a pickle with the library it is for, or with ours where that can.

    Args:
        backend: ours.
        what: "account", "session", "inbound_group" or "outbound_group".
        name: of the library that wrote it.
        pickle: what it wrote.
        key: it was written under.

    Raises:
        BadPickle: it is damaged.
        CryptoUnavailable: only a library that is not installed can read it.
    """
    if name == backend.name:
        return getattr(backend, what)(pickle, key)
    from .backend import backend as by_name

    migrate = getattr(backend, f"migrated_{what}", None)
    if migrate is not None and name == "olm":
        from .backend.olm_keys import migration_key

        return migrate(pickle, migration_key(key))
    return getattr(by_name("olm" if name == "olm" else "vodozemac"), what)(pickle, key)
