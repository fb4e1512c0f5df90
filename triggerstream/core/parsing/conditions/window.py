"""Reading how far back an attribute looks."""

from __future__ import annotations

from typing import Final

from triggerstream.core.durations import format_duration
from triggerstream.core.model import DAY
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node
from triggerstream.core.parsing.source.reader import Reader

LONGEST: Final = 400 * DAY


def window(reader: Reader, node: Node, what: str) -> int | None:
    """Read how far back an attribute looks."""
    within = read.duration(reader, node, what)
    if within is not None and within > LONGEST:
        required = f"{what}: at most {format_duration(LONGEST)}"
        reader.report(node, f"{required}; found {read.show(node)}")
    return within
