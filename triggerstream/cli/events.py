"""The events that `send` is given: one in words, or those of a file, each judged before it goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from triggerstream.cli.output import say, with_progress
from triggerstream.cli.words import moment
from triggerstream.core.detection.accept import Accepted, accept
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import format_moment
from triggerstream.errors import UsageError
from triggerstream.replay.csv_rows import put, scalar
from triggerstream.replay.formats import EventSource, Found, Unreadable
from triggerstream.replay.lines import read_arrival

if TYPE_CHECKING:
    from triggerstream.replay.csv_rows import Columns

STDIN = 0
"""The file descriptor."""
TOLD = 10
"""Complaints of one reason that are told; the others are counted."""


def event_of_words(
    customer: str,
    event_type: str,
    pairs: Sequence[str],
    *,
    data: str | None,
    event_id: str | None,
    at: str | None,
    source: str | None,
    now: int,
) -> bytes:
    """Return the event that the command line says, as JSON.

    Raises:
        UsageError: A word is not what it must be.
    """
    event: dict[str, Any] = {"customer_id": customer, "event_type": event_type}
    if event_id is not None:
        event["event_id"] = event_id
    if at is not None:
        event["timestamp"] = format_moment(moment(at, now, "--at"))
    if source is not None:
        event["source"] = source
    if found := _data(data, pairs):
        event["event_data"] = found
    return msgspec.json.encode(event)


def _data(text: str | None, pairs: Sequence[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if text is not None:
        try:
            data = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            msg = f"--data: required is a JSON object; {error}"
            raise UsageError(msg) from error
    for pair in pairs:
        key, equals, value = pair.partition("=")
        place = key.split(".")
        if not equals or not all(place):
            msg = f"required is KEY=VALUE, such as total=99.9 or cart.id=k1; found {pair!r}"
            raise UsageError(msg)
        if not put(data, place, _value(key, value)):
            msg = f"{key}: required is a field that nothing else fills; found it twice"
            raise UsageError(msg)
    return data


def _value(key: str, text: str) -> Any:
    """Return the value that *text* says: JSON where it looks like it, else itself."""
    if text == "null":
        return None
    if text[:1] not in ("{", "[", '"'):
        return scalar(text)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        msg = f"{key}: required is JSON, since it begins with {text[0]}; {error}"
        raise UsageError(msg) from error


class Events:
    """The events of *found*, ready to be appended; what is none is told on stderr, and counted.

    Iterate once, in any thread.

    Args:
        name: Of the file, for complaints; empty where there is none.

    Attributes:
        refused: What was not accepted, by reason.
    """

    def __init__(
        self,
        found: Iterable[Found | Unreadable],
        name: str,
        *,
        is_played: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._found = found
        self._name = name
        self._is_played = is_played
        self._clock = clock
        self.refused: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Accepted]:
        for each in self._found:
            if isinstance(each, Unreadable):
                self._refuse(each.line, "unreadable", each.detail)
                continue
            try:
                yield self._accept(each)
            except Rejected as rejected:
                self._refuse(each.line, str(rejected.reason), rejected.detail)

    def _accept(self, found: Found) -> Accepted:
        value, is_played = found.value, self._is_played
        arrival = int(self._clock() * 1000)
        if is_played:
            arrival = _arrival(value, arrival)
        return accept(value, place=str(found.line), arrival=arrival, is_played=is_played)

    def _refuse(self, line: int, reason: str, detail: str) -> None:
        self.refused[reason] += 1
        if self.refused[reason] <= TOLD:
            place = f"{self._name}:{line}: " if self._name else ""
            say(f"{place}{reason}: {detail}")

    def tell_the_rest(self) -> None:
        """Say how many complaints there were beyond those that were told."""
        for reason, count in self.refused.items():
            if count > TOLD:
                say(f"{self._name}: and {count - TOLD:,} more: {reason}")


def _arrival(value: bytes, now: int) -> int:
    """Return when the event in *value* arrived, where time is data; now, if it does not say."""
    try:
        return read_arrival(value)[0]
    except Rejected:
        return now


def open_events(path: str, columns: Columns | None, *, is_played: bool) -> Events:
    """Return the events of a file, or of stdin (``-``), in whatever form they are.

    Raises:
        UsageError: There is no such file.
    """
    if path == "-":
        # Not through `sys.stdin`: a thread that waits in it would hold its lock when we end.
        stdin = open(STDIN, "rb", closefd=False)  # noqa: SIM115 - closed by who reads it
        return Events(
            EventSource(path, columns, name="stdin", stdin=stdin), "stdin", is_played=is_played
        )
    if not Path(path).is_file():
        msg = (
            f"{path}: required is a file of events, - for stdin, or a customer and what they did: "
            "CUSTOMER TYPE [KEY=VALUE ...]; found neither"
        )
        raise UsageError(msg)
    source = EventSource(path, columns)
    found = with_progress(source, "sending", position=lambda: (source.read, source.size))
    return Events(found, path, is_played=is_played)


def summary(sent: int, customers: int, refused: Mapping[str, int], place: str = "") -> str:
    """Return what has been done, in one line."""
    text = f"sent {sent:,} event{'' if sent == 1 else 's'}"
    if sent:
        text += f" of {customers:,} customer{'' if customers == 1 else 's'}, all acknowledged"
    if place:
        text += f" ({place})"
    count = sum(refused.values())
    return f"{text}; {count:,} refused" if count else text
