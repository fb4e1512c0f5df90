"""The reference pages are what the code says of itself: `make docs` makes them again."""

from __future__ import annotations

import pytest

from deploy import reference
from triggerstream.ops.catalogue import CATALOGUE
from triggerstream.ops.settings import LEAVES

PAGES = reference.pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_the_code_makes_it(name: str) -> None:
    assert (reference.PAGES / name).read_text(encoding="utf-8") == PAGES[name]


def test_there_are_no_other_pages() -> None:
    assert {path.name for path in reference.PAGES.iterdir()} == set(PAGES)


def test_every_setting_is_on_its_page() -> None:
    assert [name for name in LEAVES if f"`{name}`" not in PAGES["settings.md"]] == []


def test_every_metric_is_on_its_page() -> None:
    assert [m.full_name for m in CATALOGUE if f"`{m.full_name}`" not in PAGES["metrics.md"]] == []


def test_a_cell_never_ends_its_table() -> None:
    rows = list(reference._table(("a", "b"), [("x | y", "z")]))

    assert rows[-1] == "| x \\| y | z |"
