"""The Prometheus objects of one process, on a registry of its own.

Label children are bound once and stand at zero before anything has happened, so that a rate
exists before the first failure. What happens often is counted in the batch and added here once a
batch; nothing in this module is called once an event.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from triggerstream import __version__
from triggerstream.core.outcomes import (
    Bounded,
    ConsentChanged,
    Firing,
    GoalReached,
    Suppressed,
    TriggerFailed,
)
from triggerstream.core.reasons import (
    FailReason,
    GateReason,
    Outcome,
    RecordStatus,
    RejectReason,
    SuppressionReason,
)
from triggerstream.core.triggers.model import MODES, Trigger
from triggerstream.ops.catalogue import CATALOGUE, MATCHED, Metric

BOUNDED = ("partial", "value", "instance", "wait", "slot")
"""What `Bounded.what` may say."""

ENDS: tuple[tuple[str, str], ...] = (
    (Outcome.SENT, ""),
    (Outcome.UNKNOWN, ""),
    (Outcome.HELD_OUT, ""),
    *((Outcome.SUPPRESSED, reason) for reason in GateReason),
    *((Outcome.FAILED, reason) for reason in FailReason),
    (Outcome.CANCELLED, "goal"),
)
"""Every (outcome, reason) that a delivery may end in."""


_BY_PARTITION = tuple(metric.name for metric in CATALOGUE if "partition" in metric.labels)


class Children:
    """Every metric of the catalogue on one registry, and the label children that are in use."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._metrics = {metric.name: _build(metric, registry) for metric in CATALOGUE}
        self._bound: dict[tuple[str, ...], Any] = {}

    def counter(self, name: str, *labels: str) -> Counter:
        return cast("Counter", self._child(name, *labels))

    def gauge(self, name: str, *labels: str) -> Gauge:
        return cast("Gauge", self._child(name, *labels))

    def histogram(self, name: str, *labels: str) -> Histogram:
        return cast("Histogram", self._child(name, *labels))

    def bind(self, name: str, *labels: str) -> None:
        """Expose this child from now on, at zero."""
        self._child(name, *labels)

    def remove(self, name: str, *labels: str) -> None:
        """Expose this child no longer, if it ever was."""
        if self._bound.pop((name, *labels), None) is not None:
            self._metrics[name].remove(*labels)

    def _child(self, *key: str) -> Any:
        child = self._bound.get(key)
        if child is None:
            name, *labels = key
            metric = self._metrics[name]
            child = self._bound[key] = metric.labels(*labels) if labels else metric
        return child


