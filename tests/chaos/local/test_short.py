"""The rows of the world of one directory, in their short form: nothing else is needed."""

from __future__ import annotations

import pytest

from tests.chaos.local.rows import CATALOGUE
from tests.chaos.rows import Entry, is_sound
from tests.chaos.running import run, was_run
from tests.chaos.stage import Shop

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

ROWS = [each for each in CATALOGUE if each.short]


@pytest.fixture(scope="module", name="shop")
def _shop() -> Shop:
    return Shop()


@pytest.mark.covers("M2")
@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: entry.name)
def test_nothing_is_wrong_after(entry: Entry, shop: Shop) -> None:
    row = run(entry, entry.short, bootstrap=None, seed=1, shop=shop)

    if not was_run(row):
        pytest.skip(row.note)
    assert is_sound(row), row
