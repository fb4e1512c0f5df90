"""``docs/coverage.md``: which test shows which row of the catalogue: ``python -m deploy.coverage``.

The rows stand in ``docs/catalogue.toml``; a test says which of them it shows by its mark,
``@pytest.mark.covers("C10", "C11")``. The marks are read in the text of the tests: collecting
them with pytest imports every test (thirty seconds), and reading takes less than one. So a mark
stands where it can be read: on a test function, its rows written out.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
CATALOGUE = ROOT / "docs" / "catalogue.toml"
PAGE = ROOT / "docs" / "coverage.md"

MADE = "<!-- Made by `make docs` from docs/catalogue.toml and the tests; a change here is lost. -->"
MARK = "covers"


class UnreadableMarkError(Exception):
    """A mark stands where nobody reads it, or its rows are not written out: its author acts."""


class Row(NamedTuple):
    """One capability, and in ``lacks`` what of it no test shows, or how it stands with it."""

    id: str
    name: str
    lacks: str


class Section(NamedTuple):
    """A letter of the catalogue, with its rows in their order."""

    letter: str
    title: str
    rows: list[Row]


class Shown(NamedTuple):
    """That a test shows a row: ``file`` from the root of the repository, with ``/``."""

    row: str
    file: str
    test: str


def catalogue(path: Path = CATALOGUE) -> list[Section]:
    """Return the sections in the order of the file."""
    return [
        Section(letter, section.pop("title"), [_row(key, row) for key, row in section.items()])
        for letter, section in tomllib.loads(path.read_text(encoding="utf-8")).items()
    ]


def _row(key: str, row: dict[str, str]) -> Row:
    return Row(key, row["name"], row.get("lacks", ""))


def marks(tests: Path = TESTS) -> list[Shown]:
    """Return what the tests show, by file and, in it, by place.

    Raises `UnreadableMarkError` for a mark that is not on a test function of a ``test_*.py`` file,
    or whose rows are not texts.
    """
    found: list[Shown] = []
    for path in sorted(tests.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if f"mark.{MARK}" in text:  # most files have none, and need not be parsed
            found += _marks_of(text, path.relative_to(tests.parent).as_posix())
    return found


def _marks_of(text: str, file: str) -> Iterator[Shown]:
    tree = ast.parse(text)
    read: set[ast.AST] = set()
    for test in ast.walk(tree):
        if not isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not (test.name.startswith("test_") and Path(file).name.startswith("test_")):
            continue
        for case, call in _calls(test):
            read.add(call.func)
            for row in _texts(call, file):
                yield Shown(row, file, test.name + case)
    for node in ast.walk(tree):
        if _is_mark(node) and node not in read:
            raise UnreadableMarkError(
                f"{_place(node, file)}: required is a test below the mark, or a case with a name"
            )


def _calls(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ast.Call]]:
    """Yield the marks of a test, and those of its cases (``pytest.param``) with their names."""
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and _is_mark(decorator.func):
            yield "", decorator
        calls = (each for each in ast.walk(decorator) if isinstance(each, ast.Call))
        for case in calls:
            for word in case.keywords:
                mark = word.value
                if word.arg == "marks" and isinstance(mark, ast.Call) and _is_mark(mark.func):
                    yield from ((f"[{name}]", mark) for name in _names_of(case))


def _names_of(case: ast.Call) -> list[str]:
    """Return what pytest calls the case, or nothing: then its mark stays unread, and is told."""
    names = [word.value for word in case.keywords if word.arg == "id"] or case.args
    is_one = len(names) == 1 and isinstance(names[0], ast.Constant)
    return [str(ast.literal_eval(names[0]))] if is_one else []


def _is_mark(node: ast.AST) -> bool:
    """Whether it is ``pytest.mark.covers``, however pytest is called there."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == MARK
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "mark"
    )


def _texts(call: ast.Call, file: str) -> list[str]:
    texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
    rows = [text for text in texts if isinstance(text, str)]
    if call.keywords or not rows or len(rows) != len(call.args):
        found = ast.unparse(call)
        raise UnreadableMarkError(f"{_place(call, file)}: required are ids of rows; found {found}")
    return rows


def _place(node: ast.AST, file: str) -> str:
    return f"{file}:{getattr(node, 'lineno', 0)}"


def unknown(sections: list[Section], shown: list[Shown]) -> list[Shown]:
    """Return the marks that name a row which does not exist."""
    rows = {row.id for section in sections for row in section.rows}
    return [each for each in shown if each.row not in rows]


def page(sections: list[Section], shown: list[Shown]) -> str:
    """Return the text of the page."""
    tests: dict[str, list[Shown]] = {}
    for each in shown:
        tests.setdefault(each.row, []).append(each)
    parts = [
        "# What the tests show",
        MADE,
        "",
        "Each row is something that a trigger engine of this kind must do. A test that checks it",
        'says so by its mark, `@pytest.mark.covers("C10")`; the last column says what none checks.',
        "",
        *_sums(sections, tests),
    ]
    for section in sections:
        parts += ["", f"## {section.letter} {section.title}", ""]
        parts += ["| row | what | shown | by | not shown |", "|---|---|---|---|---|"]
        parts += [_line(row, tests.get(row.id, [])) for row in section.rows]
    bare = [row for section in sections for row in section.rows if row.id not in tests]
    parts += ["", "## Rows that no test shows", ""]
    parts += [f"- {row.id} {row.name}: {row.lacks}" for row in bare] or ["None."]
    return "\n".join(parts) + "\n"


def _sums(sections: list[Section], tests: dict[str, list[Shown]]) -> list[str]:
    lines = ["| | rows | shown | in part | not |", "|---|---|---|---|---|"]
    total = [0, 0, 0]
    for section in sections:
        counts = [0, 0, 0]
        for row in section.rows:
            counts[_STATES.index(_state(row, tests.get(row.id, [])))] += 1
        total = [a + b for a, b in zip(total, counts, strict=True)]
        name = f"{section.letter} {section.title}"
        lines.append(f"| {name} | {sum(counts)} | {counts[0]} | {counts[1]} | {counts[2]} |")
    return [*lines, f"| all | {sum(total)} | {total[0]} | {total[1]} | {total[2]} |"]


_STATES = ["yes", "in part", "no"]


def _state(row: Row, shown: list[Shown]) -> str:
    if not shown:
        return "no"
    return "in part" if row.lacks else "yes"


def _line(row: Row, shown: list[Shown]) -> str:
    files: dict[str, list[str]] = {}
    for each in shown:
        files.setdefault(each.file, []).append(_sentence(each.test))
    by = "<br>".join(
        f"[{file.removeprefix('tests/')}](../{file}): {'; '.join(said)}"
        for file, said in files.items()
    )
    cells = (row.id, row.name, _state(row, shown), by, row.lacks)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _sentence(test: str) -> str:
    return re.sub("_+", " ", test.partition("[")[0].removeprefix("test_")) + _case(test)


def _case(test: str) -> str:
    return f" ({test.partition('[')[2].removesuffix(']')})" if "[" in test else ""


def main() -> None:
    """Write the page. A mark that names no row, or that cannot be read, ends it with a message."""
    sections = catalogue()
    try:
        shown = marks()
    except UnreadableMarkError as error:
        sys.exit(str(error))
    if wrong := unknown(sections, shown):
        sys.exit("\n".join(f"{each.file}: {each.test}: no row {each.row}" for each in wrong))
    PAGE.write_text(page(sections, shown), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
