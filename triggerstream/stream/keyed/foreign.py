"""Foreign writes: what somebody else appended to our changelog, and our answer.

The base offset of every acknowledgement must be the next one expected. A gap means that another
process wrote, mostly one that was paused and does not know yet that it has lost the partition.
What it wrote is older than what we hold; if it stayed the last word in the log, compaction would
keep it. So our present value is written again for every customer that it touched.

With attempts it is not enough that its work is older. A partition record beyond our last one says
that it has reserved what we are about to reserve, and may be calling: both would call. Whoever
meets such a record stops, and finds its reservations when it restores.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from triggerstream.core.keyed import header
from triggerstream.core.keyed.cuts import Cut
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import (
    CUSTOMER_PREFIX,
    PARTITION_KEY,
    PartitionRecord,
)
from triggerstream.core.keyed.program import Store
from triggerstream.errors import LeaseExpiredError
from triggerstream.stream.ports import Entry


class Foreign:
    """Collects, during one checkpoint, the customers to be written again.

    Args:
        store: What it holds of a customer who is not in *cut* is our present value.
        has_attempts: Whether a checkpoint lets calls begin.

    Attributes:
        offset: The last input record that *cut* contains.
    """

    def __init__(
        self, partition: Partition[Any, Any], cut: Cut, store: Store, *, has_attempts: bool = False
    ) -> None:
        self.offset = cut.offset
        self._partition = partition
        self._cut = cut
        self._store = store
        self._furthest = partition.record.offset if has_attempts else self.offset
        self._customers: dict[bytes, None] = {}
        self._met = False

    def meet(self, records: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        """Take the (offset, key, value) of foreign records.

        Raises:
            LeaseExpiredError: They know more than we do: it is we who lost the partition. Or they
                have reserved the same attempts: one of us has.
        """
        self._met = True
        for _, key, value in records:
            if key == PARTITION_KEY:
                ahead = value is not None and PartitionRecord.decode(value).offset > self._furthest
            else:
                self._customers[key[1:]] = None
                ahead = value is not None and header.unpack(value)[3] > self.offset
            if ahead:
                raise LeaseExpiredError(
                    f"partition {self._partition.number}: the changelog holds later work of "
                    "another process; this one has lost the partition, and stops"
                )

    def take(self) -> list[Entry] | None:
        """Return what to append again, and begin anew; ``None`` where nobody else has written."""
        customers, self._customers = self._customers, {}
        met, self._met = self._met, False
        if not met:
            return None
        return [(CUSTOMER_PREFIX + customer, self._value(customer)) for customer in customers]

    def _value(self, customer: bytes) -> bytes | None:
        # As of the cut, not of now: what was decided since may not be acknowledged yet.
        values = self._cut.values
        return values[customer] if customer in values else self._store.get(customer)
