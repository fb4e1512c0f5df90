"""Shares of a log, merged, are what one process prints, whatever the log and the triggers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.stories import Json
from tests.reference.strategies import KEYS, MINUTE, Sequel, ends, policies, trigger_sets
from triggerstream.core.decisions import TriggerFailed
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.replay.driver import Replay
from triggerstream.replay.shard import Shard, merge

HOUR = 60 * MINUTE

BAD = [
    b"nonsense",
    b"{}",
    b"\xff",
    b'{"customer_id": "c", "event_type": "a"}',
    b'{"customer_id": "", "event_type": "a", "timestamp": 9999999999999}',
    b'{"customer_id": "c", "event_type": "a", "timestamp": 99999999999999999}',
    b'{"customer_id": "c", "event_type": "a", "timestamp": 1767225600000, "received_at": "x"}',
    b'{"customer_id": "c", "event_type": "a", "timestamp": 1767300000000, "session_id": 1}',
    b'{"customer_id": "%b", "event_type": "a", "timestamp": 1767225600000}' % (b"c" * 300),
]
TRACK = (
    b'{"type": "track", "event": "a", "userId": "e", "timestamp": "2026-01-01T00:02:00Z",'
    b' "messageId": "m1"}'
)
CLOUD = (
    b'{"specversion": "1.0", "id": "e1", "source": "/shop", "type": "b", "subject": "f",'
    b' "time": "2026-01-01T00:03:00Z", "timestamp": "2026-01-05T19:00:00Z", "data": {}}'
)
WILD = ["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2027-06-01T00:00:00Z", 1_767_225_600]
OTHER = [
    b"",
    b"  \r",
    TRACK,
    CLOUD,
    b'{"customer_id": "g", "event_type": "a", "timestamp": "2026-01-01T01:04:00+01:00"}',
    b'{"customer_id": "h", "event_type": "a", "received_at": 1767225840000}',
]


class Printed(msgspec.Struct):
    """All that a replay tells."""

    out: bytes
    rejected: list[tuple[int, str, str]]
    failed: list[TriggerFailed]
    statuses: dict[str, int]
    clamped: int


def in_one(ruleset: Ruleset, lines: list[bytes], until: int | None, max_gap: int) -> Printed:
    rejected: list[tuple[int, str, str]] = []
    failed: list[TriggerFailed] = []
    replay = Replay(
        ruleset,
        max_gap=max_gap,
        on_reject=lambda *found: rejected.append(found),
        on_error=failed.append,
    )
    out = b"".join(replay.printed(lines, until=until))
    return Printed(out, rejected, failed, dict(+replay.statuses), replay.clamped)


def in_shares(
    ruleset: Ruleset, lines: list[bytes], until: int | None, max_gap: int, *, of: int, size: int
) -> Printed:
    """What the processes of a replay do, in this one."""
    shares = [Shard(ruleset, number, of, max_gap=max_gap) for number in range(of)]
    printed = Printed(b"", [], [], {}, 0)

    def take(decided: list[Any]) -> None:
        for told in merge(decided):
            printed.out += told.line
            if told.failed is not None:
                printed.failed.append(told.failed)

    for turn, start in enumerate(range(0, len(lines), size)):
        chunk = lines[start : start + size]
        survey = shares[turn % of].survey(chunk)
        printed.rejected += [
            (start + i + 1, reason, detail) for i, reason, detail in survey.rejected
        ]
        behind = lines[start + size :]
        take([share.decide(chunk, survey, lambda: behind) for share in shares])  # noqa: B023
    if until is not None:
        take([share.run_until(until) for share in shares])
    for share in shares:
        for status, number in share.statuses.items():
            printed.statuses[status] = printed.statuses.get(status, 0) + number
        printed.clamped = share.clamped
    if printed.rejected:
        printed.statuses["rejected"] = len(printed.rejected)
    return printed


@st.composite
def crowds(draw: Any) -> list[bytes]:
    """The lines of a log of several customers, of whom many do the same at the same time."""
    random = draw(st.randoms(use_true_random=False))
    sequel = Sequel(
        random, strays=draw(st.booleans()), arrivals=draw(st.booleans()), customers="cdefgh"
    )
    lines: list[bytes] = []
    for _ in range(draw(st.sampled_from([6, 20, 40, 60]))):
        sequel.add(KEYS)
        if sequel.rarely(20):
            sequel.now += random.choice([HOUR - 1, HOUR, 5 * HOUR])
        wild = {"timestamp": random.choice(WILD)} if sequel.rarely(15) else {}
        lines.append(json.dumps(sequel.made[-1] | wild).encode() + b"\n")
        if sequel.rarely(8):
            lines.append(random.choice(BAD + OTHER) + b"\n")
    return lines


@given(
    trigger_sets(),
    crowds(),
    ends(),
    policies(),
    st.sampled_from([2, 3]),
    st.sampled_from([1, 2, 7, 100]),
    st.sampled_from([HOUR, 3 * HOUR, 10_000 * HOUR]),
)
def test_random_triggers_and_logs(
    triggers: list[Json],
    lines: list[bytes],
    until: int | None,
    policy: Json,
    of: int,
    size: int,
    max_gap: int,
) -> None:
    files = {"t.yaml": "\n---\n".join(map(json.dumps, triggers))}
    if policy:
        files["policy.yaml"] = json.dumps(policy)
    ruleset = load_ruleset(files)

    expected = in_one(ruleset, lines, until, max_gap)

    assert in_shares(ruleset, lines, until, max_gap, of=of, size=size) == expected


def test_what_is_overdue_when_it_is_opened_fires_by_the_next_line_of_anybody() -> None:
    """A customer whose first line is far behind the clock, which a line of another share set."""
    files = {"t.yaml": "trigger: t\nwhen: {sequence: [{event: a}, {absent: b, for: 1m}]}\n"}
    ruleset = load_ruleset(files)
    ahead, behind = 1_772_359_200_000, 1_767_225_600_000
    lines = [
        json.dumps({"customer_id": customer, "event_type": kind, "timestamp": at}).encode()
        for customer, kind, at in [
            ("c28", "b", ahead),  # alone in its share of three
            ("c36", "a", behind),
            ("c3", "a", behind),
            ("c0", "b", ahead),
        ]
    ]

    expected = in_one(ruleset, lines, None, 10_000 * HOUR)

    assert [json.loads(each)["customer_id"] for each in expected.out.splitlines()] == ["c36", "c3"]
    assert in_shares(ruleset, lines, None, 10_000 * HOUR, of=3, size=100) == expected
