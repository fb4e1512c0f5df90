"""All rows, in the order in which they are run and printed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from tests.chaos import workers
from tests.chaos.rows import Entry

WORKERS = [
    Entry("killed", workers.killed, 50, 3),
    Entry("wiped", workers.killed_and_robbed, 15, 0),
    Entry("paused", workers.paused, 8, 0),
    Entry("rolling", workers.restarted_in_order, 12, 3),
    Entry("joining", workers.joining_and_leaving, 14, 0),
]


def catalogue() -> list[Entry]:
    """Return the rows of workers and brokers, and those of senders where they are here."""
    rows = [*WORKERS]
    if find_spec("tests.chaos.senders") is not None:
        rows += (Entry(*each) for each in import_module("tests.chaos.senders").CATALOGUE)
    return rows
