"""``per``: a pattern whose instances, one for each value of a field, know nothing of each other.

The instances that have progress are known in the order in which they changed, so that there are
never too many (22).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from triggerstream.core.events.event import Event
from triggerstream.core.patterns.base import Look, Match, Matcher
from triggerstream.core.patterns.progress import TRIGGER, Now, Progress

MOST_INSTANCES: Final = 64
"""Per trigger and customer (semantics 22)."""

ReadInstance = Callable[[Event], str | tuple[str, ...] | None]
"""Reads an event's ``per`` value as text; of a list all of its values, at least two, each once and
in their order; ``None`` where it has none (semantics 21)."""


class PerMatcher(Matcher):
    """Matches where *pattern* does, in each instance that *read* tells apart."""

    def __init__(self, pattern: Matcher, read: ReadInstance) -> None:
        super().__init__(
            pattern.types, pattern.growth, openers=pattern.openers, cancels=pattern.cancels
        )
        self.keys = pattern.keys
        self.waits = pattern.waits
        self.quiet = pattern.quiet
        self.pattern = pattern
        self.read = read
        self.key: str = self.keys[0][:TRIGGER] if self.keys else ""

    def look(self, event_type: str) -> Look:
        return PerLook(self, self.pattern.look(event_type), event_type)

    def instances(self, progress: Progress) -> list[str]:
        return list(progress.instances.get(self.key, ()))

    def on_timer(self, progress: Progress, key: str, instance: str) -> Match | None:
        match = self.pattern.on_timer(progress, key, instance)
        self.left(progress, instance)
        if match is not None:
            match.instance = instance
        return match

    def is_expired(self, progress: Progress, instance: str, at: int) -> bool:
        return self.pattern.is_expired(progress, instance, at)

    def rows(self, progress: Progress, instance: str) -> set[int]:
        return self.pattern.rows(progress, instance)

    def clear(self, progress: Progress, instance: str) -> None:
        self.pattern.clear(progress, instance)
        self.left(progress, instance)

    def drop(self, progress: Progress) -> None:
        super().drop(progress)
        progress.instances.pop(self.key, None)

    def changed(self, progress: Progress, instance: str, at: int) -> bool:
        """Note that an event at *at* has changed what is held of an instance, which is the newest
        from now on. Return whether another had to be given up for it (22)."""
        if not self.has_progress(progress, instance):
            self.left(progress, instance)
            return False
        known = progress.instances.setdefault(self.key, {})
        gave_up = instance not in known and self._make_room(progress, known, at)
        known.pop(instance, None)
        known[instance] = None
        return gave_up

    def left(self, progress: Progress, instance: str) -> None:
        """Note that something has been taken from an instance. It keeps its place: only events
        make it newer."""
        known = progress.instances.get(self.key)
        if known is not None and not self.has_progress(progress, instance):
            known.pop(instance, None)
            if not known:
                del progress.instances[self.key]

    def _make_room(self, progress: Progress, known: dict[str, None], at: int) -> bool:
        """Make room for one more instance; return whether one was given up for it.

        Those that can complete nothing any more go first; if there are none, the one whose
        progress changed longest ago.
        """
        if len(known) < MOST_INSTANCES:
            return False
        # What this very event has opened names its row already, and the row is not there yet.
        progress.times.append(at)
        expired = [each for each in known if self.pattern.is_expired(progress, each, at)]
        progress.times.pop()
        for each in expired or [next(iter(known))]:
            self.pattern.clear(progress, each)
            del known[each]
        return not expired


class PerLook(Look):
    """An event is offered to the instances that it names, one after the other. One that names none
    cancels in every instance what it forbids (21)."""

    def __init__(self, matcher: PerMatcher, look: Look, event_type: str) -> None:
        self._matcher = matcher
        self._look = look
        self._cancels = event_type in matcher.cancels
        self._opens = event_type in matcher.openers

    def on_event(self, progress: Progress, now: Now, instance: str) -> Match | None:
        named = self._matcher.read(now.event)
        if isinstance(named, str):
            return self._offer(progress, now, named)
        if named is not None:
            return self._offer_each(progress, now, named)
        if self.cancel(progress, now.event, now.at, instance):
            now.has_cancelled = True
        return None

    def _offer_each(self, progress: Progress, now: Now, named: tuple[str, ...]) -> Match | None:
        """Offer an event to each instance that it names; return the first match, which leads to the
        others.

        It opens no more instances than there may be: of those behind the first `MOST_INSTANCES`,
        only who has progress hears of it.
        """
        first = last = None
        has_lost = False
        known = progress.instances
        key = self._matcher.key
        for number, each in enumerate(named):
            if number >= MOST_INSTANCES and each not in known.get(key, ()):
                has_lost = self._opens
                continue
            match = self._offer(progress, now, each)
            if match is None:
                continue
            if last is None:
                first = match
            else:
                last.next = match
            last = match
        if has_lost:
            now.gave_up.append("instance")
        if now.is_held:
            now.more += min(len(named), 2 * MOST_INSTANCES) - 1
        return first

    def _offer(self, progress: Progress, now: Now, named: str) -> Match | None:
        matcher = self._matcher
        was_held = now.is_held
        now.is_held = now.has_cancelled = False
        match = self._look.on_event(progress, now, named)
        if match is not None:
            match.instance = named
        if (match is not None or now.is_held or now.has_cancelled) and matcher.changed(
            progress, named, now.at
        ):
            now.gave_up.append("instance")
        now.is_held = now.is_held or was_held
        return match

    def cancel(self, progress: Progress, event: Event, at: int, instance: str) -> bool:
        matcher = self._matcher
        if not self._cancels:
            return False
        named = matcher.read(event)
        has_cancelled = False
        if named is None:
            concerned = matcher.instances(progress)
        elif isinstance(named, str):
            concerned = [named]
        else:  # there may be very many, and few that hold something
            held = progress.instances.get(matcher.key, {})
            concerned = [each for each in named if each in held]
        for each in concerned:
            if self._look.cancel(progress, event, at, each):
                matcher.changed(progress, each, at)
                has_cancelled = True
        return has_cancelled
