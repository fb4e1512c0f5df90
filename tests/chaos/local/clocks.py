"""The machine's clock is moved under a running engine: a little, back, and far ahead.

Here the log is played live: the machine's clock stamps the records, and ticks make timers come due.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import msgspec

from tests.chaos.clocks import live_events, live_triggers, seen
from tests.chaos.judging import restored
from tests.chaos.local.stage import LocalStage
from tests.chaos.local.trial import LocalTrial
from tests.chaos.rows import NotRunError, Row
from tests.chaos.trial import LIMIT, until
from triggerstream.authoring.files import read_files
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.errors import WorldChangedError

REFUSED = WorldChangedError.exit_code
SOURCE = Path(__file__).with_name("clock.c")
ON = 600
"""Seconds by which the clock may go on: less than an hour in all, within one engine's life."""
BACK = 3600
AHEAD = 86_400
JUMPS = ("ahead", "back", "on", "accepted")
_STANDS = 2.0
"""Seconds for which a clock that went back is left there."""


class Clock:
    """The clock of all processes with `environment`, in seconds off the machine's own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.off = 0
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(_library(path.with_name("clock.so"))),
            "CHAOS_CLOCK": str(path),
        }
        self.set(-10 * AHEAD)
        assert seen(self.environment) < time.time() - AHEAD, "the clock does not jump"
        self.set(0)

    def set(self, off: int) -> None:
        self.off = off
        self._path.write_text(f"{off:+d}\n")


def _library(path: Path) -> Path:
    """Build what moves the clock of whoever preloads it."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise NotRunError("a C compiler is required")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", path, SOURCE], check=True)
    return path


async def jumping(stage: LocalStage, times: int) -> Row:
    """The clock goes back: time stands still until it has caught up. It goes on a little: time goes
    with it. It goes far ahead: nothing is appended, the engine ends for good and says why; when it
    is right again, or somebody accepts it, all goes on."""
    clock = Clock(stage.directory / "clock")
    triggers = live_triggers(stage.directory)
    ruleset = load_ruleset(read_files(triggers), version=1)
    lines = list(live_events(stage.random, 300 * times))
    async with stage.trial(
        lines,
        triggers=triggers,
        settings={"TRIGGERSTREAM_CLOCK": "broker", **clock.environment},
        rulesets={1: ruleset},
        allowed=(REFUSED,),
    ) as trial:
        for number in range(times):
            async with trial.load(1 / times, 4.0):
                await trial.sleep_up_to(2)
                await _jump(trial, clock, JUMPS[number % len(JUMPS)])
                await trial.recovered()
        row = await trial.row("F13 the machine's clock jumps", times)
        return await _with_time(row, trial)


async def _jump(trial: LocalTrial, clock: Clock, kind: str) -> None:
    right = clock.off
    match kind:
        case "back":
            clock.set(right - BACK)
            await asyncio.sleep(_STANDS)
            clock.set(right)
        case "on":
            clock.set(right + ON)
        case "ahead":
            clock.set(right + AHEAD)
            await _is_refused(trial)
            clock.set(right)
            trial.deployment.up()
        case "accepted":
            clock.set(right + AHEAD)
            await _is_refused(trial)
            trial.deployment.up("--accept-clock")
            await trial.ready()
            await trial.recovered()
            # Who accepts a clock accepts whatever it says from then on.
            await trial.stop()
            trial.deployment.up()


async def _is_refused(trial: LocalTrial) -> None:
    """Return when ``up`` has ended by the clock, and said so."""
    installation = trial.deployment
    said = installation.tails().count("--accept-clock")

    async def has_ended() -> bool:
        return installation.has_ended() is not None

    await until(has_ended, LIMIT)
    if installation.has_ended() != REFUSED:
        trial.broken.append(f"a clock far ahead ends up with {installation.has_ended()}")
    if installation.tails().count("--accept-clock") == said:
        trial.broken.append("nobody is told what to do about a clock that is far ahead")


async def _with_time(row: Row, trial: LocalTrial) -> Row:
    """Add to *row* what only time can show: arrivals that go back, and timers that never fire."""
    waits = sum(
        header.unpack(value)[2] != NEVER
        for store in (await restored(trial.deployment)).values()
        for value in store.values.values()
    )
    arrivals = [record.timestamp for record in await trial.deployment.read("events")]
    back = sum(after < before for before, after in pairwise(arrivals))
    days = (arrivals[-1] - arrivals[0]) / 86_400_000
    note = f"{waits} timers never fired, {back} arrivals went back, {days:.1f} days; {row.note}"
    return msgspec.structs.replace(row, wrong=row.wrong + waits + back, note=note)
