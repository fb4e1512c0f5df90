"""What `up` does and takes, beside the same on Kafka: from an event by HTTP to its action.

    python benchmarks/up.py [--events N] [--singles N] [--rounds N] [--seconds N] [--starts N]
        [--no-kafka] [--json]

Two worlds run side by side and take turns (`worlds.py`): ``triggerstream up`` over one directory,
and ``worker``, ``sender`` and ``ingest`` on a Kafka of 8 partitions. Both have the shop's triggers
and one more, which fires on a single event and is logged (the shop has none that does); mails and
webhooks go to sinks in this process. Events are the shop's own, in its order and with its
customers, without their timestamps, so that they count as now.

- **cost**: CPU seconds of the world's processes, user and system, all threads, and of the
  processes that they render in: from the first request until nothing has come into the log for
  `SETTLE` seconds and all is read, so that the last checkpoint is in it. In batches of 100, and one
  event a request. The broker's CPU is told beside it.
- **latency**: open loop, one event a request, at 10 and 50 % of what the slower world has done by
  the wall: from the moment at which a request was to be sent until its firing was read from the
  log, which a reader in this process looks at each millisecond, or from the topic.
- **start**: from starting ``up`` until ``/readyz`` answers 200, and the CPU seconds until then: in
  an empty directory, and in the one that the run has filled.
- **size**: resident memory when ready, and at the end; bytes on disk once all has stopped.

Load, sinks, reader and broker share the machine's cores with what is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import http.client
import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import orjson

from benchmarks.ingest import BATCH, CONNECTIONS, Client
from benchmarks.latency import quantile
from benchmarks.rounds import Found, say, show, summary, surroundings, told
from benchmarks.worlds import PROBE, Embedded, OnKafka, World, copy_triggers, cpu_of
from deploy.local_kafka.broker import Broker
from triggerstream.demo.processes import Process
from triggerstream.demo.sinks import open_mailbox, open_receiver
from triggerstream.demo.stage import delivering

SHOP: Final = Path(__file__).parent.parent / "examples" / "shop"
SHARES: Final = (0.1, 0.5)
SETTLE: Final = 1.5
"""Seconds of silence after which a world is done: a checkpoint is made each second."""
IDLE: Final = 5.0
"""Seconds for which they are watched with nothing to do."""
WARM: Final = 2_000
"""Events before anything is measured."""
MAILED: Final = 20
"""Customers who get a mail then, so that the processes that render have been started."""
WARM_S: Final = 2.0
"""Seconds at the begin of a steady rate that do not count."""
_LIMIT: Final = 120.0
_LOOK: Final = 0.05


class Shop:
    """The shop's events, over and over; each has an id that no other has."""

    def __init__(self, path: Path, run: str) -> None:
        with gzip.open(path, "rb") as lines:
            events = [orjson.loads(line) for line in lines]
        self.customers = len({event["customer_id"] for event in events})
        self._events = itertools.cycle(events)
        self.run = run
        self.taken = 0

    def take(self, count: int) -> list[tuple[str, bytes]]:
        """Return the ids and the JSON of the next *count* events."""
        found = []
        for event in itertools.islice(self._events, count):
            self.taken += 1
            event_id = f"{self.run}-{self.taken}"
            fresh = {**event, "event_id": event_id}
            del fresh["timestamp"]
            found.append((event_id, orjson.dumps(fresh)))
        return found


def mailed(run: str) -> list[tuple[str, bytes]]:
    """Return events that bring each of `MAILED` customers a mail, as `Shop.take` does."""
    data = {"email": "warm@example.com", "email_consent": True}
    found = []
    for number in range(MAILED):
        for at, type_ in enumerate(("identify", "payment_error", "payment_error")):
            event_id = f"{run}-mail-{number}-{at}"
            event = {"event_id": event_id, "customer_id": f"warm-{number}", "event_type": type_}
            found.append((event_id, orjson.dumps({**event, "event_data": data})))
    return found


def requests(events: Sequence[tuple[str, bytes]], size: int) -> Iterator[bytes]:
    """Yield the requests that carry *events*, so many each."""
    for start in range(0, len(events), size):
        body = b"[" + b",".join(value for _, value in events[start : start + size]) + b"]"
        yield (
            b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )


