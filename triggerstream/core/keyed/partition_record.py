"""The partition record: what a partition remembers of itself, beside its customers."""

from __future__ import annotations

import msgspec

from triggerstream.errors import StateFormatError

PARTITION_KEY = b"p"
"""The changelog key of the partition record."""
CUSTOMER_PREFIX = b"c"
"""The first byte of a customer's changelog key; the id follows in UTF-8."""

FORMAT = 1


class PartitionRecord(msgspec.Struct, frozen=True, array_like=True):
    """One cut of a partition: everything at or below *offset* is contained in its customers.

    Attributes:
        offset: The last input record contained, or -1.
        clock: The greatest arrival up to there, epoch milliseconds.
        ruleset: The version in force, or 0 before the first.
        topic_id: The input topic's id, where the broker tells one: another one is another log.
        origins: By inbox partition, the highest inbox offset that has come through.
        engine: The versions of what decided: our code, and the time-zone data.
        swept: Of which definitions all customers have heard (`Program.adopts`).
    """

    format: int = FORMAT
    offset: int = -1
    clock: int = 0
    ruleset: int = 0
    topic_id: str = ""
    origins: dict[int, int] = {}
    engine: str = ""
    swept: bytes = b""

    def encode(self) -> bytes:
        return _encode(self)

    @staticmethod
    def decode(value: bytes) -> PartitionRecord:
        """Return the record in *value*.

        Raises:
            StateFormatError: It cannot be read; the process must stop.
        """
        try:
            record = _decode(value)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise StateFormatError(f"a partition record cannot be read: {error}") from error
        if record.format != FORMAT:
            raise StateFormatError(
                f"a partition record of format {FORMAT} is required; found format {record.format}: "
                "it was written by a later version"
            )
        return record


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PartitionRecord).decode
