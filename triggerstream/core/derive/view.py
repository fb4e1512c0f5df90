"""The profile as conditions, firings and templates see it: with what is derived."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from triggerstream.core.derive.attributes.compile import CompiledAttribute
from triggerstream.core.state.customer import CustomerState


def view(state: CustomerState, reads: Iterable[CompiledAttribute], at: int) -> dict[str, Any]:
    """Return the profile with the attributes *reads*, at *at* or at the last time that anything was
    derived, if that is later (36). What is declared hides what an `identify` has said before."""
    at = max(at, state.tau)
    found = {each.name: each.fold.value(state, at) for each in reads}
    return state.profile | found
