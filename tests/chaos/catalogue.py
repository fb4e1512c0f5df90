"""All rows, in the order in which they are run and printed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from tests.chaos.rows import Entry

WORKERS: list[Entry] = []


def catalogue() -> list[Entry]:
    """Return the rows of workers and brokers, and those of senders where they are here."""
    rows = [*WORKERS]
    if find_spec("tests.chaos.senders") is not None:
        rows += (Entry(*each) for each in import_module("tests.chaos.senders").CATALOGUE)
    return rows
