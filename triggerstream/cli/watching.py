"""What comes of events that were sent: which decisions and ends are theirs, and what is open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from triggerstream.cli.happenings import Happening
from triggerstream.core.durations import format_duration
from triggerstream.core.records.actions import Fired
from triggerstream.core.records.dead_letters import Letter
from triggerstream.core.records.deliveries import Delivery, SuppressedMatch


class Sent(msgspec.Struct, frozen=True):
    """An event that was appended, and where: partition and offset of the events topic.

    Attributes:
        event_id: As the worker knows it.
    """

    partition: int
    offset: int
    customer: str
    event_id: str


class Watching:
    """Tells what comes of *sent* from all that happens.

    A decision is theirs if it was taken at one of their records, for its customer, or if one of
    them is among the events that matched. An end is theirs if its firing is.
    """

    def __init__(self, sent: Iterable[Sent]) -> None:
        self.last: dict[int, int] = {}
        """By partition, the last offset of what was sent."""
        self.found = 0
        """How much came of it."""
        self._customers: dict[tuple[int, int], str] = {}
        self._events: set[tuple[str, str]] = set()
        self._firings: set[str] = set()
        self._open: dict[str, str] = {}
        self._ended: set[str] = set()
        self._early: defaultdict[str, list[Happening]] = defaultdict(list)
        for each in sent:
            self.last[each.partition] = max(each.offset, self.last.get(each.partition, -1))
            self._customers[each.partition, each.offset] = each.customer
            self._events.add((each.customer, each.event_id))

    def take(self, partition: int, happening: Happening) -> Sequence[Happening]:
        """Return what of theirs is known by *happening*, which stands in *partition*: itself, and
        ends that were read before their firing."""
        theirs = self._theirs(partition, happening)
        self.found += len(theirs)
        return theirs

    @property
    def open(self) -> list[str]:
        """What was asked for and has not ended, in words."""
        return list(self._open.values())

    def _theirs(self, partition: int, happening: Happening) -> Sequence[Happening]:
        match happening.told:
            case Delivery() as delivery:
                return (happening,) if self._note_end(delivery, happening) else ()
            case Letter(notes=notes):
                place = notes.get("partition", ""), notes.get("offset", "")
                known = {(str(number), str(offset)) for number, offset in self._customers}
                return (happening,) if place in known else ()
            case Fired(firing=firing):
                events: Iterable[str] = firing.events
            case SuppressedMatch(suppressed=match):
                events = match.events
            case _:
                events = ()
        if not self._is_theirs(partition, happening, events):
            return ()
        ended = self._note_firing(happening.told) if isinstance(happening.told, Fired) else ()
        return happening, *ended

    def _note_firing(self, fired: Fired) -> Sequence[Happening]:
        """Note what a firing asks for; return what of it has ended before."""
        firing = fired.firing
        self._firings.add(firing.firing_id)
        for action in firing.actions:
            if action.action_id not in self._ended:
                later = f" in {format_duration(action.after)}" if action.after else ""
                self._open[action.action_id] = f"{firing.trigger}: {action.channel}{later}"
        return self._early.pop(firing.firing_id, ())

    def _note_end(self, delivery: Delivery, happening: Happening) -> bool:
        """Note an end; return whether it is of a firing that is known. If not, it is kept."""
        self._ended.add(delivery.action_id)
        self._open.pop(delivery.action_id, None)
        if delivery.firing_id in self._firings:
            return True
        self._early[delivery.firing_id].append(happening)
        return False

    def _is_theirs(self, partition: int, happening: Happening, events: Iterable[str]) -> bool:
        place = partition, happening.position
        if self._customers.get(place) == happening.customer:
            return True
        return any((happening.customer, event) in self._events for event in events)
