"""The metrics: named by the catalogue, at zero from the start, and true to the conservation law."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from triggerstream.core.decisions import (
    Action,
    Bounded,
    Clamped,
    ConsentChanged,
    ExpressionErred,
    Firing,
    GoalReached,
    Suppressed,
    TriggerFailed,
)
from triggerstream.core.model import ActionSpec, EventPattern, Trigger
from triggerstream.core.policy.ledger import Ledger, Pending
from triggerstream.core.reasons import Outcome, RejectReason, SuppressionReason
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.deliveries import Delivery
from triggerstream.core.sending.deliveries import Admitted, Ignored
from triggerstream.ops.catalogue import (
    CATALOGUE,
    ENDED,
    MATCHED,
    PENDING,
    PREFIX,
    conservation_alert,
)
from triggerstream.ops.metrics import ENDS, Children, ProcessMetrics, observe_all

TOPIC = "triggerstream.events.v1"
PROMTOOL = shutil.which("promtool")


def firing(trigger: str = "cart", actions: int = 1, mode: str = "live") -> Firing:
    return Firing(
        firing_id="f",
        trigger=trigger,
        customer_id="c1",
        at=0,
        instance=None,
        events=("e1",),
        actions=tuple(Action(str(n), "email") for n in range(actions)),
        mode=mode,
    )


def suppressed(reason: SuppressionReason, actions: int = 1) -> Suppressed:
    return Suppressed(reason, "cart", "c1", 0, None, ("e1",), actions)


def ledger(*channels: str) -> Ledger:
    """A customer with one pending action by each of *channels*."""
    return Ledger(
        pending={
            str(number): Pending(
                action_id=str(number),
                trigger="cart",
                channel=channel,
                type="behavioral",
                rank=0,
                expires=0,
                not_before=0,
                firing=b"",
            )
            for number, channel in enumerate(channels)
        }
    )


def delivery(outcome: str, reason: str) -> Delivery:
    return Delivery(
        action_id="a",
        firing_id="f",
        trigger="cart",
        customer_id="c1",
        channel="email",
        type="behavioral",
        mode="live",
        outcome=Outcome(outcome),
        reason=reason or None,  # type: ignore[arg-type]  # any of the closed sets
        failing=(),
        at=0,
        attempts=1,
    )


def trigger(name: str = "cart", mode: str = "live") -> Trigger:
    return Trigger(
        id=name,
        name=name,
        when=EventPattern(types=("purchase",)),
        mode=mode,
        actions=(ActionSpec("email"),),
    )


@pytest.fixture(name="registry")
def _registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(name="metrics")
def _metrics(registry: CollectorRegistry) -> ProcessMetrics:
    return ProcessMetrics(Children(registry), TOPIC, channels=("email", "webhook"))


def total(registry: CollectorRegistry, name: str) -> float:
    """Return the sum over all labels of the metric with this short name."""
    return sum(
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == PREFIX + name
    )


def promtool(*arguments: str, given: bytes = b"") -> tuple[int, str]:
    """Return its exit code and what it complained of."""
    found = subprocess.run(
        [str(PROMTOOL), *arguments], input=given, capture_output=True, check=False
    )
    return found.returncode, found.stderr.decode()


class TestCatalogue:
    def test_names_are_unique(self) -> None:
        assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)

    @pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
    def test_names_end_in_what_they_count(self, metric: object) -> None:
        name, kind, unit = metric.name, metric.type, metric.unit  # type: ignore[attr-defined]

        assert name.endswith("_total") == (kind == "counter")
        assert not unit or name.endswith(f"_{unit}")

    def test_no_metric_is_labelled_with_a_customer(self) -> None:
        labels = {label for metric in CATALOGUE for label in metric.labels}

        assert labels == {
            *("topic", "partition", "status", "reason", "trigger", "mode", "what"),
            *("channel", "outcome", "version", "hash", "engine"),
            *("source", "event_type"),  # declared ones only: see `core.schemas`
            *("route", "key_name", "why"),
        }

    def test_every_metric_is_exposed_under_its_full_name(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        exposed = generate_latest(registry).decode()

        for metric in CATALOGUE:
            assert f"# HELP {PREFIX}{metric.name} {metric.help}" in exposed

    @pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
    def test_promtool_finds_nothing_to_correct(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.use_ruleset(1, "abc", [trigger()])
        metrics.assign([0])
        metrics.set_lag(0, 3, 0.5)

        assert promtool("check", "metrics", given=generate_latest(registry)) == (0, "")


class TestStartingAtZero:
    def test_every_end_of_a_delivery_stands_at_zero(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        for outcome, reason in ENDS:
            labels = {"channel": "webhook", "outcome": outcome, "reason": reason}
            assert registry.get_sample_value(f"{PREFIX}deliveries_total", labels) == 0

    def test_every_reason_to_reject_stands_at_zero(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        for reason in RejectReason:
            labels = {"topic": TOPIC, "reason": reason}
            assert registry.get_sample_value(f"{PREFIX}records_rejected_total", labels) == 0

    @pytest.mark.covers("A13")
    def test_what_is_not_as_the_ruleset_asks_is_counted_by_source_type_and_reason(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.schemas_failed({("server", "purchase", "schema"): 2})
        metrics.schemas_failed({("server", "purchase", "schema"): 1})

        labels = {"source": "server", "event_type": "purchase", "reason": "schema"}
        assert registry.get_sample_value(f"{PREFIX}schema_failures_total", labels) == 3

    def test_a_trigger_stands_at_zero_from_its_ruleset_on(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.use_ruleset(1, "abc", [trigger("cart", "shadow")])

        labels = {"trigger": "cart", "mode": "shadow"}
        assert registry.get_sample_value(f"{PREFIX}firings_total", labels) == 0
        assert registry.get_sample_value(f"{PREFIX}triggers_active", {"mode": "shadow"}) == 1


class TestCounting:
    @pytest.mark.covers("B18", "F7")
    def test_each_kind_of_outcome_is_counted_once(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.decided(
            0,
            {"applied": 5, "late": 1, "rejected": 1},
            [
                firing(actions=2),
                suppressed(SuppressionReason.COOLDOWN, actions=2),
                TriggerFailed("cart", "c1", 0, "ZeroDivisionError"),
                ExpressionErred("cart", "c1"),
                GoalReached("cart", "c1", 0),
                ConsentChanged("c1", 0, {"email_consent": "maybe", "unsubscribed": True}),
                Bounded("partial", "cart", "c1"),
                Clamped("c1", 9, 0),
                Ignored("repeat", "c1", 0),
                DeadLetter("empty", "no bytes", 0, 7, 0, None, None),
            ],
        )

        counted = {
            "records_total": 6,
            "records_rejected_total": 1,
            "dead_letters_total": 1,
            "matches_total": 2,
            "matched_actions_total": 4,
            "firings_total": 1,
            "suppressed_total": 1,
            "suppressed_actions_total": 2,
            "trigger_errors_total": 1,
            "expression_errors_total": 1,
            "goals_total": 1,
            "consent_changes_total": 1,
            "consent_unreadable_total": 1,
            "bounded_total": 1,
            "timestamps_clamped_total": 1,
            "ignored_total": 1,
        }
        assert {name: total(registry, name) for name in counted} == counted

    def test_a_match_whose_trigger_asks_for_nothing_matches_and_has_no_actions(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.decided(0, {}, [firing(actions=0)])

        assert total(registry, "matches_total") == 1
        assert total(registry, MATCHED) == 0

    def test_the_gauges_of_a_lost_partition_disappear(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.assign([0, 1])
        metrics.set_lag(0, 3, 0.5)
        metrics.set_lag(1, 4, 0.5)

        metrics.assign([1])

        assert total(registry, "lag_records") == 4
        assert total(registry, "partitions_assigned") == 1
        assert total(registry, "rebalances_total") == 2

    def test_the_gauges_of_a_partition_that_is_not_followed_any_more_disappear(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.followed(10, 1, {0: 5, 1: 3})
        metrics.followed(8, 0, {1: 1})

        assert total(registry, "standby_lag_records") == 1
        assert total(registry, "standby_partitions") == 1
        assert total(registry, "standby_records_total") == 18
        assert total(registry, "stale_writes_total") == 1

        metrics.followed(0, 0, {})

        assert total(registry, "standby_lag_records") == 0
        assert total(registry, "standby_partitions") == 0

    def test_one_ruleset_is_in_force_at_a_time(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.use_ruleset(1, "abc", [trigger("cart"), trigger("intent")])
        metrics.use_ruleset(2, "def", [trigger("cart")])

        assert total(registry, "ruleset_info") == 1
        assert total(registry, "triggers_active") == 1

    def test_what_a_lost_partition_had_pending_is_another_process_business(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.assign([0, 1])
        metrics.opened(0, [ledger("email", "email"), ledger("sms")])
        metrics.opened(1, [ledger("sms")])
        metrics.decided(1, {}, [Admitted("cart", "sms")])

        metrics.assign([1])

        assert total(registry, PENDING) == 2

    def test_what_was_pending_when_a_partition_was_taken_over_is_counted_anew(
        self, registry: CollectorRegistry, metrics: ProcessMetrics
    ) -> None:
        metrics.decided(0, {}, [Admitted("cart", "email")] * 5)

        metrics.opened(0, [ledger("email", "email")])
        metrics.decided(0, {}, [delivery(Outcome.SENT, "")])

        assert total(registry, PENDING) == 1


class TestConservation:
    @pytest.mark.covers("F7")
    @pytest.mark.parametrize("seed", range(5))
    def test_what_matched_is_what_ended_and_what_is_pending(self, seed: int) -> None:
        """A worker decides and a sender ends, in any order and mixture; nothing is unaccounted."""
        choose = random.Random(seed)
        registry = CollectorRegistry()
        metrics = ProcessMetrics(Children(registry), TOPIC, channels=("email",))
        pending = 0
        for _ in range(200):
            batch: list[object] = []
            for _ in range(choose.randrange(4)):
                actions = choose.randrange(4)
                if choose.random() < 0.5:
                    batch.append(firing(actions=actions))
                    batch.extend([Admitted("cart", "email")] * actions)
                    pending += actions
                else:
                    batch.append(suppressed(choose.choice(list(SuppressionReason)), actions))
            ended = choose.randint(0, pending)
            pending -= ended
            batch.extend(delivery(*choose.choice(ENDS)) for _ in range(ended))
            metrics.decided(choose.randrange(3), {"applied": len(batch)}, batch)

            accounted = sum(total(registry, name) for name in ENDED) + total(registry, PENDING)
            assert total(registry, MATCHED) == accounted
            assert total(registry, PENDING) == pending

    def test_the_alert_names_only_metrics_of_the_catalogue(self) -> None:
        expression = conservation_alert()

        for name in (MATCHED, *ENDED, PENDING):
            assert f"{PREFIX}{name}[1h]" in expression

    @pytest.mark.covers("M3")
    @pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
    @pytest.mark.parametrize(
        ("delivered", "alerts"), [("0+10x120", "[]"), ("0+5x120", "[{exp_labels: {}}]")]
    )
    def test_the_alert_fires_when_actions_are_missing_and_only_then(
        self, tmp_path_factory: pytest.TempPathFactory, delivered: str, alerts: str
    ) -> None:
        folder = tmp_path_factory.mktemp("alert")
        (folder / "rules.yml").write_text(
            f"groups: [{{name: g, rules: [{{alert: Lost, expr: '{conservation_alert()}'}}]}}]"
        )
        test = folder / "test.yml"
        test.write_text(
            f"""
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: '{PREFIX}{MATCHED}{{trigger="cart"}}', values: '0+10x120'}}
      - {{series: '{PREFIX}deliveries_total{{channel="email"}}', values: '{delivered}'}}
    alert_rule_test: [{{eval_time: 100m, alertname: Lost, exp_alerts: {alerts}}}]
"""
        )

        code, words = promtool("test", "rules", str(test))

        assert code == 0, words


@pytest.mark.parametrize("values", [[], [10], [9, 10, 11, 10, 0], [101, 5, 100, 99, 1_000_000]])
def test_observing_many_at_once_is_observing_each(values: list[int]) -> None:
    exposed = []
    for each in (True, False):
        registry = CollectorRegistry()
        histogram = Histogram("sizes", "Sizes.", buckets=(10, 100), registry=registry)
        histogram.observe(50)
        if each:
            for value in values:
                histogram.observe(value)
        else:
            observe_all(histogram, list(values))
        exposed.append([line for line in _lines(registry) if "_created" not in line])

    assert exposed[0] == exposed[1]
    assert f"sizes_count {1 + len(values)}.0" in exposed[0]


def _lines(registry: CollectorRegistry) -> list[str]:
    return generate_latest(registry).decode().splitlines()
