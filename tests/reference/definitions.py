"""The documents of a ruleset (section 1 of the language), and what each of them reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from tests.reference.attributes import listens
from tests.reference.expressions import profile_names
from tests.reference.happenings import (
    date_name,
    derived_type,
    happenings_in,
    watched,
)
from tests.reference.seen import Seen, Spec
from tests.reference.sessions import Sessions
from tests.reference.values import numbers_in, resolved, subjects_in

Json = dict[str, Any]
DAYS_OF_A_SCORE = "30d"


class RingError(ValueError):
    """Something derived hangs on itself (37)."""


class Reads(msgspec.Struct):
    """What a condition, a ``case`` or a ``changed`` reads (54): it is evaluated when one changes.

    Attributes:
        folded: Attributes, counts and ``since_last``, as they are written.
        plain: Keys of the profile that no document declares.
        declared: Names of attributes, by way of which something is read.
        session: Whether the open session is read (61).
    """

    folded: list[Spec] = []
    plain: set[str] = set()
    segments: set[str] = set()
    declared: set[str] = set()
    session: bool = False


class Change(msgspec.Struct, frozen=True):
    """A value that ``changed`` looks at (40)."""

    name: str
    path: str
    on: Any


class Definitions:
    """Attributes, segments, triggers and what is made of their happenings, by name."""

    def __init__(
        self, documents: list[Json], policy: Json, published: Mapping[str, Json] | None = None
    ) -> None:
        values = {each["value"]: each for each in documents if "value" in each}

        def in_force(said: Any) -> Any:
            return resolved(said, values, published or {})

        self.numbers = {
            each["trigger"]: list(numbers_in(in_force([each["when"], each.get("if", {})])))
            for each in documents
            if "trigger" in each
        }
        self.patterns = {each["trigger"]: each["when"] for each in documents if "trigger" in each}
        """As they are written: a value may change without touching progress (75)."""
        self.policy = policy
        self.timezone: str = policy.get("timezone", "UTC")
        self.sessions = Sessions(policy)
        lowered = [
            {
                key: said if key in ("then", "limits") else in_force(said)
                for key, said in each.items()
            }
            for document in documents
            if "value" not in document
            for each in _lowered(document)
        ]
        self.attributes = {each["attribute"]: each for each in lowered if "attribute" in each}
        self.segments = {each["segment"]: each for each in lowered if "segment" in each}
        self.triggers = {
            each["trigger"]: each
            for each in lowered
            if "trigger" in each and each.get("mode") != "off"
        }
        named = list(happenings_in(lowered))
        self.kinds = {derived_type(head, name, spec) for head, name, spec in named}
        self.changes: dict[str, Change] = {}
        self.dates: dict[str, Spec] = {}
        for head, name, spec in named:
            if head == "changed":
                on = spec.get("on", policy.get("activity", []))
                self.changes[watched(name, spec)] = Change(watched(name, spec), name, on)
            if head == "date":
                self.dates[date_name(name, spec)] = {**spec, "path": name}
        self.order = self._in_order()
        self.reads: dict[str, Reads] = {}
        for name, segment in self.segments.items():
            self.reads[f"segment {name}"] = self._read(
                [segment.get("is", {}), segment.get("leave", {})]
            )
        for name, change in self.changes.items():
            self.reads[f"changed {name}"] = self._read_change(change)
        self.watchers = self._watchers()

    # What is read.

    def _read_change(self, change: Change) -> Reads:
        if change.path.startswith("profile."):
            return self._read([{change.path: {}}])
        return Reads(folded=[{"last": change.path, "on": change.on}])

    def _read(self, conditions: list[Any]) -> Reads:
        reads = Reads([], set(), set(), set())
        for condition in conditions:
            self._walk(condition, reads)
        return reads

    def _walk(self, condition: Spec | str, reads: Reads) -> None:
        if isinstance(condition, str):
            condition = {"expr": condition}
        self._walk_tables(condition, reads)
        if "count" in condition:
            reads.folded.append(condition)
        for key, value in condition.items():
            if key in ("all", "any"):
                for each in value:
                    self._walk(each, reads)
            elif key == "not":
                self._walk(value, reads)
            elif key == "expr":
                for name in profile_names(value):
                    self._walk_attribute(name, reads)
            elif key == "segment":
                reads.segments |= {value} if isinstance(value, str) else set(value)
            elif key == "since_last":
                reads.folded.append(value)
                if "of" in value:
                    self._walk({value["of"]: {}}, reads)
            elif key.startswith("profile."):
                self._walk_attribute(key.split(".")[1], reads)

    def _walk_tables(self, condition: Spec, reads: Reads) -> None:
        """(54, 74) A number that goes by something is another one when that changes."""
        for head, name in _subjects(condition):
            if head == "segment":
                reads.segments.add(name)
            else:
                self._walk_attribute(name, reads)

    def _walk_attribute(self, name: str, reads: Reads) -> None:
        if name == "session" and self.sessions.activity:
            reads.session = True
        elif name not in self.attributes:
            reads.plain.add(name)
        elif name not in reads.declared:
            reads.declared.add(name)
            definition = self.attributes[name]
            reads.folded.append(definition)
            for case in definition.get("case", []):
                self._walk(case.get("if", {}), reads)
            if "expr" in definition:
                self._walk(definition["expr"], reads)

    def concerns(self, watcher: str, seen: Seen, changed_keys: set[str]) -> bool:
        """Whether the event folds into, or changes, something that the watcher reads (54)."""
        reads = self.reads[watcher]
        name = watcher.removeprefix("segment ")
        return (
            bool(reads.plain & changed_keys)
            or (reads.session and self.sessions.takes(seen))
            or any(listens(spec, seen) for spec in reads.folded)
            or (
                bool(self.segments.get(name, {}).get("list"))
                and seen.event["event_type"] == "segment_change"
            )
        )

    # What an edit keeps (51, 56, 57).

    def keys(self) -> set[str]:
        """Of all that is folded: attributes, and what conditions ask of the past."""
        asked = [trigger.get("if", {}) for trigger in self.triggers.values()]
        specs = [*self._read(asked).folded, *self.attributes.values()]
        for reads in self.reads.values():
            specs += reads.folded
        return {key_of(spec) for spec in specs if not spec.keys() & {"case", "expr", "of"}}

    def derived(self) -> Any:
        """What decides whether a customer has something to adopt (settlement 41)."""
        return (
            self.keys(),
            {name: _text(spec) for name, spec in self.attributes.items()},
            {watcher: self.fingerprint(watcher) for watcher in self.reads},
            self.dates,
        )

    def fingerprint(self, watcher: str) -> str:
        """What the watcher is, and all that it reads."""
        kind, _, name = watcher.partition(" ")
        reads = self.reads[watcher]
        said: Any = self.segments[name] if kind == "segment" else self.changes[name].path
        if kind == "segment":
            said = {key: said[key] for key in ("is", "leave", "list") if key in said}
        below = sorted(f"segment {each}" for each in reads.segments & self.segments.keys())
        return _text(
            [
                said,
                sorted(map(_text, reads.folded)),
                [self.fingerprint(each) for each in below],
            ]
        )

    # Order and rings.

    def _in_order(self) -> list[str]:
        """Segments, each after those it reads, then by name (34): of those whose turn it may be,
        the first by name comes next."""
        left = {name: self._segments_of(name) for name in self.segments}
        order: list[str] = []
        while left:
            free = [name for name, reads in left.items() if reads <= set(order)]
            if not free:
                raise RingError(f"segments that read each other: {sorted(left)}")
            order.append(min(free))
            del left[min(free)]
        return order

    def _watchers(self) -> list[str]:
        """(34) ``$changed``, by name, then segments; but what reads a segment comes behind it."""
        left = [f"changed {name}" for name in sorted(self.changes)]
        order: list[str] = []
        behind: set[str] = set()
        for segment in ("", *self.order):
            if segment:
                order.append(f"segment {segment}")
                behind.add(segment)
            ready = [each for each in left if self.reads[each].segments & {*self.order} <= behind]
            order += ready
            left = [each for each in left if each not in ready]
        return order

    def _segments_of(self, name: str) -> set[str]:
        segment = self.segments[name]
        reads = self._read([segment.get("is", {}), segment.get("leave", {})])
        return reads.segments & set(self.segments)

    def refuse_rings(self) -> None:
        """Raise `RingError` where a trigger, attribute or segment hangs on itself (37).

        What ``if`` and limits read makes no edge.
        """
        edges: dict[str, set[str]] = {}
        for name, trigger in self.triggers.items():
            edges[f"fired {name}"] = set(self._edges(trigger["when"]))
        for name, attribute in self.attributes.items():
            edges[f"attribute {name}"] = set(self._edges(attribute))
        for name, segment in self.segments.items():
            edges[f"segment {name}"] = set(self._edges(segment))
        left = dict(edges)
        while left:
            free = [name for name, reads in left.items() if not reads & left.keys()]
            if not free:
                raise RingError(f"a ring among {sorted(left)}")
            for name in free:
                del left[name]

    def _edges(self, document: Any) -> Iterator[str]:
        """What the document reads, wherever it is said in it."""
        for head, name, _ in happenings_in(document):
            if head == "fired":
                yield f"fired {name}"
            elif head in ("entered", "left"):
                yield f"segment {name}"
            elif name.startswith("profile."):
                yield f"attribute {name.split('.')[1]}"
        yield from self._edges_of_conditions(document)
        yield from (f"{head} {name}" for head, name in _subjects(document))
        for text in _expressions_in(document):
            yield from (f"attribute {name}" for name in profile_names(text))

    def _edges_of_conditions(self, value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, each in value.items():
                if key == "segment" and "is" not in value and "list" not in value:
                    names = [each] if isinstance(each, str) else each
                    yield from (f"segment {name}" for name in names)
                elif key.startswith("profile."):
                    yield f"attribute {key.split('.')[1]}"
                elif key == "of" and isinstance(each, str):
                    yield f"attribute {each.split('.')[1]}"
                yield from self._edges_of_conditions(each)
        elif isinstance(value, list):
            for each in value:
                yield from self._edges_of_conditions(each)


def key_of(spec: Spec) -> str:
    """What makes two folds one: not the name of an attribute, and not what is compared with."""
    names = ("attribute", "at_least", "more_than", "at_most", "exactly", "less_than")
    return _text({key: value for key, value in spec.items() if key not in names})


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _subjects(said: Any) -> Iterator[tuple[str, str]]:
    """What the tables in it go by: ``("attribute", name)`` and ``("segment", name)``."""
    for subject, cases in subjects_in(said):
        if subject == "segment":
            yield from (("segment", name) for name in cases)
        elif subject.startswith("profile."):
            yield "attribute", subject.split(".")[1]


CONDITIONS = ("if", "is", "leave", "not", "where", "expr")


def _expressions_in(said: Any) -> Iterator[str]:
    """Every expression that stands as a condition, or as one of several."""
    if isinstance(said, Mapping):
        for key, each in said.items():
            if isinstance(each, str) and key in CONDITIONS:
                yield each
            elif key in ("all", "any") and isinstance(each, list):
                yield from (text for text in each if isinstance(text, str))
            yield from _expressions_in(each)
    elif isinstance(said, list):
        for each in said:
            yield from _expressions_in(each)


# ── score (58) ──────────────────────────────────────────────────────────────────────────────


def _lowered(document: Json) -> Iterator[Json]:
    """The document, and what its scores are short for: an attribute, and a segment of it."""
    made: list[Json] = []
    if "trigger" in document:
        document = document | {"when": _without_score(document["when"], made)}
    yield from [*made, document]


def _without_score(when: Any, made: list[Json]) -> Any:
    if isinstance(when, list):
        return [_without_score(each, made) for each in when]
    if not isinstance(when, dict):
        return when
    if "score" not in when:
        return {key: _without_score(value, made) for key, value in when.items()}
    name = f"~{_hash(when)}"
    keys = ("score", "above", "below", "back", "up_to", "down_to", "stale", "where")
    rest = {key: value for key, value in when.items() if key not in keys}
    path = when["score"]
    if not path.startswith("profile."):
        model = {"event_data.model": {"equals": path}}
        where = {"all": [model, when["where"]]} if "where" in when else model
        on = {"event": "score", "where": where}
        stale = when.get("stale", DAYS_OF_A_SCORE)
        made.append({"attribute": name, "last": "event_data.score", "on": on, "within": stale})
        path = f"profile.{name}"
    made.append({"segment": name, **_band(path, when)})
    return {"entered": name, **rest}


def _band(path: str, score: Spec) -> Json:
    """``is`` and ``leave``: outside of the band that is left at `back` and at its far end."""
    beyond, kept, far, far_end = (
        ("greater_than", "greater_than_or_equal", "less_than_or_equal", score.get("up_to"))
        if "above" in score
        else ("less_than", "less_than_or_equal", "greater_than_or_equal", score.get("down_to"))
    )
    end = {} if far_end is None else {far: far_end}
    threshold = score["above"] if "above" in score else score["below"]
    band: Json = {"is": {path: {beyond: threshold, **end}}}
    if "back" in score:
        band["leave"] = {"not": {path: {kept: score["back"], **end}}}
    return band


def _hash(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()[:16]
