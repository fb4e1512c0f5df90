"""Reading segments: named conditions on what is known of a customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, cast

import msgspec

from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.conditions.unnamed import unnamed
from triggerstream.core.model import (
    Attribute,
    Condition,
    EventPattern,
    Held,
    InSegment,
    Segment,
    Test,
)
from triggerstream.core.parsing.conditions.customer import condition_on_customer
from triggerstream.core.parsing.documents.triggers import trigger_id
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node
from triggerstream.core.parsing.source.reader import Reader
from triggerstream.errors import Problem

KEYS: Final = ("segment", "is", "leave", "existing", "list")
EXISTING: Final = ("silent", "tell")
CHANGE: Final = "segment_change"
"""The type of event by which a member of a list is set: ``{segment, in}``."""
MOST: Final = 200

_NEVER: Final[Condition] = InSegment(())


class PlacedSegment(msgspec.Struct, frozen=True):
    """A segment with the place that checks over all files want."""

    file: str
    segment: Segment
    name_at: Node


def read_segment(reader: Reader, node: Node) -> PlacedSegment:
    """Return the segment in the document *node*, after telling all its problems."""
    fields = reader.mapping(node, "segment", KEYS)
    name = fields.need("segment", trigger_id) or ""
    is_list = fields.read("list", read.boolean) or False
    if is_list and "is" in fields:
        reader.report(fields.key("is"), "segment: 'is' or 'list: true'; found both")
    needed = None if is_list else fields.need("is", condition_on_customer)
    holds = _listed(name) if is_list else cast("Condition | None", needed)
    leave = cast("Condition | None", fields.read("leave", condition_on_customer))
    existing = fields.read("existing", read.choice(EXISTING)) or "silent"
    segment = Segment(name, holds or _NEVER, leave, cast("Literal['silent', 'tell']", existing))
    return PlacedSegment(reader.file, segment, fields.node.entries.get("segment", node))


def _listed(name: str) -> Condition:
    """Return the condition of a segment whose members are set by events."""
    where = Test("event_data.segment", "equals", name)
    on = EventPattern((CHANGE,), where)
    of = unnamed(Attribute("", "last", on, "event_data.in"))
    return Held(f"{PROFILE}.{of.name}", of, value=True)


# ── over all files ──────────────────────────────────────────────────────────────────────────


def check_segments(placed: Sequence[PlacedSegment], problems: list[Problem]) -> None:
    """Check that each name is one segment's, and that there are not too many."""
    first: dict[str, PlacedSegment] = {}
    for each in placed:
        name = each.segment.name
        known = first.setdefault(name, each)
        if known is not each and name:
            where = f"{known.file}:{known.name_at.line}"
            message = f"segment: a name of its own; found {name!r}, as in {where}"
            Reader(each.file, problems).report(each.name_at, message)
    if len(placed) > MOST:
        last = placed[MOST]
        message = f"segment: at most {MOST}; found {len(placed)}"
        Reader(last.file, problems).report(last.name_at, message)
