"""What docs/guarantees.md names is there, and nothing that is there is left out."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chaos.catalogue import catalogue

ROOT = Path(__file__).parents[2]
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/guarantees.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
][1:]
ROWS = {row for _, rows, _ in TABLE for row in re.findall(r"`([a-z-]+)`", rows)}
TESTS = {test for _, _, tests in TABLE for test in re.findall(r"`(tests/[^`]+)`", tests)}


def test_every_row_proves_a_guarantee() -> None:
    assert {entry.name for entry in catalogue()} <= ROWS


def test_every_row_that_is_named_can_be_run() -> None:
    assert {entry.name for entry in catalogue()} >= ROWS


def test_every_test_that_is_named_is_there() -> None:
    assert len(TESTS) > 10
    for test in TESTS:
        path, _, name = test.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in source, test
