"""Triggerstream's worker beside a peer that does the same detection: CPU per event of both.

    python -m benchmarks.peers quix|bytewax|flink-keyed|flink-cep|all
        [--json] [--events N] [--warm-up N] [--rounds N] [--checkpoint-interval S]

Both work on one broker, in one run, in turn; ``all`` has those under 100 triggers take turns with
one worker, and then CEP with another. With a plus is a peer tuned by the knobs that it documents
for such a load (`quix_app.py`, `bytewax_flow.py`, `flink/.../Job.java`). The interval between two
checkpoints, commits or snapshots is the same for all, a second unless asked otherwise. A worker
that is behind makes its own further apart where they are expensive, up to five times, and tells on
stderr how far; at 5 seconds it has no reason to.

The first run of a peer installs it into the user's cache: Quix Streams and Bytewax with pip into
environments of their own, Flink with Maven (Java 17). `contest.py` tells how it is measured, and
docs/benchmarks-peers.md what each peer does more or less than triggerstream.
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
        installed: What `installed.py` calls those that are needed.
        warm_up: Events before those that are measured: until most customers have a state, and for
            the JVM until what is hot has been compiled.
    """

    installed: tuple[str, ...]
    rules: str
    peers: tuple[Peer, ...]
    warm_up: int
    events: int = 60_000


_QUIX = (
    Peer("Quix Streams", quix),
    Peer("Quix Streams+", partial(quix, tuned=True)),
)
_BYTEWAX = tuple(
    Peer(
        f"Bytewax{'+' if tuned else ''}{', recovery' if recovery else ''}",
        partial(bytewax, recovery=recovery, tuned=tuned),
        commits=False,
    )
    for recovery in (False, True)
    for tuned in (False, True)
)
_KEYED = (
    Peer("Flink, RocksDB", partial(flink, job="keyed", backend="rocksdb")),
    Peer("Flink+, RocksDB", partial(flink, job="keyed", backend="rocksdb", tuned=True)),
    Peer("Flink, heap", partial(flink, job="keyed", backend="hashmap")),
    Peer("Flink+, heap", partial(flink, job="keyed", backend="hashmap", tuned=True)),
)
_CEP = (
    Peer("CEP, heap", partial(flink, job="cep", backend="hashmap")),
    Peer("CEP filtered, heap", partial(flink, job="cep-filtered", backend="hashmap")),
    Peer(
        "CEP filtered+, heap",
        partial(flink, job="cep-filtered", backend="hashmap", tuned=True),
    ),
)
_HUNDRED = triggers(100)

CONTESTS: Mapping[str, Contest] = {
    "quix": Contest(("quix",), _HUNDRED, _QUIX, 20_000),
    "bytewax": Contest(("bytewax",), _HUNDRED, _BYTEWAX, 20_000),
    "flink-keyed": Contest(("flink",), _HUNDRED, _KEYED, 80_000, 40_000),
    "flink-cep": Contest(("flink",), sequences(), _CEP, 40_000, 30_000),
    "hundred": Contest(
        ("quix", "bytewax", "flink"), _HUNDRED, (*_QUIX, *_BYTEWAX, *_KEYED), 80_000
    ),
}
"""By name; ``hundred`` has all in one that are under the same triggers."""
ALL = ("hundred", "flink-cep")


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per event: triggerstream beside a peer.")
    parser.add_argument("peer", choices=(*CONTESTS, "all"))
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object for each contest"
    )
    parser.add_argument("--events", type=int, help="events that are measured")
    parser.add_argument("--warm-up", type=int, help="events before them")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats")
    parser.add_argument(
        "--checkpoint-interval",
        type=float,
        default=1.0,
        help="seconds between two checkpoints, of the worker and of the peers",
    )
    asked = parser.parse_args()
    with open_broker() as address:
        for name in ALL if asked.peer == "all" else (asked.peer,):
            _run(address, CONTESTS[name], asked)


def _run(address: str, contest: Contest, asked: argparse.Namespace) -> None:
    plan = Plan(
        contest.rules,
        contest.peers,
        asked.events or contest.events,
        asked.warm_up or contest.warm_up,
        asked.rounds,
        asked.checkpoint_interval,
    )
    needed = "; ".join(installed.versions(name) for name in contest.installed)
    versions = f"{needed}; Apache Kafka {kafka_version()}; every {plan.interval:g} s"
    now = int(time.time() * 1000)
    load = events(STARTING + plan.warm_up + plan.events, until=now)
    sample = build_sample(contest.rules, until=now)
    with tempfile.TemporaryDirectory(prefix="triggerstream-") as name:
        found = asyncio.run(hold(Bench(address, Path(name), load), plan, sample))
    if asked.json:
        sys.stdout.buffer.write(report.as_json(found, versions, len(sample.expected)) + b"\n")
        sys.stdout.flush()
    else:
        report.show(found, versions)


if __name__ == "__main__":
    main()
