"""What is found out about one customer (32-58): folds, changes, segments, sessions, dates.

Every event is kept, and every value is worked out anew from all of them whenever it is asked for.
Kept besides is only what the rules say is remembered: who is a member, and the last value that
``changed`` saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tests.reference import attributes as a
from tests.reference.attributes import Fold, Points, is_value
from tests.reference.conditions import Facts, equal, holds, lookup
from tests.reference.definitions import Change, Definitions, Reads
from tests.reference.happenings import Spec
from tests.reference.seen import Seen, duration

Json = dict[str, Any]


class Derived(msgspec.Struct, frozen=True):
    """What an evaluation found out: the type of the event to make, what it tells, and the line."""

    type: str
    data: Json
    line: Json | None = None


class Remembered(msgspec.Struct, frozen=True):
    """The last value that ``changed`` saw, and when (40)."""

    value: Any
    seen: int


class Derivations:
    """Of one customer. Times are τ (36) but where it says otherwise.

    Attributes:
        asked: By watcher: when it was evaluated last. A watcher is ``changed NAME`` or
            ``segment NAME``.
    """

    def __init__(self, definitions: Definitions, profile: Json) -> None:
        self.definitions = definitions
        self.profile = profile
        self.folds: list[Fold] = []
        self.members: dict[str, int] = {}
        self.remembered: dict[str, Remembered] = {}
        self.asked: dict[str, int] = {}
        self.starts: dict[str, Any] = {}

    # Reading (`conditions.Known`).

    def declares(self, name: str) -> bool:
        return name in self.definitions.attributes or (
            name == "segments" and bool(self.definitions.segments)
        )

    def value(self, name: str, at: int) -> Any:
        """The value of a declared attribute at *at* (46)."""
        if name == "segments":
            return sorted(each for each in self.members if not each.startswith("~"))
        spec = self.definitions.attributes[name]
        timezone = self.definitions.timezone
        start = self.start(name)
        if "case" in spec:
            found = self._case(spec, at)
        elif "top" in spec:
            found = a.top(spec, self.folds)
        elif "points" in spec:
            found = Points(spec, self.folds, start).worth(at)
        elif "first" in spec:
            found = a.first(spec, self.folds, start, timezone)
        elif "last" in spec:
            found = a.last(spec, self.folds, start, at, timezone)
        elif "within" in spec:
            found = a.window(spec, self.folds, at)
        elif "count" in spec:
            found = a.number_of(spec, self.folds, start)
        else:
            found = a.total(spec, self.folds, start)
        return found

    def start(self, name: str) -> Any:
        """(48) What it begins with: of a plain attribute, what that was at the first fold or
        evaluation."""
        spec = self.definitions.attributes[name]
        if name not in self.starts:
            said = spec.get("start")
            if isinstance(said, str) and said.startswith("profile."):
                said = lookup(said, Facts({}, self.profile))
            self.starts[name] = said
        return self.starts[name]

    def _case(self, spec: Spec, at: int) -> Any:
        for case in spec["case"]:
            if "if" not in case or holds(case["if"], self.facts(at)):
                return case["then"]
        return None

    def is_member(self, segment: str) -> bool:
        return segment in self.members

    def newest(self, spec: Spec, at: int) -> int | None:
        """(66) Of a moment in the profile, that."""
        if "of" in spec:
            return a.moment_of(lookup(spec["of"], self.facts(at)))
        found = a.newest(spec, self.folds)
        return found[0].at if found else None

    def counted(self, spec: Spec, at: int) -> float:
        return a.window({"within": "24h", **spec}, self.folds, at)

    def facts(self, at: int) -> Facts:
        return Facts({}, self.profile, at, self.definitions.timezone, self)

    # Folding.

    def fold(self, seen: Seen, at: int, *, late: bool = False) -> None:
        self.folds.append(Fold(seen, at, late))
        for name, spec in self.definitions.attributes.items():
            if "start" in spec and a.listens(spec, seen):
                self.start(name)

    def after_event(self, seen: Seen, at: int, changed_keys: set[str]) -> Iterator[Derived]:
        """``$changed``, then segments: those that the event concerns (34, 54), and all of them at
        the customer's first record."""

        def concerned(watcher: str) -> bool:
            return watcher not in self.asked or self.definitions.concerns(
                watcher, seen, changed_keys
            )

        yield from self.evaluate(at, concerned, seen.event)

    def after_late(self) -> None:
        """(40, 49) Of a plain attribute, the remembered value is the profile's own, also when a
        late ``identify`` has changed it, which tells nothing."""
        for name, change in self.definitions.changes.items():
            plain = change.path.startswith("profile.") and not self.declares(name.split(".")[0])
            value = lookup(change.path, Facts({}, self.profile)) if plain else None
            if plain and name in self.remembered and is_value(value):
                self.remembered[name] = msgspec.structs.replace(self.remembered[name], value=value)

    def evaluate(
        self, at: int, concerned: Callable[[str], bool], event: Json | None = None
    ) -> Iterator[Derived]:
        for name in sorted(self.definitions.changes):
            if concerned(f"changed {name}"):
                self.asked[f"changed {name}"] = at
                yield from self._look(self.definitions.changes[name], at)
        crossed: set[str] = set()
        for name in self.definitions.order:
            watcher = f"segment {name}"
            if concerned(watcher) or self.definitions.reads[watcher].segments & crossed:
                self.asked[watcher] = at
                for derived in self._cross(name, at, event):
                    crossed.add(name)
                    yield derived

    def _look(self, change: Change, at: int) -> Iterator[Derived]:
        """(40) A value has come: is it another one?"""
        if change.path.startswith("profile."):
            value = lookup(change.path, self.facts(at))
        else:
            value = a.last({"last": change.path, "on": change.on}, self.folds, None, at, "UTC")
        if not is_value(value):
            return
        before = self.remembered.get(change.name)
        self.remembered[change.name] = Remembered(value, at)
        if before is not None and not equal(before.value, value):
            yield Derived(
                f"$changed:{change.name}",
                {
                    "attribute": change.name,
                    "from": before.value,
                    "to": value,
                    "seen": before.seen,
                    "gap": at - before.seen,
                },
            )

    def _cross(self, name: str, at: int, event: Json | None) -> Iterator[Derived]:
        """(54) Who is outside may enter, and who is inside may leave."""
        spec = self.definitions.segments[name]
        inside = name in self.members
        if spec.get("list"):
            goes_on = _said_of(name, event, inside)
        else:
            is_, facts = holds(spec["is"], self.facts(at)), self.facts(at)
            leaves = "leave" in spec and holds(spec["leave"], facts)
            goes_on = not leaves and (is_ or (inside and "leave" in spec))
        if goes_on == inside:
            return
        change = "entered" if goes_on else "left"
        data: Json = {"segment": name}
        if goes_on:
            self.members[name] = at
        else:
            data["since"] = self.members.pop(name)
        line = {"kind": "segment", "segment": name, "change": change}
        yield Derived(f"${change}:{name}", data, None if name.startswith("~") else line)

    # Time (50).

    def dues(self) -> Iterator[tuple[int, int, str]]:
        """(due, rank, watcher): when each watcher is to be evaluated next, by time alone."""
        ranks = [f"changed {name}" for name in sorted(self.definitions.changes)]
        ranks += [f"segment {name}" for name in self.definitions.order]
        for rank, watcher in enumerate(ranks):
            if watcher in self.asked:
                asked = self.asked[watcher]
                turns = [
                    t for t in self._turns(self.definitions.reads[watcher], asked) if t > asked
                ]
                if turns:
                    yield min(turns), rank, watcher

    def opener(self, watcher: str) -> Seen | None:
        """(38) The last event that was folded into what the watcher reads."""
        folded = self.definitions.reads[watcher].folded
        listened = [f.seen for f in self.folds if any(a.listens(spec, f.seen) for spec in folded)]
        return listened[-1] if listened else None

    def _turns(self, reads: Reads, asked: int) -> Iterator[int]:
        for spec in reads.folded:
            if "points" in spec:
                points = Points(spec, self.folds, self.start(spec["attribute"]))
                step = points.next_step(asked)
                yield from [] if step is None else [step]
            elif ("at_least" in spec and "count" not in spec) or "less_than" in spec:
                newest = self.newest(spec, asked)
                flip = duration(spec["at_least"] if "at_least" in spec else spec["less_than"])
                yield from [] if newest is None else [newest + flip]
            elif "last" in spec and "within" in spec:
                found = a.newest(spec, self.folds)
                yield from [found[0].at + duration(spec["within"])] if found else []
            elif ("count" in spec and "attribute" not in spec) or "within" in spec:
                within = spec.get("within", "24h")
                window = {**spec, "within": within}
                yield from (
                    time + duration(within) for time, _ in a.held(window, self.folds, asked)
                )


def _said_of(name: str, event: Json | None, inside: bool) -> bool:
    """(53) What a ``segment_change`` says of a segment that is a list."""
    data = event.get("event_data") or {} if event else {}
    if event and event["event_type"] == "segment_change" and data.get("segment") == name:
        return data.get("in") is True
    return inside
