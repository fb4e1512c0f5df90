"""The demo from the command to its end: the whole half-year on this machine alone, and a few days
of it on a real Kafka."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest

from deploy.local_kafka.run import BOOTSTRAP
from triggerstream.demo.run import read_shop

SHOP = Path(__file__).parents[2] / "examples" / "shop"
EVENTS = 2_000


class Kafka(Protocol):
    bootstrap: str


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    with (
        gzip.open(SHOP / "events.jsonl.gz", "rb") as all_of_them,
        gzip.open(tmp_path / "events.jsonl.gz", "wb") as first,
    ):
        first.writelines(islice(all_of_them, EVENTS))
    (tmp_path / "triggers").symlink_to(SHOP / "triggers")
    return tmp_path


def demo(
    shop: Path, environment: dict[str, str], *, without: str = ""
) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != without}
    return subprocess.run(
        [sys.executable, "-m", "triggerstream", "demo", "--shop", str(shop)],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(name="states")
def _states(tmp_path: Path) -> Path:
    """Where the demo makes its directory, which it is to take away again."""
    states = tmp_path / "states"
    states.mkdir()
    return states


@pytest.mark.long
def test_the_half_year_on_this_machine_comes_to_what_replay_finds(states: Path) -> None:
    # Settings of another installation, on a Kafka that is not there, are not the demo's.
    elsewhere = {"TRIGGERSTREAM_KAFKA__BOOTSTRAP": "127.0.0.1:1", "TMPDIR": str(states)}

    done = demo(SHOP, elsewhere, without=BOOTSTRAP)

    assert done.returncode == 0, done.stderr
    assert told(done.stdout) == replayed()
    assert re.search(r"actions matched = .* sent .* \+ 0 pending", done.stdout), done.stdout
    assert "Subject: " in done.stdout
    assert "0 of them more than once; 0 were refused" in done.stdout
    assert "make demo KAFKA=1" in done.stderr
    assert list(states.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_demo_that_is_broken_off_ends_at_once_and_leaves_nothing(
    states: Path, number: signal.Signals, code: int
) -> None:
    with running(SHOP, states) as process:
        said = told_by(process, "ready; playing")
        time.sleep(2)  # mails are on their way
        process.send_signal(number)
        # Calls that nobody answers any more would be given up after ten seconds.
        _, rest = process.communicate(timeout=9)

    assert process.returncode == code
    assert "Traceback" not in said + rest
    assert list(states.iterdir()) == []


def test_an_engine_that_ends_ends_the_demo_with_its_log(states: Path) -> None:
    with running(SHOP, states) as process:
        told_by(process, "ready; playing")
        (lock,) = states.glob("*/shop/.triggerstream/LOCK")
        os.kill(int(lock.read_text()), signal.SIGKILL)
        _, said = process.communicate(timeout=60)

    (directory,) = states.iterdir()
    assert process.returncode == 1
    assert re.search(rf"triggerstream: the engine .*; its log: {directory}/engine.log\n", said), (
        said
    )
    assert f"the logs stay in {directory}\n" in said
    assert "Traceback" not in said


@pytest.mark.long
def test_what_is_left_running_shows_its_mails_until_it_is_told_to_end(
    states: Path, shop: Path
) -> None:
    with running(shop, states, "--keep") as process:
        said = told_by(process, "webhooks  ")
        page = re.search(r"the mails +(http://\S+)", said)
        assert page is not None, said
        shown = asyncio.run(got(page[1]))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    assert 'href="/mails/' in shown
    assert "came with a valid signature, 0 were refused" in shown
    assert process.returncode == 0
    assert list(states.iterdir()) == []


@contextmanager
def running(shop: Path, states: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A demo without Kafka, which ends with the block at the latest."""
    inherited = {name: value for name, value in os.environ.items() if name != BOOTSTRAP}
    process = subprocess.Popen(
        [sys.executable, "-m", "triggerstream", "demo", "--shop", str(shop), *options],
        env={**inherited, "TMPDIR": str(states)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()  # it ends its engine, too


def told_by(process: subprocess.Popen[str], last: str) -> str:
    """Return what *process* says, up to the line that holds *last*."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if last in line:
            return said
    pytest.fail(said)


async def got(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


Numbers = dict[str, tuple[int, int, Counter[str]]]
"""By trigger: matches, firings, and matches that did not fire, by reason."""


def told(table: str) -> Numbers:
    """Return what the demo's table says."""
    rows: dict[str, list[str]] = {}
    trigger = ""
    for line in table.splitlines():
        if line.startswith("│ ") and len(cells := line.strip("│").split("│")) == 5:
            trigger = cells[0].strip() or trigger  # a row may go on below
            before = rows.get(trigger, [""] * 5)
            rows[trigger] = [f"{a} {b.strip()}" for a, b in zip(before, cells, strict=True)]
    numbers: Numbers = {}
    for trigger, (_, matches, firings, _, others) in rows.items():
        reasons = re.findall(r"([\d,]+) (\w+) \(match\)", others)
        counted = Counter({reason: number(count) for count, reason in reasons})
        numbers[trigger] = number(matches), number(firings), counted
    return numbers


def number(text: str) -> int:
    return int(text.replace(",", ""))


def replayed() -> Numbers:
    """Return what `replay` says of the same events, with the same time behind the last of them."""
    end = read_shop(SHOP)[-1].arrival
    until = datetime.fromtimestamp(end / 1000, UTC).isoformat()
    triggers, events = str(SHOP / "triggers"), str(SHOP / "events.jsonl.gz")
    words = ["replay", "--triggers", triggers, events, "--until", until]
    ran = subprocess.run(
        [sys.executable, "-m", "triggerstream", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    firings: Counter[str] = Counter()
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for decision in map(json.loads, ran.stdout.splitlines()):
        if decision["kind"] == "firing":
            firings[decision["trigger"]] += 1
        else:
            reasons[decision["trigger"]][decision["reason"]] += 1
    return {
        trigger: (firings[trigger] + suppressed.total(), firings[trigger], suppressed)
        for trigger in {*firings, *reasons}
        for suppressed in [reasons[trigger]]
    }


@pytest.mark.kafka
@pytest.mark.long
def test_the_demo_tells_what_was_sent_and_what_was_not(
    kafka: Kafka, shop: Path, states: Path
) -> None:
    done = demo(shop, {BOOTSTRAP: kafka.bootstrap, "TMPDIR": str(states)})

    assert done.returncode == 0, done.stderr
    assert "cart-abandonment" in done.stdout
    assert "Subject: " in done.stdout
    assert re.search(r"actions matched = .* sent .* \+ 0 pending", done.stdout), done.stdout
    assert "0 of them more than once; 0 were refused" in done.stdout
    assert list(states.iterdir()) == []


def test_a_shop_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = demo(tmp_path, {BOOTSTRAP: "127.0.0.1:1"})

    assert done.returncode == 2
    assert f"{tmp_path / 'events.jsonl.gz'}: required are gzipped events" in done.stderr
    assert "Traceback" not in done.stderr
