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
from benchmarks.peers import report
from benchmarks.peers.contest import STARTING, Peer, Plan, hold
from benchmarks.peers.running import bytewax, flink, quix
from benchmarks.peers.sample import build_sample
from benchmarks.peers.specs import sequences


class Contest(msgspec.Struct, frozen=True):
    """What is compared, and how many events a peer gets to warm up, unless asked otherwise."""

    rules: str
    peers: tuple[Peer, ...]
    warm_up: int = 0


_JIT = 100_000
"""Events by which the JVM has compiled what is hot."""

CONTESTS: Mapping[str, Contest] = {
    "quix": Contest(triggers(100), (Peer("Quix Streams", quix),)),
    "bytewax": Contest(
        triggers(100),
        (
            Peer("Bytewax", partial(bytewax, recovery=False), commits=False),
            Peer("Bytewax, recovery", partial(bytewax, recovery=True), commits=False),
        ),
    ),
    "flink-keyed": Contest(
        triggers(100),
        (
            Peer("Flink, RocksDB", partial(flink, job="keyed", backend="rocksdb")),
            Peer("Flink, heap", partial(flink, job="keyed", backend="hashmap")),
        ),
        _JIT,
    ),
    "flink-cep": Contest(
        sequences(),
        (
            Peer("CEP, heap", partial(flink, job="cep", backend="hashmap")),
            Peer("CEP filtered, heap", partial(flink, job="cep-filtered", backend="hashmap")),
        ),
        _JIT,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per event: triggerstream beside a peer.")
    parser.add_argument("peer", choices=CONTESTS)
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument("--events", type=int, default=60_000, help="events that are measured")
    parser.add_argument("--warm-up", type=int, help="events before them")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats")
    asked = parser.parse_args()
    contest = CONTESTS[asked.peer]
    warm_up = contest.warm_up if asked.warm_up is None else asked.warm_up
    plan = Plan(contest.rules, contest.peers, asked.events, warm_up, asked.rounds)
    now = int(time.time() * 1000)
    load = events(STARTING + warm_up + asked.events, until=now)
    sample = build_sample(contest.rules, until=now)
    with open_broker() as address, tempfile.TemporaryDirectory(prefix="triggerstream-") as name:
        found = asyncio.run(hold(Bench(address, Path(name), load), plan, sample))
    if asked.json:
        sys.stdout.buffer.write(report.as_json(found, len(sample.expected)) + b"\n")
    else:
        report.show(found)


if __name__ == "__main__":
    main()
