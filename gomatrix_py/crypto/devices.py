"""Whose devices we follow, and what we know of them. Spec: "Tracking the device list for a user"."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from ..clock import Clock
from ..errors import BadSignature
from . import spaces
from .backend.base import Backend
from .device_info import DeviceInfo
from .memo import Memo
from .signing import verify_json
from .steps import Step
from .trust import BLACKLISTED, IGNORED, VERIFIED, level_of

__all__ = ["Devices"]

log = logging.getLogger("gomatrix_py.crypto")

USERS_PER_QUERY = 250
DEVICES_PER_USER = 1000
_DECIDED_BY_PEOPLE = frozenset({VERIFIED, BLACKLISTED, IGNORED})
GROUPS_IN_MIND = 20
"""Of how many groups of users, such as the members of rooms, it is known whether anything must be asked."""


class Devices:
    """Follows the devices of users; keeps those that went away, and refuses keys that change.

    Args:
        backend: to check signatures with.
        own: our user id and device id.
        clock: for stamps.
    """

    def __init__(self, backend: Backend, own: tuple[str, str], clock: Clock) -> None:
        self.backend = backend
        self.own_user_id, self.own_device_id = own
        self.clock = clock
        self._refused: dict[tuple[str, str], DeviceInfo] = {}
        self._up_to_date: Memo[bool] = Memo(spaces.TRACKED, at_most=GROUPS_IN_MIND)

    # ------------------------------------------------------------ who is followed

    def track(self, step: Step, user_ids: Iterable[str]) -> None:
        """Follow users from now on; those not followed before are outdated."""
        for user_id in user_ids:
            if spaces.is_sound_id(user_id) and step.get(spaces.TRACKED, user_id) is None:
                self._outdate(step, user_id, 0)

    def changed(self, step: Step, user_ids: Iterable[str]) -> None:
        """Note that the devices of followed users changed."""
        for user_id in user_ids:
            record = step.record(spaces.TRACKED, user_id) if spaces.is_sound_id(user_id) else None
            if record is not None:
                self._outdate(step, user_id, int(record["changes"]))

    def left(self, step: Step, user_ids: Iterable[str]) -> None:
        """Follow users no longer: we share no encrypted room with them."""
        for user_id in user_ids:
            if spaces.is_sound_id(user_id) and user_id != self.own_user_id:
                step.remove(spaces.TRACKED, user_id)

    def outdate_all(self, step: Step) -> None:
        """Note that we do not know what changed while nobody looked."""
        for user_id, record in list(step.records(spaces.TRACKED)):
            self._outdate(step, user_id, int(record["changes"]))

    def _outdate(self, step: Step, user_id: str, changes: int) -> None:
        step.put_record(spaces.TRACKED, user_id, {"is_outdated": True, "changes": changes + 1})

    def outdated(self, step: Step, user_ids: Iterable[str] | None = None) -> dict[str, int]:
        """Return the followed users whose devices must be asked for, with the number of their last change."""
        if user_ids is None:
            found: Iterator[tuple[str, dict[str, Any] | None]] = iter(step.records(spaces.TRACKED))
        else:
            found = ((user_id, step.record(spaces.TRACKED, user_id)) for user_id in user_ids)
        return {
            user_id: int(record["changes"])
            for user_id, record in found
            if record is not None and record["is_outdated"]
        }

    def are_up_to_date(self, step: Step, user_ids: Sequence[str]) -> bool:
        """Tell whether users are all followed, and nothing must be asked for any of them."""
        return self._up_to_date.of(step, tuple(user_ids), lambda: self._have_no_questions(step, user_ids))

    def _have_no_questions(self, step: Step, user_ids: Iterable[str]) -> bool:
        sound_ids = filter(spaces.is_sound_id, user_ids)  # nobody can be asked about others
        records = (step.record(spaces.TRACKED, user_id) for user_id in sound_ids)
        return all(record is not None and not record["is_outdated"] for record in records)

    def is_tracked(self, step: Step, user_id: str) -> bool:
        """Tell whether a user's devices are followed."""
        return spaces.is_sound_id(user_id) and step.get(spaces.TRACKED, user_id) is not None

    # ------------------------------------------------------------ what the server says

    def take(self, step: Step, asked: dict[str, int], answer: dict[str, Any]) -> None:
        """Take in the answer to a /keys/query.

        Args:
            step: to change.
            asked: the users that were asked for, with the number of their last change when they were.
            answer: the JSON of the answer. Users whose server failed stay outdated.
        """
        failures = answer.get("failures")
        failed = set(failures) if isinstance(failures, dict) else set()
        all_devices = answer.get("device_keys")
        for user_id, changes in asked.items():
            of_user = all_devices.get(user_id) if isinstance(all_devices, dict) else None
            if not isinstance(of_user, dict):
                if user_id.partition(":")[2] in failed:
                    continue
                of_user = {}
            record = step.record(spaces.TRACKED, user_id)
            if record is not None and not record["is_outdated"] and changes < record["changes"]:
                continue  # the answer to a later question was faster
            self._take_user(step, user_id, of_user)
            if record is not None and record["changes"] == changes:  # nothing newer was heard meanwhile
                step.put_record(spaces.TRACKED, user_id, {"is_outdated": False, "changes": changes})

    def _take_user(self, step: Step, user_id: str, of_user: dict[str, Any]) -> None:
        seen = set()
        before = {one.device_id: one for one in self.of_user(step, user_id)}
        # those that are known come first: a flood of new ones must not push them out
        named = sorted(of_user.items(), key=lambda entry: entry[0] not in before)
        for device_id, keys in named[:DEVICES_PER_USER]:
            if not spaces.is_sound_id(device_id):
                continue
            seen.add(device_id)
            try:
                self._take_device(step, user_id, device_id, keys)
            except BadSignature as error:
                log.warning("the keys of %s %s are refused: %s", user_id, device_id, error)
        for known in before.values():
            if known.device_id not in seen and known.is_active and not self._is_own(known):
                self._put(step, attrs.evolve(known, is_active=False))
        if len(before.keys() | seen) > DEVICES_PER_USER:
            self._forget_some(step, user_id)

    def _forget_some(self, step: Step, user_id: str) -> None:
        """Forget the oldest of the devices that went away: a server can make them up without end.

        Those that somebody verified or refused stay, and the first one, by which later ones are told; trust hangs
        on the fingerprint, and stays in any case.
        """
        of_user = self.of_user(step, user_id)
        first = min(of_user, key=lambda one: one.first_seen_ts)
        may_go = (one for one in of_user if not one.is_active and one is not first)
        gone = [one for one in may_go if one.level not in _DECIDED_BY_PEOPLE]
        gone.sort(key=lambda one: one.first_seen_ts)
        for one in gone[: len(of_user) - DEVICES_PER_USER]:
            step.remove(spaces.DEVICES, spaces.place(one.user_id, one.device_id))

    def _is_own(self, device: DeviceInfo) -> bool:
        return (device.user_id, device.device_id) == (self.own_user_id, self.own_device_id)

    def _take_device(self, step: Step, user_id: str, device_id: str, keys: Any) -> None:
        offered = self.checked(user_id, device_id, keys)
        known = self.device(step, user_id, device_id)
        if known is None:
            self._put(step, attrs.evolve(offered, first_seen_ts=self.clock.now_ms()))
        elif (known.ed25519, known.curve25519) != (offered.ed25519, offered.curve25519):
            log.error("the server changed the keys of %s %s: they are refused", user_id, device_id)
            if not known.has_changed_keys:
                self._refused[user_id, device_id] = known
            self._put(step, attrs.evolve(known, has_changed_keys=True))
        else:
            self._put(
                step,
                attrs.evolve(offered, first_seen_ts=known.first_seen_ts, has_changed_keys=known.has_changed_keys),
            )

    def take_refused(self) -> list[DeviceInfo]:
        """Return the devices for which other keys were refused since the last call, with the keys that count."""
        refused, self._refused = self._refused, {}
        return list(refused.values())

    def checked(self, user_id: str, device_id: str, keys: Any) -> DeviceInfo:
        """Return the device that signed keys describe.

        Raises:
            BadSignature: they are of somebody else, incomplete, or not signed by the device itself.
        """
        named = keys.get("keys") if isinstance(keys, dict) else None
        if not isinstance(named, dict) or (keys.get("user_id"), keys.get("device_id")) != (user_id, device_id):
            raise BadSignature("they name another user or device")
        ed25519, curve25519 = named.get(f"ed25519:{device_id}"), named.get(f"curve25519:{device_id}")
        if not isinstance(ed25519, str) or not isinstance(curve25519, str):
            raise BadSignature("they are incomplete")
        verify_json(keys, self.backend, ed25519, user_id, device_id)
        unsigned, algorithms = keys.get("unsigned"), keys.get("algorithms")
        name = unsigned.get("device_display_name") if isinstance(unsigned, dict) else None
        return DeviceInfo(
            user_id,
            device_id,
            ed25519,
            curve25519,
            tuple(one for one in algorithms if isinstance(one, str)) if isinstance(algorithms, list) else (),
            name if isinstance(name, str) else "",
            signed_keys={key: value for key, value in keys.items() if key != "unsigned"},
        )

    def _put(self, step: Step, device: DeviceInfo) -> None:
        step.put_record(spaces.DEVICES, spaces.place(device.user_id, device.device_id), device.as_record())

    # ------------------------------------------------------------ what we know

    def device(self, step: Step, user_id: str, device_id: str) -> DeviceInfo | None:
        """Return a device, or None."""
        if not spaces.is_sound_id(user_id) or not spaces.is_sound_id(device_id):
            return None
        record = step.record(spaces.DEVICES, spaces.place(user_id, device_id))
        return self._read(step, record) if record is not None else None

    def of_user(self, step: Step, user_id: str) -> list[DeviceInfo]:
        """Return all devices of a user that were ever seen."""
        if not spaces.is_sound_id(user_id):
            return []
        return [self._read(step, record) for _, record in step.records(spaces.DEVICES, f"{user_id} ")]

    def by_curve25519(self, step: Step, user_id: str, curve25519: str, ed25519: str = "") -> DeviceInfo | None:
        """Return the device of a user with this identity key, or None.

        Args:
            step: to read by.
            user_id: whose.
            curve25519: the key; nobody signs that a device has it, and another may name it as its own.
            ed25519: the fingerprint that goes with it, "" for any.
        """
        found = (one for one in self.of_user(step, user_id) if one.curve25519 == curve25519)
        return next((one for one in found if ed25519 in ("", one.ed25519)), None)

    def _read(self, step: Step, record: dict[str, Any]) -> DeviceInfo:
        return DeviceInfo.from_record(record, level_of(step, record["user_id"], record["ed25519"]))
