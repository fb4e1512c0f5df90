"""Many schedules, on all cores: how often each fault was reached, and which seeds failed."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from tests.simulation.pair import PairSchedule
from tests.simulation.protocol import ProtocolSchedule, ReturningSchedule
from tests.simulation.schedule import Schedule
from tests.simulation.whole import WholeSchedule

PAIR_EVERY = 16
"""One schedule in so many is a pair; the others are of the toy program, which is much faster. Of
these as many are of customers who come back."""
WHOLE_EVERY = 64
"""One in so many says all that the language can say, and is slower than other pairs."""
CHUNK = 100
"""Schedules that a process runs at a time."""


@dataclass
class Found:
    """What schedules have led to.

    Attributes:
        schedules: How many ran, by kind.
        reached: How often each fault, and each of its effects, was reached.
        failures: By seed, what did not hold.
    """

    schedules: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)

    def add(self, other: Found) -> None:
        self.schedules.update(other.schedules)
        self.reached.update(other.reached)
        self.failures.update(other.failures)


def schedule_of(seed: int, *, traced: bool = False) -> Schedule:
    """Return the schedule of *seed*, not yet run."""
    if seed % WHOLE_EVERY == WHOLE_EVERY - 1:
        return WholeSchedule(seed, traced=traced)
    if seed % PAIR_EVERY == PAIR_EVERY - 1:
        return PairSchedule(seed, traced=traced)
    if seed % PAIR_EVERY == PAIR_EVERY // 2:
        return ReturningSchedule(seed, traced=traced)
    return ProtocolSchedule(seed, traced=traced)


def run_seeds(seeds: Sequence[int]) -> Found:
    """Run the schedules of *seeds* one after the other."""
    found = Found()
    for seed in seeds:
        schedule = schedule_of(seed)
        found.schedules[schedule.kind] += 1
        try:
            schedule.run()
        except Exception as error:  # noqa: BLE001 - whatever a schedule raises is its finding
            found.failures[seed] = f"{type(error).__name__}: {error}"
        found.reached.update(schedule.world.reached)
    return found


def run(
    first: int,
    count: int,
    *,
    processes: int | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Found:
    """Run *count* schedules from seed *first* on; what is found depends on nothing else.

    Args:
        processes: How many run at a time; by default one a core.
        on_progress: Told how many schedules more are over.
    """
    chunks = [
        range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)
    ]
    found = Found()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes or os.cpu_count(), mp_context=context) as pool:
        futures = {pool.submit(run_seeds, chunk): len(chunk) for chunk in chunks}
        try:
            for future in as_completed(futures):
                found.add(future.result())
                on_progress(futures[future])
        except BaseException:
            # A pool waits for what it runs, and one of these may be why we were told to stop.
            for process in multiprocessing.active_children():
                process.kill()
            raise
    return found
