"""Sessions: when they begin and end, what they tell, and that they stay small."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.derive.sessions import (
    MOST_BYTES,
    Session,
    add,
    due_of,
    end,
    shown,
)
from triggerstream.core.events.event import Event
from triggerstream.core.model import Quality, SessionPolicy
from triggerstream.core.timestamps import format_moment

MINUTE = 60_000
HOUR = 60 * MINUTE
NOON = 1_772_366_400_000
POLICY = SessionPolicy()


def event(event_type: str = "page_view", url: Any = None, **more: Any) -> Event:
    data = None if url is None else {"url": url}
    return Event(customer_id="c1", event_type=event_type, event_data=data, **more)


def visit(*steps: tuple[int, Event], policy: SessionPolicy = POLICY) -> Session:
    """Return the session after *steps*, each at milliseconds behind noon."""
    session: Session | None = None
    for at, each in steps:
        session = add(policy, session, each, NOON + at).session
    assert session is not None
    return session


# ── begin and end ───────────────────────────────────────────────────────────────────────────


def test_the_first_event_opens_a_session_and_tells_when() -> None:
    added = add(POLICY, None, event(), NOON)

    assert added.started == {"started": "2026-03-01T12:00:00.000Z"}
    assert added.ended is None
    assert due_of(POLICY, added.session) == NOON + 30 * MINUTE


@pytest.mark.covers("D8")
@pytest.mark.parametrize(("pause", "is_new"), [(30 * MINUTE - 1, False), (30 * MINUTE, True)])
def test_an_event_at_the_gap_opens_another_session(pause: int, is_new: bool) -> None:
    before = visit((0, event()))

    added = add(POLICY, before, event(), NOON + pause)

    assert (added.started is not None) == is_new
    assert added.session.depth == (1 if is_new else 2)
    # Told by a timer at the due; or here, where that is not ripe.
    assert (added.ended is not None) == is_new


@pytest.mark.parametrize(("length", "is_new"), [(2 * HOUR - 1, False), (2 * HOUR, True)])
def test_an_event_at_the_longest_ends_the_session_and_opens_another(
    length: int, is_new: bool
) -> None:
    policy = SessionPolicy(longest=2 * HOUR)
    before = visit(*[(n * 20 * MINUTE, event()) for n in range(6)], policy=policy)

    added = add(policy, before, event(), NOON + length)

    assert (added.ended is not None) == (added.started is not None) == is_new
    if added.ended is not None:
        assert added.ended["ended"] == "2026-03-01T14:00:00.000Z"
        assert (added.ended["seconds"], added.ended["depth"]) == (6000.0, 6)
        assert added.session.started == NOON + length


def test_the_rest_of_an_upload_belongs_to_the_session_until_it_was_ended() -> None:
    before = visit((0, event()))
    due = due_of(POLICY, before)

    waiting = add(POLICY, before, event(), due - 1)  # accepted while the timer waits
    decided = add(POLICY, None, event(), due)  # accepted behind it, folded at the due (36)

    assert waiting.started is None
    assert waiting.session.depth == 2
    assert decided.started == {"started": format_moment(due)}


def test_two_devices_share_one_session() -> None:
    phone = event(session_id="phone", device_info={"type": "mobile"})
    desk = event(session_id="desk", device_info={"type": "desktop"})

    assert visit((0, phone), (MINUTE, desk), (2 * MINUTE, phone)).depth == 3


# ── what is told ────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("D8")
def test_the_end_tells_what_the_session_was() -> None:
    policy = SessionPolicy(quality=Quality(events={"cart_added": 0.25}))
    session = visit(
        (0, event("page_view", "https://shop.example/")),
        (MINUTE, event("cart_added")),
        (5 * MINUTE, event("page_view", "https://shop.example/cart")),
        policy=policy,
    )

    assert end(policy, session, due_of(policy, session)) == {
        "started": "2026-03-01T12:00:00.000Z",
        "ended": "2026-03-01T12:35:00.000Z",
        "seconds": 300.0,
        "depth": 3,
        "quality": (3 / 10 + 300 / 600) / 2 + 0.25,
        "types": {"page_view": 2, "cart_added": 1},
        "entry": {"event_type": "page_view", "url": "https://shop.example/"},
        "exit": {"event_type": "page_view", "url": "https://shop.example/cart"},
    }


@pytest.mark.parametrize(
    ("events", "span", "quality"),
    [
        (1, 0, 0.05),
        (10, 0, 0.5),
        (9, 0, 0.45),
        (20, 0, 0.5),
        (10, 600_000, 1.0),
        (2, 1_200_000, 0.6),
    ],
)
def test_each_half_of_the_quality_is_full_at_its_number(
    events: int, span: int, quality: float
) -> None:
    session = visit(*[(0, event())] * (events - 1), (span, event()))

    assert end(POLICY, session, NOON + HOUR)["quality"] == pytest.approx(quality)


def test_quality_is_at_most_one() -> None:
    policy = SessionPolicy(quality=Quality(events={"purchase_completed": 1}))

    told = end(policy, visit((0, event("purchase_completed")), policy=policy), NOON + HOUR)

    assert told["quality"] == 1.0


def test_the_seventeenth_type_is_counted_as_other() -> None:
    steps = [(n, event(f"type_{n}")) for n in range(17)]
    session = visit(*steps, (20, event("type_3")), (21, event("type_16")), (22, event("type_17")))

    types = end(POLICY, session, NOON + HOUR)["types"]

    assert len(types) == 17
    assert (types["type_15"], types["type_3"], types["other"]) == (1, 2, 3)
    assert session.exit_type == "type_17"


def test_a_type_that_is_called_other_is_counted_with_the_others() -> None:
    session = visit((0, event("other")), *[(n, event(f"type_{n}")) for n in range(16)])

    assert end(POLICY, session, NOON + HOUR)["types"]["other"] == 2


@pytest.mark.parametrize("url", ["x" * 225, "ä" * 113, 17, None, ["x"]])
def test_a_link_that_is_none_or_too_long_is_null(url: Any) -> None:
    assert visit((0, event(url=url))).entry_url is None
    assert visit((0, event(url="x" * 224))).entry_url == "x" * 224


def test_a_type_with_too_long_a_name_is_other_and_has_no_name() -> None:
    session = visit((0, event("x" * 65)), (1, event("x" * 64)))

    told = end(POLICY, session, NOON + HOUR)

    assert told["types"] == {"x" * 64: 1, "other": 1}
    assert told["entry"]["event_type"] is None


@pytest.mark.parametrize("size", [16, 17, 32, 64])
def test_a_session_takes_less_than_a_kibibyte_and_is_the_same_when_read(size: int) -> None:
    names = [f"{n:0{size}}" for n in range(40)]
    policy = SessionPolicy(quality=Quality(events=dict.fromkeys(names, 0.1)))
    steps = [
        (n * MINUTE, event(names[-1 - m], "ä" * 112))
        for m in range(40)
        for n in range(m * 9, m * 9 + 9)
    ]

    session = visit(*steps, policy=policy)
    stored = msgspec.msgpack.encode(session)

    assert len(stored) <= MOST_BYTES < 1024  # a key stands beside it
    assert Session(*msgspec.msgpack.decode(stored)) == session


def test_a_slot_is_replaced_and_never_changed() -> None:
    before = visit((0, event()))
    kept = msgspec.msgpack.encode(before)

    add(POLICY, before, event(), NOON + 1)

    assert msgspec.msgpack.encode(before) == kept


@pytest.mark.parametrize(("at", "is_open"), [(40 * MINUTE - 1, True), (40 * MINUTE, False)])
def test_the_profile_shows_the_session_while_it_is_open(at: int, is_open: bool) -> None:
    session = visit((0, event()), (10 * MINUTE, event()))

    told = {"started": "2026-03-01T12:00:00.000Z", "depth": 2, "seconds": 600.0}
    assert shown(POLICY, session, NOON + at) == (told if is_open else None)


def test_the_profile_of_somebody_without_a_session_shows_none() -> None:
    assert shown(POLICY, None, NOON) is None


# ── against a recomputation of everything ───────────────────────────────────────────────────

KINDS = [f"type_{n}" for n in range(20)]
WEIGHTS = {"type_1": 0.25, "type_2": -0.125, "type_3": 1}


def naive(log: list[tuple[int, str]], policy: SessionPolicy) -> list[list[tuple[int, str]]]:
    """Return *log* cut into sessions: where two are a gap apart, then where one is too long."""
    gaps = [n for n, (one, two) in enumerate(pairwise(log), 1) if two[0] - one[0] >= policy.gap]
    found = []
    for begin, stop in pairwise([0, *gaps, len(log)]):
        rest = log[begin:stop]
        while rest:
            first = rest[0][0]
            found.append([each for each in rest if each[0] - first < policy.longest])
            rest = rest[len(found[-1]) :]
    return found


@pytest.mark.covers("D8")
@given(
    pauses=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 99, 100, 101]) | st.integers(0, 120), st.sampled_from(KINDS)
        ),
        min_size=1,
        max_size=60,
    ),
    longest=st.sampled_from([100, 101, 250, 1000]),
)
def test_sessions_are_those_of_the_log_cut_as_a_whole(
    pauses: list[tuple[int, str]], longest: int
) -> None:
    policy = SessionPolicy(100, longest, Quality(5, 1, WEIGHTS))
    log, at = [], NOON
    for pause, kind in pauses:
        at += pause
        log.append((at, kind))

    started, ended = [], []
    session: Session | None = None
    for at, kind in log:
        if session is not None and due_of(policy, session) <= at:  # the timer comes first
            ended.append(end(policy, session, due_of(policy, session)))
            session = None
        added = add(policy, session, event(kind, kind), at)
        session = added.session
        ended += [added.ended] if added.ended else []
        started += [added.started["started"]] if added.started else []
    assert session is not None
    ended.append(end(policy, session, due_of(policy, session)))

    whole = naive(log, policy)
    assert started == [format_moment(each[0][0]) for each in whole]
    assert len(ended) == len(whole)
    for told, each, following in zip(ended, whole, [*whole[1:], None], strict=True):
        over = each[-1][0] + policy.gap
        if following is not None:
            over = min(over, following[0][0])
        kinds = [kind for _, kind in each]
        named = list(dict.fromkeys(kinds))[:16]
        counts = {kind: kinds.count(kind) for kind in named}
        if len(set(kinds)) > 16:
            counts["other"] = len(kinds) - sum(counts.values())
        seconds = (each[-1][0] - each[0][0]) / 1000
        base = (min(len(kinds) / 5, 1) + min(seconds, 1)) / 2
        assert told == {
            "started": format_moment(each[0][0]),
            "ended": format_moment(over),
            "seconds": seconds,
            "depth": len(kinds),
            "quality": min(1.0, base + sum(WEIGHTS.get(kind, 0.0) for kind in kinds)),
            "types": counts,
            "entry": {"event_type": kinds[0], "url": kinds[0]},
            "exit": {"event_type": kinds[-1], "url": kinds[-1]},
        }
