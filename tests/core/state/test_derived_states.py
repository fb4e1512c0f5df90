"""A stored state with all that may be derived: read for ever, and decided on as it was."""

from __future__ import annotations

from tests.core.detection.customers import Customer, ruleset_of
from tests.core.state.stored import GOLDEN, HOUR, START
from triggerstream.core.detection.describe import describe

PATH = GOLDEN / "derived-v5.bin"

TRIGGERS = """
trigger: absence
when: {sequence: [{event: A}, {absent: X, for: 1h}]}
---
trigger: hears
when: {count: {fired: absence}, at_least: 2, within: 30d}
---
trigger: in
when: {entered: busy}
---
trigger: out
when: {left: busy}
if: {since_last: {event: B, at_least: 1h}}
---
trigger: changed
when: {changed: event_data.k, on: B}
---
attribute: ever
count: B
start: 5
---
attribute: sum
sum: event_data.n
on: B
---
attribute: window
count: B
distinct: event_data.k
within: 2d
---
attribute: lately
sum: event_data.n
on: B
within: 2d
---
attribute: last
last: event_data.k
on: B
---
attribute: top
top: event_data.k
on: B
---
attribute: score
points: {B: 0.25}
half_life: 7d
---
segment: busy
is: {count: B, at_least: 2, within: 3h}
---
segment: keen
is: {profile.score: {greater_than: 0.9}}
"""


def a_customer() -> Customer:
    customer = Customer(ruleset_of(TRIGGERS))
    customer.happens("A", START)
    customer.waits_until(START + 2 * HOUR)
    for at, k in ((1, "one"), (2, "two"), (3, 1)):
        customer.happens("B", START + at, k=k, n=0.1, arrival=START + 2 * HOUR)
    return customer


def decided_after(customer: Customer) -> str:
    customer.happens("A", START + 3 * HOUR)
    customer.happens("B", START + 4 * HOUR, k="two", n=1)
    customer.waits_until(START + 1000 * HOUR)
    return customer.told


def test_what_is_derived_is_stored_as_ever() -> None:
    customer = a_customer()

    assert customer.program.dump(customer.state, 0) == PATH.read_bytes()


def test_what_was_stored_decides_as_it_did() -> None:
    fresh, restored = a_customer(), Customer(ruleset_of(TRIGGERS))
    restored.offset, restored.clock = fresh.offset, fresh.clock
    fresh.out.clear()
    restored.state = restored.program.load("c", PATH.read_bytes())

    assert describe(restored.state, restored.ruleset) == describe(fresh.state, fresh.ruleset)
    told = decided_after(restored)
    assert told == decided_after(fresh)
    assert "hears" in told
    assert "out" in told