def _build(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.type == "histogram":
        return Histogram(
            metric.full_name,
            metric.help,
            metric.labels,
            registry=registry,
            buckets=metric.buckets,
        )
    kind = Counter if metric.type == "counter" else Gauge
    return kind(metric.full_name, metric.help, metric.labels, registry=registry)


class ProcessMetrics:
    """What a keyed process tells of itself. All methods are safe in any thread.

    Args:
        registry: Where the metrics stand; one a process, so that tests can have many.
        topic: The input topic, which is a label of most of them.
        channels: The channels that this process delivers by; none where it only detects.
    """

    def __init__(
        self, registry: CollectorRegistry, topic: str, channels: Iterable[str] = ()
    ) -> None:
        self._children = Children(registry)
        self._topic = topic
        self._channels = set(channels)
        self._partitions: set[int] = set()
        self._ruleset: tuple[str, str] | None = None
        self._bind_closed_sets()

    # ── records ─────────────────────────────────────────────────────────────────────────────

    def count_records(self, statuses: Mapping[str, int]) -> None:
        """Add a batch's records by `RecordStatus`."""
        for status, number in statuses.items():
            self._children.counter("records_total", self._topic, status).inc(number)

    def count_rejected(self, reasons: Mapping[str, int]) -> None:
        """Add a batch's unreadable records by `RejectReason`."""
        for reason, number in reasons.items():
            self._children.counter("records_rejected_total", self._topic, reason).inc(number)

    def count_dead_letters(self, reasons: Mapping[str, int]) -> None:
        """Add the dead letters that were acknowledged, by reason."""
        for reason, number in reasons.items():
            self._children.counter("dead_letters_total", self._topic, reason).inc(number)

    def observe_batch(self, seconds: float) -> None:
        self._children.histogram("batch_seconds", self._topic).observe(seconds)

    def observe_firing_delay(self, seconds: float) -> None:
        """Record the time from arrival to acknowledgement of one batch's oldest firing."""
        self._children.histogram("firing_delay_seconds", self._topic).observe(seconds)

    def count_ticks(self, number: int = 1) -> None:
        self._children.counter("ticks_total", self._topic).inc(number)

    # ── decisions ───────────────────────────────────────────────────────────────────────────

    def count_outcomes(self, outcomes: Iterable[object]) -> None:
        """Add a batch's decisions (`core.outcomes.Decided`); other objects are left alone."""
        tally: Tally[tuple[str, ...]] = Tally()
        for outcome in outcomes:
            _tally(outcome, tally)
        for (name, *labels), number in tally.items():
            self._children.counter(name, *labels).inc(number)

    # ── deliveries ──────────────────────────────────────────────────────────────────────────

    def count_deliveries(self, ends: Mapping[tuple[str, str, str], int]) -> None:
        """Add actions that ended, by (channel, `Outcome`, reason or ``""``)."""
        for (channel, outcome, reason), number in ends.items():
            self._children.counter("deliveries_total", channel, outcome, reason).inc(number)

    def set_pending(self, pending: Mapping[str, int]) -> None:
        """Set, by channel, how many actions have not ended; a channel left out has none."""
        self._channels.update(pending)
        for channel in self._channels:
            self._children.gauge("actions_pending", channel).set(pending.get(channel, 0))

    def observe_attempt(self, channel: str, outcome: str, reason: str, seconds: float) -> None:
        """Record what a channel answered to one attempt, and how long it took."""
        self._children.counter("attempts_total", channel, outcome, reason).inc()
        self._children.histogram("attempt_seconds", channel).observe(seconds)

    # ── state ───────────────────────────────────────────────────────────────────────────────

    def observe_checkpoint(self, seconds: float, sizes: Iterable[int]) -> None:
        """Record one checkpoint, with the size in bytes of each state in it."""
        self._children.histogram("checkpoint_seconds", self._topic).observe(seconds)
        histogram = self._children.histogram("state_value_bytes", self._topic)
        number = 0
        for number, size in enumerate(sizes, start=1):  # noqa: B007 - the last is the count
            histogram.observe(size)
        self._children.counter("checkpoint_states_total", self._topic).inc(number)

    def set_cached(self, customers: int) -> None:
        self._children.gauge("customers_cached", self._topic).set(customers)

    def count_restored(self, records: int, *, stale: int = 0) -> None:
        """Add changelog records that a restore read, and those of them that it dropped."""
        self._children.counter("restored_records_total", self._topic).inc(records)
        self._children.counter("stale_writes_total", self._topic).inc(stale)

    def set_restore_remaining(self, records: int) -> None:
        self._children.gauge("restore_remaining_records", self._topic).set(records)

    def count_foreign_writes(self, records: int) -> None:
        self._children.counter("foreign_writes_total", self._topic).inc(records)

    # ── process ─────────────────────────────────────────────────────────────────────────────

    def assign(self, partitions: Iterable[int]) -> None:
        """Say which partitions are owned from now on; the gauges of others disappear."""
        owned = set(partitions)
        for name, lost in product(_BY_PARTITION, self._partitions - owned):
            self._children.remove(name, self._topic, str(lost))
        self._partitions = owned
        self._children.gauge("partitions_assigned", self._topic).set(len(owned))
        self._children.counter("rebalances_total", self._topic).inc()

    def observe_partition(
        self, partition: int, *, clock: int, lag: int, age: float, overdue: float = 0.0
    ) -> None:
        """Set what is known of an owned partition.

        Args:
            clock: Epoch milliseconds.
            lag: Records between what was read and the log's end.
            age: Seconds since the arrival of the last record read; 0 where *lag* is.
            overdue: Seconds by which the clock has passed the earliest waiting wake-up.
        """
        labels = (self._topic, str(partition))
        self._children.gauge("clock_timestamp_seconds", *labels).set(clock / 1000)
        self._children.gauge("lag_records", *labels).set(lag)
        self._children.gauge("lag_seconds", *labels).set(age)
        self._children.gauge("timer_delay_seconds", *labels).set(overdue)

    def use_ruleset(self, version: int, content_hash: str, triggers: Iterable[Trigger]) -> None:
        """Say which ruleset is in force, and bind its triggers' counters at zero."""
        modes = dict.fromkeys(MODES, 0)
        for trigger in triggers:
            modes[trigger.mode] += 1
            self._bind_trigger(trigger.id, trigger.mode)
        for mode, number in modes.items():
            self._children.gauge("triggers_active", mode).set(number)
        if self._ruleset is not None:
            self._children.remove("ruleset_info", *self._ruleset)
        self._ruleset = (str(version), content_hash)
        self._children.gauge("ruleset_info", *self._ruleset).set(1)

    def count_lease_expired(self) -> None:
        self._children.counter("lease_expired_total").inc()

    def _bind_closed_sets(self) -> None:
        children, topic = self._children, self._topic
        children.gauge("build_info", __version__).set(1)
        for status in RecordStatus:
            children.bind("records_total", topic, status)
        for reason in RejectReason:
            children.bind("records_rejected_total", topic, reason)
            children.bind("dead_letters_total", topic, reason)
        for channel in self._channels:
            children.bind("actions_pending", channel)
            children.bind("attempt_seconds", channel)
            for outcome, why in ENDS:
                children.bind("deliveries_total", channel, outcome, why)
        for metric in CATALOGUE:
            if metric.labels == ("topic",):
                children.bind(metric.name, topic)

    def _bind_trigger(self, trigger: str, mode: str) -> None:
        children = self._children
        for name in ("matches_total", MATCHED, "trigger_errors_total", "goals_total"):
            children.bind(name, trigger)
        children.bind("firings_total", trigger, mode)
        for reason in SuppressionReason:
            children.bind("suppressed_total", trigger, reason)
            children.bind("suppressed_actions_total", trigger, reason)
        for what in BOUNDED:
            children.bind("bounded_total", trigger, what)


def _tally(outcome: object, tally: Tally[tuple[str, ...]]) -> None:
    match outcome:
        case Firing(trigger=trigger, mode=mode, actions=actions):
            tally["matches_total", trigger] += 1
            tally[MATCHED, trigger] += len(actions)
            tally["firings_total", trigger, mode] += 1
        case Suppressed(trigger=trigger, reason=reason, actions=number):
            tally["matches_total", trigger] += 1
            tally[MATCHED, trigger] += number
            tally["suppressed_total", trigger, reason] += 1
            tally["suppressed_actions_total", trigger, reason] += number
        case TriggerFailed(trigger=trigger):
            tally["trigger_errors_total", trigger] += 1
        case GoalReached(trigger=trigger):
            tally["goals_total", trigger] += 1
        case ConsentChanged():
            tally[("consent_changes_total",)] += 1
        case Bounded(trigger=trigger, what=what):
            tally["bounded_total", trigger, what] += 1
