"""The proof that the schedules can tell: a protocol that lacks any of its points is caught."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS, Mutant, mutated


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_schedules_catch(mutant: Mutant) -> None:
    with mutated(mutant):
        assert any(_is_caught(mutant, seed) for seed in range(4000))


def _is_caught(mutant: Mutant, seed: int) -> bool:
    try:
        mutant.kind(seed).run()
    except AssertionError:
        return True
    return False
