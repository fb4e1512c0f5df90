"""What the worker costs beside deciding: CPU per event and per state, layer by layer.

    python benchmarks/edge.py [--json] [--backlog] [--events N] [--rounds N]

Measured as in `spine.py`, in one run, on one broker and with the same events, in turn, `--rounds`
times: the limit (`limit.py`), and the worker's own process with a program that decides nothing
(`bare.py`), with states of some sizes, and with some shares of records that are told downstream.
The producer is the slower one of the two, so a part is what a worker costs in a second of waiting.
With ``--backlog`` the process is stopped while the events are appended, and has all of them before
it: what is left is what an event costs.

The operating system counts the CPU time of each thread, which tells the layers apart:

- **loop**: the main thread: deciding, appending, checkpoints, RocksDB's writes;
- **fetch**: the other threads of Python, foremost the consumer's;
- **rocks**: RocksDB's own, which flush and compact.

A state is written once a checkpoint, however many events changed it: *states* is how many were
written for each event, which depends on how fast the backlog is worked off.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from benchmarks import bench as shared
from benchmarks import spine
from benchmarks.load import PARTITIONS, append, events, open_producer
from triggerstream.demo.lag import Lag
from triggerstream.stream.kafka.topics import Topics

WARM_UP = 2_000
LAYERS = ("loop", "fetch", "rocks")


class Case(msgspec.Struct, frozen=True):
    """One setting of `bare.py`: bytes of a state; one record in *every* is told, 0 for none."""

    size: int
    every: int

    @property
    def name(self) -> str:
        told = f"{100 / self.every:.0f} % told" if self.every else "nothing told"
        return f"{self.size} B, {told}"


CASES = (Case(200, 0), Case(200, 100), Case(200, 10), Case(1000, 100), Case(2000, 100))


class Figures(msgspec.Struct, frozen=True):
    """Of one case and round: CPU microseconds an event by layer, and states written an event."""

    layers: dict[str, float]
    states: float

    @property
    def total(self) -> float:
        return sum(self.layers.values())


async def measure_case(
    bench: shared.Bench, case: Case, count: int, *, is_backlog: bool = False
) -> Figures:
    prefix = bench.next_prefix()
    async with bench.topics(prefix) as topic:
        with _bare(bench, prefix, case) as (process, port):
            producer = open_producer(bench.bootstrap)
            await producer.start()
            try:
                group = Topics(prefix).process("detect")
                async with Lag(bench.bootstrap, group, topic, PARTITIONS) as lag:
                    await append(producer, topic, bench.load[:WARM_UP])
                    await shared.until_committed(lag)
                    before, states = cpu_by_layer(process.pid), _states(port)
                    if is_backlog:
                        process.send_signal(signal.SIGSTOP)
                    await append(producer, topic, bench.load[WARM_UP : WARM_UP + count])
                    process.send_signal(signal.SIGCONT)
                    await shared.until_committed(lag)
                    after = cpu_by_layer(process.pid)
                    written = _states(port) - states
            finally:
                await producer.stop()
    layers = {name: (after[name] - before[name]) / count * 1e6 for name in LAYERS}
    return Figures(layers, written / count)


def cpu_by_layer(pid: int) -> Mapping[str, float]:
    """Return the CPU seconds of process *pid* by layer; exited threads are not counted."""
    found: dict[str, float] = defaultdict(float)
    tick = os.sysconf("SC_CLK_TCK")
    for task in Path(f"/proc/{pid}/task").iterdir():
        # The name in brackets may contain anything; nanoseconds are in another file.
        name = (task / "comm").read_text()
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        spent = (int(fields[11]) + int(fields[12])) / tick
        if name.startswith("rocksdb"):
            found["rocks"] += spent
        else:
            found["loop" if task.name == str(pid) else "fetch"] += spent
    return found


def _states(port: int) -> float:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(r"^triggerstream_checkpoint_states_total\{.*\} (\S+)$", text, re.MULTILINE)
    if found is None:
        sys.exit("/metrics: triggerstream_checkpoint_states_total is required; found none")
    return float(found[1])


@contextmanager
def _bare(
    bench: shared.Bench, prefix: str, case: Case
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = int(holder.getsockname()[1])
    settings = {
        **bench.settings(prefix),
        "DATA_DIR": str(bench.directory / prefix),
        "HTTP__PORT": str(port),
    }
    own = {f"TRIGGERSTREAM_{key}": value for key, value in settings.items()}
    with (bench.directory / f"{prefix}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(shared.HERE / "bare.py"), str(case.size), str(case.every)],
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def measure_all(
    bench: shared.Bench, plan: spine.Plan, *, is_backlog: bool
) -> tuple[list[float], dict[str, list[Figures]]]:
    """Return the limit, and the figures of each case, one for each round."""
    limit: list[float] = []
    found: dict[str, list[Figures]] = {case.name: [] for case in CASES}
    for number in range(plan.rounds):
        began = time.monotonic()
        limit.append(await spine.measure_limit(bench, plan))
        _tell(number, "limit", limit[-1], began)
        for case in CASES:
            began = time.monotonic()
            measured = await measure_case(bench, case, plan.events, is_backlog=is_backlog)
            found[case.name].append(measured)
            _tell(number, case.name, found[case.name][-1].total, began)
    return limit, found


def _tell(number: int, name: str, figure: float, began: float) -> None:
    took = time.monotonic() - began
    print(f"round {number + 1} {name:>18}: {figure:6.1f} us/event ({took:.0f} s)", file=sys.stderr)


def show(limit: list[float], found: Mapping[str, list[Figures]]) -> None:
    """Print medians of CPU time by layer, the spread of their sum, and how it stands to the
    limit."""
    table = Table(box=None, pad_edge=False)
    table.add_column("state, told", no_wrap=True)
    for column in (*LAYERS, "us/event", "min-max", "x limit", "states"):
        table.add_column(column, justify="right", no_wrap=True)
    least = statistics.median(limit)
    spread = f"{min(limit):.1f}-{max(limit):.1f}"
    table.add_row("the limit", *[""] * len(LAYERS), f"{least:.1f}", spread, "1.00", "")
    for name, figures in found.items():
        totals = [each.total for each in figures]
        middle = statistics.median(totals)
        table.add_row(
            name,
            *(f"{statistics.median(f.layers[layer] for f in figures):.1f}" for layer in LAYERS),
            f"{middle:.1f}",
            f"{min(totals):.1f}-{max(totals):.1f}",
            f"{middle / least:.2f}",
            f"{statistics.median(f.states for f in figures):.2f}",
        )
    Console().print(table)


def as_json(limit: list[float], found: Mapping[str, list[Figures]]) -> bytes:
    """Return the medians as one JSON object."""
    cases = {
        name: {
            "us": round(statistics.median(each.total for each in figures), 2),
            "layers_us": {
                layer: round(statistics.median(each.layers[layer] for each in figures), 2)
                for layer in LAYERS
            },
            "states": round(statistics.median(each.states for each in figures), 3),
        }
        for name, figures in found.items()
    }
    return orjson.dumps({"limit_us": round(statistics.median(limit), 2), "cases": cases})


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU per event of the worker beside deciding.")
    parser.add_argument("--json", action="store_true", help="print the medians as one JSON object")
    parser.add_argument("--backlog", action="store_true", help="append all, then let it work")
    parser.add_argument("--events", type=int, default=100_000, help="events of each case")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats")
    asked = parser.parse_args()
    plan = spine.Plan(asked.events, 0, asked.rounds)
    load = events(WARM_UP + plan.events, until=int(time.time() * 1000))
    with (
        shared.open_broker() as bootstrap,
        tempfile.TemporaryDirectory(prefix="edge-") as directory,
    ):
        bench = shared.Bench(bootstrap, Path(directory), load)
        limit, found = asyncio.run(measure_all(bench, plan, is_backlog=asked.backlog))
    if asked.json:
        sys.stdout.buffer.write(as_json(limit, found) + b"\n")
    else:
        show(limit, found)


if __name__ == "__main__":
    main()
