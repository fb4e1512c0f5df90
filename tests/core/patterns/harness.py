"""Stories for one pattern of one customer: what happened, and when it matched.

A story is ``A@0 B@1 C=7@30``: the event's type, optionally its number ``event_data.n``, and its
effective time. An event's id is its type and its place in the story, from 0. Matches are written
``A0,B1@1``: the ids of the matched events, and when; of a pattern with ``per``, ``A0@0/7`` tells
the instance, too.

The clock is the events' own: every timer due at or before an event fires before it, and after the
last one all the others do. The tables are stored and loaded again after everything, so that each
story also says that nothing of them gets lost.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from triggerstream.core.conditions.paths import compile_per
from triggerstream.core.events.event import Event
from triggerstream.core.model import (
    AbsentStep,
    Comparator,
    CountPattern,
    EventPattern,
    EventStep,
    Pattern,
    SequencePattern,
    Test,
)
from triggerstream.core.patterns.base import Keys, Look, Match, Matcher
from triggerstream.core.patterns.per import PerMatcher
from triggerstream.core.patterns.progress import IN_MATCH, IN_WAIT, KEY, Now, Progress
from triggerstream.core.rulesets.compile import compile_pattern
from triggerstream.core.state import codec
from triggerstream.core.state.customer import CustomerState

_EVENT = re.compile(r"(?P<type>[A-Z]+)(?:=(?P<n>\S+))?@(?P<at>\d+)")


# ── patterns in few words ───────────────────────────────────────────────────────────────────


def one(types: str) -> EventPattern:
    """Return the pattern of a single event of any of *types*, one letter each."""
    return EventPattern(tuple(types))


def count(comparator: Comparator, threshold: float, within: int = 30, **rest: Any) -> CountPattern:
    """Return a count of A."""
    return CountPattern(("A",), comparator, threshold, within=within, **rest)


def step(types: str, **rest: Any) -> EventStep:
    return EventStep(tuple(types), **rest)


def absent(types: str, duration: int | None = None, **rest: Any) -> AbsentStep:
    return AbsentStep(tuple(types), duration=duration, **rest)


def sequence(
    *steps: EventStep | AbsentStep | str, within: int = 30, restart: bool = False
) -> SequencePattern:
    """Return a sequence; a text is an event step of its letters."""
    return SequencePattern(
        tuple(step(each) if isinstance(each, str) else each for each in steps), within, restart
    )


def n_is(number: float) -> Test:
    return Test("event_data.n", "equals", number)


# ── stories ─────────────────────────────────────────────────────────────────────────────────


def event(text: str, position: int) -> Event:
    """Return the event that *text* tells of, at *position* of its story."""
    told = _EVENT.fullmatch(text)
    if told is None:
        raise ValueError(text)
    data = {"n": msgspec.json.decode(told["n"])} if told["n"] else None
    raw = text.encode()
    at = int(told["at"])
    return Event("c", told["type"], f"{told['type']}{position}", at, event_data=data, raw=raw)


class Told(NamedTuple):
    """A match, and what it named while its events were there.

    Attributes:
        raw: The last of its events, as it was read.
    """

    at: int
    events: tuple[str, ...]
    instance: str | None
    raw: bytes

    def __str__(self) -> str:
        instance = "" if self.instance is None else f"/{self.instance}"
        return f"{','.join(self.events)}@{self.at}{instance}"


def matcher_of(pattern: Pattern, per: str | None = None) -> Matcher:
    """Return the matcher of *pattern*; of the trigger ``testtest``, with *per* if it has that."""
    matcher = compile_pattern(pattern, Keys("testtest"))
    return matcher if per is None else PerMatcher(matcher, compile_per(per))


class Story:
    """A customer who has one pattern, told what happens.

    Attributes:
        state: Of the customer; all that is kept of a pattern are its tables.
        now: What was said of the latest event.
        matches: So far, oldest first.
        gave_up: What was given up so far (`Bounded.what`).
    """

    def __init__(self, pattern: Pattern | Matcher, per: str | None = None) -> None:
        self.matcher = pattern if isinstance(pattern, Matcher) else matcher_of(pattern, per)
        self.looks: dict[str, Look] = {each: self.matcher.look(each) for each in self.matcher.types}
        self.state = CustomerState(customer_id="c")
        self.now = Now()
        self.position = 0
        self.matches: list[Told] = []
        self.gave_up: list[str] = []

    def tell(self, story: str) -> Story:
        for text in story.split():
            self.happens(event(text, self.position))
        return self

    def happens(self, happened: Event, arrival: int | None = None) -> Told | None:
        """Let *happened* be accepted; return what it has matched."""
        at = happened.timestamp
        self.wait_until(at)
        told = self.look_at(happened, at if arrival is None else arrival)
        if self.now.is_held:
            self.state.keep(self.now)
        self.position += 1
        self.store()
        return told

    def look_at(self, happened: Event, arrival: int) -> Told | None:
        """Let the pattern look at *happened*; nobody keeps it yet."""
        state, now = self.state, self.now
        now.has_cancelled = False
        now.gave_up = []
        now.meet(state, happened, happened.timestamp, arrival)
        look = self.looks.get(happened.event_type)
        match = None if look is None else look.on_event(state, now, "")
        self.gave_up.extend(now.gave_up)
        return None if match is None else self._note(match, happened.event_id, happened.raw)

    def changes(self, text: str) -> bool:
        """Tell *text*; return whether anything is matched, or stands otherwise than before."""
        happened = event(text, self.position)
        before = tables(self.wait_until(happened.timestamp).state)
        return self.happens(happened) is not None or tables(self.state) != before

    def cancel(self, text: str) -> bool:
        """Let an event that comes too late cancel what it forbids; return whether it did."""
        late = event(text, self.position)
        self.position += 1
        look = self.looks.get(late.event_type)
        has_cancelled = look is not None and look.cancel(self.state, late, late.timestamp, "")
        self.store()
        return has_cancelled

    def wait_until(self, at: float) -> Story:
        """Let time pass: every timer due by *at* fires, in order of due, then of the file."""
        while self.state.due <= at and self.state.waits:
            cell = min(self.state.waits, key=self._turn)
            key, instance = cell[:KEY], cell[KEY:]
            match = self.matcher.on_timer(self.state, key, instance)
            if match is not None:
                self._note(match, "", self.state.bodies[match.rows[-1]])
            self.store()
        return self

    def store(self) -> None:
        """Store the state, and load it again."""
        before, stored = tables(self.state), codec.dump(self.state, 0)
        self.state = codec.load("c", stored)
        assert tables(self.state) == before
        assert codec.dump(self.state, 0) == stored

    @property
    def told(self) -> str:
        """The matches so far, in words."""
        return " ".join(map(str, self.matches))

    @property
    def waits(self) -> list[int]:
        """When the open waits are due, in the order of the file."""
        waits = self.state.waits
        return [waits[cell][0] for cell in sorted(waits, key=lambda cell: self._turn(cell)[1:])]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held: of what is stored, only events that nobody names may be left."""
        state = self.state
        return not any((state.cells, state.waits, state.matches, state.values, state.instances))

    def rows(self, instance: str = "") -> list[str]:
        """Return the ids of the events that are held."""
        ids = self.state.id_list()
        return [ids[row] for row in sorted(self.matcher.rows(self.state, instance))]

    def _turn(self, cell: str) -> tuple[int, str, int]:
        key, instance = cell[:KEY], cell[KEY:]
        return self.state.waits[cell][0], instance, self.matcher.waits.index(key)

    def _note(self, match: Match, last: str, raw: bytes) -> Told:
        told = Told(match.at, self.state.ids_of(match.rows, last), match.instance, raw)
        self.matches.append(told)
        return told


def matches(pattern: Pattern, story: str, per: str | None = None) -> str:
    """Return what *pattern* matches in *story* and, when it has ended, by its timers."""
    return Story(pattern, per).tell(story).wait_until(float("inf")).told


# ── tables ──────────────────────────────────────────────────────────────────────────────────


def tables(progress: Progress) -> dict[str, Any]:
    """Return all that stands in *progress*, to be compared: with the order of instances, and 1 is
    neither 1.0 nor true."""
    return {
        "times": list(progress.times),
        "ids": bytes(progress.ids),
        "bodies": dict(progress.bodies),
        "cells": dict(progress.cells),
        "waits": dict(progress.waits),
        "matches": dict(progress.matches),
        "values": repr(sorted(progress.values.items())),
        "instances": {key: list(each) for key, each in progress.instances.items()},
        "rest": (progress.room, progress.lateness, progress.due, progress.wake),
    }


def named(progress: Progress) -> list[int]:
    """Return every row that a cell names, as often as one does."""
    return [
        *[row for cell in progress.cells.values() for row in cell],
        *[row for wait in progress.waits.values() for row in wait[IN_WAIT:]],
        *[row for match in progress.matches.values() for row in match[IN_MATCH:]],
    ]
