"""What docs/guarantees.md names is there, and nothing that is there is left out."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chaos.catalogue import WORLDS, catalogue

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")


def rows_of_table(heading: str) -> list[list[str]]:
    """Return the cells of the table below *heading*, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| ")
    ][1:]


TABLE = rows_of_table("Guarantees")
LOCAL = rows_of_table("The rows of one directory")
ROWS = {row for _, rows, _ in TABLE for row in re.findall(r"`([a-z-]+)`", rows)}
TESTS = {test for _, _, tests in TABLE for test in re.findall(r"`(tests/[^`]+)`", tests)}


def test_every_row_proves_a_guarantee() -> None:
    assert {entry.name for world in WORLDS for entry in catalogue(world)} <= ROWS


def test_every_row_that_is_named_can_be_run() -> None:
    assert {entry.name for world in WORLDS for entry in catalogue(world)} >= ROWS


def test_the_page_says_what_runs_in_one_directory() -> None:
    named = {row for rows, *_ in LOCAL for row in re.findall(r"`([a-z-]+)`", rows)}
    on_kafka = {row for *_, rows in LOCAL for row in re.findall(r"`([a-z-]+)`", rows)}

    assert named == {entry.name for entry in catalogue("local")}
    assert on_kafka <= {entry.name for entry in catalogue()}


def test_every_test_that_is_named_is_there() -> None:
    assert len(TESTS) > 10
    for test in TESTS:
        path, _, name = test.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in source, test
