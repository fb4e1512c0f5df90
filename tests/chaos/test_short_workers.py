"""The rows in which workers are paused, join, and leave, in their short form."""

from __future__ import annotations

import pytest

from tests.chaos import workers
from tests.chaos.catalogue import WORKERS
from tests.chaos.conftest import Check
from tests.chaos.rows import Entry

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(300)]

ROWS = [each for each in WORKERS if each.short and each.scenario.__module__ == workers.__name__]


@pytest.mark.covers("A15", "M1", "M2")
@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: entry.name)
def test_nothing_is_wrong_after(entry: Entry, nothing_is_wrong_after: Check) -> None:
    nothing_is_wrong_after(entry)
