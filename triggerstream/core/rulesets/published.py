"""The published rulesets: one topic, one order, and so one truth about which version follows which.

A version is published as chunks, then a head:

========================================  ======================================================
key                                       value
========================================  ======================================================
``<version>/<hash>/<number>``             a chunk of the content, at most `CHUNK` bytes
``<version>/<hash>``                      the head: JSON of `Head`
========================================  ======================================================

The content is the JSON of path to text, compressed; its hash is the ruleset's own. A head
is *accepted* if it names as its base the version that is newest at its place in the topic, is the
next one after it, and its content is there and can be read; all readers find the same. So of two
deployments made from the same version the first wins, and the other is told. Keys differ by the
hash, so that the loser overwrites nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from triggerstream.core.rulesets.ruleset import content_hash

CHUNK: Final = 256 << 10
"""Bytes of a chunk at most."""


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Head(msgspec.Struct, frozen=True):
    """What completes a version."""

    version: int
    hash: str
    based_on: int
    chunks: int


class Published:
    """What the topic says, as a function of its records in order. Pure; tested without Kafka."""

    def __init__(self) -> None:
        self.heads: dict[int, Head] = {}
        self.refused: set[bytes] = set()
        self.newest = 0
        self._chunks: dict[bytes, bytes] = {}

    def take(self, key: bytes | None, value: bytes | None) -> int | None:
        """Take the topic's next record; return the version that it puts in force, if it does."""
        if key is None or value is None:
            return None
        if key.count(b"/") == 2:  # version, hash, number
            self._chunks[key] = value
            return None
        try:
            head = msgspec.json.decode(value, type=Head)
        except _UNREADABLE:
            self.refused.add(key)
            return None
        if self.heads.get(head.version) == head:
            return None  # seen before: two deployments of the same content
        follows = head.version == head.based_on + 1 and head.based_on == self.newest
        if not follows or not self._is_complete(key, head):
            self.refused.add(key)
            return None
        self.heads[head.version] = head
        self.newest = head.version
        return head.version

    def files(self, version: int) -> dict[str, str]:
        """Return the content of an accepted *version*."""
        return self._read(_chunk_keys(self.heads[version]))

    def _is_complete(self, key: bytes, head: Head) -> bool:
        if key != _head_key(head) or not 0 < head.chunks <= len(self._chunks):
            return False
        keys = _chunk_keys(head)
        return all(each in self._chunks for each in keys) and self._can_be_read(keys)

    def _can_be_read(self, keys: Sequence[bytes]) -> bool:
        """Return whether the chunks are a ruleset's content: anybody may have written them."""
        try:
            self._read(keys)
        except (*_UNREADABLE, zlib.error):
            return False
        return True

    def _read(self, keys: Sequence[bytes]) -> dict[str, str]:
        packed = b"".join(self._chunks[key] for key in keys)
        return msgspec.json.decode(zlib.decompress(packed), type=dict[str, str])


def pack(files: Mapping[str, str], based_on: int) -> tuple[Head, list[tuple[bytes, bytes]]]:
    """Return the head of the version after *based_on* with this content, and all its records."""
    packed = zlib.compress(msgspec.json.encode(dict(files), order="deterministic"))
    chunks = [packed[at : at + CHUNK] for at in range(0, len(packed), CHUNK)]
    head = Head(based_on + 1, content_hash(files), based_on, len(chunks))
    records = list(zip(_chunk_keys(head), chunks, strict=True))
    return head, [*records, (_head_key(head), msgspec.json.encode(head))]


def _head_key(head: Head) -> bytes:
    return f"{head.version}/{head.hash}".encode()


def _chunk_keys(head: Head) -> list[bytes]:
    return [_head_key(head) + b"/%d" % number for number in range(head.chunks)]
