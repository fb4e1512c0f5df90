"""Clearing what SQLite leaves behind of rows that it has moved.

``secure_delete`` overwrites what is removed where it stands. But a row that SQLite moved to another
page, to make room or to fill one up, has left a copy where it stood before, behind no pointer; when
the row is removed, the copy stays. SQLite itself clears such copies only by writing the whole file
anew (``VACUUM``), some ten seconds for a gigabyte in which nothing is appended.

So they are cleared here, in the file: of each page of the table's tree, the bytes that belong to no
row. SQLite reads none of them, so whoever reads meanwhile, and a crash in the middle, meet the same
rows. The format does not change any more: https://www.sqlite.org/fileformat.html#b_tree_pages.
"""

from __future__ import annotations

import os
import struct
from typing import Final

from triggerstream.errors import WorldChangedError
from triggerstream.stream.local.database import Writing

_HEADER: Final = struct.Struct(">BHHH")
"""Kind, first free block, number of cells, where the cells' content begins."""
_BLOCK: Final = struct.Struct(">HH")
"""Of a free block: where the next one is, and its size."""
_NUMBER: Final = struct.Struct(">I")
_INTERIOR, _LEAF = 2, 10
"""Kinds of pages of a table without rowids."""
_LEAF_HEAD, _INTERIOR_HEAD = 8, 12


def scrub(db: Writing) -> int:
    """Clear the pages of the table of records; return how many were not clear.

    Only for who writes, in no transaction, and while nothing is in the log beside the file
    (`database.truncate_wal`).

    Raises:
        WorldChangedError: The file is damaged.
        OSError: The disk failed.
    """
    [root] = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'batches'").fetchone()
    [size] = db.execute("PRAGMA page_size").fetchone()
    # What SQLite holds in memory would be written again with the copies in it.
    db.execute("PRAGMA shrink_memory")
    file = db.file()
    cleared = 0
    pages = [int(root)]
    while pages:
        number = pages.pop()
        place = (number - 1) * size
        found = os.pread(file, size, place)
        if len(found) < size or found[0] not in (_INTERIOR, _LEAF):
            raise WorldChangedError(
                f"the log is damaged: page {number} is not one of its records. Put the "
                "installation's directory back from a backup; starting again does not help"
            )
        clear = _cleared(found)
        if clear != found:
            os.pwrite(file, clear, place)
            cleared += 1
        if found[0] == _INTERIOR:
            pages += _children(found)
    if cleared:
        os.fsync(file)
    return cleared


def _cleared(page: bytes) -> bytes:
    """Return *page* with zeros wherever nothing of it is."""
    kind, block, count, content = _HEADER.unpack_from(page)
    clear = bytearray(page)
    gap = (_LEAF_HEAD if kind == _LEAF else _INTERIOR_HEAD) + 2 * count
    clear[gap:content] = bytes(content - gap)
    while block:
        following, size = _BLOCK.unpack_from(page, block)
        start, end = block + _BLOCK.size, block + size
        clear[start:end] = bytes(end - start)
        block = following if following > block else 0
    return bytes(clear)


def _children(page: bytes) -> list[int]:
    """Return the numbers of the pages below an interior one."""
    [count] = struct.unpack_from(">H", page, 3)
    cells = struct.unpack_from(f">{count}H", page, _INTERIOR_HEAD)
    places = [*cells, _LEAF_HEAD]  # the last one stands in the head
    return [_NUMBER.unpack_from(page, place)[0] for place in places]
