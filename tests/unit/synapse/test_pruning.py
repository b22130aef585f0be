"""Which devices are pruned, rule by rule, and that the plan is whole before anything is deleted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gomatrix_py.errors import UsageError
from gomatrix_py.synapse import SynapseAdmin, devices_to_prune, prune_devices
from gomatrix_py.synapse.devices import DeleteDevices, Device, ListDevices
from tests.kit.operations import OWN_USER
from tests.kit.scripted_homeserver import Reply, ScriptedHomeserver, Seen

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def device(name: str, age_days: float | None, **more: Any) -> Device:
    return Device(name, last_seen_at=None if age_days is None else NOW - timedelta(days=age_days), **more)


def pruned(devices: list[Device], **rules: Any) -> list[str]:
    return [one.device_id for one in devices_to_prune(devices, now=NOW, **rules)]


OLD = [device("week", 7), device("year", 365), device("day", 1), device("quarter", 90), device("unseen", None)]


def test_the_longest_idle_go_first() -> None:
    assert pruned(OLD) == ["year", "quarter"]


@pytest.mark.parametrize(
    ("days", "going"),
    [
        (91, ["year"]),
        (90, ["year", "quarter"]),
        (7, ["year", "quarter", "week"]),
        (0, ["year", "quarter", "week", "day"]),
    ],
)
def test_idle_is_that_long_or_longer(days: float, going: list[str]) -> None:
    assert pruned(OLD, idle_for=timedelta(days=days)) == going


@pytest.mark.parametrize(("keep", "count"), [(0, 4), (1, 4), (2, 3), (3, 2), (4, 1), (5, 0), (50, 0)])
def test_so_many_stay(keep: int, count: int) -> None:
    assert len(pruned(OLD, idle_for=timedelta(0), keep=keep)) == count


def test_what_was_never_seen_is_unknown_and_not_old() -> None:
    assert "unseen" not in pruned(OLD, idle_for=timedelta(0), keep=0)
    assert pruned(OLD, prune_unseen=True) == ["unseen", "year", "quarter"]
    assert pruned([device("unseen", None)], prune_unseen=True, keep=1) == []


def test_a_dehydrated_device_and_a_protected_one_stay() -> None:
    devices = [
        device("dehydrated", 500, is_dehydrated=True),
        device("ours", 400),
        device("old", 300),
        device("new", 1),
    ]
    assert pruned(devices, protect=["ours"]) == ["old"]


def test_named_devices_alone() -> None:
    assert pruned(OLD, only=["year", "day"]) == ["year"]
    assert pruned(OLD, only=["year", "day"], idle_for=timedelta(0)) == ["year", "day"]


def test_nothing_of_nothing() -> None:
    assert pruned([]) == []
    assert pruned([device("one", 500)]) == []


@pytest.mark.parametrize("rules", [{"idle_for": timedelta(days=-1)}, {"keep": -1}, {"now": datetime(2026, 1, 1)}])
def test_rules_that_are_none(rules: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        devices_to_prune(OLD, **rules)


# ------------------------------------------------------------------ over a server


class Devices:
    """The devices of users, as a server has them."""

    def __init__(self, server: ScriptedHomeserver) -> None:
        self.of: dict[str, list[dict[str, Any]]] = {}
        self.refused: set[str] = set()
        server.route("GET", "/devices", self._list)
        server.route("POST", "/delete_devices", self._delete)
        server.route("GET", "/whoami", {"user_id": OWN_USER, "device_id": "OURS"})

    def _user(self, request: Seen) -> str:
        return request.path.split("/users/")[1].rpartition("/")[0]

    def _list(self, request: Seen) -> Any:
        if self._user(request) in self.refused:
            return Reply(404, {"errcode": "M_NOT_FOUND", "error": "User not found"})
        return {"devices": self.of[self._user(request)]}

    def _delete(self, request: Seen) -> Any:
        going = set(request.json["devices"])
        self.of[self._user(request)] = [one for one in self.of[self._user(request)] if one["device_id"] not in going]
        return {}


def old(*names: str) -> list[dict[str, Any]]:
    return [{"device_id": name, "last_seen_ts": 1_600_000_000_000 + number} for number, name in enumerate(names)]


def test_a_plan_that_cannot_be_made_deletes_nothing() -> None:
    with ScriptedHomeserver() as server, SynapseAdmin(server.url, "t0ken") as admin:
        devices = Devices(server)
        devices.of = {"@a:x": old("A", "B"), "@b:x": []}
        devices.refused = {"@b:x"}
        with pytest.raises(Exception, match="User not found"):
            prune_devices(admin, ["@a:x", "@b:x"], keep=0)
        assert server.asked("delete_devices") == []
        assert len(devices.of["@a:x"]) == 2


def test_our_own_device_is_asked_for_and_stays() -> None:
    with ScriptedHomeserver() as server, SynapseAdmin(server.url, "t0ken") as admin:
        devices = Devices(server)
        devices.of = {OWN_USER: old("OURS", "OTHER"), "@b:x": old("OURS", "OTHER")}
        report = prune_devices(admin, [OWN_USER, "@b:x"], keep=0)
        assert [str(one) for one in report.done] == [f"{OWN_USER}: OTHER", "@b:x: OURS, OTHER"]
        assert [one["device_id"] for one in devices.of[OWN_USER]] == ["OURS"]


def test_the_operations_are_those_of_the_table() -> None:
    assert (ListDevices.METHOD, DeleteDevices.METHOD) == ("GET", "POST")
