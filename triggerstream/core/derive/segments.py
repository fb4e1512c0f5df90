"""Segments: conditions on what is known of a customer, with an edge in and an edge out (53 to 57).

A segment's slot says whether the customer is inside, since when, when the last event came that its
attributes folded, and when it is to be looked at again: (member, since, arrival, due). Who is
outside and waits for nothing has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from triggerstream.core.conditions.check import Check
from triggerstream.core.conditions.compile import compile_if, moment_of
from triggerstream.core.conditions.expressions import Erred, unheard
from triggerstream.core.conditions.numbers import default_of, numbers_in, possible
from triggerstream.core.conditions.operators import compile_operator
from triggerstream.core.conditions.paths import (
    PROFILE,
    compile_path,
    name_in_profile,
    reads_profile,
)
from triggerstream.core.conditions.unnamed import named_segments, paths_of, tables_of, tests_of
from triggerstream.core.derive.attributes.compile import CompiledAttribute, key_of
from triggerstream.core.derive.attributes.folds import FADES, FALLS, STAYS, Value
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import (
    AllOf,
    AnyOf,
    Condition,
    Counted,
    Expression,
    Held,
    Named,
    Operator,
    Segment,
    SinceLast,
    Test,
)
from triggerstream.core.patterns.progress import TIMER
from triggerstream.core.state.customer import CustomerState

SEGMENTS: Final = "segments"
"""The name in the profile of the list of segments that a customer is in."""

ENTERED: Final = "entered"
LEFT: Final = "left"

_OUTSIDE: Final = (0, 0, 0, NEVER)
_RISING: Final = frozenset({"greater_than", "greater_than_or_equal", "at_least", "more_than"})


class CompiledSegment:
    """A segment, ready to be asked.

    Attributes:
        key: Of its slot: another definition, of the segment or of what it reads, is another one.
        reads: The names of attributes, declared or not, that it reads, and of what those follow
            from; of segments, `SEGMENTS` and a colon before.
        is_unnamed: A pattern was replaced by it: it is told nowhere.
        rank: Its place in the order in which segments are asked.
    """

    def __init__(
        self,
        segment: Segment,
        attributes: Mapping[str, CompiledAttribute],
        segments: Mapping[str, CompiledSegment],
        rank: int,
        erred: Erred = unheard,
    ) -> None:
        self.name = segment.name
        self.source = segment
        self.is_unnamed = segment.name.startswith("~")
        self.rank = rank
        both = (segment.condition, segment.leave)
        names = sorted({_name_of(path) for condition in both for path in paths_of(condition)})
        self._attributes = [attributes[name] for name in names if name in attributes]
        self._plain = [name for name in names if name not in attributes and name != SEGMENTS]
        read = sorted({name for condition in both for name in named_segments(condition)})
        self.reads = frozenset([*names, *[f"{SEGMENTS}:{name}" for name in read]]).union(
            *[each.fold.reads for each in self._attributes]
        )
        self._segments = [segments[name] for name in read]
        subjects = {name_in_profile(each.by) for both_of in both for each in tables_of(both_of)}
        self._has_numbers = any(isinstance(each, Named) for each in numbers_in(both))
        below = [each.fold.key for each in self._attributes] + [each.key for each in self._segments]
        self.key: str = key_of((segment.name, *both, below)) + TIMER
        self._is: Check = compile_if(segment.condition, "UTC", erred)
        self._leave = None if segment.leave is None else compile_if(segment.leave, "UTC", erred)
        self._flips = [
            (compile_path(test.path), test.duration)
            for condition in both
            for test in tests_of(condition)
            if isinstance(test, SinceLast)
        ]
        in_expressions = {
            _name_of(path)
            for condition in both
            for test in tests_of(condition)
            if isinstance(test, Expression)
            for path in paths_of(test)
        }
        self._bounds = {
            each.name: _bounds_on(f"{PROFILE}.{each.name}", both)
            for each in self._attributes
            # No `isinstance`: compiled, abstract classes of one base share what they know.
            if each.fold.by_time == FALLS and each.name not in {*in_expressions, *subjects}
        }
        by_time = {each.name: each.fold.by_time for each in self._attributes}
        self._only_rises_by_events = (
            segment.leave is None
            and _rises(segment.condition, by_time)
            and all(by_time.get(name, STAYS) == STAYS for name in subjects)
        )
        self._falling = [each.fold for each in self._attributes if each.fold.by_time == FALLS]

    def is_member(self, state: CustomerState) -> bool:
        """Return whether the customer is inside."""
        return bool(state.derived.get(self.key, _OUTSIDE)[0])

    def ask(self, state: CustomerState, at: int, arrival: int | None) -> str:
        """Look at the segment at *at*; return `ENTERED`, `LEFT`, or nothing.

        Args:
            arrival: Of the event that its attributes have just folded, if there was one.
        """
        slot = state.derived.get(self.key, _OUTSIDE)
        member, since = slot[0], slot[1]
        seen = self._see(state, at)
        holds = self._is(_NO_EVENT, seen, at) is None
        if self._leave is None:
            is_inside = holds
        else:
            leaves = self._leave(_NO_EVENT, seen, at) is None
            is_inside = not leaves if member else holds and not leaves
        change = ""
        if is_inside and not member:
            change, member, since = ENTERED, 1, at
        elif member and not is_inside:
            change, member, since = LEFT, 0, 0
        due = NEVER
        if member or self._may_rise(state):
            due = self._next(state, seen, at)
        if member or due != NEVER:
            opened = slot[2] if arrival is None else arrival
            state.set_timer(self.key, (member, since, opened, due))
        elif slot is not _OUTSIDE:
            state.set_timer(self.key, None)
        return change

    def ask_anew(self, state: CustomerState, at: int, since: int) -> str:
        """Look at *at* at a segment that is new, or another one under a name that is known; return
        `ENTERED`, `LEFT`, or nothing.

        Args:
            since: When the customer entered, who was inside of what had that name; else negative.
        """
        change = self.ask(state, at, None)
        if since < 0:
            return change
        if not change:
            return LEFT
        state.set_timer(self.key, (1, since, *state.derived[self.key][2:]))
        return ""

    def hear_of(self, state: CustomerState, at: int, arrival: int | None) -> None:
        """Wait for the next time after *at* at which anything changes that it reads, whatever that
        alone does: some of it has changed meanwhile without its being asked (49).

        Args:
            arrival: Of that event, if it was folded.
        """
        slot = state.derived.get(self.key, _OUTSIDE)
        if slot[3] <= at:
            return  # it is about to be asked
        due = self._next(state, self._see(state, at), at, is_first=True)
        if slot[0] or due != NEVER:
            opened = slot[2] if arrival is None else arrival
            state.set_timer(self.key, (slot[0], slot[1], opened, due))
        elif slot is not _OUTSIDE:
            state.set_timer(self.key, None)

    def _see(self, state: CustomerState, at: int) -> dict[str, Any]:
        seen = {each.name: each.fold.value(state, at) for each in self._attributes}
        for name in self._plain:
            if name in state.profile:
                seen[name] = state.profile[name]
        if self._segments:
            seen[SEGMENTS] = [each.name for each in self._segments if each.is_member(state)]
        return seen

    def since(self, state: CustomerState) -> int:
        """Return when the customer, who is inside, entered."""
        return int(state.derived.get(self.key, _OUTSIDE)[1])

    def adopt(self, state: CustomerState, at: int) -> None:
        """Take up numbers that may be others by now, of a segment that the customer knows.

        Nothing is told: it is asked by them when it is looked at next. That is not later than what
        it reads changes by time alone, however far off the old numbers were.
        """
        if self._has_numbers:
            self.hear_of(state, at, None)

    def _may_rise(self, state: CustomerState) -> bool:
        """Return whether who is outside may enter by time alone."""
        return not self._only_rises_by_events or any(each.may_rise(state) for each in self._falling)

    def _next(
        self, state: CustomerState, seen: dict[str, Any], at: int, *, is_first: bool = False
    ) -> int:
        """Return when, after *at*, it may change by time alone; or when *is_first* anything that it
        reads does."""
        due = NEVER
        for each in self._attributes:
            fold = each.fold
            bounds = self._bounds.get(each.name)
            if bounds is None or is_first:
                due = min(due, fold.next(state, at))
            else:
                due = min(due, fold.next_beyond(state, at, bounds))
        for get, duration in self._flips:
            moment = moment_of(get(_NO_EVENT, seen))
            if moment is not None and at < moment + duration < due:
                due = moment + duration
        return due


class Members(Value):
    """The segments that a customer is in, by name: a value of the profile that nobody folds."""

    def __init__(self, segments: Mapping[str, CompiledSegment]) -> None:
        super().__init__("")
        self._segments = [
            segments[name] for name in sorted(segments) if not segments[name].is_unnamed
        ]

    def value(self, state: CustomerState, at: int) -> Any:
        return [each.name for each in self._segments if each.is_member(state)]


def _bounds_on(path: str, conditions: Iterable[Condition | None]) -> tuple[float, ...]:
    """Return the numbers that *conditions* compare what is at *path* with."""
    found: set[float] = set()
    for condition in conditions:
        for test in tests_of(condition):
            operand: Any = None
            if isinstance(test, Test) and test.path == path:
                operand = test.operand
            elif isinstance(test, Counted) and test.path == path:
                operand = test.threshold
            elif isinstance(test, Held) and test.path == path:
                operand = test.value
            operands = operand if isinstance(operand, list) else [operand]
            numbers = [number for each in operands for number in possible(each)]
            found.update([float(each) for each in numbers if type(each) in (int, float)])
    return tuple(sorted(found))


def _name_of(path: str) -> str:
    return path.split(".")[1] if reads_profile(path) and "." in path else ""


def _rises(condition: Condition, by_time: Mapping[str, str]) -> bool:
    """Return whether no time that passes makes *condition* true, as long as what falls by time
    does.

    Args:
        by_time: What time does to the values that it reads, but for those that an `identify` sets.
    """
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            return all(_rises(each, by_time) for each in conditions)
        case Counted(_, _, comparator, _):
            return comparator in _RISING
        case Test(path, operator, operand):
            return _needs_more(path, operator, operand, by_time)
        case Held(path, _, operand, operator):
            return _needs_more(path, operator, operand, by_time)
        case _:
            return False


def _needs_more(path: str, operator: Operator, operand: Any, by_time: Mapping[str, str]) -> bool:
    changes = by_time.get(_name_of(path), STAYS)
    if changes == FADES:
        return not compile_operator(operator, default_of(operand))(None)
    return changes == STAYS or (changes == FALLS and operator in _RISING)


_NO_EVENT = Event(customer_id="", event_type="")
"""Segments know no event."""
