"""Stories for one instance of one pattern: what happened, and when it matched.

A story is ``A@0 B@1 C=7@30``: the event's type, optionally its number ``event_data.n``, and its
effective time. An event's id is its type and its place in the story, from 0. Matches are written
``A0,B1@1``: the ids of the matched events, and when.

The clock is the events' own: every timer due at or before an event fires before it, and after the
last one all the others do. Progress is stored and loaded again after every event, so that each
story also says that nothing of it gets lost.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

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
from triggerstream.core.patterns.base import Match, Matcher, Occurrence, Step
from triggerstream.core.rulesets.compile import compile_pattern

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


class Story:
    """One instance of *pattern*, told what happens.

    Attributes:
        matches: So far, oldest first.
        gave_up: What was given up so far (`Step.gave_up`).
    """

    def __init__(self, pattern: Pattern) -> None:
        self.matcher: Matcher = compile_pattern(pattern)
        self._decoder = msgspec.msgpack.Decoder(self.matcher.progress_type)
        self.progress: Any = None
        self.position = 0
        self.matches: list[Match] = []
        self.gave_up: list[str] = []

    def tell(self, story: str) -> Story:
        for text in story.split():
            self.happens(event(text, self.position))
        return self

    def happens(self, happened: Event) -> Step | None:
        """Let *happened* be accepted; return what the pattern's handler returned."""
        at = happened.timestamp
        self.wait_until(at)
        taken = None
        if happened.event_type in self.matcher.types:
            now = Occurrence(happened, at, self.position, at)
            taken = self.matcher.handler(happened.event_type)(self.progress, now)
            self._take(taken)
        self.position += 1
        return taken

    def cancel(self, text: str) -> Step | None:
        """Let an event that comes too late cancel what it forbids."""
        late = event(text, self.position)
        self.position += 1
        canceller = self.matcher.canceller(late.event_type)
        if canceller is None or self.progress is None:
            return None
        taken = canceller(self.progress, late, late.timestamp)
        self._take(taken)
        return taken

    def wait_until(self, at: float) -> Story:
        """Let time pass: every timer due by *at* fires, in order of due, then file order."""
        for due, index in iter(self._next_due, None):
            if due > at:
                break
            self._take(self.matcher.on_timer(self.progress, index))
        return self

    @property
    def told(self) -> str:
        """The matches so far, in words."""
        return " ".join(map(_told, self.matches))

    def _next_due(self) -> tuple[int, int] | None:
        waits = () if self.progress is None else self.matcher.waits(self.progress)
        return min(((due, index) for index, (due, _) in enumerate(waits)), default=None)

    def _take(self, taken: Step | None) -> None:
        if taken is None:
            return
        self.gave_up.extend(taken.gave_up)
        if taken.match is not None:
            assert taken.progress is None
            self.matches.append(taken.match)
        stored = msgspec.msgpack.encode(taken.progress)
        self.progress = None if taken.progress is None else self._decoder.decode(stored)
        assert self.progress == taken.progress


def matches(pattern: Pattern, story: str) -> str:
    """Return what *pattern* matches in *story* and, when it has ended, by its timers."""
    return Story(pattern).tell(story).wait_until(float("inf")).told


def _told(match: Match) -> str:
    return f"{','.join(event_id for _, event_id in match.events)}@{match.at}"
