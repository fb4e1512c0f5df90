"""What an event costs that comes in over HTTP, and how soon it is acknowledged.

    python benchmarks/ingest.py [--seconds N] [--rounds N] [--json]

**Live**: the real ``triggerstream ingest`` before a real Kafka, with a key that has to be given. A
load of this process sends over keep-alive connections, each as soon as it has its answer: batches
of 100 events, and single events, in turn. Told are events (or requests) by CPU second of the
process, which is what one core does, and by the wall. Then the load is paced at half of what is
asked of a core (`ASKED`), and told are p50 and p99 from the moment a request was to be sent until
its answer is whole: a delay of the load's own counts against the process, and the broker and the
load share the machine with it.

**Steps**: the same code in this process: taking a body of 100 events apart, judging each, and
writing them into Kafka's record batches. What is between them and the live figure is HTTP, the
loop, and Kafka's client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final, cast

from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.bench import cpu_seconds
from benchmarks.kafka import broker, topics
from benchmarks.load import PARTITIONS
from benchmarks.pace import templates
from benchmarks.rounds import quick, say, show, surroundings, take_turns, told, without_collector
from triggerstream.demo.processes import Process, _free_port
from triggerstream.ingest.items import events_in
from triggerstream.ingest.judging import Judge
from triggerstream.ingest.keys import Key, entry_of, new_key
from triggerstream.ingest.tokens import Proof

BATCH: Final = 100
CONNECTIONS: Final = {BATCH: 8, 1: 64}
"""By events in a request: as many as keep the process busy."""
ASKED: Final = {BATCH: 30_000, 1: 3_000}
"""Events a second and core, by events in a request."""
BODIES: Final = 50
_WARM_UP: Final = 1.0


def bodies(size: int) -> list[bytes]:
    """Return bodies of *size* events, each some 340 bytes long."""
    draw = random.Random(7)
    moment = str(int(time.time() * 1000)).encode()
    events = [
        b"%be%d%b%b%b" % (before, number, middle, moment, behind)
        for number, (_, before, middle, behind) in enumerate(templates(draw))
    ]
    return [b"[" + b",".join(draw.choices(events, k=size)) + b"]" for _ in range(BODIES)]


class Client(asyncio.Protocol):
    """One connection: sends a request, and tells when its answer is whole."""

    def __init__(self) -> None:
        self._buffer = b""
        self._told: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def request(self, sent: bytes) -> asyncio.Future[int]:
        self._told = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        return self._told

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r")[0])
        if len(body) >= length and self._told is not None:
            self._buffer = b""
            self._told.set_result(int(head[9:12]))


class Load:
    """Requests of *size* events each, to a process on *port*."""

    def __init__(self, port: int, key: str, size: int) -> None:
        self._port = port
        self._size = size
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )
        self._requests = [head.encode() + b"%d\r\n\r\n" % len(b) + b for b in bodies(size)]

    async def _connect(self, number: int) -> list[Client]:
        loop = asyncio.get_running_loop()
        return [
            (await loop.create_connection(Client, "127.0.0.1", self._port))[1]
            for _ in range(number)
        ]

    async def flood(self, seconds: float) -> int:
        """Send as fast as it answers; return how many requests were answered."""
        end, answered = time.perf_counter() + seconds, 0

        async def one(client: Client, turn: int) -> None:
            nonlocal answered
            while time.perf_counter() < end:
                turn += 1
                status = await client.request(self._requests[turn % BODIES])
                if status != 200:
                    raise SystemExit(f"required is 200; found {status}")
                answered += 1

        clients = await self._connect(CONNECTIONS[self._size])
        await asyncio.gather(*(one(client, turn) for turn, client in enumerate(clients)))
        for client in clients:
            client._transport.close()
        return answered

    async def pace(self, rate: float, seconds: float) -> list[float]:
        """Send so many requests a second; return the milliseconds of each, in order of size."""
        free: asyncio.Queue[Client] = asyncio.Queue()
        for client in await self._connect(4 * CONNECTIONS[self._size]):
            free.put_nowait(client)
        tasks: set[asyncio.Task[None]] = set()
        took: list[float] = []
        began, sent = time.perf_counter(), 0

        async def one(due: float, turn: int) -> None:
            client = await free.get()  # where none is free it is late, and that counts
            await client.request(self._requests[turn % BODIES])
            took.append((time.perf_counter() - due) * 1000)
            free.put_nowait(client)

        while (now := time.perf_counter() - began) < seconds:
            while sent < now * rate:
                task = asyncio.create_task(one(began + sent / rate, sent))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
            await asyncio.sleep(0.001)
        await asyncio.gather(*tasks)
        while not free.empty():
            free.get_nowait()._transport.close()
        return sorted(took)


async def live(bootstrap: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Measure the process before a real Kafka."""
    found: dict[str, dict[str, list[float]]] = {
        name: {"core": [], "wall": [], "rate": [], "p50": [], "p99": []}
        for name in ("batch", "single")
    }
    prefix, secret, port = f"ingest-{time.time_ns()}", new_key(), _free_port()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "keys.yaml").write_text(entry_of("bench", secret, is_public=False))
        settings = {
            "KAFKA__BOOTSTRAP": bootstrap,
            "KAFKA__TOPIC_PREFIX": prefix,
            "KAFKA__PARTITIONS": str(PARTITIONS),
            "INGEST__PORT": str(port),
            "INGEST__KEYS": str(directory / "keys.yaml"),
        }
        async with topics(bootstrap, prefix):
            process = Process("ingest", ["ingest"], settings, directory)
            try:
                await process.wait_until_ready()
                for number in range(rounds):
                    for size, told_as in ((BATCH, "batch"), (1, "single")):
                        await _round(Load(port, secret, size), process.pid, seconds, size,
                                     found[told_as])  # fmt: skip
                    say(f"round {number + 1} of {rounds}")
            finally:
                process.stop()
    return found


