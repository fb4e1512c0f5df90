"""Moving a partition to another log, as many partitions of it: what becomes of what is stored.

The new log begins at 0, and what the states contain is not in it. So every fence is taken back, and
no record of the new log is below one. Whoever moves a partition has had all of its input decided
and stored before: then nobody will decide again what is in the states.
"""

from __future__ import annotations

from typing import Any

from triggerstream.core.keyed import header
from triggerstream.core.keyed.partition_record import PartitionRecord
from triggerstream.core.keyed.program import NO_FENCE, Program


def transplant(program: Program[Any, Any], value: bytes) -> bytes:
    """Return what the new log's partition stores of a customer of whom the old one's stored
    *value*.

    A grave stays one. Of the erasure upstream for which it was dug nothing is repeated any more.

    Raises:
        StateFormatError: It cannot be read.
    """
    _, flags, dug, _ = header.unpack(value)
    if flags & header.GRAVE:
        return header.pack_grave(dug, NO_FENCE, -1)
    return program.transplant(value)


def first_record(left: PartitionRecord, *, topic_id: str) -> PartitionRecord:
    """Return the partition record with which each partition of the new log begins.

    Its clock is the old partition's: all of them stand where that stood, so that nothing that was
    late is in time again, and nothing that was due comes due earlier.

    Args:
        left: The old partition's, when all of its input had been decided.
        topic_id: The new input topic's.
    """
    return PartitionRecord(
        offset=NO_FENCE,
        clock=left.clock,
        ruleset=left.ruleset,
        topic_id=topic_id,
        engine=left.engine,
        swept=left.swept,
    )
