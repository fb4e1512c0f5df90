"""The language with one point of its rules taken out at a time: each must be caught by a row."""

from __future__ import annotations

from types import ModuleType

from tests.core.derive import test_segments as deploys
from tests.reference import test_adoption_by_hand as adoptions
from tests.reference import test_attributes_by_hand as attributes
from tests.reference import test_changed_by_hand as changes
from tests.reference import test_conditions_by_hand as conditions
from tests.reference import test_fired_by_hand as firings
from tests.reference import test_segments_by_hand as segments
from tests.reference import test_trend_by_hand as trends
from tests.simulation.mutants import Edit
from triggerstream.core.conditions import compile as checks
from triggerstream.core.derive import arrange
from triggerstream.core.derive import changes as looks
from triggerstream.core.derive.attributes import compile as readers
from triggerstream.core.derive.attributes import folds, points, windows
from triggerstream.core.derive.segments import CompiledSegment
from triggerstream.core.detection import advance, engine, firing, timers
from triggerstream.core.parsing import directory
from triggerstream.core.patterns.progress import Progress
from triggerstream.core.patterns.trend import TrendMatcher


class Mutant:
    """A language that lacks one of its points.

    Attributes:
        rows: The tests that show it, which are not those of the code that is mutated.
    """

    def __init__(self, name: str, rows: ModuleType, *edits: Edit) -> None:
        self.name = name
        self.rows = rows
        self.edits = list(edits)


def everywhere(owners: tuple[ModuleType, ...], name: str, old: str, new: str) -> list[Edit]:
    """Return the edit of a function in each module that calls it."""
    return [Edit(owner, name, old, new) for owner in owners]


