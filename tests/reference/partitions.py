"""A log of more than events: ticks, rulesets and touches, through the engine's own partition and
through the reference.

Beside events a log holds marks: ``{"tick": at}``, ``{"ruleset": n}`` (the n-th of those that are
given, from 0 on, is in force from here on) and ``{"touch": customer, "at": at}``. A ruleset is its
documents; one of them may be ``{"published": …}``, the content of ``.values.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.reference.evaluator import Log
from tests.reference.stories import Json
from triggerstream.core.decisions import Firing, SegmentChanged, Suppressed
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import KIND, Header, Kind
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.replay.lines import TOPIC, decision_line

Documents = list[Json]
LATENESS = 10_000


def ruleset_of(documents: Documents, version: int, policy: Json | None = None) -> Ruleset:
    documents, published = parted(documents)
    files = {"t.yaml": "\n---\n".join(map(json.dumps, documents))}
    if policy:
        files["policy.yaml"] = json.dumps(policy)
    if published:
        files[".values.json"] = json.dumps(published)
    return load_ruleset(files, version=version)


def parted(documents: Documents) -> tuple[Documents, Json]:
    """The documents, and what was published."""
    published = [each["published"] for each in documents if "published" in each]
    return [each for each in documents if "published" not in each], published[
        0
    ] if published else {}


def by_partition(
    rulesets: Sequence[Documents],
    log: Sequence[Json],
    *,
    until: int | None = None,
    policy: Json | None = None,
    sizes: Iterable[int] = (),
    restarts: bool = False,
) -> list[Json]:
    """What a worker decides on *log*.

    Args:
        sizes: Of batches, one after the other; what is left is the last one.
        restarts: Whether each batch is decided by another process, from what the last one stored.
    """
    loaded = [ruleset_of(each, number, policy) for number, each in enumerate(rulesets, 1)]
    log = [*log, *([] if until is None else [{"tick": until + LATENESS}])]
    store = MemoryStore()
    partition = partition_of(store, loaded)
    lines: list[Json] = []
    at = 0
    for size in [*sizes, len(log)]:
        batch = log[at : at + size]
        partition.apply(columns(at, batch))
        lines += [
            json.loads(json.dumps(decision_line(each)))
            for each in partition.outcomes
            if isinstance(each, Firing | Suppressed | SegmentChanged)
        ]
        partition.outcomes.clear()
        at += len(batch)
        if restarts:
            cut = partition.cut(partition.record)
            store.write(cut.values, partition_record=cut.record, changelog_offset=cut.offset)
            partition = partition_of(store, loaded)
    return lines


def partition_of(store: MemoryStore, rulesets: list[Ruleset]) -> Partition[Any, Any]:
    return Partition(
        Detect(TOPIC, clamp_skew=False),
        store,
        rulesets=lambda version: rulesets[version - 1],
        in_one_piece=True,
    )


def columns(first: int, batch: Sequence[Json]) -> Columns:
    arrivals, headers = list[int](), dict[int, Sequence[Header]]()
    keys, values = list[bytes | None](), list[bytes | None]()
    for number, each in enumerate(batch):
        if "tick" in each:
            arrivals.append(each["tick"])
            headers[number] = ((KIND, Kind.TICK),)
            keys.append(None)
            values.append(None)
        elif "ruleset" in each:
            arrivals.append(each.get("at", 0))
            headers[number] = ((KIND, Kind.RULESET),)
            keys.append(None)
            values.append(json.dumps({"version": each["ruleset"] + 1, "hash": "h"}).encode())
        elif "touch" in each:
            arrivals.append(each["at"])
            headers[number] = ((KIND, Kind.TOUCH),)
            keys.append(each["touch"].encode())
            values.append(json.dumps({"customer_id": each["touch"]}).encode())
        else:
            arrivals.append(each["received_at" if "received_at" in each else "timestamp"])
            keys.append(each["customer_id"].encode())
            values.append(json.dumps(each).encode())
    offsets = range(first, first + len(batch))
    return Columns(0, offsets, arrivals, keys, values, headers)


def by_reference(
    rulesets: Sequence[Documents],
    log: Sequence[Json],
    *,
    until: int | None = None,
    policy: Json | None = None,
) -> list[Json]:
    """What the reference decides on *log*."""
    documents, published = parted(rulesets[0])
    so_far = Log(documents, policy or {}, None, published)
    for number, each in enumerate(log):
        if "tick" in each:
            so_far.advance(each["tick"])
        elif "ruleset" in each:
            so_far.put_in_force(*parted(rulesets[each["ruleset"]]))
        elif "touch" in each:
            so_far.touch(each["touch"], each["at"])
        else:
            so_far.take(each, number, [])
    if until is not None:
        so_far.advance(until + LATENESS)
    return so_far.decisions


UNDER: Mapping[str, Callable[..., list[Json]]] = {
    "reference": by_reference,
    "engine": by_partition,
}
