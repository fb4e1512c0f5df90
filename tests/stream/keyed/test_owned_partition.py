"""`OwnedPartition`: when a checkpoint is wanted."""

from __future__ import annotations

import pytest

from tests.simulation.broker import Line
from tests.simulation.protocol import ruleset
from tests.simulation.toy import Toy
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import in_columns
from triggerstream.stream.keyed.owned_partition import SHARE, STRETCH, Cadence, OwnedPartition

CADENCE = Cadence(checkpoint=1.0, idle=300.0)
BEGAN = 100.0


def changed() -> OwnedPartition:
    """Return a partition with something to store, whose last checkpoint was over at `BEGAN`."""
    store = MemoryStore()
    partition = Partition(Toy(), store, rulesets=ruleset)
    partition.apply(in_columns([Line(0, 1_000, b"a", b'{"customer_id":"a","word":1}')]))
    return OwnedPartition(partition, store, BEGAN)


class UnderWay:
    """A cut on its way."""

    def __init__(self) -> None:
        self.cancelled = False

    def done(self) -> bool:
        return False

    def result(self) -> None:
        raise AssertionError("it is not over")

    def cancel(self) -> None:
        self.cancelled = True

    def __await__(self):  # type: ignore[no-untyped-def]  # nobody waits for it here
        raise AssertionError("it is not over")


@pytest.mark.parametrize(("later", "wanted"), [(0.99, False), (1.0, True)])
def test_a_changed_partition_wants_a_checkpoint_after_the_interval(
    later: float, wanted: bool
) -> None:
    assert changed().wants_checkpoint(BEGAN + later, CADENCE, partitions=8) is wanted


@pytest.mark.parametrize(("later", "wanted"), [(2.99, False), (3.0, True)])
def test_checkpoints_that_cost_much_are_further_apart(later: float, wanted: bool) -> None:
    owned = changed()
    owned.cost = 3.0 * SHARE / 8

    assert owned.wants_checkpoint(BEGAN + later, CADENCE, partitions=8) is wanted


@pytest.mark.parametrize(("later", "wanted"), [(STRETCH - 0.01, False), (STRETCH, True)])
def test_whatever_they_cost_they_are_not_further_apart_than_the_stretch(
    later: float, wanted: bool
) -> None:
    owned = changed()
    owned.cost = 60.0

    assert owned.wants_checkpoint(BEGAN + later, CADENCE, partitions=8) is wanted


@pytest.mark.parametrize(("later", "wanted"), [(299.9, False), (300.0, True)])
def test_an_unchanged_partition_looks_for_foreign_writes_now_and_then(
    later: float, wanted: bool
) -> None:
    store = MemoryStore()
    owned = OwnedPartition(Partition(Toy(), store, rulesets=ruleset), store, BEGAN)

    assert owned.wants_checkpoint(BEGAN + later, CADENCE) is wanted


def test_no_checkpoint_is_wanted_while_a_cut_is_on_its_way() -> None:
    owned = changed()
    owned.landing = UnderWay()

    assert not owned.wants_checkpoint(BEGAN + 1000, CADENCE)


def test_a_cut_on_its_way_goes_no_further_when_its_partition_is_lost() -> None:
    owned = changed()
    owned.landing = landing = UnderWay()
    owned.break_off()

    assert landing.cancelled
    assert owned.landing is None


# ── silence: when a partition is to be looked at again, if nothing else happens ──────────────


def waiting(*, due: int, clock: int = 1_000) -> OwnedPartition:
    """Return a partition whose clock moved to *clock* at `BEGAN`, with something due at *due*;
    everything is stored."""
    store = MemoryStore()
    partition = Partition(Toy(), store, rulesets=ruleset)
    word = b'{"customer_id":"a","word":1,"wait":%d}' % (due - clock)
    partition.apply(in_columns([Line(0, clock, b"a", word)]))
    cut = partition.cut()
    store.write(cut.values, partition_record=cut.record, changelog_offset=0)
    partition.landed(cut)
    owned = OwnedPartition(partition, store, BEGAN)
    owned.heard = BEGAN
    return owned


def unchanged() -> OwnedPartition:
    store = MemoryStore()
    return OwnedPartition(Partition(Toy(), store, rulesets=ruleset), store, BEGAN)


def test_a_partition_without_anything_due_asks_for_nothing_but_its_idle_checkpoint() -> None:
    assert unchanged().silence(BEGAN + 1, CADENCE) == 299.0


def test_a_changed_partition_asks_for_its_next_checkpoint() -> None:
    assert changed().silence(BEGAN + 0.25, CADENCE) == 0.75


def test_a_wait_is_looked_at_when_it_is_due() -> None:
    owned = waiting(due=31_000)

    assert owned.partition.next_due == 31_000
    assert owned.silence(BEGAN + 10, CADENCE) == 20.0
    assert not owned.wants_tick(BEGAN + 29.999, CADENCE)
    assert owned.wants_tick(BEGAN + 30, CADENCE)


def test_a_process_that_appends_no_ticks_is_not_woken_for_them() -> None:
    assert waiting(due=31_000).silence(BEGAN + 10, CADENCE, ticks=False) == 290.0


def test_what_is_due_after_a_tick_is_looked_at_when_the_next_tick_may_come() -> None:
    owned = waiting(due=31_000)
    owned.ticked = BEGAN + 30

    assert owned.silence(BEGAN + 30.0625, CADENCE) == pytest.approx(CADENCE.tick - 0.0625)


def test_a_partition_that_has_heard_nothing_asks_for_its_tick() -> None:
    owned = waiting(due=31_000)
    owned.heard = None
    owned.ticked = BEGAN

    assert owned.silence(BEGAN + 0.125, CADENCE) == pytest.approx(CADENCE.tick - 0.125)


def test_what_is_wanted_and_cannot_be_done_yet_is_looked_at_again_soon() -> None:
    assert waiting(due=31_000).silence(BEGAN + 30, CADENCE) == CADENCE.look
    assert changed().silence(BEGAN + 1, CADENCE) == CADENCE.look


def test_a_cut_on_its_way_is_looked_after_soon() -> None:
    owned = changed()
    owned.landing = UnderWay()

    assert owned.silence(BEGAN, CADENCE) == CADENCE.look


def test_a_cut_on_its_way_delays_no_tick() -> None:
    owned = waiting(due=1_010)
    owned.landing = UnderWay()

    assert owned.silence(BEGAN, CADENCE) == pytest.approx(0.01)
