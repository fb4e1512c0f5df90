"""Sessions: what a customer does without a long pause, whatever devices they do it on (60-62).

A customer has one session at a time. An event of ``policy.activity`` opens it or adds to it; it is
over when its gap has passed, and where it has grown too long, at the next event.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from triggerstream.core.events.event import Event
from triggerstream.core.model import SessionPolicy
from triggerstream.core.timestamps import format_moment

MOST_TYPES: Final = 16
"""Event types that a session counts one by one; the rest are counted together as `OTHER`."""
OTHER: Final = "other"

MOST_BYTES: Final = 1000
"""What a session takes at most in a stored state, without its key."""

_LONGEST_NAME: Final = 64
_ALL_NAMES: Final = 256
_LONGEST_URL: Final = 224
"""Bytes: of the name of a type, of all names that are counted, of a link. What is longer is counted
as `OTHER`, or is null, so that a session stays below 1 KiB."""

GROWTH: Final = 400
"""Bytes that one more event adds to a session at most: a link, the name of a type as the last and
as one that is counted, and numbers that grow longer."""


class Session(NamedTuple):
    """An open session, which is a slot of plain values that is replaced and never changed.

    Attributes:
        started: The time of the first event.
        last: The time of the last one.
        depth: How many there are.
        weight: What their types have added, summed up in order.
        types: How many of each type, at most `MOST_TYPES`.
        entry_type: The type of the first event; ``None`` where its name is too long.
        entry_url: The ``event_data.url`` of the first event, or ``None``.
        exit_type: The same of the last event.
        exit_url: The same of the last event.
    """

    started: int
    last: int
    depth: int
    weight: float
    types: dict[str, int]
    entry_type: str | None
    entry_url: str | None
    exit_type: str | None
    exit_url: str | None


class Added(NamedTuple):
    """What one event did.

    Attributes:
        session: The one that the event belongs to.
        ended: What ``$session_ended`` tells of the one before, if this event ended it, at its time.
        started: What ``$session_started`` tells, if this event opened one. It comes behind `ended`.
    """

    session: Session
    ended: dict[str, Any] | None
    started: dict[str, Any] | None


def add(policy: SessionPolicy, session: Session | None, event: Event, at: int) -> Added:
    """Return what becomes of *session* by an event of activity, which is not late.

    Who is to hear of an end waits for `due_of`, and then there is no session any more. It is told
    here where the event comes first: at `longest`, or where its time is moved up beyond the gap
    while that is still waited for (36).

    Args:
        at: The time at which the event is folded, never before that of another one (36).
    """
    ended = None
    if session is not None and _is_over(policy, session, at):
        ended = end(policy, session, at)
        session = None
    if session is not None:
        return Added(_grown(policy, session, event, at), None, None)
    kind, url = _kind(event), _url(event)
    empty = Session(at, at, 0, 0.0, {}, kind, url, None, None)
    return Added(_grown(policy, empty, event, at), ended, {"started": format_moment(at)})


def _is_over(policy: SessionPolicy, session: Session, at: int) -> bool:
    return at >= due_of(policy, session) or at >= session.started + policy.longest


def due_of(policy: SessionPolicy, session: Session) -> int:
    """Return when *session* is over if nothing more comes; an event exactly then opens another."""
    return session.last + policy.gap


def end(policy: SessionPolicy, session: Session, at: int) -> dict[str, Any]:
    """Return what ``$session_ended`` tells of *session*, which is over at *at*.

    Moments are RFC 3339 text; ``seconds`` is the time from the first event to the last.
    """
    seconds, wanted = _seconds(session), policy.quality
    base = (min(session.depth / wanted.depth, 1) + min(seconds / wanted.seconds, 1)) / 2
    types, others = dict(session.types), session.depth - sum(session.types.values())
    if others:
        types[OTHER] = types.get(OTHER, 0) + others
    return {
        "started": format_moment(session.started),
        "ended": format_moment(at),
        "seconds": seconds,
        "depth": session.depth,
        "quality": min(1.0, base + session.weight),
        "types": types,
        "entry": {"event_type": session.entry_type, "url": session.entry_url},
        "exit": {"event_type": session.exit_type, "url": session.exit_url},
    }


def shown(policy: SessionPolicy, session: Session | None, at: int) -> dict[str, Any] | None:
    """Return ``profile.session`` at *at*; ``None`` where no session is open then."""
    if session is None or at >= due_of(policy, session):
        return None
    return {
        "started": format_moment(session.started),
        "depth": session.depth,
        "seconds": _seconds(session),
    }


def _grown(policy: SessionPolicy, session: Session, event: Event, at: int) -> Session:
    kind = _kind(event)
    types = session.types
    if kind is not None and (kind in types or _has_room(types, kind)):
        types = {**types, kind: types.get(kind, 0) + 1}
    return session._replace(
        last=at,
        depth=session.depth + 1,
        weight=session.weight + policy.quality.events.get(event.event_type, 0.0),
        types=types,
        exit_type=kind,
        exit_url=_url(event),
    )


def _has_room(types: dict[str, int], kind: str) -> bool:
    if len(types) == MOST_TYPES:
        return False
    return sum(len(each.encode()) for each in types) + len(kind.encode()) <= _ALL_NAMES


def _seconds(session: Session) -> float:
    return (session.last - session.started) / 1000


def _kind(event: Event) -> str | None:
    return _short(event.event_type, _LONGEST_NAME)


def _url(event: Event) -> str | None:
    return _short((event.event_data or {}).get("url"), _LONGEST_URL)


def _short(text: Any, most: int) -> str | None:
    return text if type(text) is str and len(text.encode()) <= most else None