MUTANTS = (
    # Time: windows, τ (36, 46, 50).
    Mutant(
        "closed windows",
        attributes,
        Edit(windows, "_outlived", "if not times", "start -= 1\n    if not times"),
    ),
    Mutant(
        "W at both ends: who leaves does so a moment later",
        segments,
        Edit(windows.Count, "next_beyond", "+ self.within", "+ self.within + 1"),
    ),
    Mutant(
        "W at both ends: the newest is forgotten a moment later",
        attributes,
        Edit(folds.Edge, "value", "slot[0] + self.within <= at", "slot[0] + self.within < at"),
    ),
    Mutant(
        "late events into windows and scores",
        attributes,
        Edit(engine, "_learn_late", "if taking.fold.takes_late", "if True"),
    ),
    Mutant(
        "two attributes of one definition fold an event twice",
        adoptions,
        Edit(
            readers.Hearing,
            "take",
            "return self._where is None or self._where(event)",
            "return Taking.take(self, state, event, at)",
        ),
    ),
    Mutant(
        "another name is another definition",
        adoptions,
        Edit(readers, "_key", 'msgspec.structs.replace(attribute, name="")', "attribute"),
    ),
    Mutant(
        "late events into nothing",
        attributes,
        Edit(engine, "_learn_late", "if taking.fold.takes_late", "if False"),
    ),
    Mutant(
        "late events are heard of by records alone",
        segments,
        Edit(
            engine,
            "_on_late_event",
            "hear_of(state, ruleset, told, folded, max(state.last, state.tau))",
            "pass",
        ),
    ),
    Mutant(
        "an identify is heard of at its own time alone",
        segments,
        Edit(
            engine.Engine,
            "on_message",
            "hear_of(state, ruleset, said, None, max(before, state.tau, clock - state.lateness))",
            "pass",
        ),
    ),
    Mutant(
        "an event without a value begins nothing",
        attributes,
        Edit(folds.Ever, "take", "elif self.key not in state.derived", "elif False"),
    ),
    Mutant(
        "no tau where events are folded",
        attributes,
        *everywhere((advance, engine), "fold", "at = max(at, state.tau)", "pass"),
    ),
    Mutant(
        "no tau in the view",
        attributes,
        Edit(firing, "view", "at = max(at, state.tau)", "pass"),
    ),
    Mutant(
        "no tau where a condition is asked",
        conditions,
        Edit(firing, "_reason_against", "max(at, state.tau)", "at"),
    ),
    Mutant(
        "tau for the calendar",
        conditions,
        Edit(firing, "_reason_against", "profile, at, max", "profile, max(at, state.tau), max"),
    ),
    Mutant(
        "tau does not move at timers that come to nothing",
        conditions,
        Edit(timers, "_fire", "if state.derivations and key", "if False and key"),
    ),
    Mutant(
        "tau does not move at trends that match",
        trends,
        Edit(timers, "_fire", "if state.derivations:\n", "if False:\n"),
    ),
    Mutant(
        "no tau at timers of segments",
        segments,
        Edit(timers, "wake_up", "at = max(due, state.tau)", "at = due"),
    ),
    Mutant(
        "tau does not move at timers of segments",
        segments,
        Edit(timers, "wake_up", "state.tau = at", "pass"),
    ),
    Mutant(
        "a trend counts an event in its own bucket",
        trends,
        Edit(
            TrendMatcher,
            "count",
            "max(numbers[1], (at - numbers[0]) // self.width)",
            "(at - numbers[0]) // self.width",
        ),
    ),
    # Derived events (32-38).
    Mutant(
        "last in, first out",
        firings,
        *everywhere(
            (advance, engine, timers),
            "cascade",
            "derived = queue[index]\n        index += 1",
            "derived = queue.pop()",
        ),
    ),
    Mutant(
        "derived events in the order of handling",
        firings,
        Edit(Progress, "in_order", "if _DERIVED not in ids", "if True"),
    ),
    Mutant(
        "derived events by id alone",
        firings,
        Edit(Progress, "next_record", "self.ids.endswith(DERIVED_END)", "False"),
    ),
    Mutant(
        "a shadow is seen by all",
        firings,
        *everywhere((advance, engine, timers), "cascade", "if derived.is_shadow", "if False"),
    ),
    Mutant(
        "`if` as an edge",
        firings,
        Edit(
            directory,
            "_trigger_told",
            "(*types_of(trigger.when), ",
            "(*types_of(trigger.when), "
            "*[name for each in asked_of(trigger.condition) for name in each.on.types], ",
        ),
    ),
    # Attributes (46-49).
    Mutant(
        "a score decays by each event's own anchor",
        attributes,
        Edit(points.Points, "take", "(anchor, score, step)", "(at, score, 0)"),
    ),
    Mutant(
        "what a count starts with is not kept when it is read",
        attributes,
        Edit(folds.Ever, "value", "state.derived[self.key] = slot", "pass"),
    ),
    Mutant(
        "what the newest starts with is not kept when it is read",
        attributes,
        Edit(folds.Edge, "value", "state.derived[self.key] = (_BEGUN, begun)", "pass"),
    ),
    Mutant(
        "of equals the one seen first",
        attributes,
        Edit(points.Top, "value", "number >= most", "number > most"),
    ),
    Mutant(
        "what is seen again keeps its place",
        attributes,
        Edit(
            points.Top,
            "take",
            "counts.pop(value) + 1",
            "counts[value] + 1",
        ),
    ),
    Mutant(
        "texts of 256 bytes are no values of an attribute",
        attributes,
        Edit(readers, "_short", "> LONGEST_TEXT", ">= LONGEST_TEXT"),
    ),
    Mutant(
        "texts of 257 bytes are values of an attribute",
        attributes,
        Edit(readers, "_short", "> LONGEST_TEXT", "> LONGEST_TEXT + 1"),
    ),
    # Changes, segments, conditions (40, 50-56, 66).
    Mutant(
        "texts of 256 bytes do not change",
        changes,
        Edit(looks, "_is_value", "<= LONGEST_TEXT", "< LONGEST_TEXT"),
    ),
    Mutant(
        "texts of 257 bytes change",
        changes,
        Edit(looks, "_is_value", "<= LONGEST_TEXT", "<= LONGEST_TEXT + 1"),
    ),
    Mutant(
        "`leave` ignored",
        segments,
        Edit(CompiledSegment, "ask", "if self._leave is None", "if True"),
    ),
    Mutant(
        "who is outside enters by events alone",
        segments,
        Edit(CompiledSegment, "ask", "if member or self._may_rise(state)", "if member"),
    ),
    Mutant(
        "a sum only falls by time",
        segments,
        Edit(windows.Sum, "may_rise", "bool(self._slot(state)[3])", "False"),
    ),
    Mutant(
        "the last segment by name first",
        segments,
        Edit(arrange, "_in_order", "min(ready)", "max(ready)"),
    ),
    Mutant(
        "nobody enters by being there",
        segments,
        Edit(engine.Engine, "_adopt_derived", "state.last < 0", "False"),
    ),
    Mutant(
        "edges at deploys",
        deploys,
        Edit(
            engine,
            "meet",
            "segment.ask(state, at, None)",
            "_ask(state, ruleset, segment, at, None, cause, event, arrival, queue, out)",
        ),
    ),
    Mutant(
        "exactly as long ago is not at_least",
        conditions,
        Edit(checks, "_since_last", "now - last >= duration", "now - last > duration"),
    ),
)
