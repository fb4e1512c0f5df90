"""What is depended on is used, and pinned."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from hatch_build import COMPILED
from tests.deploy.test_locks import LOCKS, ROOT, pinned

BEHIND_OTHERS = {"cramjam": "aiokafka compresses with it"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
BUILDING = PYPROJECT["build-system"]["requires"]


def normal(name: str) -> str:
    """Return the one spelling of a distribution's *name* that all of them stand for."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[^\w.-]", each)[0]) for each in requirements}


REQUIRED = names(PROJECT["dependencies"])


def imported(*paths: Path) -> Iterator[str]:
    """Yield the top-level modules that the code in *paths* imports."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield (node.module or "").partition(".")[0]


def test_every_library_that_is_required_is_used() -> None:
    origins = packages_distributions()
    modules = set(imported(*(ROOT / "triggerstream").rglob("*.py")))
    used = {normal(origin) for module in modules for origin in origins.get(module, [])}

    assert REQUIRED - used == BEHIND_OTHERS.keys()


@pytest.mark.parametrize("lock", LOCKS, ids=["everything", "image"])
def test_every_library_that_is_required_is_pinned(lock: Path) -> None:
    assert REQUIRED - {normal(name) for name in pinned(lock)} == set()


def test_what_a_wheel_is_built_with_is_what_was_tested() -> None:
    everything = {normal(name): entry for name, entry in pinned(LOCKS[0]).items()}

    assert names(BUILDING) - everything.keys() == set()
    (mypy,) = (each for each in BUILDING if each.startswith("mypy"))
    assert everything["mypy"].startswith(f"{mypy} ")


def test_the_types_of_what_compiled_modules_import_are_there_when_they_are_compiled() -> None:
    origins = packages_distributions()
    modules = set(imported(*(ROOT / f"{name.replace('.', '/')}.py" for name in COMPILED)))
    others = modules - sys.stdlib_module_names - {"triggerstream"}

    required = [each for each in PROJECT["dependencies"] if names([each]) <= names(BUILDING)]
    assert {normal(origin) for each in others for origin in origins[each]} <= names(BUILDING)
    assert set(required) <= set(BUILDING)
