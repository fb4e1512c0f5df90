"""What is depended on is used, and pinned."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.deploy.test_locks import LOCKS, ROOT, pinned

BEHIND_OTHERS = {"cramjam": "aiokafka compresses with it"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(name: str) -> str:
    """Return the one spelling of a distribution's *name* that all of them stand for."""
    return re.sub(r"[-_.]+", "-", name).lower()


REQUIRED = {normal(re.split(r"[^\w.-]", each)[0]) for each in PROJECT["dependencies"]}


def imported(folder: Path) -> Iterator[str]:
    """Yield the top-level modules that the code below *folder* imports."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield (node.module or "").partition(".")[0]


def test_every_library_that_is_required_is_used() -> None:
    origins = packages_distributions()
    modules = set(imported(ROOT / "triggerstream"))
    used = {normal(origin) for module in modules for origin in origins.get(module, [])}

    assert REQUIRED - used == BEHIND_OTHERS.keys()


@pytest.mark.parametrize("lock", LOCKS, ids=["everything", "image"])
def test_every_library_that_is_required_is_pinned(lock: Path) -> None:
    assert REQUIRED - {normal(name) for name in pinned(lock)} == set()
