"""What conditions on a customer read of them, and when that changes by time alone.

Such conditions know no event and no calendar: those of segments, and of values that follow from
other values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from triggerstream.core.conditions.compile import moment_of
from triggerstream.core.conditions.paths import PROFILE, compile_path, name_in_profile
from triggerstream.core.conditions.unnamed import named_segments, paths_of, tests_of
from triggerstream.core.derive.attributes.compile import CompiledAttribute
from triggerstream.core.derive.segments import SEGMENTS, CompiledSegment
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import Condition, SinceLast
from triggerstream.core.state.customer import CustomerState

NO_EVENT: Final = Event(customer_id="", event_type="")


class Sight:
    """What *conditions*, and what reads *paths* or asks for the segments *members*, see of a
    customer.

    Attributes:
        reads: The names of it, and of what it follows from, as of `CompiledSegment.reads`.
        below: What tells the definitions of it from others.
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        paths: Sequence[str],
        attributes: Mapping[str, CompiledAttribute],
        segments: Mapping[str, CompiledSegment],
        members: Sequence[str] = (),
    ) -> None:
        asked = [path for condition in conditions for path in paths_of(condition)]
        names = {name_in_profile(path) for path in [*asked, *paths]} - {"", PROFILE, SEGMENTS}
        self._attributes = [attributes[name] for name in sorted(names & attributes.keys())]
        self._plain = sorted(names - attributes.keys())
        named = [name for condition in conditions for name in named_segments(condition)]
        read = sorted({*named, *members})
        self._segments = [segments[name] for name in read]
        self._flips = [
            (compile_path(test.path), test.duration)
            for condition in conditions
            for test in tests_of(condition)
            if isinstance(test, SinceLast)
        ]
        below = [each.fold.reads for each in self._attributes]
        self.reads = frozenset([*names, *[f"{SEGMENTS}:{name}" for name in read]]).union(*below)
        self.below = [each.fold.key for each in self._attributes]
        self.below += [each.key for each in self._segments]

    def see(self, state: CustomerState, at: int) -> dict[str, Any]:
        """Return what of the profile is read, as it is at *at*."""
        seen = {each.name: each.fold.value(state, at) for each in self._attributes}
        for name in self._plain:
            if name in state.profile:
                seen[name] = state.profile[name]
        if self._segments:
            seen[SEGMENTS] = [each.name for each in self._segments if each.is_member(state)]
        return seen

    def next(self, state: CustomerState, at: int) -> int:
        """Return when, after *at*, any of it changes by time alone, or `NEVER`."""
        due = min([each.fold.next(state, at) for each in self._attributes], default=NEVER)
        if self._flips:
            seen = self.see(state, at)
            for get, duration in self._flips:
                moment = moment_of(get(NO_EVENT, seen))
                if moment is not None and at < moment + duration < due:
                    due = moment + duration
        return due
