"""Python itself, tuned for processes that keep many states and read in a thread beside."""

from __future__ import annotations

import gc
import sys
from typing import Final

_GROWTH: Final = 20_000
"""More new containers than this between two calls are states: some sixty a customer."""

_TURN: Final = 0.0005
"""Seconds after which a thread that computes lets the other one in. With Python's 5 ms, each call
that waits for the network costs the loop up to that much when the fetching thread is busy: a p99
of 79 and 53 ms at half the capacity, against 68 and 44 (`benchmarks/latency.py`, in turn); the
changes themselves cost nothing that can be measured."""


def take_short_turns() -> None:
    """Let threads take turns often."""
    sys.setswitchinterval(_TURN)


def spare_the_collector() -> None:
    """Let the collector of cycles look seldom, and never at what was there when the work began.

    States are many containers and no cycles. With Python's thresholds a fifth of an event's time
    goes into walking them (`benchmarks/spine.py` without this call).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 100)


def spare_new_states() -> None:
    """Keep the collector away from states that have come since the last call, where many have.

    While a cache fills up, what is new is states; once it is full, as many go as come, and what
    little is left to collect (a few objects a second, by libraries) is collected as usual.
    """
    if gc.get_count()[0] > _GROWTH:
        gc.freeze()