async def _round(
    load: Load, pid: int, seconds: float, size: int, found: dict[str, list[float]]
) -> None:
    await load.flood(_WARM_UP)
    before, began = cpu_seconds(pid), time.perf_counter()
    answered = await load.flood(seconds)
    took, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
    found["core"].append(answered * size / cpu)
    found["wall"].append(answered * size / took)
    rate = ASKED[size] / 2
    latencies = await load.pace(rate / size, seconds)
    found["rate"].append(rate)
    found["p50"].append(statistics.median(latencies))
    found["p99"].append(latencies[int(len(latencies) * 0.99)])


def steps(rounds: int) -> dict[str, list[float]]:
    """Measure the code of the process in this one: microseconds an event."""
    (body, *_) = bodies(BATCH)
    judge = Judge(Key("bench", "server", source="bench"), Proof(None, None, 0), None, 0, PARTITIONS)
    found = events_in(body, "application/json", ())
    records = [judge.record(item.value, item.headers, 0) for item in found]

    def apart() -> int:
        return len(events_in(body, "application/json", ()))

    def judged() -> int:
        return len([judge.record(item.value, item.headers, 0) for item in found])

    def written() -> int:
        batch = BatchBuilder(1 << 20, 0)
        for record in records:
            batch.append(timestamp=None, key=record.key, value=record.value, headers=[])
        batch.close()
        return len(records)

    with without_collector():
        works = {"taken apart": apart, "judged": judged, "written": written}
        return take_turns(works, rounds, quiet=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="What an event costs that comes in over HTTP.")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    own = {name: quick(values) for name, values in steps(300).items()}
    with broker() as bootstrap:
        found = asyncio.run(live(bootstrap, given.seconds, given.rounds))
    if given.json:
        print(json.dumps({"live": found, "steps": own, **surroundings("aiohttp", "aiokafka")}))
        return
    rows = [
        [
            {"batch": "batches of 100", "single": "single events"}[name],
            *(told(values[column], 0) for column in ("core", "wall", "rate")),
            *(told(values[column], 1) for column in ("p50", "p99")),
        ]
        for name, values in found.items()
    ]
    columns = ["", "events/s and core", "by the wall", "paced at", "p50 ms", "p99 ms"]
    show("Live: median (least-greatest)", columns, rows)
    show("Steps: CPU an event", ["", "µs"], [[name, f"{us:.2f}"] for name, us in own.items()])


if __name__ == "__main__":
    main()