class Cost(msgspec.Struct):
    """What some events have cost.

    Attributes:
        us: CPU microseconds an event, by process.
        wall: Events a second, until the last change in the log (on Kafka, also the last commit).
        deliveries: Actions that have ended, an event.
    """

    us: dict[str, float]
    wall: float
    deliveries: float

    @property
    def whole(self) -> float:
        """The sum of all but the broker's."""
        return sum(us for name, us in self.us.items() if name != "broker")


async def connect(port: int, count: int) -> list[Client]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(Client, "127.0.0.1", port))[1] for _ in range(count)
    ]  # fmt: skip


async def flood(port: int, events: Sequence[tuple[str, bytes]], size: int) -> None:
    """Send *events* as fast as they are acknowledged."""
    waiting = requests(events, size)

    async def one(client: Client) -> None:
        for request in waiting:
            status = await client.request(request)
            if status != 200:
                raise SystemExit(f"required is 200; found {status}")
        client._transport.close()

    await asyncio.gather(*map(one, await connect(port, CONNECTIONS[size])))


async def until_done(world: World, events: int) -> tuple[float, tuple[int, ...], dict[str, float]]:
    """Return when *events* have come, all is done, and nothing has changed for `SETTLE` seconds:
    the moment of the last change, how far the world has come, and its CPU seconds by then."""
    began = changed = time.monotonic()
    last: tuple[int, ...] = ()
    while True:
        now, found = time.monotonic(), await world.progress()
        if found != last:
            last, changed = found, now
        elif now >= changed + SETTLE:
            spent = world.cpu()
            # It may be waiting: for a process that renders, say.
            if not (left := await world.left(events)):
                return changed, last, spent
            if now > began + _LIMIT:
                raise SystemExit(f"{world.name}: not done after {_LIMIT:.0f} s: {left}")
            await asyncio.sleep(SETTLE)
        await asyncio.sleep(_LOOK)


async def cost(world: World, shop: Shop, events: Sequence[tuple[str, bytes]], size: int) -> Cost:
    """Measure *world* with *events*, so many a request."""
    before, start, began = world.cpu(), await world.progress(), time.monotonic()
    await flood(world.port, events, size)
    ended, end, after = await until_done(world, shop.taken)
    count = len(events)
    return Cost(
        {name: (after[name] - before[name]) / count * 1e6 for name in after},
        count / (ended - began),
        (end[2] - start[2]) / count,
    )


async def idle(world: World, seconds: float) -> float:
    """Return the share of a core that *world* takes when there is nothing to do."""

    def spent() -> float:
        return sum(cpu for name, cpu in world.cpu().items() if name != "broker")

    before, began = spent(), time.monotonic()
    await asyncio.sleep(seconds)
    return (spent() - before) / (time.monotonic() - began)


async def latencies(
    world: World, events: Sequence[tuple[str, bytes]], rate: float, taken: int
) -> tuple[list[float], list[float]]:
    """Send *events* at *rate* a second; return the milliseconds from when each request was to be
    sent to its acknowledgement, and of those that fire, until the firing could be read. With them,
    *taken* have come."""
    free: asyncio.Queue[Client] = asyncio.Queue()
    for client in await connect(world.port, 2 * CONNECTIONS[1]):
        free.put_nowait(client)
    due: dict[str, float] = {}
    acknowledged: list[float] = []

    async def one(request: bytes, at: float) -> None:
        client = await free.get()  # where none is free it is late, and that counts
        status = await client.request(request)
        if status != 200:
            raise SystemExit(f"required is 200; found {status}")
        acknowledged.append(time.time() * 1000 - at)
        free.put_nowait(client)

    async with world.readings() as reader, asyncio.TaskGroup() as tasks:
        began = time.time()
        for number, ((event_id, _), request) in enumerate(
            zip(events, requests(events, 1), strict=True)
        ):
            await asyncio.sleep(max(0.0, began + number / rate - time.time()))
            due[event_id] = (began + number / rate) * 1000
            tasks.create_task(one(request, due[event_id]))
        await until_done(world, taken)
    while not free.empty():
        free.get_nowait()._transport.close()
    late = (began + WARM_S) * 1000
    fired = [f for f in reader.fired if f.trigger == PROBE and due.get(f.event, 0) >= late]
    return acknowledged[round(WARM_S * rate) :], [f.read - due[f.event] for f in fired]


