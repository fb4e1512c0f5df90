"""Where a key lies: the one rule by which every producer, worker and command must agree.

It is the default of Kafka's Java clients for records with a key: murmur2 (Austin Appleby's, with
Kafka's seed), its sign bit cleared, modulo the number of partitions. A customer who is placed
otherwise has two states, each of which knows half.
"""

from __future__ import annotations

from typing import Final

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of *key*, from 0, among as many as *partitions*."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(key: bytes) -> int:
    """Return the 32-bit hash of *key*, unsigned."""
    length = len(key)
    whole = length & ~3
    mixed = _SEED ^ length
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _MIX & _WORD
        word = (word ^ word >> 24) * _MIX & _WORD
        mixed = (mixed * _MIX & _WORD) ^ word
    if rest := key[whole:]:
        mixed = (mixed ^ int.from_bytes(rest, "little")) * _MIX & _WORD
    mixed = (mixed ^ mixed >> 13) * _MIX & _WORD
    return mixed ^ mixed >> 15
