"""The short form of a row: a few of its faults, on the broker of the end-to-end tests.

There are several files of such tests, since a file is what is run at a time beside others.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.rows import Entry, is_sound
from tests.chaos.running import run, was_run
from tests.chaos.stage import Shop
from tests.e2e.deployment import Bootstrapped

Check = Callable[[Entry], None]


@pytest.fixture(scope="session", name="shop")
def _shop() -> Shop:
    return Shop()


@pytest.fixture
def nothing_is_wrong_after(kafka: Bootstrapped, shop: Shop) -> Check:
    """What runs a row's short form, and asserts that it proves something and nothing is wrong."""

    def check(entry: Entry) -> None:
        row = run(entry, entry.short, bootstrap=kafka.bootstrap, seed=1, shop=shop)

        if not was_run(row):
            pytest.skip(row.note)
        assert is_sound(row), row

    return check
