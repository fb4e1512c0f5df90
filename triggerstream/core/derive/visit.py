"""The session that a customer is in: its slot, its timer, and what conditions see of it.

The slot is a `sessions.Session`, and behind it when its last event came and when it is over: the
latter only where somebody is to hear of that, so that nobody is woken up for nothing.
"""

from __future__ import annotations

from typing import Any, Final

from triggerstream.core.derive import sessions
from triggerstream.core.derive.attributes.compile import key_of
from triggerstream.core.derive.attributes.folds import FADES, Value
from triggerstream.core.derive.sessions import Added, Session
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import Policy
from triggerstream.core.patterns.progress import TIMER
from triggerstream.core.state.customer import CustomerState

SESSION: Final = "session"
"""The name in the profile of the session that is open."""

_TIMES: Final = 2
"""Behind the session, in its slot: its last arrival, and its due."""


class Visit(Value):
    """What is known of a customer's session; of none where that is over.

    Attributes:
        activity: The types of event that belong to it.
        rank: Its place among all that has a timer (34).
        is_awaited: Somebody is to hear of its end.
    """

    rank = -1
    by_time = FADES

    def __init__(self, policy: Policy, *, is_awaited: bool) -> None:
        super().__init__(key_of((SESSION, policy.activity, policy.session)) + TIMER)
        self.activity = policy.activity
        self.is_awaited = is_awaited
        self._policy = policy.session

    def value(self, state: CustomerState, at: int) -> Any:
        return sessions.shown(self._policy, self._open(state), at)

    def next(self, state: CustomerState, at: int) -> int:
        session = self._open(state)
        due = NEVER if session is None else sessions.due_of(self._policy, session)
        return due if at < due else NEVER

    def add(self, state: CustomerState, event: Event, at: int, arrival: int) -> Added:
        """Add *event*, which is one of `activity` and not late; return what that did."""
        added = sessions.add(self._policy, self._open(state), event, at)
        self._keep(state, added.session, arrival)
        state.weight += sessions.GROWTH if added.started is None else sessions.MOST_BYTES
        return added

    def end(self, state: CustomerState, at: int) -> dict[str, Any]:
        """End the session, which is open; return what is told of it."""
        session = self._open(state)
        if session is None:
            raise ValueError("an open session; found none")
        state.set_timer(self.key, None)
        return sessions.end(self._policy, session, at)

    def adopt(self, state: CustomerState, at: int) -> None:
        """Wait for the end, or no longer, as this ruleset wants it; of a session that is over by
        *at* nobody hears: a deploy tells nothing (56)."""
        session = self._open(state)
        if session is None:
            return
        if sessions.due_of(self._policy, session) <= at:
            state.set_timer(self.key, None)
        else:
            self._keep(state, session, state.derived[self.key][-_TIMES])

    def _open(self, state: CustomerState) -> Session | None:
        slot = state.derived.get(self.key)
        return None if slot is None else Session(*slot[:-_TIMES])

    def _keep(self, state: CustomerState, session: Session, arrival: int) -> None:
        due = sessions.due_of(self._policy, session) if self.is_awaited else NEVER
        state.set_timer(self.key, (*session, arrival, due))
