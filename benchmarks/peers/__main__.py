"""Triggerstream's worker beside a peer that does the same detection: CPU per event of both.

    python -m benchmarks.peers quix|bytewax|flink-keyed|flink-cep
        [--json] [--events N] [--warm-up N] [--rounds N]

Both work on one broker, in one run, in turn. The first run of a peer installs it into the user's
cache: Quix Streams and Bytewax with pip into environments of their own, Flink with Maven (Java
17). `contest.py` tells how it is measured, and docs/benchmarks-peers.md what each peer does more
or less than triggerstream.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.bench import Bench, open_broker
from benchmarks.load import events, triggers
from benchmarks.peers import installed, report
from benchmarks.peers.contest import STARTING, Peer, Plan, hold
from benchmarks.peers.running import bytewax, flink, quix
from benchmarks.peers.sample import build_sample
from benchmarks.peers.specs import sequences
from deploy.local_kafka.jars import kafka_version


class Contest(msgspec.Struct, frozen=True):
    """What is compared, and how much of it unless asked otherwise.

    Attributes:
        installed: What `installed.py` calls it.
        warm_up: Events before those that are measured: until most customers have a state, and for
            the JVM until what is hot has been compiled.
    """

    installed: str
    rules: str
    peers: tuple[Peer, ...]
    warm_up: int
    events: int = 60_000


CONTESTS: Mapping[str, Contest] = {
    "quix": Contest("quix", triggers(100), (Peer("Quix Streams", quix),), 20_000),
    "bytewax": Contest(
        "bytewax",
        triggers(100),
        (
            Peer("Bytewax", partial(bytewax, recovery=False), commits=False),
            Peer("Bytewax, recovery", partial(bytewax, recovery=True), commits=False),
        ),
        20_000,
    ),
    "flink-keyed": Contest(
        "flink",
        triggers(100),
        (
            Peer("Flink, RocksDB", partial(flink, job="keyed", backend="rocksdb")),
            Peer("Flink, heap", partial(flink, job="keyed", backend="hashmap")),
        ),
        80_000,
        40_000,
    ),
    "flink-cep": Contest(
        "flink",
        sequences(),
        (
            Peer("CEP, heap", partial(flink, job="cep", backend="hashmap")),
            Peer("CEP filtered, heap", partial(flink, job="cep-filtered", backend="hashmap")),
        ),
        40_000,
        30_000,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per event: triggerstream beside a peer.")
    parser.add_argument("peer", choices=CONTESTS)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--events", type=int, help="events that are measured")
    parser.add_argument("--warm-up", type=int, help="events before them")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats")
    asked = parser.parse_args()
    contest = CONTESTS[asked.peer]
    plan = Plan(
        contest.rules,
        contest.peers,
        asked.events or contest.events,
        asked.warm_up or contest.warm_up,
        asked.rounds,
    )
    versions = f"{installed.versions(contest.installed)}; Apache Kafka {kafka_version()}"
    now = int(time.time() * 1000)
    load = events(STARTING + plan.warm_up + plan.events, until=now)
    sample = build_sample(contest.rules, until=now)
    with open_broker() as address, tempfile.TemporaryDirectory(prefix="triggerstream-") as name:
        found = asyncio.run(hold(Bench(address, Path(name), load), plan, sample))
    if asked.json:
        sys.stdout.buffer.write(report.as_json(found, versions, len(sample.expected)) + b"\n")
    else:
        report.show(found, versions)


if __name__ == "__main__":
    main()
