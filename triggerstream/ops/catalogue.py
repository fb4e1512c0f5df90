"""The catalogue of every metric: what it is called, what it counts, and what it is labelled with.

Names have the prefix ``triggerstream_`` and base units; counters end in ``_total``. Labels come
from closed sets (trigger, reason, channel, topic, partition, …), never from a customer. Docs,
dashboards and alerts are checked against this list.
"""

from __future__ import annotations

from typing import Literal

import msgspec

PREFIX = "triggerstream_"

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets in seconds for what should take milliseconds."""
SLOW = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""Buckets in seconds for what may have to wait."""
SIZES = (64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)
"""Buckets in bytes."""


class Metric(msgspec.Struct, frozen=True):
    """One metric. *name* has no prefix; *buckets* belong to histograms."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, "counter", text, labels)


def _gauge(name: str, text: str, *labels: str, unit: str = "") -> Metric:
    return Metric(name, "gauge", text, labels, unit)


def _histogram(
    name: str, text: str, *labels: str, unit: str = "seconds", buckets: tuple[float, ...] = FAST
) -> Metric:
    return Metric(name, "histogram", text, labels, unit, buckets)


CATALOGUE: tuple[Metric, ...] = (
    # ── records in ──────────────────────────────────────────────────────────────────────────
    _counter(
        "records_total",
        "Records read, by what became of them; rejected ones are counted apart.",
        "topic",
        "status",
    ),
    _counter(
        "records_rejected_total", "Records that could not be read, by reason.", "topic", "reason"
    ),
    _counter(
        "dead_letters_total",
        "Records appended to a dead-letter topic, by the topic they came from.",
        "topic",
        "reason",
    ),
    _counter(
        "schema_failures_total",
        "Events that came in and were not what schemas.yaml and schemas/ ask for, rejected or "
        "flagged. Sources and types that they do not name are 'other'.",
        "source",
        "event_type",
        "reason",
    ),
    _counter(
        "timestamps_clamped_total",
        "Timestamps too far ahead of their arrival, and taken for it.",
        "topic",
    ),
    _histogram(
        "batch_seconds",
        "Time to decide one batch of records and hand over what it led to; with any checkpoint "
        "or ruleset that it had to wait for.",
        "topic",
    ),
    _gauge("lag_records", "Records of the input not read yet.", "topic", "partition"),
    _gauge(
        "lag_seconds",
        "Age of the last record read, where there are more.",
        "topic",
        "partition",
        unit="seconds",
    ),
    _gauge(
        "clock_timestamp_seconds",
        "The clock of a partition: its greatest arrival, as Unix time.",
        "topic",
        "partition",
        unit="seconds",
    ),
    # ── the way in over HTTP ────────────────────────────────────────────────────────────────
    _counter("ingest_requests_total", "Requests, by what they were answered.", "route", "status"),
    _counter("ingest_events_total", "Events that were accepted, by key.", "key_name"),
    _counter(
        "ingest_rejected_total",
        "Events that were rejected, by key and reason.",
        "key_name",
        "reason",
    ),
    _counter(
        "ingest_letters_dropped_total",
        "Rejected events of a key that were too many to be dead-lettered.",
        "key_name",
    ),
    _counter("ingest_appended_total", "Records that the log has acknowledged."),
    _counter(
        "ingest_dropped_total",
        "Events of beacons and pixels that are lost, since too many waited or the log failed.",
        "why",
    ),
    _gauge(
        "ingest_waiting_bytes",
        "Bytes of bodies being read, and of records that the log has not acknowledged.",
        unit="bytes",
    ),
    _histogram("ingest_append_seconds", "Time of one append, to its acknowledgement."),
    # ── decisions ───────────────────────────────────────────────────────────────────────────
    _counter("matches_total", "Completed patterns: firings and suppressed matches.", "trigger"),
    _counter(
        "matched_actions_total",
        "Actions that matches ask for: one match counts once per action of its trigger.",
        "trigger",
    ),
    _counter("firings_total", "Matches that fired.", "trigger", "mode"),
    _counter(
        "suppressed_total", "Matches that did not fire, by first reason.", "trigger", "reason"
    ),
    _counter(
        "suppressed_actions_total",
        "Actions that suppressed matches would have asked for.",
        "trigger",
        "reason",
    ),
    _counter("trigger_errors_total", "Evaluations of a trigger that raised.", "trigger"),
    _counter(
        "expression_errors_total",
        "Evaluations of an expression that had no value, and so were false.",
        "trigger",
    ),
    _counter("goals_total", "Goals reached by customers.", "trigger"),
    _counter("consent_changes_total", "Changes of a customer's consent or preferences."),
    _counter(
        "consent_unreadable_total",
        "Values of consent, preferences and unsubscribed, in such changes, that cannot be read: "
        "taken for a no, or for unsubscribed.",
        "what",
    ),
    _counter(
        "bounded_total",
        "Progress given up to keep a customer's state in bounds, by kind.",
        "trigger",
        "what",
    ),
    _histogram(
        "firing_delay_seconds",
        "From the arrival of a batch's first record in the log to the arrival of the last that "
        "it led to, by the broker's clock.",
        "topic",
        buckets=SLOW,
    ),
    _gauge(
        "timer_delay_seconds",
        "How far the clock has passed the earliest wake-up that is still waiting.",
        "topic",
        "partition",
        unit="seconds",
    ),
    _counter("ticks_total", "Ticks appended to move the clock of a silent partition.", "topic"),
    # ── deliveries ──────────────────────────────────────────────────────────────────────────
    _counter("actions_admitted_total", "Actions taken on by this sender.", "channel"),
    _counter(
        "deliveries_total",
        "Actions that ended, by outcome; the reason is empty where an outcome has none.",
        "channel",
        "outcome",
        "reason",
    ),
    _gauge("actions_pending", "Actions taken on by this sender that have not ended.", "channel"),
    _counter(
        "ignored_total",
        "Repeats of actions and goals, and answers that came too late: nothing changed.",
        "what",
    ),
    _counter(
        "attempts_total", "Calls of a channel, by what it answered.", "channel", "outcome", "reason"
    ),
    _histogram("attempt_seconds", "Time that a channel took to answer.", "channel", buckets=SLOW),
    # ── state ───────────────────────────────────────────────────────────────────────────────
    _histogram("checkpoint_seconds", "Time of one checkpoint of a partition.", "topic"),
    _counter("checkpoint_states_total", "Customer states written by checkpoints.", "topic"),
    _histogram(
        "state_value_bytes",
        "Size of a customer's stored state.",
        "topic",
        unit="bytes",
        buckets=SIZES,
    ),
    _gauge("customers_cached", "Customers held decoded in memory.", "topic"),
    _counter("restored_records_total", "Changelog records read by restores.", "topic"),
    _gauge(
        "restore_remaining_records", "Changelog records that a restore still has to read.", "topic"
    ),
    _gauge("standby_partitions", "Partitions of others whose changelogs are followed.", "topic"),
    _gauge(
        "standby_lag_records",
        "Changelog records that a standby has still to read.",
        "topic",
        "partition",
    ),
    _counter("standby_records_total", "Changelog records read by standbys.", "topic"),
    _counter(
        "stale_writes_total",
        "Changelog records that a restore or a standby dropped because a higher fence was there.",
        "topic",
    ),
    _counter(
        "foreign_writes_total",
        "Changelog records between ours that somebody else had written.",
        "topic",
    ),
    _counter(
        "stores_put_aside_total",
        "Local stores that were damaged or too old, and are restored from the changelog.",
        "topic",
    ),
    # ── process ─────────────────────────────────────────────────────────────────────────────
    _gauge("partitions_assigned", "Input partitions that this process owns.", "topic"),
    _counter("rebalances_total", "Changes of this process's assignment.", "topic"),
    _gauge("triggers_active", "Triggers in force, by mode.", "mode"),
    _gauge("ruleset_info", "1 for the ruleset in force.", "version", "hash"),
    _gauge(
        "build_info", "1 for the version that runs, compiled or in python.", "version", "engine"
    ),
)

BY_NAME = {metric.name: metric for metric in CATALOGUE}

ADMITTED = "actions_admitted_total"
DELIVERED = "deliveries_total"

MATCHED = "matched_actions_total"
ENDED = ("suppressed_actions_total", DELIVERED)
PENDING = "actions_pending"


def conservation_alert(window: str = "1h", tolerance: float = 0.01, least: int = 10) -> str:
    """Return a Prometheus expression that is true when the conservation law is broken.

    The law, counted in actions: matches = sent + suppressed + cancelled + failed + unknown +
    held out + pending. Over *window*, what matched must equal what ended and what became pending,
    but for *tolerance* of the matches and for *least* actions: what lies in the log between
    worker and sender, and what a process decided twice around a crash. Give the alert a ``for``
    of some minutes.
    """

    def total(function: str, name: str) -> str:
        return f"(sum({function}({PREFIX}{name}[{window}])) or vector(0))"

    matched = total("increase", MATCHED)
    ended = " - ".join(total("increase", name) for name in ENDED)
    missing = f"abs({matched} - {ended} - {total('delta', PENDING)})"
    return f"{missing} > {least} and {missing} > {tolerance} * {matched}"
