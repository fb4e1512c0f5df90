"""What was decided and what became of it, by trigger: from the topics and the worker's metrics.

Topics are read at least once, and everything in them has an id: each id counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from triggerstream.core.reasons import Outcome
from triggerstream.core.records.deliveries import DELIVERIES, Delivery
from triggerstream.core.records.deliveries import read as read_delivery
from triggerstream.core.records.record import Kind, Record, read_kind
from triggerstream.ops.catalogue import PREFIX


class Line(msgspec.Struct):
    """One trigger's numbers.

    Attributes:
        matches: Firings and suppressed matches.
        sent: Actions delivered, by channel.
        others: Matches and actions that were not sent, by outcome and reason.
    """

    matches: int = 0
    firings: int = 0
    sent: Counter[str] = msgspec.field(default_factory=Counter)
    others: Counter[str] = msgspec.field(default_factory=Counter)


class Tally(msgspec.Struct):
    """All triggers' numbers, and the conservation law's two sides, in actions."""

    lines: dict[str, Line]
    matched_actions: int
    ended_actions: Counter[str]

    @property
    def pending(self) -> int:
        """Actions that have not ended."""
        return self.matched_actions - self.ended_actions.total()


async def take_tally(read: Callable[[str], AsyncIterator[Record]], worker_metrics: str) -> Tally:
    """Return the numbers as they stand.

    Args:
        read: Yields the records of the topic with this short name.
        worker_metrics: What the worker answers at ``/metrics``.
    """
    metrics = _metrics(worker_metrics)
    lines: dict[str, Line] = {}
    for (trigger,), value in metrics("matches_total", "trigger"):
        lines[trigger] = Line(matches=value)
    for (trigger, reason), value in metrics("suppressed_total", "trigger", "reason"):
        if value:
            lines[trigger].others[f"{reason} (match)"] = value
    for firing in await _distinct(read("actions"), "firing_id", Kind.FIRING):
        lines.setdefault(firing["trigger"], Line()).firings += 1
    ended: Counter[str] = Counter()
    for _, value in metrics("suppressed_actions_total", "trigger", "reason"):
        ended["suppressed"] += value
    for delivery in await _ended(read(DELIVERIES)):
        line = lines.setdefault(delivery.trigger, Line())
        outcome, against = delivery.outcome.value, delivery.reason
        ended[outcome] += 1
        if delivery.outcome == Outcome.SENT:
            line.sent[delivery.channel] += 1
        else:
            line.others[outcome if against is None else f"{against} ({outcome})"] += 1
    matched = sum(value for _, value in metrics("matched_actions_total", "trigger"))
    return Tally(dict(sorted(lines.items())), matched, ended)


def counts(text: str, *names: str, by: str) -> Counter[str]:
    """Return the sums of the counters *names* in the metrics *text*, by their label *by*."""
    metrics = _metrics(text)
    sums: Counter[str] = Counter()
    for name in names:
        for (label,), value in metrics(name, by):
            sums[label] += value
    return sums


def _metrics(text: str) -> Callable[..., Iterator[tuple[tuple[str, ...], int]]]:
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]

    def values(name: str, *labels: str) -> Iterator[tuple[tuple[str, ...], int]]:
        for sample in samples:
            if sample.name == PREFIX + name:
                yield tuple(sample.labels[label] for label in labels), int(sample.value)

    return values


async def _distinct(
    records: AsyncIterator[Record], id_field: str, kind: bytes | None
) -> list[Mapping[str, Any]]:
    """Return the JSON values of the *records* of *kind*, one for each id."""
    found: dict[str, Mapping[str, Any]] = {}
    async for record in records:
        if read_kind(record.headers) == kind and record.value is not None:
            value = msgspec.json.decode(record.value)
            found.setdefault(value[id_field], value)
    return list(found.values())


async def _ended(records: AsyncIterator[Record]) -> list[Delivery]:
    """Return the deliveries among *records*, one for each action."""
    found: dict[str, Delivery] = {}
    async for record in records:
        delivery = read_delivery(record)
        if isinstance(delivery, Delivery):
            found.setdefault(delivery.action_id, delivery)
    return list(found.values())
