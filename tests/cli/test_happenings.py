"""What stands on the topics, in words: each kind, each thing once, and nothing that steers."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from tests.core.records.test_deliveries import CAPPED, MATCH, SENT
from tests.core.sending.harness import NOON
from triggerstream.cli.happenings import (
    REMEMBERED,
    VIEWS,
    Happening,
    Lines,
    Wanted,
    as_object,
    cells_of,
    happening_of,
)
from triggerstream.core.decisions import Action, ConsentChanged, Firing, GoalReached
from triggerstream.core.reasons import Outcome
from triggerstream.core.records.actions import records_of
from triggerstream.core.records.dead_letters import DeadLetter, dead_letter
from triggerstream.core.records.deliveries import delivery_record, suppressed_record
from triggerstream.core.records.record import ARRIVAL, KIND, POSITION, Header, Kind, Produce

FIRING = Firing(
    firing_id="f" * 32,
    trigger="cart",
    customer_id="c1",
    at=NOON,
    instance=None,
    events=("e1",),
    actions=(Action("a1", "log"), Action("a2", "email", after=21_600_000)),
)
LETTER = DeadLetter("bad_json", "an object; found {", 3, 17, 5, b"c1", b"{", (("trace", b"\x00"),))


class Logged(msgspec.Struct):
    """A record as it lies in a topic."""

    value: bytes | None
    key: bytes | None = b"c1"
    headers: tuple[Header, ...] = ()
    partition: int = 3
    offset: int = 8
    timestamp: int = NOON + 1234


def logged(record: Produce, *headers: Header) -> Logged:
    return Logged(record.value, record.key, (*record.headers, *headers))


def decided(decision: Any) -> Logged:
    (record,) = records_of(decision, 7)
    return logged(record, (POSITION, b"42"))


def letter(offset: int = 8) -> Logged:
    written = logged(dead_letter(LETTER, to="events.dlq", topic="t.events.v1"))
    return msgspec.structs.replace(written, offset=offset)


def delivered(**more: Any) -> Logged:
    return logged(delivery_record(msgspec.structs.replace(SENT, **more)))


ERASURE = Logged(None, headers=((KIND, Kind.ERASE), (POSITION, b"42")))
MARK = Logged(b'{"version": 3, "hash": "x"}', None, ((KIND, Kind.RULESET),))
HELD = delivered(outcome=Outcome.HELD_OUT, attempts=0)

LINES = {
    "a firing": ("actions", decided(FIRING), "c1|cart|fired|log, email in 6h|ffffffff"),
    "a firing of an instance": (
        "actions",
        decided(msgspec.structs.replace(FIRING, instance="k1", actions=(), mode="shadow")),
        "c1|cart|fired|no actions (for k1) (shadow)|ffffffff",
    ),
    "a suppressed match": (
        "deliveries",
        logged(suppressed_record(MATCH, 7)),
        "c1|cart|not fired|cooldown: not before noon, by the cooldown (for k1)|m1",
    ),
    "a delivery": ("deliveries", delivered(attempts=1), "c1|cart|sent|email|a1"),
    "a delivery at its third attempt": (
        "deliveries", delivered(attempts=3), "c1|cart|sent|email (attempt 3)|a1",
    ),
    "an action that was not sent": (
        "deliveries", logged(delivery_record(CAPPED)), "c1|cart|not sent|email: expired: late|a1",
    ),
    "one who is held out": ("deliveries", HELD, "c1|cart|held out|email|a1"),
    "a goal": (
        "actions",
        decided(GoalReached("cart", "c1", NOON, 41)),
        "c1|cart|goal|what it has not sent yet is called off|",
    ),
    "consent": (
        "actions",
        decided(ConsentChanged("c1", NOON, {"email_consent": False, "unsubscribed": None})),
        "c1|-|consent|email_consent false, unsubscribed null|",
    ),
    "an erasure": ("actions", ERASURE, "c1|-|erased|-|"),
    "a ruleset": ("actions", MARK, "-|-|ruleset|version 3 is in force|"),
    "a dead letter": (
        "events.dlq", letter(), "c1|-|dead letter|bad_json: an object; found { (t.events.v1/3/17)|",
    ),
    "what cannot be read": (
        "deliveries",
        Logged(b"{"),
        "c1|-|unreadable|bad_json: Input data was truncated|",
    ),
}  # fmt: skip


def found(topic: str, record: Logged) -> Happening:
    happening = happening_of(topic, record)
    assert happening is not None
    return happening


@pytest.mark.parametrize("name", LINES)
def test_each_is_one_line(name: str) -> None:
    topic, record, line = LINES[name]

    moment, *cells = cells_of(found(topic, record))

    assert moment == "2026-03-01T12:00:01Z"
    assert "|".join(cells) == line


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_end_has_its_words(outcome: Outcome) -> None:
    assert found("deliveries", delivered(outcome=outcome)).what


@pytest.mark.parametrize(
    ("topic", "record"),
    [
        ("actions", Logged(b"{}", headers=((KIND, Kind.RESULT),))),
        ("actions", Logged(None, None, ((KIND, Kind.TICK),))),
        ("actions", Logged(b"{}", headers=((KIND, b"exit"),))),
        ("actions", Logged(b"{}")),
        ("deliveries", Logged(b"{}", headers=((KIND, b"outcome"),))),
    ],
    ids=["an answer", "a tick", "a kind to come", "no kind", "a kind to come on deliveries"],
)
def test_what_is_nobodys_business_is_no_line(topic: str, record: Logged) -> None:
    assert happening_of(topic, record) is None


def test_nothing_that_a_customer_writes_steers_a_terminal() -> None:
    evil = "\x1b[2J\u202e\nada"
    firing = msgspec.structs.replace(FIRING, customer_id=evil, instance=evil)

    cells = cells_of(found("actions", decided(firing)))

    assert cells[1] == "\\x1b[2J\\u202e\\nada"
    assert "".join(cells).isprintable()


def test_where_time_is_data_a_thing_happens_when_its_record_says() -> None:
    assert found("actions", Logged(MARK.value, None, (*MARK.headers, (ARRIVAL, b"5")))).at == 5


@pytest.mark.parametrize("arrival", [b"", b"x", b"-5", b"9" * 17])
def test_an_arrival_that_is_none_does_not_count(arrival: bytes) -> None:
    record = Logged(MARK.value, None, (*MARK.headers, (ARRIVAL, arrival)))

    assert found("actions", record).at == record.timestamp


# ── for machines ────────────────────────────────────────────────────────────────────────────


def told(topic: str, record: Logged) -> dict[str, Any]:
    return as_object(topic, record, found(topic, record))


def test_for_machines_it_is_what_it_is_where_it_stands_and_all_that_its_record_says() -> None:
    record = decided(FIRING)

    place = {"logged_at": "2026-03-01T12:00:01.234Z", "topic": "actions"}
    where = {"partition": 3, "offset": 8}
    assert told("actions", record) == {
        "kind": "firing", **place, **where, **orjson.loads(record.value or b""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a suppressed match", "suppressed"),
        ("a delivery", "delivery"),
        ("a goal", "goal"),
        ("consent", "consent"),
        ("an erasure", "erased"),
        ("a ruleset", "ruleset"),
        ("a dead letter", "dead_letter"),
        ("what cannot be read", "unreadable"),
    ],
)
def test_machines_are_told_the_kind(name: str, kind: str) -> None:
    topic, record, _ = LINES[name]

    assert told(topic, record)["kind"] == kind


def test_a_dead_letter_is_told_as_dlq_tells_it() -> None:
    assert told("events.dlq", letter())["letter"]["origin"]["offset"] == "17"


def test_an_erasure_tells_machines_of_whom() -> None:
    assert told("actions", ERASURE)["customer_id"] == "c1"


# ── what is asked for ───────────────────────────────────────────────────────────────────────


def taken(wanted: Wanted) -> list[str]:
    """Return the names of the lines that *wanted* takes."""
    return [name for name, (topic, record, _) in LINES.items() if wanted.take(topic, record)]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_takes_what_belongs_to_it(view: str) -> None:
    names = {
        "decisions": [
            *("a firing", "a suppressed match", "a goal", "consent", "an erasure", "a ruleset"),
        ],
        "deliveries": ["a delivery", "what cannot be read"],
        "dead-letters": ["a dead letter"],
    }

    assert taken(Wanted((view,))) == names[view]


def test_one_customer_or_one_trigger_may_be_asked_for() -> None:
    assert taken(Wanted(VIEWS, customer="c2")) == []
    assert taken(Wanted(VIEWS, customer="c1")) == [
        name for name in taken(Wanted(VIEWS)) if name != "a ruleset"
    ]
    assert taken(Wanted(VIEWS, trigger="cart")) == [
        *("a firing", "a suppressed match", "a delivery", "a goal"),
    ]


@pytest.mark.parametrize("name", LINES)
def test_what_a_crash_repeats_is_taken_once(name: str) -> None:
    topic, record, _ = LINES[name]
    repeated = (
        record if name == "what cannot be read" else msgspec.structs.replace(record, offset=9)
    )
    wanted = Wanted(VIEWS)

    assert wanted.take(topic, record) is not None
    assert wanted.take(topic, repeated) is None


def test_a_match_that_fires_and_one_that_does_not_are_two_things() -> None:
    wanted = Wanted(VIEWS)
    match = msgspec.structs.replace(MATCH, match_id=SENT.action_id)

    assert wanted.take("deliveries", logged(suppressed_record(match, 7)))
    assert wanted.take("deliveries", delivered())


@pytest.mark.parametrize(("others", "again"), [(REMEMBERED - 1, False), (REMEMBERED, True)])
def test_what_was_taken_is_remembered_for_as_long_as_memory_allows(
    others: int, again: bool
) -> None:
    wanted = Wanted(VIEWS)
    wanted.take("actions", MARK)
    for version in range(others):
        value = b'{"version": -%d, "hash": "x"}' % (version + 1)
        wanted.take("actions", Logged(value, None, MARK.headers))

    assert (wanted.take("actions", MARK) is not None) is again


# ── lines ───────────────────────────────────────────────────────────────────────────────────


def test_columns_are_aligned_and_grow_with_what_comes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    for name in ("a delivery", "a firing"):
        topic, record, _ = LINES[name]
        lines.write(found(topic, record))
    lines.write(found("actions", decided(msgspec.structs.replace(FIRING, customer_id="c" * 40))))

    assert capsys.readouterr().out == (
        "2026-03-01T12:00:01Z  c1        cart          sent         email  a1\n"
        "2026-03-01T12:00:01Z  c1        cart          fired        log, email in 6h  ffffffff\n"
        f"2026-03-01T12:00:01Z  {'c' * 40}  cart          fired        log, email in 6h  ffffffff\n"
    )
