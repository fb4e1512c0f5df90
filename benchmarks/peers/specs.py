"""The same triggers for all: as YAML for triggerstream, as plain lines for the peers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.load import TYPES
from triggerstream.core.model import (
    AbsentStep,
    CountPattern,
    EventPattern,
    EventStep,
    Pattern,
    SequencePattern,
    Test,
)
from triggerstream.core.parsing.directory import parse_ruleset

SEQUENCES = 10


def sequences() -> str:
    """Return `SEQUENCES` triggers as YAML: three steps within 30 minutes each."""
    return "---\n".join(_sequence(number) for number in range(SEQUENCES))


def _sequence(number: int) -> str:
    first = number * len(TYPES) // SEQUENCES
    steps = ", ".join(f"{{event: {name}}}" for name in TYPES[first : first + 3])
    when = f"  sequence: [{steps}]\n  within: 30m\n"
    return f"trigger: bench-{number:03d}\nwhen:\n{when}then:\n  - log: {{}}\n"


def write_specs(rules: str, path: Path) -> None:
    """Write what the peers read: for each trigger of *rules* (YAML) one tab-separated line.

    It has the id, the kind, a number (the amount to exceed, or the events to count), the window in
    milliseconds, and then the event types of the steps.

    Raises:
        ValueError: A trigger has a shape that the peers do not have.
    """
    source = parse_ruleset({"bench.yaml": rules})
    lines = ["\t".join([each.id, *_columns(each.when)]) for each in source.triggers]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _columns(pattern: Pattern) -> list[str]:
    match pattern:
        case EventPattern((name,), Test("event_data.amount", "greater_than", above)):
            return ["event", str(above), "0", name]
        case CountPattern((name,), "at_least", threshold, None, within, None):
            return ["count", str(threshold), str(within), name]
        case SequencePattern((EventStep() as first, AbsentStep() as absent), restart=False) if (
            first.types and absent.duration is not None
        ):
            return ["absence", "0", str(absent.duration), *first.types, *absent.types]
        case SequencePattern(steps, within, restart=False) if all(
            step == EventStep(step.types) and len(step.types) == 1 for step in steps
        ):
            return ["sequence", "0", str(within), *(step.types[0] for step in steps)]
    msg = f"a pattern that the peers have is required; found {pattern}"
    raise ValueError(msg)
