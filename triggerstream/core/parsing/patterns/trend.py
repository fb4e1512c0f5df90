"""Reading ``trend``: what falls below, or rises above, its own past (43)."""

from __future__ import annotations

from typing import Literal, cast

from triggerstream.core.conditions.numbers import possible
from triggerstream.core.durations import format_duration
from triggerstream.core.model import Condition, Named, Number, TrendPattern
from triggerstream.core.parsing.conditions import numbers
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.reader import Fields, Reader

DIRECTIONS = ("below", "above")
OF_TIME = ("recent", "baseline")
BUCKETS = 8
"""Of ``recent``."""
MOST_BUCKETS = 96
"""Of ``baseline``; it has as many as ``recent`` at least."""


_USUAL = TrendPattern((), "below", 0)
"""Its very numbers: a fingerprint leaves out what is the default, and tells that by identity."""


def trend_of(
    reader: Reader,
    fields: Fields,
    types: tuple[str, ...],
    where: Condition | None,
    default: TrendPattern,
) -> TrendPattern:
    """Read what is asked of a trend of *types*; what is left out is as in *default*, whose factor
    is 0 where one is required."""
    found = [key for key in DIRECTIONS if key in fields]
    if len(found) != 1 and not (default.factor and not found):
        place = fields.key(found[1]) if found else fields.node
        required = f"trend: exactly one of {read.one_of(DIRECTIONS)}"
        reader.report(place, f"{required}; found {' and '.join(found) or 'none'}")
    direction = found[0] if found else default.direction
    recent = fields.read("recent", read.duration) or default.recent
    baseline = fields.read("baseline", read.duration) or default.baseline
    _check_times(reader, fields, recent, baseline)
    return TrendPattern(
        types=types,
        direction=cast("Literal['below', 'above']", direction),
        factor=_factor(reader, fields, direction) or default.factor,
        where=where,
        recent=_USUAL.recent if recent == _USUAL.recent else recent,
        baseline=_USUAL.baseline if baseline == _USUAL.baseline else baseline,
        least=fields.read("min", read.whole(1)) or default.least,
    )


def _factor(reader: Reader, fields: Fields, what: str) -> Number | None:
    node = fields.node.entries.get(what)
    if node is None:
        return None
    by = numbers.NOWHERE if what == "below" else numbers.ANYWHERE
    factor = numbers.number(reader, node, what, by)
    for each in () if factor is None else dict.fromkeys(possible(factor)):
        if each <= 0:
            required = f"{what}: a number above 0, such as 0.5 for half as much"
            # Of what has a name another number may be in force at any time.
            tell = reader.refuse if isinstance(factor, Named) else reader.report
            tell(node, f"{required}; found {each}")
    return factor


def _check_times(reader: Reader, fields: Fields, recent: int, baseline: int) -> None:
    """Check that both times are whole numbers of buckets."""
    width, rest = divmod(recent, BUCKETS)
    if rest:
        required = f"recent: a duration of which an {BUCKETS}th is whole milliseconds"
        reader.report(fields["recent"], f"{required}; found {format_duration(recent)}")
        return
    number, rest = divmod(baseline, width)
    if rest or not BUCKETS <= number <= MOST_BUCKETS:
        place = fields.node.entries.get("baseline") or fields["recent"]
        required = (
            f"baseline: a whole number of eighths of 'recent' ({format_duration(width)} each), "
            f"{BUCKETS} to {MOST_BUCKETS} of them"
        )
        reader.report(place, f"{required}; found {format_duration(baseline)}")
