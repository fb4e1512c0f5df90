"""What may be committed: exactly what the processes said is done, never more."""

from __future__ import annotations

from collections.abc import Iterable

from faust.types import TP


class Offsets:
    """Offsets by partition: the next one to be read by whoever comes after us."""

    def __init__(self) -> None:
        self._done: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}

    def done(self, tp: TP, offset: int) -> None:
        """All records of *tp* up to and including *offset* are done with."""
        self._done[tp] = max(offset + 1, self._done.get(tp, 0))

    def started(self, tp: TP, committed: int | None) -> None:
        """*tp* is ours from now on; the group holds *committed* for it."""
        self._done.pop(tp, None)
        if committed is None:
            self._committed.pop(tp, None)
        else:
            self._committed[tp] = committed

    def pending(self) -> dict[TP, int]:
        """Return what is done and not yet committed."""
        committed = self._committed
        return {tp: next_ for tp, next_ in self._done.items() if next_ > committed.get(tp, -1)}

    def committed(self, offsets: dict[TP, int]) -> None:
        """The group has taken *offsets*."""
        self._committed.update(offsets)

    def forget(self, tps: Iterable[TP]) -> None:
        """*tps* are not ours any more."""
        for tp in tps:
            self._done.pop(tp, None)
            self._committed.pop(tp, None)
