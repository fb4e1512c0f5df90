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
