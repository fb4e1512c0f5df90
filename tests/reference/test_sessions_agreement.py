"""Sessions (60-62): the engine cuts and tells as the reference does, for any gaps and bounds; and
whatever hears of them decides alike."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.attributes import Fold
from tests.reference.rulesets import SESSIONS, rulesets, silent_logs
from tests.reference.seen import Seen
from tests.reference.sessions import Sessions
from tests.reference.stories import START, Json
from tests.reference.strategies import ends, logs, stray_logs
from tests.reference.test_agreement import agree
from triggerstream.core.derive import sessions
from triggerstream.core.events.event import Event
from triggerstream.core.model import Quality, SessionPolicy

GAP, LONGEST = 60_000, 300_000
POLICY: Json = {
    "activity": ["a", "b", *(f"t{number}" for number in range(20))],
    "session": {
        "gap": "1m",
        "longest": "5m",
        "quality": {"depth": 4, "seconds": 100, "events": {"a": 0.3, "b": -0.1}},
    },
}
STORY = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 1_000, 30_000, GAP - 1, GAP, GAP + 1, LONGEST]),
        st.sampled_from(["a", "a", "b", *POLICY["activity"]]),
        st.sampled_from([None, "/x", "/y"]),
    ),
    min_size=1,
    max_size=40,
)


@given(STORY)
def test_sessions_are_cut_and_told_alike(story: list[tuple[int, str, str | None]]) -> None:
    """One that the gap ends is told by its timer, at the last event and the gap."""
    quality = Quality(depth=4, seconds=100, events={"a": 0.3, "b": -0.1})
    policy = SessionPolicy(GAP, LONGEST, quality)
    reference = Sessions(POLICY)
    folds, told, at = list[Fold](), list[Json](), START
    session: sessions.Session | None = None

    for number, (pause, type_, url) in enumerate(story):
        at += pause
        data: dict[str, Any] = {"url": url} if url else {}
        event: Json = {"event_id": str(number), "event_type": type_, "event_data": data}
        folds.append(Fold(Seen(number, number, at, at, event), at))
        if session and sessions.due_of(policy, session) <= at:
            told.append(sessions.end(policy, session, sessions.due_of(policy, session)))
            session = None
        added = sessions.add(policy, session, Event("c", type_, event_data=data), at)
        session = added.session
        told += [added.ended] if added.ended else []

    visits = reference.cut(folds)
    ends = [min(visit[-1].at + GAP, following[0].at) for visit, following in pairwise(visits)]
    assert told == [
        reference.ended(visit, end) for visit, end in zip(visits[:-1], ends, strict=True)
    ]
    assert session is not None
    shown = sessions.shown(policy, session, at)
    open_now = reference.ended(visits[-1], at)
    assert shown == {key: open_now[key] for key in ("started", "depth", "seconds")}


VISITS = st.fixed_dictionaries(
    {
        "activity": st.sampled_from([["a", "b"], ["a"], ["identify", "c", "a"]]),
        "session": st.fixed_dictionaries(
            {
                "gap": st.sampled_from(["1m", "2m", "3m"]),
                "longest": st.sampled_from(["2m", "4m", "1h"]),
            }
        ),
    }
)


@pytest.mark.covers("D8")
@given(rulesets(SESSIONS), st.one_of(logs(), silent_logs(), stray_logs()), ends(), VISITS)
def test_whatever_hears_of_a_session_decides_alike(
    documents: list[Json], events: list[Json], until: int | None, policy: Json
) -> None:
    agree(documents, events, until, policy)
