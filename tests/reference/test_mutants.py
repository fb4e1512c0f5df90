"""The proof that the rows by hand can tell: a language that lacks any of its points is caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from types import ModuleType
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.reference.mutants import MUTANTS, Mutant
from tests.reference.stories import DECIDE
from tests.simulation.mutants import mutated
from triggerstream.core.detection import engine
from triggerstream.errors import TriggerFileError

pytestmark = pytest.mark.skipif(
    not str(engine.__file__).endswith(".py"), reason="compiled callers do not see what is replaced"
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_row_catches(mutant: Mutant) -> None:
    with mutated(mutant):
        assert any(map(_is_caught, _rows(mutant.rows)))


def _is_caught(row: Callable[[], None]) -> bool:
    try:
        row()
    except (AssertionError, TriggerFileError):
        return True
    return False


def _rows(module: ModuleType) -> Iterator[Callable[[], None]]:
    """Yield each test of *module* with each of its parameters, decided by the engine."""
    for name, test in vars(module).items():
        if name.startswith("test_"):
            marks = getattr(test, "pytestmark", [])
            tables = [_table(*mark.args) for mark in marks if mark.name == "parametrize"]
            for chosen in product(*tables):
                said = {key: value for row in chosen for key, value in row.items()}
                if "decide" in test.__code__.co_varnames:
                    said["decide"] = DECIDE["engine"]
                yield partial(test, **said)


def _table(names: str | tuple[str, ...], values: Any) -> list[dict[str, Any]]:
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    plain = [each.values if isinstance(each, ParameterSet) else each for each in values]
    rows = [
        each if len(keys) > 1 or isinstance(value, ParameterSet) else (each,)
        for each, value in zip(plain, values, strict=True)
    ]
    return [dict(zip(keys, row, strict=True)) for row in rows]
