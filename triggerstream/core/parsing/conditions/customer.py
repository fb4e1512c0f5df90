"""Reading what is asked of a customer alone: no event is known there, and no calendar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from triggerstream.core.conditions.paths import PROFILE, reads_profile
from triggerstream.core.conditions.unnamed import paths_of, tests_of
from triggerstream.core.model import (
    Condition,
    Counted,
    Expression,
    Held,
    InSegment,
    SinceLast,
    Test,
)
from triggerstream.core.parsing.conditions.asked import check_instances
from triggerstream.core.parsing.conditions.conditions import condition
from triggerstream.core.parsing.source.nodes import Node
from triggerstream.core.parsing.source.reader import Reader

_SEGMENTS: Final = f"{PROFILE}.segments"


def condition_on_customer(reader: Reader, node: Node, what: str) -> Condition | None:
    """Read a condition of a segment, or of a value that follows from others."""
    found = condition(reader, node, what)
    check_instances(reader, found, node, "a segment or an attribute, which has none")
    for test in tests_of(found):
        is_known = isinstance(test, SinceLast | Counted | Held | InSegment | Test | Expression)
        if not is_known or not all(map(reads_profile, paths_of(test))):
            paths = [path for path in paths_of(test) if not reads_profile(path)]
            shown = paths[0] if paths else "the calendar"
            required = f"{what}: tests of profile.…, segment, since_last, count or expr"
            remedy = "it is about the customer, not about an event or the hour"
            reader.report(node, f"{required}; found {shown}: {remedy}")
        elif isinstance(test, Test):
            check_paths(reader, node, what, [test.path])
        elif isinstance(test, Expression):
            check_paths(reader, node, what, paths_of(test))
    return found


def check_paths(reader: Reader, node: Node, what: str, paths: Iterable[str]) -> None:
    """Check that it can be told before what is read at *paths* of the profile: else nobody would
    know when to look again."""
    for path in paths:
        if path == PROFILE:
            required = f"{what}: names of the profile that are written out"
            reader.report(node, f"{required}; found profile as a whole, of which one is computed")
        elif path.startswith(_SEGMENTS):
            reader.report(node, f"{what}: segment: NAME, for a member; found {path}")
