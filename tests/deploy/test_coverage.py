"""``docs/coverage.md`` is what the marks of the tests say: `make docs` makes it again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy import coverage
from deploy.coverage import Row, Section, Shown

SECTIONS = coverage.catalogue()
ROWS = [row for section in SECTIONS for row in section.rows]

SHORT = [Section("Z", "Short", [Row("Z1", "first", ""), Row("Z2", "second", "the rest")])]


def test_every_mark_names_a_row() -> None:
    assert coverage.unknown(SECTIONS, coverage.marks()) == []


def test_the_page_is_what_the_marks_say() -> None:
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page(SECTIONS, coverage.marks())


def test_rows_are_numbered_from_1_under_their_letter() -> None:
    for section in SECTIONS:
        numbers = range(1, len(section.rows) + 1)
        assert [row.id for row in section.rows] == [f"{section.letter}{n}" for n in numbers]


def test_of_a_row_that_no_test_shows_it_is_said_how_it_stands() -> None:
    shown = {each.row for each in coverage.marks()}

    assert [row.id for row in ROWS if row.id not in shown and not row.lacks] == []


def test_a_mark_that_names_no_row_is_found() -> None:
    shown = [Shown("Z2", "tests/test_a.py", "test_x"), Shown("Z3", "tests/test_a.py", "test_x")]

    assert coverage.unknown(SHORT, shown) == [Shown("Z3", "tests/test_a.py", "test_x")]


def test_a_row_is_shown_or_in_part_or_not() -> None:
    first = Shown("Z1", "tests/a/test_b.py", "test_it_does")
    second = Shown("Z2", "tests/a/test_b.py", "test_it_does_half")

    none, both = coverage.page(SHORT, []), coverage.page(SHORT, [first, second])

    assert "| Z Short | 2 | 0 | 0 | 2 |" in none
    assert "- Z1 first: \n- Z2 second: the rest\n" in none
    assert "| Z Short | 2 | 1 | 1 | 0 |" in both
    assert "| Z1 | first | yes | [a/test_b.py](../tests/a/test_b.py): it does |  |" in both
    assert "| Z2 | second | in part |" in both
    assert both.endswith("## Rows that no test shows\n\nNone.\n")


NAMELESS = '@pytest.mark.parametrize("n", [pytest.param(1, 2, marks=pytest.mark.covers("Z1"))])\n'


def written(folder: Path, name: str, text: str) -> Path:
    tests = folder / "tests"
    tests.mkdir()
    (tests / name).write_text(text, encoding="utf-8")
    return tests


def test_marks_are_read_in_the_text_of_the_tests(tmp_path: Path) -> None:
    tests = written(
        tmp_path,
        "test_a.py",
        '@pytest.mark.covers("Z2", "Z1")\n@pytest.mark.long\nasync def test_x(): pass\n'
        'class TestY:\n    @pytest.mark.covers("Z1")\n    def test_z(self): pass\n'
        '@pytest.mark.parametrize("n", [pytest.param("a", marks=pytest.mark.covers("Z1")),\n'
        '    pytest.param(1, 2, id="b", marks=pytest.mark.covers("Z2")), "c"])\n'
        "def test_w(n): pass\n",
    )

    assert coverage.marks(tests) == [
        Shown("Z2", "tests/test_a.py", "test_x"),
        Shown("Z1", "tests/test_a.py", "test_x"),
        Shown("Z1", "tests/test_a.py", "test_w[a]"),
        Shown("Z2", "tests/test_a.py", "test_w[b]"),
        Shown("Z1", "tests/test_a.py", "test_z"),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("test_a.py", '@pytest.mark.covers("Z1")\ndef helper(): pass\n'),
        ("test_a.py", 'pytestmark = pytest.mark.covers("Z1")\n'),
        ("test_a.py", '@pytest.mark.covers("Z1")\nclass TestX: pass\n'),
        ("test_a.py", "@pytest.mark.covers(ROW)\ndef test_x(): pass\n"),
        ("test_a.py", "@pytest.mark.covers()\ndef test_x(): pass\n"),
        ("test_a.py", '@pytest.mark.covers("Z1", id="Z2")\ndef test_x(): pass\n'),
        ("test_a.py", "@pytest.mark.covers\ndef test_x(): pass\n"),
        ("test_a.py", f"{NAMELESS}def test_x(n): pass\n"),
        ("helper.py", '@pytest.mark.covers("Z1")\ndef test_x(): pass\n'),
    ],
)
def test_a_mark_that_nobody_would_read_is_told_with_its_place(
    tmp_path: Path, name: str, text: str
) -> None:
    tests = written(tmp_path, name, text)

    with pytest.raises(coverage.UnreadableMarkError, match=rf"^tests/{re.escape(name)}:\d+: "):
        coverage.marks(tests)
