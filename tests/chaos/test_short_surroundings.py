"""All other rows that have a short form: what happens to disks, in logs, and by rulesets."""

from __future__ import annotations

import pytest

from tests.chaos.catalogue import catalogue
from tests.chaos.conftest import Check
from tests.chaos.rows import Entry
from tests.chaos.senders.test_short import ROWS as OF_SENDERS
from tests.chaos.test_short_workers import ROWS as OF_WORKERS

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(300)]

ELSEWHERE = [*OF_WORKERS, *OF_SENDERS]
ROWS = [each for each in catalogue() if each.short and each not in ELSEWHERE]


@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: entry.name)
def test_nothing_is_wrong_after(entry: Entry, nothing_is_wrong_after: Check) -> None:
    nothing_is_wrong_after(entry)
