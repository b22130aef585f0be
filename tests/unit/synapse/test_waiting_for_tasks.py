"""Handles of background work: what ends a wait, what does not, and why a task failed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gomatrix_py.cancellation import CancelToken
from gomatrix_py.errors import (
    ConnectError,
    Forbidden,
    LimitExceeded,
    NotFound,
    RequestCancelled,
    ServerError,
    TaskFailed,
    TaskTimeout,
    UnsupportedByServer,
    UsageError,
)
from gomatrix_py.http.retry import RetryPolicy
from gomatrix_py.synapse import HistoryPurge, RoomDeletion, UserRedaction
from gomatrix_py.synapse.waiting import PATIENCE_S
from tests.kit.admin_script import ScriptedAdmin, refusal

QUICK = 0.001


def deletion(*answers: Any, **more: Any) -> RoomDeletion:
    """Return a handle whose status is what the script says, one answer after the other."""
    return RoomDeletion(ScriptedAdmin(GetRoomDeletion=list(answers), **more), "task", "!room:x")


def status(name: str, **more: Any) -> dict[str, Any]:
    return {"delete_id": "task", "room_id": "!room:x", "status": name, **more}


def test_it_waits_over_every_state_until_all_is_complete() -> None:
    told: list[str] = []
    handle = deletion(status("scheduled"), status("active"), status("something new"), status("complete"))
    assert handle.wait(1000, poll_s=QUICK, on_progress=lambda one: told.append(one.status)).status == "complete"
    assert told == ["scheduled", "active", "something new", "complete"]


@pytest.mark.parametrize("error", [ConnectError("refused"), refusal(502, ServerError), refusal(429, LimitExceeded)])
def test_a_server_that_is_away_does_not_end_the_wait(error: Exception) -> None:
    assert deletion(status("active"), error, error, status("complete")).wait(1000, poll_s=QUICK).status == "complete"


@pytest.mark.parametrize("error", [refusal(404, NotFound), refusal(403, Forbidden)])
def test_a_refusal_ends_the_wait(error: Exception) -> None:
    with pytest.raises(type(error)):
        deletion(status("active"), error, status("complete")).wait(1000, poll_s=QUICK)


def test_a_server_that_stays_away_ends_a_wait_without_end() -> None:
    admin = ScriptedAdmin(GetRoomDeletion=ConnectError("refused"))
    admin.stepping.step_s = PATIENCE_S / 4
    with pytest.raises(ConnectError):
        RoomDeletion(admin, "task").wait(poll_s=QUICK)
    assert 2 < len(admin.called) < 10


def test_a_server_that_stays_away_ends_a_wait_at_its_end() -> None:
    with pytest.raises(TaskTimeout):
        RoomDeletion(ScriptedAdmin(GetRoomDeletion=ConnectError("refused")), "task").wait(5, poll_s=QUICK)


def test_the_time_is_up() -> None:
    admin = ScriptedAdmin(GetRoomDeletion=status("active"))
    with pytest.raises(TaskTimeout, match=r"deletion of !room:x \(task\) had not ended after 6 s; it goes on") as up:
        RoomDeletion(admin, "task", "!room:x").wait(6, poll_s=QUICK)
    assert up.value.task_id == "task"
    assert len(admin.called) > 1


def test_another_thread_ends_the_wait() -> None:
    cancel, asked = CancelToken(), threading.Event()
    handle = RoomDeletion(ScriptedAdmin(GetRoomDeletion=status("active")), "task")

    def end_it() -> None:
        asked.wait(10)
        cancel.cancel()

    threading.Thread(target=end_it).start()
    with pytest.raises(RequestCancelled, match="goes on"):
        handle.wait(poll_s=60, on_progress=lambda one: asked.set(), cancel=cancel)


def test_a_question_is_asked_once_and_can_be_ended() -> None:
    admin, cancel = ScriptedAdmin(GetRoomDeletion=status("complete")), CancelToken()
    RoomDeletion(admin, "task").wait(cancel=cancel)
    assert admin.options == [{"cancel": cancel, "retry": RetryPolicy.never()}]
    RoomDeletion(admin, "task").status()
    assert admin.options[1] == {}  # as the client does it


@pytest.mark.parametrize("poll_s", [0, -1, float("nan")])
def test_a_tight_loop_is_refused(poll_s: float) -> None:
    with pytest.raises(UsageError):
        deletion(status("active")).wait(poll_s=poll_s)


# ------------------------------------------------------------------ failures

TASKS = {"scheduled_tasks": [
    {"id": "other", "action": "a", "status": "failed", "error": "not ours"},
    {"id": "task", "action": "a", "status": "failed", "error": "boom"},
]}  # fmt: skip


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_the_reason_is_looked_up_where_the_answer_lacks_it(state: str) -> None:
    handle = deletion(status("active"), status(state), ListTasks=TASKS)
    with pytest.raises(TaskFailed, match="boom"):
        handle.wait(1000, poll_s=QUICK)
    assert handle.error == "boom"


def test_the_reason_that_the_answer_has_counts() -> None:
    admin = ScriptedAdmin(GetPurgeStatus={"status": "failed", "error": "no space"})
    with pytest.raises(TaskFailed, match=r"the purge of the history of !room:x .* no space"):
        HistoryPurge(admin, "task", "!room:x").wait(poll_s=QUICK)
    assert admin.names() == ["GetPurgeStatus"]


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ({"scheduled_tasks": []}, "does not say why"),
        (refusal(404, UnsupportedByServer), "does not say why"),
        (refusal(500, ServerError), "cannot be read"),
    ],
)
def test_a_failure_without_a_reason_is_a_failure(tasks: Any, why: str) -> None:
    with pytest.raises(TaskFailed, match=why):
        deletion(status("failed"), ListTasks=tasks).wait(poll_s=QUICK)


def test_a_redaction_says_what_it_could_not_redact() -> None:
    admin = ScriptedAdmin(GetUserRedaction={"status": "complete", "failed_redactions": {"$e": "no power"}})
    assert UserRedaction(admin, "task").wait(poll_s=QUICK).failed_redactions == {"$e": "no power"}


def test_a_handle_says_what_it_is() -> None:
    assert repr(deletion()) == "<the deletion of !room:x (task)>"
    assert str(UserRedaction(ScriptedAdmin(), "r1", "@a:x")) == "the redaction of @a:x (r1)"