def start(project: Path, directory: Path, settings: dict[str, str]) -> tuple[float, float]:
    """Start ``up`` over *project*; return the seconds until it is ready, by the wall and of CPU."""
    began = time.monotonic()
    process = Process("up", ["up", str(project)], {**settings, "INGEST__PORT": "0"}, directory)
    try:
        while not _is_ready(int(process.http.rpartition(":")[2])):
            process.check()
            if time.monotonic() > began + _LIMIT:
                raise SystemExit("up: not ready in time")
            time.sleep(0.005)
        return time.monotonic() - began, sum(cpu_of({"up": process.pid}).values())
    finally:
        process.stop()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Result(msgspec.Struct):
    """All that was found, by world."""

    costs: dict[str, dict[str, list[Cost]]]
    latency: dict[str, dict[str, dict[str, list[float]]]]
    idle: dict[str, float]
    memory: dict[str, dict[str, dict[str, float]]]
    sizes: dict[str, dict[str, float]]
    starts: Found = {}


KINDS: Final = {"batches": BATCH, "singles": 1}


async def measure(worlds: Sequence[World], shops: Sequence[Shop], asked: Any) -> Result:
    """Measure *worlds* in turns, each with its own of *shops*: the same events."""
    names = [world.name for world in worlds]
    result = Result(
        {name: {kind: [] for kind in KINDS} for name in names}, {name: {} for name in names},
        {}, {name: {} for name in names}, {},
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        for world in worlds:
            await stack.enter_async_context(world)
            result.memory[world.name]["ready"] = world.memory()
        for world, shop in zip(worlds, shops, strict=True):
            await cost(world, shop, [*shop.take(WARM), *mailed(shop.run)], BATCH)
        for number in range(asked.rounds):
            for kind, size in KINDS.items():
                count = asked.events if size > 1 else asked.singles
                for world, shop in zip(worlds, shops, strict=True):
                    found = await cost(world, shop, shop.take(count), size)
                    result.costs[world.name][kind].append(found)
                    say(f"round {number + 1} of {asked.rounds}, {kind}, {world.name}: "
                        f"{found.whole:.0f} us an event")  # fmt: skip
        for world in worlds:
            result.idle[world.name] = await idle(world, IDLE)
        singles = [result.costs[name]["singles"] for name in names]
        most = min(median([found.wall for found in each]) for each in singles)
        for share in SHARES:
            rate = share * most
            told_as = f"{share:.0%} ({rate:,.0f}/s)"
            for world, shop in zip(worlds, shops, strict=True):
                events = shop.take(round(rate * (WARM_S + asked.seconds)))
                answered, read = await latencies(world, events, rate, shop.taken)
                result.latency[world.name][told_as] = {"acknowledged": answered, "readable": read}
                say(f"{told_as}, {world.name}: {quantile(read, 0.5):.1f} ms")
        for world in worlds:
            result.memory[world.name]["end"] = world.memory()
    for world, shop in zip(worlds, shops, strict=True):
        result.sizes[world.name] = world.sizes(shop.taken, shop.customers)
    return result


def measure_starts(past: Path, directory: Path, settings: dict[str, str], count: int) -> Found:
    """Start in turns in an empty directory, and in *past*."""
    found: Found = {
        f"{where}, {what}": [] for where in ("empty", "past") for what in ("s", "CPU s")
    }
    for number in range(count):
        with tempfile.TemporaryDirectory(dir=directory) as name:
            empty = copy_triggers(SHOP, Path(name))
            for where, project in (("empty", empty), ("past", past)):
                wall, cpu = start(project, Path(name), settings)
                found[f"{where}, s"].append(wall)
                found[f"{where}, CPU s"].append(cpu)
        say(f"start {number + 1} of {count}: {wall:.2f} s")
    return found


async def run(asked: Any, directory: Path, broker: Broker | None, bootstrap: str) -> Result:
    async with open_mailbox() as mailbox, open_receiver() as receiver:
        settings = {**delivering(mailbox, receiver), "LOG_LEVEL": "warning"}
        project = copy_triggers(SHOP, directory / "shop")
        worlds: list[World] = [Embedded(project, directory, settings)]
        if bootstrap:
            worlds.append(OnKafka(bootstrap, broker, project, directory, settings))
        named = f"{time.time_ns():x}"
        shops = [Shop(SHOP / "events.jsonl.gz", named) for _ in worlds]
        result = await measure(worlds, shops, asked)
        say(f"{mailbox.letters.count} mails, {receiver.accepted.total()} webhooks")
        result.starts = await asyncio.to_thread(
            measure_starts, project, directory, settings, asked.starts
        )
        return result


# ── the result ──────────────────────────────────────────────────────────────────────────────


def as_json(result: Result) -> dict[str, Any]:
    """Return medians, spreads and quantiles."""
    return {
        "us_per_event": {
            world: {
                kind: {
                    "all": summary([each.whole for each in found]),
                    **{name: summary([each.us[name] for each in found]) for name in found[0].us},
                }
                for kind, found in kinds.items()
            }
            for world, kinds in result.costs.items()
        },
        "events_per_core_second": {
            world: {kind: _per_second(found) for kind, found in kinds.items()}
            for world, kinds in result.costs.items()
        },
        "latency_ms": {
            world: {
                rate: {what: _quantiles(values) for what, values in each.items()}
                for rate, each in rates.items()
            }
            for world, rates in result.latency.items()
        },
        "idle_share": {name: round(share, 4) for name, share in result.idle.items()},
        "memory_mb": result.memory,
        "bytes": result.sizes,
        "start": {name: summary(values) for name, values in result.starts.items()},
    }


def _per_second(found: Sequence[Cost]) -> int:
    return round(1e6 / median([each.whole for each in found]))


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: round(quantile(values, share), 1) for name, share in shares.items()}


