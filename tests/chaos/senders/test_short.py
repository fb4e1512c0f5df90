"""The rows of senders, in their short form."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import Check
from tests.chaos.rows import Entry
from tests.chaos.senders.rows import CATALOGUE

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(300)]

ROWS = [each for each in CATALOGUE if each.short]


@pytest.mark.covers("F9")
@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: entry.name)
def test_nothing_is_wrong_after(entry: Entry, nothing_is_wrong_after: Check) -> None:
    nothing_is_wrong_after(entry)
