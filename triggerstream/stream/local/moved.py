"""That an installation goes on elsewhere: the file that says where, beside its log.

It is there before the first record is appended to the other place, so that nothing is decided here
any more that is not there; and it says so still when all of it is there.
"""

from __future__ import annotations

import msgspec

from triggerstream.errors import WorldChangedError

NAME = "MOVED"


class Moved(msgspec.Struct, frozen=True):
    """Where an installation goes, or has gone.

    Attributes:
        bootstrap: The Kafka, as it was named.
        prefix: Of the topics there.
        partitions: How many they have.
        topic_ids: By short name, of those that states refer to.
        is_done: Whether all of it is there.
    """

    bootstrap: str
    prefix: str
    partitions: int
    topic_ids: dict[str, str]
    is_done: bool = False

    def place(self) -> str:
        """Return where it is, for people."""
        return f"the Kafka at {self.bootstrap}, topics {self.prefix}.*"


def refusal(moved: Moved, directory: str) -> WorldChangedError:
    """Return the error by which nothing goes on in *directory*."""
    if moved.is_done:
        return WorldChangedError(
            f"{directory}: this installation has moved to {moved.place()}, and goes on there. Set "
            f"TRIGGERSTREAM_KAFKA__BOOTSTRAP={moved.bootstrap} and "
            f"TRIGGERSTREAM_KAFKA__TOPIC_PREFIX={moved.prefix}; what stands here is its past"
        )
    return WorldChangedError(
        f"{directory}: a move to {moved.place()} has begun, and has not come to its end. Call "
        "`triggerstream move --to-kafka` with the same settings again, or, to go on here, "
        "`triggerstream move --abandon`"
    )
