"""What may be committed: exactly what the processes said is done, never more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from faust.types import TP


class Offsets:
    """Offsets by partition: the next one to be read by whoever comes after us."""

    def __init__(self) -> None:
        # Of every partition that is ours; -1 where the group holds nothing.
        self._committed: dict[TP, int] = {}
        self._done: dict[TP, int] = {}

    def started(self, tp: TP, committed: int | None) -> None:
        """*tp* is ours from now on; the group holds *committed* for it."""
        self._done.pop(tp, None)
        self._committed[tp] = -1 if committed is None else committed

    def done(self, tp: TP, offset: int) -> None:
        """All records of *tp* up to and including *offset* are done with. Nothing where the
        partition is not ours any more."""
        if tp in self._committed:
            self._done[tp] = max(offset + 1, self._done.get(tp, 0))

    def pending(self) -> dict[TP, int]:
        """Return what is done and not yet committed."""
        committed = self._committed
        return {tp: following for tp, following in self._done.items() if following > committed[tp]}

    def committed(self, offsets: Mapping[TP, int]) -> None:
        """The group has taken *offsets*."""
        for tp in self._committed.keys() & offsets.keys():
            self._committed[tp] = offsets[tp]

    def forget(self, tps: Iterable[TP]) -> None:
        """*tps* are not ours any more."""
        for tp in tps:
            self._done.pop(tp, None)
            self._committed.pop(tp, None)