def tell(result: Result) -> None:
    """Print what was found, for people."""
    costs = [(w, kind, found) for w, kinds in result.costs.items() for kind, found in kinds.items()]
    show(
        "From HTTP to action: median (least-greatest)",
        ("", "CPU us/event", "events/s, core", "by the wall", "deliveries"),
        [
            (
                f"{world}, {kind}",
                told([each.whole for each in found], 0),
                f"{_per_second(found):,}",
                told([each.wall for each in found], 0),
                f"{median([each.deliveries for each in found]):.2f}",
            )
            for world, kind, found in costs
        ],
    )
    show(
        "Of that, by process (CPU us/event; the broker's is not in it)",
        ("", "median (least-greatest)"),
        [
            (f"{world}, {kind}, {name}", told([each.us[name] for each in found], 0))
            for world, kind, found in costs
            for name in found[0].us
        ],
    )
    show(
        "Milliseconds from when a request was to be sent, one event each",
        ("", "firings", "p50", "p95", "p99", "acknowledged p50", "p99"),
        [
            (
                f"{world}, {rate}",
                str(len(each["readable"])),
                *(f"{value:.1f}" for value in _quantiles(each["readable"]).values()),
                *(f"{_quantiles(each['acknowledged'])[name]:.1f}" for name in ("p50", "p99")),
            )
            for world, rates in result.latency.items()
            for rate, each in rates.items()
        ],
    )
    show(
        "Until ready: median (least-greatest)",
        ("", ""),
        [(name, told(values, 2)) for name, values in result.starts.items()],
    )
    show(
        "Resident memory (MB)",
        ("", "ready", "at the end"),
        [
            (f"{world}, {name}", f"{ready:.0f}", f"{each['end'][name]:.0f}")
            for world, each in result.memory.items()
            for name, ready in each["ready"].items()
        ],
    )
    show(
        "Bytes on disk",
        ("", *result.sizes),
        [
            (
                name,
                *(f"{each[name]:,.0f}" if name in each else "" for each in result.sizes.values()),
            )
            for name in result.sizes[Embedded.name]
        ],
    )
    for name, share in result.idle.items():
        print(f"{name}, idle: {share:.1%} of a core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=5_000, help="a round, in batches of 100")
    parser.add_argument("--singles", type=int, default=2_000, help="a round, one a request")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0, help="measured at each rate")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--no-kafka", action="store_true", help="`up` alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triggerstream-")))
        broker = None if asked.no_kafka else stack.enter_context(Broker())
        result = asyncio.run(run(asked, directory, broker, broker.bootstrap if broker else ""))
    if asked.json:
        print(
            json.dumps(as_json(result) | {"with": surroundings("aiohttp", "aiokafka", "rocksdict")})
        )
    else:
        tell(result)


if __name__ == "__main__":
    main()
