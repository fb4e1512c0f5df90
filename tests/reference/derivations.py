"""What is found out about one customer (32-58): folds, changes, segments, sessions, dates.

Every event is kept, and every value is worked out anew from all of them whenever it is asked for.
Kept besides is only what the rules say is remembered: who is a member, and the last value that
``changed`` saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date
from typing import Any

import msgspec

from tests.reference import attributes as a
from tests.reference import dates
from tests.reference.attributes import Fold, Points, is_value
from tests.reference.conditions import (
    Facts,
    computed,
    equal,
    holds,
    instance_keys,
    lookup,
    zone_named,
)
from tests.reference.definitions import Change, Definitions, Reads, key_of
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


class Armed(msgspec.Struct, frozen=True):
    """The next occurrence of a date (65)."""

    value: Any
    base: dates.Base
    zone: str
    day: date
    due: int
    opener: Seen | None


class Derivations:
    """Of one customer. Times are τ (36) but where it says otherwise.

    Attributes:
        asked: By watcher: when it was evaluated last. A watcher is ``changed NAME`` or
            ``segment NAME``.
        begun: Where in `folds` what a ruleset brought later begins, by its key.
        unheard: Folded under a ruleset that is not adopted yet, and looked at by nobody.
    """

    def __init__(self, definitions: Definitions, profile: Json) -> None:
        self.definitions = definitions
        self.profile = profile
        self.folds: list[Fold] = []
        self.members: dict[str, int] = {}
        self.remembered: dict[str, Remembered] = {}
        self.asked: dict[str, int] = {}
        self.missed: dict[str, set[int]] = {}
        self.starts: dict[str, Any] = {}
        self.begun: dict[str, int] = {}
        self.unheard: list[Seen] = []
        self.closed = 0
        self.armed: dict[str, Armed] = {}
        self.happened: dict[str, date] = {}
        self.based: dict[str, tuple[Any, dates.Base | None]] = {}

    # Reading (`conditions.Known`).

    def declares(self, name: str) -> bool:
        return name in self.definitions.attributes or (
            (name == "segments" and bool(self.definitions.segments))
            or (name == "session" and bool(self.definitions.sessions.activity))
        )

    def value(self, name: str, at: int) -> Any:
        """The value of a declared attribute at *at* (46)."""
        if name == "segments":
            return sorted(each for each in self.members if not each.startswith("~"))
        if name == "session":
            return self._session(at)
        spec = self.definitions.attributes[name]
        timezone = self.definitions.timezone
        start = self.start(name)
        if "case" in spec:
            found = self._case(spec, at)
        elif "expr" in spec:
            found = computed(spec["expr"], self.facts(at))
        elif "top" in spec:
            found = a.top(spec, self.folded(spec))
        elif "points" in spec:
            found = Points(spec, self.folded(spec), start).worth(at)
        elif "first" in spec:
            found = a.first(spec, self.folded(spec), start, timezone)
        elif "last" in spec:
            found = a.last(spec, self.folded(spec), start, at, timezone)
        elif "within" in spec:
            found = a.window(spec, self.folded(spec), at)
        elif "count" in spec:
            found = a.number_of(spec, self.folded(spec), start)
        else:
            found = a.total(spec, self.folded(spec), start)
        return found

    def folded(self, spec: Spec) -> list[Fold]:
        """The events since what it defines was there (51)."""
        return self.folds[self.begun.get(key_of(spec), 0) :]

    def start(self, name: str) -> Any:
        """(48) What it begins with: of a plain attribute, what that was at the first fold or
        evaluation. An evaluation before the attribute has come leaves the start open."""
        found = self._start_now(name)
        if found is not None:
            self._begin([name])
        return self.starts.get(key_of(self.definitions.attributes[name]))

    def _start_now(self, name: str) -> Any:
        said = self.definitions.attributes[name].get("start")
        if isinstance(said, str) and said.startswith("profile."):
            return lookup(said, Facts({}, self.profile))
        return said

    def _begin(self, names: Iterable[str]) -> None:
        for name in names:
            key = key_of(self.definitions.attributes[name])
            self.starts.setdefault(key, self._start_now(name))

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
        found = a.newest(spec, self.folded(spec))
        return found[0].at if found else None

    def counted(self, spec: Spec, at: int, instance: str | None) -> float:
        folds = self.folded(spec)
        if "per" in spec:
            folds = [f for f in folds if instance in instance_keys(spec["per"], f.seen.event)]
        return a.window({"within": "24h", **spec}, folds, at)

    def facts(self, at: int) -> Facts:
        return Facts({}, self.profile, at, self.definitions.timezone, self)

    # Folding.

    def fold(self, seen: Seen, at: int, *, late: bool = False) -> None:
        self.folds.append(Fold(seen, at, late))
        attributes = self.definitions.attributes.items()
        self._begin(name for name, spec in attributes if a.listens(spec, seen))

    def after_event(self, seen: Seen, at: int, changed_keys: set[str]) -> Iterator[Derived]:
        """``$changed``, then segments: those that the event concerns (34, 54), and all of them at
        the customer's first record."""

        def concerned(watcher: str) -> bool:
            return watcher not in self.asked or self.definitions.concerns(
                watcher, seen, changed_keys
            )

        yield from self.evaluate(at, concerned, seen.event)

    def after_late(self, at: int, before: dict[str, set[int]]) -> None:
        """(40, 49) Of a plain attribute, the remembered value is the profile's own, also when a
        late ``identify`` has changed it, which tells nothing. No watcher is evaluated at a time
        that lies behind *at* and is one since the late event.

        Args:
            before: All turns, as they were before it.
        """
        for watcher, turns in self.all_turns().items():
            known_by = before.get(watcher, set()) | self.missed.get(watcher, set())
            self.missed.setdefault(watcher, set()).update(t for t in turns - known_by if t <= at)
        for name, change in self.definitions.changes.items():
            plain = change.path.startswith("profile.") and not self.declares(name.split(".")[0])
            value = lookup(change.path, Facts({}, self.profile)) if plain else None
            last = self.remembered.get(name)
            if is_value(value) and (last is None or not equal(last.value, value)):
                self.remembered[name] = Remembered(value, at)

    def evaluate(
        self, at: int, concerned: Callable[[str], bool], event: Json | None = None
    ) -> Iterator[Derived]:
        crossed: set[str] = set()
        for watcher in self.definitions.watchers:
            if not (concerned(watcher) or self.definitions.reads[watcher].segments & crossed):
                continue
            self.asked[watcher] = at
            kind, _, name = watcher.partition(" ")
            if kind == "changed":
                yield from self._look(self.definitions.changes[name], at)
                continue
            for derived in self._cross(name, at, event):
                crossed.add(name)
                yield derived

    def watched(self, change: Change, at: int) -> Any:
        if change.path.startswith("profile."):
            return lookup(change.path, self.facts(at))
        spec = {"last": change.path, "on": change.on}
        return a.last(spec, self.folded(spec), None, at, "UTC")

    def _look(self, change: Change, at: int) -> Iterator[Derived]:
        """(40) A value has come: is it another one?"""
        value = self.watched(change, at)
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
        since = self.members.pop(name, None)
        if goes_on:
            self.members[name] = at
        yield edge(name, since)

    # Sessions (61).

    def visit(self) -> list[Fold]:
        """The open one; empty where none is."""
        visits = self.definitions.sessions.cut(self.folds)
        return visits[-1] if len(visits) > self.closed else []

    def _session(self, at: int) -> Json | None:
        visit = self.visit()
        if not visit or at >= visit[-1].at + self.definitions.sessions.gap:
            return None
        told = self.definitions.sessions.ended(visit, at)
        return {key: told[key] for key in ("started", "depth", "seconds")}

    def on_activity(self, seen: Seen, at: int) -> Iterator[Derived]:
        """Before the event is folded: whether it opens a session, and ends another first."""
        before = self.visit()
        visits = self.definitions.sessions.cut([*self.folds, Fold(seen, at)])
        if visits and visits[-1][0].seen is seen:
            if before:
                yield from self.end_session(before, at)
            self.closed = len(visits) - 1
            started = {"started": a.moment_text(at, None, "UTC")}
            yield Derived("$session_started", started)

    def end_session(self, visit: list[Fold], at: int) -> Iterator[Derived]:
        self.closed = len(self.definitions.sessions.cut(self.folds))
        yield Derived("$session_ended", self.definitions.sessions.ended(visit, at))

    # Dates (65, 85).

    def zones(self) -> list[str]:
        """Names, the first of which that names a zone is the customer's, before the policy's."""
        return [
            self.profile.get("timezone"),
            self._newest(
                lambda name: zone_named(name) is not None,
                "location_data.timezone",
                "metadata.timezone",
            ),
            dates.only_zone(self.profile.get("country")),
            dates.only_zone(
                self._newest(lambda name: isinstance(name, str), "location_data.country")
            ),
        ]

    def _newest(self, is_said: Callable[[Any], bool], *paths: str) -> Any:
        """(49, 85) What was said last: by the event's time, of equals the one that came last."""
        said = [
            (fold.at, number, value)
            for number, fold in enumerate(self.folds)
            if not fold.seen.derived
            for value in [
                next(
                    filter(is_said, (lookup(path, Facts(fold.seen.event)) for path in paths)), None
                )
            ]
            if value is not None
        ]
        return max(said)[2] if said else None

    def zone_name(self) -> str:
        names = [*self.zones(), self.definitions.timezone]
        return next(name for name in names if zone_named(name) is not None)

    def arm(self, at: int, seen: Seen | None) -> None:
        """Dates, where a value or the zone is another one, or one has happened."""
        for name, spec in self.definitions.dates.items():
            value, zone_name = lookup(spec["path"], self.facts(at)), self.zone_name()
            zone, armed = zone_named(zone_name) or UTC, self.armed.get(name)
            if armed and equal(armed.value, value):
                if armed.zone != zone_name:
                    day = armed.day + dates.shift_of(spec)
                    due = dates.instant(day, spec.get("at", "09:00"), zone)
                    self.armed[name] = msgspec.structs.replace(
                        armed, zone=zone_name, due=max(due, at + 1)
                    )
                continue
            self.armed.pop(name, None)
            if name not in self.based or not equal(self.based[name][0], value):
                self.based[name] = (value, dates.base_of(value, zone))
            self._open(name, spec, value, self.based[name][1], at, seen)

    def _open(
        self,
        name: str,
        spec: Spec,
        value: Any,
        base: dates.Base | None,
        at: int,
        seen: Seen | None,
    ) -> None:
        """The next occurrence (64); `base` is of the zone in which the value came."""
        if base:
            zone_name = self.zone_name()
            zone = zone_named(zone_name) or UTC
            found = dates.occurrence(base, spec, zone, at, self.happened.get(name))
            if found:
                self.armed[name] = Armed(value, base, zone_name, *found, seen)

    def on_date(self, name: str, at: int) -> Iterator[Derived]:
        armed = self.armed.pop(name)
        self.happened[name] = armed.day
        years = None if armed.base.year is None else armed.day.year - armed.base.year
        told = {"attribute": name.partition("~")[0], "date": armed.day.isoformat(), "years": years}
        yield Derived(f"$date:{name}", told)
        spec = self.definitions.dates[name]
        self._open(name, spec, armed.value, armed.base, at, armed.opener)

    def on_timer(self, watcher: str, at: int) -> Iterator[Derived]:
        kind, _, name = watcher.partition(" ")
        if kind == "session":
            yield from self.end_session(self.visit(), at)
        elif kind == "date":
            yield from self.on_date(name, at)
        else:
            yield from self.evaluate(at, lambda each: each == watcher)

    # Time (50).

    def turns(self, watcher: str) -> set[int]:
        """The times since its last evaluation at which anything that it reads changes by itself."""
        asked = self.asked[watcher]
        return {t for t in self._turns(self.definitions.reads[watcher], asked) if t > asked}

    def all_turns(self) -> dict[str, set[int]]:
        return {watcher: self.turns(watcher) for watcher in self.asked}

    def dues(self) -> Iterator[tuple[int, int, str]]:
        """(due, rank, watcher): when each watcher is to be evaluated next, by time alone."""
        visit = self.visit()
        if visit and "$session_ended" in self.definitions.kinds:
            yield visit[-1].at + self.definitions.sessions.gap, -1, "session session"
        ranks = self.definitions.watchers
        for rank, watcher in enumerate(ranks):
            if watcher in self.asked:
                turns = self.turns(watcher) - self.missed.get(watcher, set())
                if turns:
                    yield min(turns), rank, watcher

        for rank, name in enumerate(sorted(self.armed), len(ranks)):
            yield self.armed[name].due, rank, f"date {name}"

    def opener(self, watcher: str) -> Seen | None:
        """(38) The last event that was folded into what the watcher reads."""
        kind, _, name = watcher.partition(" ")
        if kind == "session":
            return self.visit()[-1].seen
        if kind == "date":
            return self.armed[name].opener
        reads, takes = self.definitions.reads[watcher], self.definitions.sessions.takes
        listened = [
            f.seen
            for f in self.folds
            if any(a.takes(spec, f) for spec in reads.folded)
            or (reads.session and not f.late and takes(f.seen))
        ]
        return listened[-1] if listened else None

    def _turns(self, reads: Reads, asked: int) -> Iterator[int]:
        visits = self.definitions.sessions.cut(self.folds) if reads.session else []
        if visits:
            yield visits[-1][-1].at + self.definitions.sessions.gap
        for spec in reads.folded:
            if "points" in spec:
                points = Points(spec, self.folded(spec), self.start(spec["attribute"]))
                step = points.next_step(asked)
                yield from [] if step is None else [step]
            elif ("at_least" in spec and "count" not in spec) or "less_than" in spec:
                newest = self.newest(spec, asked)
                flip = duration(spec["at_least"] if "at_least" in spec else spec["less_than"])
                yield from [] if newest is None else [newest + flip]
            elif "last" in spec and "within" in spec:
                found = a.newest(spec, self.folded(spec))
                yield from [found[0].at + duration(spec["within"])] if found else []
            elif ("count" in spec and "attribute" not in spec) or "within" in spec:
                within = spec.get("within", "24h")
                window = {**spec, "within": within}
                yield from (
                    time + duration(within) for time, _ in a.held(window, self.folded(spec), asked)
                )


def edge(name: str, since: int | None) -> Derived:
    """The customer enters; or leaves, being a member *since* then."""
    change = "entered"
    data: Json = {"segment": name}
    if since is not None:
        change, data = "left", {"segment": name, "since": since}
    line = {"kind": "segment", "segment": name, "change": change}
    return Derived(f"${change}:{name}", data, None if name.startswith("~") else line)


def _said_of(name: str, event: Json | None, inside: bool) -> bool:
    """(53) What a ``segment_change`` says of a segment that is a list."""
    data = event.get("event_data") or {} if event else {}
    if event and event["event_type"] == "segment_change" and data.get("segment") == name:
        return data.get("in") is True
    return inside
