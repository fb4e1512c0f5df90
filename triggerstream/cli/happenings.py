"""What stands on the topics, in words for people: each decision, each end, each dead letter."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Any

import msgspec
import orjson

from triggerstream.cli.dead_letters import printable
from triggerstream.core.decisions import ConsentChanged, GoalReached
from triggerstream.core.durations import format_duration
from triggerstream.core.keyed.control import read_mark
from triggerstream.core.reasons import Outcome
from triggerstream.core.records import actions, deliveries
from triggerstream.core.records.actions import Fired
from triggerstream.core.records.dead_letters import Letter, as_json, as_letter
from triggerstream.core.records.deliveries import Delivery, SuppressedMatch
from triggerstream.core.records.record import (
    Kind,
    Record,
    Rejected,
    read_headers,
    read_kind,
    read_position,
)
from triggerstream.core.timestamps import format_moment

VIEWS = {
    "decisions": ("actions", "deliveries"),
    "deliveries": ("deliveries",),
    "dead-letters": ("events.dlq", "actions.dlq"),
}
"""What may be looked at, and the topics (short names) on which it stands."""

ENDS = {
    Outcome.SENT: "sent",
    Outcome.SUPPRESSED: "not sent",
    Outcome.CANCELLED: "cancelled",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "unknown",
    Outcome.HELD_OUT: "held out",
}
"""How an action ended, in the words of a line."""

REMEMBERED = 100_000
"""Things that are known again when a crash repeats them."""
LONGEST = 1000
"""Bytes of anything that is shown in a line."""


class Happening(msgspec.Struct, frozen=True):
    """One thing that has happened.

    Attributes:
        id: By which a repeat of it is known.
        at: When: epoch milliseconds of its append, or where time is data, as it bears.
        view: Of `VIEWS`.
        kind: For machines, as in the records' headers: ``firing``, ``suppressed``…
        what: The same for people, in a word or two.
        why: The rest of the line.
        position: From which record of its partition of events it was decided; -1 where untold.
        told: What was read.
    """

    id: str
    at: int
    view: str
    kind: str
    customer: str
    trigger: str
    what: str
    why: str
    position: int
    told: Any


def happening_of(topic: str, record: Record) -> Happening | None:
    """Return what *record* of *topic* (short name) tells; ``None`` for what is none of `VIEWS`."""
    if topic.endswith(".dlq"):
        return _dead_letter(topic, record)
    try:
        if topic == deliveries.DELIVERIES:
            return _delivered(record)
        return _decided(record, read_kind(record.headers))
    except Rejected as rejected:
        view = "deliveries" if topic == deliveries.DELIVERIES else "decisions"
        return _happening(
            record, view, "unreadable", f"{topic}/{record.partition}/{record.offset}",
            customer=(record.key or b"").decode(errors="replace"), why=str(rejected), told=None,
        )  # fmt: skip


def as_object(topic: str, record: Record, happening: Happening) -> dict[str, Any]:
    """Return *happening* for machines: what it is, where it stands, and its record's value."""
    place = {
        "kind": happening.kind,
        "logged_at": format_moment(record.timestamp),
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
    }
    if isinstance(happening.told, Letter):
        return place | {"letter": as_json(happening.told)}
    if happening.told is None:
        return place | {"error": happening.why}
    if not record.value:
        return place | {"customer_id": happening.customer}
    value: dict[str, Any] = orjson.loads(record.value)
    return place | value


# ── topics ──────────────────────────────────────────────────────────────────────────────────


def _decided(record: Record, kind: bytes | None) -> Happening | None:
    if kind in (Kind.FIRING, Kind.GOAL, Kind.CONSENT):
        return _message(record, actions.read(record.value, kind, record.headers))
    if kind == Kind.ERASE:
        customer = (record.key or b"").decode(errors="replace")
        name = f"erase/{customer}/{read_position(record.headers)}"
        return _happening(record, "decisions", "erased", name, customer=customer, told=kind)
    if kind == Kind.RULESET:
        mark = read_mark(record.value)
        why = f"version {mark.version} is in force"
        name = f"ruleset/{mark.version}"  # each partition has its own mark; one line is enough
        return _happening(record, "decisions", "ruleset", name, why=why, told=mark)
    return None


def _message(record: Record, told: actions.Message) -> Happening | None:
    match told:
        case Fired(firing=firing):
            return _happening(
                record, "decisions", "fired", firing.firing_id, customer=firing.customer_id,
                trigger=firing.trigger, why=_asked(told), told=told, kind="firing",
            )  # fmt: skip
        case GoalReached(trigger=trigger, customer_id=customer, position=position):
            name = f"goal/{trigger}/{customer}/{position}"
            return _happening(
                record, "decisions", "goal", name, customer=customer, trigger=trigger,
                why="what it has not sent yet is called off", told=told,
            )  # fmt: skip
        case ConsentChanged(customer_id=customer, consent=consent, position=position):
            name = f"consent/{customer}/{position}"
            why = ", ".join(f"{key} {_json(value)}" for key, value in consent.items())
            return _happening(
                record, "decisions", "consent", name, customer=customer, why=why, told=told
            )
    return None


