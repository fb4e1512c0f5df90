"""The Prometheus objects of one process, on a registry of its own.

Label children are bound once and stand at zero before anything has happened, so that a rate
exists before the first failure. What happens often is counted in the batch and added here once a
batch; nothing in this module is called once an event.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

from triggerstream import __version__
from triggerstream.core.decisions import (
    Bounded,
    Clamped,
    ConsentChanged,
    ExpressionErred,
    Firing,
    GoalReached,
    Suppressed,
    TriggerFailed,
)
from triggerstream.core.model import MODES, Trigger
from triggerstream.core.policy import consent
from triggerstream.core.reasons import (
    CancelReason,
    FailReason,
    GateReason,
    Outcome,
    RecordStatus,
    RejectReason,
    SuppressionReason,
)
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.deliveries import Delivery
from triggerstream.core.sending.deliveries import Admitted, Ignored
from triggerstream.ops.build import engine
from triggerstream.ops.catalogue import ADMITTED, CATALOGUE, DELIVERED, MATCHED, PENDING, Metric

# A second series beside each counter, of when it began, doubles what is scraped and says nothing
# that the counter's own reset does not.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library says nothing of it

BOUNDED = ("partial", "value", "instance", "wait", "slot")
"""What `Bounded.what` may say of a trigger; ``attribute`` is nobody's."""

ENDS: tuple[tuple[str, str], ...] = (
    (Outcome.SENT, ""),
    (Outcome.HELD_OUT, ""),
    (Outcome.UNKNOWN, FailReason.AMBIGUOUS),
    *((Outcome.SUPPRESSED, reason) for reason in GateReason),
    *((Outcome.FAILED, reason) for reason in FailReason),
    *((Outcome.CANCELLED, reason) for reason in CancelReason),
)
"""Every (outcome, reason) that a delivery may end in."""


if TYPE_CHECKING:
    from triggerstream.core.keyed.cuts import Cut
    from triggerstream.core.keyed.partition import Partition
    from triggerstream.core.policy.ledger import Ledger

_STATUSES = frozenset(RecordStatus)
_BY_PARTITION = tuple(metric.name for metric in CATALOGUE if "partition" in metric.labels)


class Children:
    """Every metric of the catalogue on one registry, and the label children that are in use.

    Keyed processes that share an operating system's process share one: what they tell differs by
    its topic, or is told by one of them alone.
    """

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


def observe_all(histogram: Histogram, values: list[int]) -> None:
    """Do what ``observe`` does for each of *values*, which it sorts, in a fraction of the time."""
    values.sort()
    below = 0
    for bound, bucket in zip(histogram._upper_bounds, histogram._buckets, strict=True):  # noqa: SLF001
        within = bisect_right(values, bound)
        if within > below:
            bucket.inc(within - below)
        below = within
    histogram._sum.inc(sum(values))  # noqa: SLF001 - a test compares with `observe`


