"""Python's collector of cycles, for processes that keep many states."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Let the garbage collector look seldom, and never at what was there when the work began.

    States are many containers and no cycles. With Python's thresholds a fifth of an event's time
    goes into walking them (`benchmarks/spine.py` without this call).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
