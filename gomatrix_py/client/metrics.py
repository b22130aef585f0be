"""How much a client does and how long it takes: measurements for whoever asks; nothing is measured for nobody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

import attrs

from ..errors import MatrixError
from ..http.messages import HttpRequest, HttpResponse
from ..store.outbox import OutboxRow, OutboxState
from ..sync import StoringSyncer
from ..sync.storing_syncer import Processed
from .base import BY_HAND
from .outgoing import OutgoingMethods

__all__ = ["Counters", "Metric", "MetricListener", "MetricMethods", "Total"]

log = logging.getLogger("gomatrix_py.client")

_TOLD_STATES = (OutboxState.QUEUED, OutboxState.SENT, OutboxState.WEDGED)


@attrs.frozen
class Metric:
    """One measurement.

    Attributes:
        name: what was measured, with its unit at the end:

            - ``request_seconds``: one try of a request; labels ``route``, a path without ids, and
              ``status`` (or the kind of error).
            - ``sync_bytes``, ``sync_events``: the size of an answer, and how many events listeners wait for.
            - ``sync_plan_seconds``, ``sync_commit_seconds``, ``sync_deliver_seconds``: what processing it took.
            - ``in_flight``: how many events are with the workers after it.
            - ``outbox_rows``: one more row that was kept to be sent, was sent, or was given up; label ``state``.
        value: of it.
        labels: what it is about; never a room, a person or a secret.
    """

    name: str
    value: float
    labels: Mapping[str, str] = attrs.field(factory=dict)


MetricListener = Callable[[Metric], None]
"""Called with each measurement, in the thread that made it; what it raises is logged."""


@attrs.define
class Total:
    """What came together under one name and one set of labels.

    Attributes:
        count: how many measurements.
        total: their sum.
        last: the latest of them.
    """

    count: int = 0
    total: float = 0.0
    last: float = 0.0


class Counters:
    """Adds measurements up: ``counters = client.on_metric(Counters())``; threads and clients may share one."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, tuple[tuple[str, str], ...]], Total] = {}
        self._lock = threading.Lock()

    def __call__(self, metric: Metric) -> None:
        key = metric.name, tuple(sorted(metric.labels.items()))
        with self._lock:
            total = self._totals.setdefault(key, Total())
            total.count += 1
            total.total += metric.value
            total.last = metric.value

    def totals(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], Total]:
        """Return a copy of what there is now, by name and sorted labels."""
        with self._lock:
            return {key: attrs.evolve(total) for key, total in sorted(self._totals.items())}


class MetricMethods(OutgoingMethods):
    """`on_metric`, and what is measured."""

    def _set_up(self) -> None:
        super()._set_up()
        self._metric_listeners: tuple[MetricListener, ...] = ()

    def on_metric(self, callback: MetricListener) -> MetricListener:
        """Call a function with each `Metric`; also as a decorator, or with `Counters`, which add them up."""
        is_first = not self._metric_listeners
        self._metric_listeners = (*self._metric_listeners, callback)
        if is_first:
            self.on_response(self._measure_request)
            self._watch_rows(self._measure_row)
            self._introduce_syncer()
        return callback

    def _introduce_syncer(self) -> None:
        super()._introduce_syncer()
        if not self._metric_listeners:
            return
        if isinstance(self.syncer, StoringSyncer):
            self.syncer.on_processed = self._measure_sync

    def _measure_request(self, request: HttpRequest, outcome: HttpResponse | MatrixError, seconds: float) -> None:
        status = str(outcome.status) if isinstance(outcome, HttpResponse) else type(outcome).__name__
        # what was asked by hand has no template, and its paths may hold ids without end
        route = f"{request.method}{BY_HAND}" if request.route.endswith(BY_HAND) else request.route
        self._tell_metric(Metric("request_seconds", seconds, {"route": route, "status": status}))

    def _measure_sync(self, done: Processed) -> None:
        for name, value in (
            ("sync_bytes", done.size),
            ("sync_events", done.events),
            ("sync_plan_seconds", done.plan_s),
            ("sync_commit_seconds", done.commit_s),
            ("sync_deliver_seconds", done.deliver_s),
        ):
            self._tell_metric(Metric(name, value))
        if isinstance(self.syncer, StoringSyncer):
            self._tell_metric(Metric("in_flight", self.syncer.delivery.in_flight))

    def _measure_row(self, row: OutboxRow) -> None:
        is_new = row.state is OutboxState.SENDING and not row.tries  # kept as being sent from the start
        if row.state in _TOLD_STATES or is_new:
            state = OutboxState.QUEUED if is_new else row.state
            self._tell_metric(Metric("outbox_rows", 1, {"state": state.value}))

    def _tell_metric(self, metric: Metric) -> None:
        for callback in self._metric_listeners:
            try:
                callback(metric)
            except Exception:
                log.exception("an on_metric callback raised")
