"""Every metric of the catalogue is fed, by a process that really tells what it counts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.ops.test_metrics import delivery, firing, ledger, suppressed, trigger
from triggerstream.core.decisions import (
    Bounded,
    Clamped,
    ConsentChanged,
    ExpressionErred,
    GoalReached,
    TriggerFailed,
)
from triggerstream.core.keyed.cuts import Cut
from triggerstream.core.reasons import RejectReason, SuppressionReason
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.sending.deliveries import Admitted, Ignored
from triggerstream.ingest.door import Observer
from triggerstream.ingest.gathering import Heard
from triggerstream.ops.catalogue import CATALOGUE, PREFIX, Metric
from triggerstream.ops.ingest_metrics import IngestMetrics
from triggerstream.ops.metrics import Children, ProcessMetrics

PACKAGE = Path(__file__).parents[2] / "triggerstream"
OUTCOMES: list[object] = [
    firing(),
    suppressed(SuppressionReason.COOLDOWN),
    TriggerFailed("cart", "c1", 0, "ZeroDivisionError"),
    ExpressionErred("cart", "c1"),
    GoalReached("cart", "c1", 0),
    ConsentChanged("c1", 0, {"email_consent": "perhaps"}),
    Bounded("partial", "cart", "c1"),
    Clamped("c1", 9, 0),
    Admitted("cart", "email"),
    Admitted("cart", "email"),
    delivery("sent", ""),
    Ignored("repeat", "c1", 0),
    DeadLetter("empty", "no bytes", 0, 7, 0, None, None),
]
PARTITION = SimpleNamespace(number=0, clock=5000, next_due=2000)


class Told:
    """Notes which of the metrics' methods were called."""

    def __init__(self, metrics: ProcessMetrics | IngestMetrics) -> None:
        self._metrics = metrics
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self._metrics, name)


def tell_everything(metrics: ProcessMetrics) -> set[str]:
    """Call every method with something to count; return the methods' names."""
    told = Told(metrics)
    told.opened(0, [ledger("email")])
    told.decided(0, {"applied": 1}, OUTCOMES)
    told.checkpointed(PARTITION, Cut({b"c1": b"state"}, {}, b"", 7), 0.1)
    told.foreign(0, 1)
    told.took(0.1)
    told.told(0.1)
    told.ticked()
    told.also_reads("inbox")
    told.rejected("inbox", {RejectReason.EMPTY: 1})
    told.set_lag(0, 3, 0.5)
    told.observe_attempt("email", "sent", "", 0.1)
    told.set_cached(7)
    told.restored(3, 1, 9)
    told.followed(5, 1, {1: 4})
    told.put_aside(0)
    told.assign([0])
    told.use_ruleset(1, "abc", [trigger()])
    told.schemas_failed({("web", "seen", "schema"): 1})
    return told.names


def tell_of_doors(metrics: IngestMetrics) -> set[str]:
    """Call every method with something to count; return the methods' names."""
    told = Told(metrics)
    told.answered("/v1/events", 200)
    told.judged("web", 2, ["empty"])
    told.schemas_failed({("web", "seen", "schema"): 1})
    told.letters_dropped("web", 1)
    told.acknowledged(2, 0.01)
    told.dropped("full", 1)
    told.holds(300)
    return told.names


def public_methods(metrics: type = ProcessMetrics) -> set[str]:
    return {name for name in vars(metrics) if not name.startswith("_")}


@pytest.fixture(scope="module", name="full")
def _full() -> CollectorRegistry:
    registry = CollectorRegistry()
    children = Children(registry)
    tell_everything(ProcessMetrics(children, "events", ("email",)))
    tell_of_doors(IngestMetrics(children))
    return registry


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_every_metric_is_fed_by_what_a_process_tells(
    full: CollectorRegistry, metric: Metric
) -> None:
    name = PREFIX + metric.name + ("_count" if metric.type == "histogram" else "")
    values = [
        sample.value
        for family in full.collect()
        for sample in family.samples
        if sample.name == name
    ]

    assert sum(values) > 0


def test_everything_that_can_be_told_is_told_here() -> None:
    assert (
        tell_everything(ProcessMetrics(Children(CollectorRegistry()), "events")) == public_methods()
    )
    doors = tell_of_doors(IngestMetrics(Children(CollectorRegistry())))
    assert doors == public_methods(IngestMetrics)


def test_everything_that_can_be_told_is_told_by_the_process() -> None:
    paths = (
        path for folder in ("stream", "processes") for path in (PACKAGE / folder).rglob("*.py")
    )
    used = {name for path in paths for name in _told_in(path)}

    assert public_methods() - used == set()
    assert public_methods(IngestMetrics) == public_methods(Observer) | public_methods(Heard)


def _told_in(path: Path) -> Iterator[str]:
    """Yield the names that a module takes of an observer, or of the metrics."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(ast.Attribute(attr="_observer" | "metrics"), attr=name):
                yield name


def test_what_the_intake_rejects_stands_at_zero_before_it_has() -> None:
    registry = CollectorRegistry()
    metrics = ProcessMetrics(Children(registry), "events")
    labels = {"topic": "inbox", "reason": "missing_field"}

    metrics.also_reads("inbox")
    assert registry.get_sample_value(f"{PREFIX}records_rejected_total", labels) == 0
    metrics.rejected("inbox", {"missing_field": 2})

    assert registry.get_sample_value(f"{PREFIX}records_rejected_total", labels) == 2
    assert registry.get_sample_value(f"{PREFIX}dead_letters_total", labels) == 2


def test_a_restore_counts_what_it_reads_and_shows_what_is_left() -> None:
    registry = CollectorRegistry()
    metrics = ProcessMetrics(Children(registry), "events")

    for read, stale, left in ((0, 0, 30), (20, 1, 10), (10, 2, 0)):
        metrics.restored(read, stale, left)

    topic = {"topic": "events"}
    assert registry.get_sample_value(f"{PREFIX}restored_records_total", topic) == 30
    assert registry.get_sample_value(f"{PREFIX}stale_writes_total", topic) == 3
    assert registry.get_sample_value(f"{PREFIX}restore_remaining_records", topic) == 0
