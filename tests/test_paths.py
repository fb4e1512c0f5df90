"""What docs and docstrings call by name is there: files in backticks, and modules in backticks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "triggerstream"
FOLDERS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
# A name before a colon at the end of a line is a file that the reader is to write.
FILE = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|md|toml|yml|yaml|lock))(?:::(\w+))?`(?!:\n)")
MODULE = re.compile(rf"`{{1,2}}(?:triggerstream\.)?((?:{'|'.join(FOLDERS)})(?:\.\w+)+)`{{1,2}}")
PAGES = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
SOURCES = [
    path
    for folder in ("benchmarks", "deploy", "examples", "tests", "triggerstream")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path != Path(__file__)
]


def is_there(path: str, page: Path) -> bool:
    """Return whether *path* is in the repository, in the package, or beside *page*."""
    return any((base / path).exists() for base in (ROOT, PACKAGE, page.parent))


def is_module_or_in_one(dotted: str) -> bool:
    """Return whether *dotted* is a module of the package, or something that one defines."""
    whole = PACKAGE.joinpath(*dotted.split("."))
    if whole.is_dir() or whole.with_suffix(".py").exists():
        return True
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = PACKAGE.joinpath(*parts[:length])
        text = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        if text.exists():
            name = parts[length]
            return bool(re.search(rf"\b{name}\b", text.read_text(encoding="utf-8")))
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = FILE.findall(page.read_text(encoding="utf-8"))

    assert [path for path, _ in named if not is_there(path, page)] == []


def test_every_module_that_a_source_names_is_there() -> None:
    named = (
        (path.relative_to(ROOT).as_posix(), dotted)
        for path in SOURCES
        for dotted in MODULE.findall(path.read_text(encoding="utf-8"))
    )

    assert [(path, dotted) for path, dotted in named if not is_module_or_in_one(dotted)] == []
