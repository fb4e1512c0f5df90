"""Where a customer is, as events say it: two attributes without a name (85).

Kept only where a ruleset asks for a customer's zone. The slot is the newest zone and its time, the
newest country and its time; what no event has said is null, before every time.
"""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from triggerstream.core.conditions.calendar import ZONE
from triggerstream.core.derive.attributes.compile import key_of
from triggerstream.core.derive.attributes.folds import Value
from triggerstream.core.derive.calendar.customer_zone import NOTHING, Found, Said, find_zone, hear
from triggerstream.core.events.event import Event
from triggerstream.core.state.customer import CustomerState

READS: Final = frozenset([ZONE, "timezone", "country"])
"""What a customer's zone follows from: the names whose change may be one of the zone."""

GROWTH: Final = 160
"""Bytes that this adds to a state at most: two texts of 64 bytes, and their times."""

_LONGEST: Final = 64
_UNSAID: Final = (None, -1, None, -1)


class Whereabouts(Value):
    """The zone of a customer, as a name of the profile."""

    def __init__(self, default: ZoneInfo) -> None:
        super().__init__(key_of(("zone",)))
        self._default = default

    def value(self, state: CustomerState, at: int) -> Any:
        return self.zone(state).key

    def zone(self, state: CustomerState) -> ZoneInfo:
        """Return the zone that the customer is in."""
        return self.found(state).zone

    def found(self, state: CustomerState) -> Found:
        """Return the zone that the customer is in, and the rule that gave it."""
        timezone, _, country, _ = state.derived.get(self.key, _UNSAID)
        return find_zone(state.profile, Said(timezone, country), self._default)

    def hear(self, state: CustomerState, event: Event, at: int) -> bool:
        """Note what *event* says at *at*; return whether it says anything that was not known.

        Of two at one time the one that comes later counts; one that comes late counts at its own.
        """
        said = hear(NOTHING, event)
        if said == NOTHING:
            return False
        slot = state.derived.get(self.key, _UNSAID)
        timezone, since, country, of_country = slot
        if said.timezone is not None and at >= since:
            timezone, since = said.timezone, at
        if said.country is not None and at >= of_country and len(said.country) <= _LONGEST:
            country, of_country = said.country, at
        state.derived[self.key] = (timezone, since, country, of_country)
        if (timezone, country) == (slot[0], slot[2]):
            return False
        state.weight += GROWTH
        return True