class ProcessMetrics:
    """What a keyed process tells of itself. All methods are safe in any thread.

    Args:
        children: Where the metrics stand, on a registry of their own, so that tests can have many.
        topic: The input topic, which is a label of most of them.
        channels: The channels that this process delivers by; none where it only detects.
        also: Told of what each batch led to, too: what is said in the logs (`ops.notices`).
    """

    def __init__(
        self,
        children: Children,
        topic: str,
        channels: Iterable[str] = (),
        also: Callable[[Iterable[object]], None] = lambda _: None,
    ) -> None:
        self._also = also
        self._children = children
        self._topic = topic
        self._channels = set(channels)
        self._partitions: set[int] = set()
        self._followed: set[int] = set()
        self._pending: dict[int, Tally[str]] = {}
        self._ruleset: tuple[str, str] | None = None
        self._bind_closed_sets()

    # ── what the keyed process tells (`stream.ports.Observer`) ──────────────────────────────

    def decided(
        self, partition: int, statuses: Mapping[str, int], outcomes: Sequence[object]
    ) -> None:
        """Add one batch: its records by status, and what was decided.

        Records that were rejected are counted by reason, from their dead letters among
        *outcomes*; outcomes of no kind known here are left alone.
        """
        for status, number in statuses.items():
            if status in _STATUSES:
                self._children.counter("records_total", self._topic, status).inc(number)
        tally: Tally[tuple[str, ...]] = Tally()
        for outcome in outcomes:
            _tally(outcome, self._topic, tally)
        changes: Tally[str] = Tally()
        for (name, *labels), number in tally.items():
            self._children.counter(name, *labels).inc(number)
            if name == ADMITTED:
                changes[labels[0]] += number
            elif name == DELIVERED:
                changes[labels[0]] -= number
        # Where records trickle in, a batch is one or two, and this would be a fifth of its time.
        if changes:
            self._pending.setdefault(partition, Tally()).update(changes)
            self._show_pending()
        self._also(outcomes)

    def checkpointed(self, partition: Partition[Any, Any], cut: Cut, seconds: float) -> None:
        """Record one checkpoint of *partition*, and what the partition is at."""
        children, topic = self._children, self._topic
        children.histogram("checkpoint_seconds", topic).observe(seconds)
        children.counter("checkpoint_states_total", topic).inc(len(cut.values))
        sizes = [len(value) for value in cut.values.values() if value is not None]
        observe_all(children.histogram("state_value_bytes", topic), sizes)
        number = str(partition.number)
        children.gauge("clock_timestamp_seconds", topic, number).set(partition.clock / 1000)
        overdue = max(0, partition.clock - partition.next_due) / 1000
        children.gauge("timer_delay_seconds", topic, number).set(overdue)

    def foreign(self, partition: int, customers: int) -> None:
        """Add changelog records that somebody else had written between ours."""
        self._children.counter("foreign_writes_total", self._topic).inc(customers)

    def took(self, seconds: float) -> None:
        """Record the time from taking a batch to having its decisions on their way."""
        self._children.histogram("batch_seconds", self._topic).observe(seconds)

    def told(self, seconds: float) -> None:
        """Record the time between the arrivals of a batch and of what it led to."""
        self._children.histogram("firing_delay_seconds", self._topic).observe(seconds)

    def ticked(self) -> None:
        """Add a tick."""
        self._children.counter("ticks_total", self._topic).inc()

    # ── the log ─────────────────────────────────────────────────────────────────────────────

    def also_reads(self, topic: str) -> None:
        """Say that *topic* (short name) is read, too; what is rejected of it stands at zero."""
        for reason in RejectReason:
            self._children.bind("records_rejected_total", topic, reason)
            self._children.bind("dead_letters_total", topic, reason)

    def rejected(self, topic: str, reasons: Mapping[str, int]) -> None:
        """Add records of *topic* that became dead letters, by reason."""
        for reason, number in reasons.items():
            self._children.counter("records_rejected_total", topic, reason).inc(number)
            self._children.counter("dead_letters_total", topic, reason).inc(number)

    def schemas_failed(self, failures: Mapping[tuple[str, str, str], int]) -> None:
        """Add events that were not what the ruleset asks for, by source, type and reason."""
        for labels, number in failures.items():
            self._children.counter("schema_failures_total", *labels).inc(number)

    def set_lag(self, partition: int, records: int, seconds: float) -> None:
        """Set how far an owned partition is behind its log's end.

        *seconds* is the time since the arrival of the last record read; 0 where nothing is left.
        """
        self._children.gauge("lag_records", self._topic, str(partition)).set(records)
        self._children.gauge("lag_seconds", self._topic, str(partition)).set(seconds)

    # ── deliveries ──────────────────────────────────────────────────────────────────────────

    def opened(self, partition: int, pending: Iterable[Ledger]) -> None:
        """Begin with the actions in *pending*, the states of a partition that was taken over;
        from here on how many are pending follows from what is decided."""
        self._pending[partition] = Tally(
            action.channel for ledger in pending for action in ledger.pending.values()
        )
        self._show_pending()

    def observe_attempt(self, channel: str, outcome: str, reason: str, seconds: float) -> None:
        """Record what a channel answered to one attempt, and how long it took."""
        self._children.counter("attempts_total", channel, outcome, reason).inc()
        self._children.histogram("attempt_seconds", channel).observe(seconds)

    # ── state ───────────────────────────────────────────────────────────────────────────────

    def set_cached(self, customers: int) -> None:
        self._children.gauge("customers_cached", self._topic).set(customers)

    def restored(self, records: int, stale: int, left: int) -> None:
        """Add changelog records that a restore read, and the *stale* ones of them, which it
        dropped; and set how many are *left*."""
        self._children.counter("restored_records_total", self._topic).inc(records)
        self._children.counter("stale_writes_total", self._topic).inc(stale)
        self._children.gauge("restore_remaining_records", self._topic).set(left)

    def followed(self, records: int, stale: int, left: Mapping[int, int]) -> None:
        """Add changelog records that standbys read, and the *stale* ones of them, which they
        dropped; and set how many are *left*, by partition: others are not followed any more."""
        self._children.counter("standby_records_total", self._topic).inc(records)
        self._children.counter("stale_writes_total", self._topic).inc(stale)
        self._children.gauge("standby_partitions", self._topic).set(len(left))
        for gone in self._followed - left.keys():
            self._children.remove("standby_lag_records", self._topic, str(gone))
        for number, behind in left.items():
            self._children.gauge("standby_lag_records", self._topic, str(number)).set(behind)
        self._followed = set(left)

    def put_aside(self, _partition: int) -> None:
        """Add a local store that cannot be used."""
        self._children.counter("stores_put_aside_total", self._topic).inc()

    # ── process ─────────────────────────────────────────────────────────────────────────────

    def assign(self, partitions: Iterable[int]) -> None:
        """Say which partitions are owned from now on; the gauges of others disappear."""
        owned = set(partitions)
        for name, lost in product(_BY_PARTITION, self._partitions - owned):
            self._children.remove(name, self._topic, str(lost))
        for number in self._pending.keys() - owned:
            del self._pending[number]
        self._show_pending()
        self._partitions = owned
        self._children.gauge("partitions_assigned", self._topic).set(len(owned))
        self._children.counter("rebalances_total", self._topic).inc()

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

    def _show_pending(self) -> None:
        total: Tally[str] = Tally()
        for pending in self._pending.values():
            total.update(pending)
        for channel in self._channels | total.keys():
            self._children.gauge(PENDING, channel).set(total[channel])

    def _bind_closed_sets(self) -> None:
        children, topic = self._children, self._topic
        children.gauge("build_info", __version__, engine().kind).set(1)
        for status in RecordStatus:
            children.bind("records_total", topic, status)
        for reason in RejectReason:
            children.bind("records_rejected_total", topic, reason)
            children.bind("dead_letters_total", topic, reason)
        for what in consent.UNREADABLE:
            children.bind("consent_unreadable_total", what)
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
        for name in (
            "matches_total",
            MATCHED,
            "trigger_errors_total",
            "expression_errors_total",
            "goals_total",
        ):
            children.bind(name, trigger)
        children.bind("firings_total", trigger, mode)
        for reason in SuppressionReason:
            children.bind("suppressed_total", trigger, reason)
            children.bind("suppressed_actions_total", trigger, reason)
        for what in BOUNDED:
            children.bind("bounded_total", trigger, what)


def _tally(  # noqa: PLR0912 - one for each kind of outcome
    outcome: object, topic: str, tally: Tally[tuple[str, ...]]
) -> None:
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
        case ConsentChanged(consent=attributes):
            tally[("consent_changes_total",)] += 1
            for what in consent.unreadable(attributes):
                tally["consent_unreadable_total", what] += 1
        case Bounded(trigger=trigger, what=what):
            tally["bounded_total", trigger, what] += 1
        case ExpressionErred(trigger=trigger):
            tally["expression_errors_total", trigger] += 1
        case Clamped():
            tally["timestamps_clamped_total", topic] += 1
        case Admitted(channel=channel):
            tally[ADMITTED, channel] += 1
        case Delivery(channel=channel, outcome=outcome_, reason=reason):
            tally[DELIVERED, channel, outcome_, reason or ""] += 1
        case Ignored(what=what):
            tally["ignored_total", what] += 1
        case DeadLetter(reason=reason):
            tally["records_rejected_total", topic, reason] += 1
            tally["dead_letters_total", topic, reason] += 1
