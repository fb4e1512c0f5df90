"""Rows in which the engine differs from the rules that are named: not mended yet.

The last section of docs/decisions/0020 lists them. A row that the engine gets right fails here, so
that it is taken to its own kind's rows.
"""

from __future__ import annotations

import pytest

from tests.reference.stories import DECIDE, Decide, log, tell, yaml

OPEN = pytest.mark.xfail(strict=True, reason="docs/decisions/0020: where the engine differs")

pytestmark = pytest.mark.parametrize(
    "decide",
    [
        pytest.param(decide, id=name, marks=[OPEN] if name == "engine" else [])
        for name, decide in DECIDE.items()
    ],
)


@pytest.mark.parametrize(
    ("on", "name"), [("", "event_data.k"), (", on: a", "event_data.k~dbea35bc7f217521")]
)
def test_a_change_in_events_is_called_by_its_path(decide: Decide, on: str, name: str) -> None:
    """(32, 40) With `on`, a hash of that behind it."""
    where = f"{{event_data.attribute: {{equals: '{name}'}}}}"
    heard = {"trigger": "t", "when": yaml(f"{{changed: event_data.k{on}, where: {where}}}")}

    lines = decide([heard], log("a@0/x a@5/y"), policy={"activity": ["a"]})

    assert tell(lines) == f"$changed:{name}@5"
