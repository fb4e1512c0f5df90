"""An engine that ends, as if by SIGKILL, at one step of one customer's send.

``python -m tests.chaos.local.stopping engine DIR`` is ``triggerstream engine DIR``, but for that: a
file in DIR, which the row writes, says where and with whom (`Stop`). Nothing in the product helps
with it: it is done around what writes to the store of ``send``, and to the log.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from triggerstream.core.records.record import Kind
from triggerstream.stream.local.writer import Append, Writer
from triggerstream.stream.rocksdb.store import RocksStore

NAME: Final = "STOP"
"""The file in DIR; when the engine has come there, it is gone."""

Step = Literal["decided", "reserved", "accepted", "answered", "stored"]


class Stop(msgspec.Struct, frozen=True):
    """Where to end, with an action of *customer*.

    Attributes:
        at: Before its reservation is stored (``decided``), or after (``reserved``); before the
            answer is committed (``accepted``), or after (``answered``); after the state that
            contains the answer is stored (``stored``).
    """

    at: Step
    customer: str

    def write(self, home: Path) -> None:
        new = home / f"{NAME}.new"
        new.write_bytes(msgspec.json.encode(self))
        new.replace(home / NAME)


class Stopping:
    """Goes through the steps of a send, and ends the process at the one that is asked for."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        self._stop: Stop | None = None
        self._is_reserved = False
        self._is_answered = False

    def install(self) -> None:
        """Put itself around what writes."""
        write, append = RocksStore.write, Writer._append

        def written(store: RocksStore, values: Mapping[bytes, Any], **options: Any) -> None:
            concerns = store._directory.parent.name == "send" and self._names(values)
            if concerns and not self._is_reserved:
                self._end_at("decided")
            write(store, values, **options)
            if concerns:
                if self._is_answered:
                    self._end_at("stored")
                self._is_reserved = True
                self._end_at("reserved")

        def appended(writer: Writer, appends: list[Append]) -> None:
            answers = self._is_reserved and self._is_result(appends)
            if answers:
                self._end_at("accepted")
            append(writer, appends)
            if answers:
                self._is_answered = True
                self._end_at("answered")

        RocksStore.write = written  # type: ignore[method-assign,assignment] # options are its own
        Writer._append = appended  # type: ignore[method-assign,assignment]

    def _names(self, values: Mapping[bytes, Any]) -> bool:
        if self._stop is None:
            try:
                self._stop = msgspec.json.decode(self._path.read_bytes(), type=Stop)
            except FileNotFoundError:
                return False
        return self._stop.customer.encode() in values

    def _is_result(self, appends: Sequence[Append]) -> bool:
        assert self._stop is not None
        customer = self._stop.customer.encode()
        return any(
            topic == "actions" and customer in blob and Kind.RESULT in blob
            for append in appends
            for topic, _, blob in append.rows
        )

    def _end_at(self, step: Step) -> None:
        if self._stop is not None and self._stop.at == step:
            self._path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    from triggerstream.cli import main

    Stopping(Path(sys.argv[2])).install()
    main()