def _asked(fired: Fired) -> str:
    firing = fired.firing
    asked = [
        f"{action.channel} in {format_duration(action.after)}" if action.after else action.channel
        for action in firing.actions
    ]
    instance = "" if firing.instance is None else f" (for {firing.instance})"
    shadow = " (shadow)" if firing.mode == "shadow" else ""
    return f"{', '.join(asked) or 'no actions'}{instance}{shadow}"


def _delivered(record: Record) -> Happening | None:
    told = deliveries.read(record)
    match told:
        case SuppressedMatch(suppressed=match):
            instance = "" if match.instance is None else f" (for {match.instance})"
            return _happening(
                record, "decisions", "not fired", match.match_id, customer=match.customer_id,
                trigger=match.trigger, why=_joined(match.reason, match.detail) + instance,
                told=told, kind="suppressed",
            )  # fmt: skip
        case Delivery():
            why = _joined(told.channel, told.reason, told.detail)
            if told.attempts > 1:
                why += f" (attempt {told.attempts})"
            return _happening(
                record, "deliveries", ENDS[told.outcome], told.action_id,
                customer=told.customer_id, trigger=told.trigger, why=why, told=told,
                kind="delivery",
            )  # fmt: skip
    return None


def _dead_letter(topic: str, record: Record) -> Happening:
    letter = as_letter(record.partition, record.offset, record.key, record.value, record.headers)
    origin = "/".join(letter.notes.get(name, "?") for name in ("topic", "partition", "offset"))
    # A letter that a crash has repeated is of the same record.
    name = f"{topic}/{record.offset}" if "?" in origin else origin
    return _happening(
        record, "dead-letters", "dead letter", name,
        customer=(letter.key or b"").decode(errors="replace"),
        why=f"{_joined(letter.reason, letter.notes.get('error', ''))} ({origin})", told=letter,
        kind="dead_letter",
    )  # fmt: skip


def _happening(
    record: Record,
    view: str,
    what: str,
    name: str,
    *,
    told: Any,
    customer: str = "",
    trigger: str = "",
    why: str = "",
    kind: str = "",
) -> Happening:
    _, at, _ = read_headers(record.headers, record.timestamp, record.timestamp)
    return Happening(
        id=name,
        at=at,
        view=view,
        kind=kind or what,
        customer=customer,
        trigger=trigger,
        what=what,
        why=why,
        position=read_position(record.headers),
        told=told,
    )


def _joined(*parts: str | None) -> str:
    return ": ".join(str(part) for part in parts if part)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


class Wanted:
    """Takes what is asked for, each thing once: a crash repeats records, never decisions.

    Args:
        customer, trigger: Only of this one; of all, if ``None``.
    """

    def __init__(
        self, views: Collection[str], customer: str | None = None, trigger: str | None = None
    ) -> None:
        self._views = views
        self._customer = customer
        self._trigger = trigger
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, topic: str, record: Record) -> Happening | None:
        """Return what *record* tells, or ``None`` where it is not asked for, or told already."""
        happening = happening_of(topic, record)
        if (
            happening is None
            or happening.view not in self._views
            or self._customer not in (None, happening.customer)
            or self._trigger not in (None, happening.trigger)
        ):
            return None
        name = happening.view, happening.id
        if name in self._seen:
            return None
        self._seen[name] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return happening


# ── lines ───────────────────────────────────────────────────────────────────────────────────

STYLES = {
    "sent": "green",
    "fired": "bold",
    "failed": "red",
    "unknown": "red",
    "dead letter": "red",
    "unreadable": "red",
}
"""Colours on a terminal; all else is dim."""

_WIDEST = 32


class Lines:
    """Writes happenings to stdout, one line each, in columns that grow with what comes."""

    def __init__(self) -> None:
        self._widths = [20, 8, 12, 11]
        self._console: Any = None

    def write(self, happening: Happening) -> None:
        cells = cells_of(happening)
        for number, cell in enumerate(cells[:4]):
            self._widths[number] = min(_WIDEST, max(self._widths[number], len(cell)))
        padded = [f"{cell:<{width}}" for cell, width in zip(cells, self._widths, strict=False)]
        self._print([*padded, *cells[4:]], STYLES.get(happening.what, "dim"))

    def _print(self, cells: list[str], style: str) -> None:
        import sys

        if not sys.stdout.isatty():
            print("  ".join(cells).rstrip(), flush=True)
            return
        from rich.console import Console
        from rich.text import Text

        self._console = self._console or Console(markup=False, highlight=False)
        time, customer, trigger, what, *rest = cells
        line = Text.assemble(
            (time, "dim"), "  ", customer, "  ", trigger, "  ", (what, style), "  ", "  ".join(rest)
        )
        line.rstrip()
        self._console.print(line, soft_wrap=True)


def cells_of(happening: Happening) -> list[str]:
    """Return time, customer, trigger, what, why and a short id: nothing that steers a terminal."""
    moment = f"{format_moment(happening.at)[:19]}Z"
    short = happening.id[:8] if happening.kind in ("firing", "suppressed", "delivery") else ""
    texts = (happening.customer, happening.trigger, happening.what, happening.why)
    return [
        moment,
        *(printable(text.encode(errors="replace"), LONGEST) or "-" for text in texts),
        short,
    ]
