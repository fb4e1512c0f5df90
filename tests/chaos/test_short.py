"""The short form of the chaos runs: a few faults a row, on the broker of the end-to-end tests."""

from __future__ import annotations

import pytest

from tests.chaos.catalogue import catalogue
from tests.chaos.rows import Entry, is_sound
from tests.chaos.running import run, was_run
from tests.chaos.stage import Shop
from tests.e2e.deployment import Bootstrapped

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SHORT = [entry for entry in catalogue() if entry.short]


@pytest.fixture(scope="module", name="shop")
def _shop() -> Shop:
    return Shop()


@pytest.mark.parametrize("entry", SHORT, ids=lambda entry: entry.name)
def test_nothing_is_wrong_after(entry: Entry, kafka: Bootstrapped, shop: Shop) -> None:
    row = run(entry, entry.short, bootstrap=kafka.bootstrap, seed=1, shop=shop)

    if not was_run(row):
        pytest.skip(row.note)
    assert is_sound(row), row
