"""The stored form of a customer's ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.core.sending.harness import DAY, HOUR, NOON, Customer
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.policy import ledger
from triggerstream.core.policy.ledger import MAX_MARKS, MAX_SENDS, Ledger, Sent
from triggerstream.errors import StateFormatError

GOLDEN = Path(__file__).parent / "golden"
FIRST = GOLDEN / "ledger-v1.bin"
"""Of before a firing's actions knew of each other's ends."""
SECOND = GOLDEN / "ledger-v1-others.bin"
"""Of before goals were told apart by their place in the log."""
THIRD = GOLDEN / "ledger-v1-goals.bin"
"""Of before the place of an erasure was kept."""
FOURTH = GOLDEN / "ledger-v1-erased.bin"
"""Of before goals of one record were told apart."""
LATEST = GOLDEN / "ledger-v1-numbers.bin"


def storied() -> Customer:
    """Return a customer with something in every field."""
    customer = Customer()
    customer.comes_back(erased=7)
    customer.consents(at=NOON, email_consent=True, sms_consent=True)
    customer.reaches_goal(NOON, n=2)
    customer.fires("f", ("a", "email"), ("b", "sms", HOUR))
    customer.answers("a", "sent", NOON)
    customer.fires("g", ("c", "webhook"))
    customer.answers("c", "unknown", NOON)
    return customer


def test_a_ledger_survives_storing() -> None:
    state = storied().state

    assert ledger.load(ledger.dump(state, 9)) == state


@pytest.mark.parametrize(
    "golden", [FIRST, SECOND, THIRD, FOURTH, LATEST], ids=lambda path: path.stem
)
def test_bytes_of_format_1_decode_for_ever(golden: Path) -> None:
    found = ledger.load(golden.read_bytes())

    if golden == FIRST:
        for action, pending in found.pending.items():
            found.pending[action] = replace(pending, others=storied().state.pending[action].others)
    expected = storied().state
    if golden != LATEST:
        expected.goal_numbers.clear()
    if golden not in (FOURTH, LATEST):
        expected.erased = expected.heard = -1
    if golden in (FIRST, SECOND):
        expected.goal_positions.clear()
    assert found == expected


def test_a_ledger_is_stored_as_it_was_last() -> None:
    assert ledger.dump(storied().state, 6) == LATEST.read_bytes()


def test_the_header_says_what_the_store_must_know() -> None:
    customer = storied()

    stored = header.unpack(customer.send.dump(customer.state, 42))

    assert stored == (ledger.FORMAT, header.PENDING, NOON + HOUR, 42)


def test_nothing_pending_needs_no_waking() -> None:
    assert header.unpack(ledger.dump(Ledger(), 1)) == (ledger.FORMAT, 0, NEVER, 1)


@pytest.mark.parametrize("damage", [b"", b"\xc1", b"\x93\x01\x02\x03"])
def test_damaged_bytes_stop_the_process(damage: bytes) -> None:
    with pytest.raises(StateFormatError, match="a sender's state of format 1"):
        ledger.load(ledger.dump(Ledger(), 0)[: header.SIZE] + damage)


def test_an_unknown_format_stops_the_process() -> None:
    with pytest.raises(StateFormatError, match="of format 1; found 2"):
        ledger.load(header.pack(2, 0, NEVER, 0))


@pytest.mark.covers("H8")
def test_pruning_keeps_what_a_cap_can_see_and_no_more() -> None:
    state = Ledger(sends=[Sent(NOON - DAY, "email", "t"), Sent(NOON - DAY + 1, "email", "t")])

    state.prune(NOON, window=DAY, slack=DAY)

    assert state.sends == [Sent(NOON - DAY + 1, "email", "t")]


def test_memory_is_bounded_and_the_oldest_gives_way() -> None:
    state = Ledger(
        sends=[Sent(NOON + number, "log", "t") for number in range(MAX_SENDS + 1)],
        marks={f"a{number}": NOON + DAY for number in range(MAX_MARKS + 1)},
        goals={"old": NOON - DAY, "new": NOON - DAY + 1},
    )

    state.prune(NOON, window=DAY, slack=DAY)

    assert (len(state.sends), state.sends[0].at) == (MAX_SENDS, NOON + 1)
    assert len(state.marks) == MAX_MARKS
    assert "a0" not in state.marks
    assert state.goals == {"new": NOON - DAY + 1}


def test_the_largest_ledger_fits_a_changelog_record() -> None:
    customer = Customer()
    for number in range(300):
        customer.fires(f"f{number:030}", (f"{number:032}", "sms", HOUR), note="x" * 1000)
    customer.state.marks = {f"{number:032}": NOON for number in range(MAX_MARKS)}
    customer.state.sends = [Sent(NOON, "email", "behavioral")] * MAX_SENDS

    assert len(customer.send.dump(customer.state, 0)) < 600_000
