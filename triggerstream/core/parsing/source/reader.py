"""Reading values out of nodes: each reading returns the value, or tells what is wrong and where.

A reading that fails returns ``None`` and the caller goes on with some value that fits, because
nothing is used as soon as there is one problem: so all problems of a file are told at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable
from collections.abc import Mapping as MappingABC
from datetime import date
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any, TypeVar

from triggerstream.core import zones
from triggerstream.core.conditions.calendar import CUSTOMER
from triggerstream.core.durations import parse_duration
from triggerstream.core.model import Change, DateOf, Named, Policy, Segment, Table
from triggerstream.core.parsing.source.defined import Defined
from triggerstream.core.parsing.source.nodes import Items, Mapping, Node, Scalar
from triggerstream.core.timestamps import parse_moment
from triggerstream.errors import Problem

T = TypeVar("T")
Reading = Callable[["Reader", Node, str], T | None]
"""Takes the reader, the node and what it is called in messages, such as ``within``."""


class Reader:
    """One file's readings; *problems* is shared with all other files.

    Args:
        policy: What holds for all triggers; some of what they say stands on it.
        defined: What may be used by name.
        is_published: The file is in force already: it has gone through all that was asked when it
            was published, and no process may stop because more is asked by now.

    Attributes:
        names: What the file names that must exist somewhere: of which kind, and where.
        changes: The values that are watched for patterns, and where those stand.
        dates: The dates that are waited for, and where those stand.
        numbers: Those that are looked up, since somebody emptied it.
        unnamed: The segments that patterns are replaced by, and where those stand.
    """

    def __init__(
        self,
        file: str,
        problems: list[Problem],
        *,
        policy: Policy | None = None,
        defined: Defined | None = None,
        is_published: bool = False,
    ) -> None:
        self.file = file
        self.policy = Policy() if policy is None else policy
        self.defined = Defined() if defined is None else defined
        self._problems = problems
        self._is_published = is_published
        self.names: list[tuple[str, Scalar]] = []
        self.numbers: list[Table | Named] = []
        self.unnamed: list[tuple[Segment, Node]] = []
        self.changes: list[tuple[Change, Node]] = []
        self.dates: list[tuple[DateOf, Node]] = []

    def beside(self, file: str, problems: list[Problem] | None = None) -> Reader:
        """Return the reader of another file of the directory, which tells to *problems*."""
        return Reader(
            file,
            self._problems if problems is None else problems,
            policy=self.policy,
            defined=self.defined,
            is_published=self._is_published,
        )

    @property
    def told(self) -> int:
        """How many problems have been told, of whichever file."""
        return len(self._problems)

    def report(self, node: Node, message: str) -> None:
        """Tell that *message* (what is required; what was found) holds at *node*."""
        self.report_at(node.line, node.col, message)

    def refuse(self, node: Node, message: str) -> None:
        """Tell of what does no harm where it is in force, but never does what its author meant."""
        if not self._is_published:
            self.report(node, message)

    def name(self, kind: str, node: Scalar) -> None:
        """Note that *node* names something of *kind*, which may stand in another file."""
        self.names.append((kind, node))

    def report_at(self, line: int, col: int, message: str) -> None:
        self._problems.append(Problem(self.file, line, col, message))

    def mapping(
        self,
        node: Node,
        what: str,
        known: Collection[str],
        refused: MappingABC[str, str] | None = None,
    ) -> Fields:
        """Return the fields of a mapping that may have the keys *known* and no others.

        *refused* says of keys that people may well expect here why there is none.
        """
        if not isinstance(node, Mapping):
            self.report(node, f"{what}: a mapping with {one_of(known)}; found {show(node)}")
            return Fields(self, Mapping(node.line, node.col, {}, {}), what, whole=False)
        for key, place in node.keys.items():
            if refused and key in refused:
                self.report(place, refused[key])
            elif key not in known:
                hint = suggest(key, known)
                self.report(place, f"{what}: a key of {one_of(known)}; found {key!r}{hint}")
        return Fields(self, node, what, whole=True)

    def items(self, node: Node, what: str, of: str) -> tuple[Node, ...]:
        """Return the items of a list that has at least one, or none after telling the problem."""
        if isinstance(node, Items) and node.items:
            return node.items
        found = "an empty list" if isinstance(node, Items) else show(node)
        self.report(node, f"{what}: a list of {of}; found {found}")
        return ()


class Fields:
    """The fields of one mapping. A field that stands there without a value is wrong, not absent."""

    def __init__(self, reader: Reader, node: Mapping, what: str, *, whole: bool) -> None:
        self.node = node
        self.reader = reader
        self._what = what
        self._whole = whole

    def __contains__(self, key: str) -> bool:
        return key in self.node.entries

    def __getitem__(self, key: str) -> Node:
        return self.node.entries[key]

    def key(self, key: str) -> Node:
        """Return where *key* itself stands."""
        return self.node.keys[key]

    def read(self, key: str, reading: Reading[T]) -> T | None:
        """Return what stands under *key*, or ``None`` if nothing does or it is wrong."""
        node = self.node.entries.get(key)
        return None if node is None else reading(self.reader, node, key)

    def need(self, key: str, reading: Reading[T]) -> T | None:
        """Return what stands under *key*; tell that it is required if nothing does."""
        if key not in self.node.entries and self._whole:
            found = show(self.node)
            hint = suggest_key(key, self.node.entries)
            self.reader.report(self.node, f"{self._what}: {key!r} is required; found {found}{hint}")
        return self.read(key, reading)


# ── words for messages ──────────────────────────────────────────────────────────────────────


def show(node: Node) -> str:
    """Return *node* as messages name what was found."""
    match node:
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool() as value):
            return str(value).lower()
        case Scalar(value=str() as text):
            return repr(text if len(text) <= 80 else f"{text[:79]}…")
        case Scalar(text=text):
            return f"the number {text[:80]}"
        case Items():
            return "a list"
        case Mapping(entries=entries):
            return (
                f"a mapping with {', '.join(list(entries)[:8])}" if entries else "an empty mapping"
            )


def one_of(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``: did you mean …?`` for the known word that *word* is close to, or nothing."""
    words = list(known)
    close = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    close = close or [longer for longer in words if len(word) > 2 and longer.startswith(word)]
    return f": did you mean {close[0]!r}?" if close else ""


def later(what: str, known: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """Return what to say of *keys* that the language has, and this version does not know."""
    required = f"{what}: a key of {one_of(known)}"
    return {key: f"{required}; found {key!r}: there is no {key!r} yet" for key in keys}


def suggest_key(wanted: str, present: Iterable[str]) -> str:
    close = get_close_matches(wanted, list(present), n=1, cutoff=0.7)
    return f": did you mean {wanted!r} by {close[0]!r}?" if close else ""


# ── readings ────────────────────────────────────────────────────────────────────────────────


def text(reader: Reader, node: Node, what: str) -> str | None:
    """Read a text that is not empty."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
        return node.value
    quote = ": put it in quotes" if isinstance(node, Scalar) and node.text.strip() else ""
    found = "an empty text" if isinstance(node, Scalar) and node.value == "" else show(node)
    reader.report(node, f"{what}: a text; found {found}{quote}")
    return None


def texts(reader: Reader, node: Node, what: str) -> tuple[str, ...] | None:
    """Read a text, or a list of at least one."""
    if not isinstance(node, Items):
        one = text(reader, node, what)
        return None if one is None else (one,)
    read = [text(reader, item, what) for item in reader.items(node, what, "texts")]
    return tuple(one for one in read if one is not None) or None


def choice(options: Collection[str]) -> Reading[str]:
    """Return the reading of one of *options*."""

    def read(reader: Reader, node: Node, what: str) -> str | None:
        if isinstance(node, Scalar) and node.value in options:
            return str(node.value)
        word = node.text if isinstance(node, Scalar) else ""
        found = f"{show(node)}{suggest(word, options)}"
        reader.report(node, f"{what}: {one_of(options)}; found {found}")
        return None

    return read


def whole(low: int, high: int | None = None) -> Reading[int]:
    """Return the reading of a whole number from *low* to *high*, both inside."""
    bounds = f"from {low} to {high:,}" if high is not None else f"of at least {low}"

    def read(reader: Reader, node: Node, what: str) -> int | None:
        value = node.value if isinstance(node, Scalar) else None
        if type(value) is int and low <= value and (high is None or value <= high):
            return value
        reader.report(node, f"{what}: a whole number {bounds}; found {show(node)}")
        return None

    return read


def number(reader: Reader, node: Node, what: str) -> int | float | None:
    value = node.value if isinstance(node, Scalar) else None
    if type(value) is int or type(value) is float:
        return value
    reader.report(node, f"{what}: a number; found {show(node)}")
    return None


def boolean(reader: Reader, node: Node, what: str) -> bool | None:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(value, bool):
        return value
    reader.report(node, f"{what}: true or false; found {show(node)}")
    return None


def duration(reader: Reader, node: Node, what: str) -> int | None:
    """Read a duration; return its milliseconds."""
    return _parsed(reader, node, what, parse_duration)


def duration_or_zero(reader: Reader, node: Node, what: str) -> int | None:
    """Read a duration, or ``0s`` where none is meant."""
    if isinstance(node, Scalar) and node.text in {"0", "0s"}:
        return 0
    return duration(reader, node, what)


def moment(reader: Reader, node: Node, what: str) -> int | None:
    """Read an RFC 3339 moment; return its epoch milliseconds."""
    return _parsed(reader, node, what, parse_moment)


def _parsed(reader: Reader, node: Node, what: str, parse: Callable[[str], T]) -> T | None:
    try:
        if isinstance(node, Scalar) and node.value is not None:
            return parse(node.text)
        return parse("")
    except ValueError as error:
        required = str(error).partition("; found ")[0]
        found = show(node)
        reader.report(node, f"{what}: {required}; found {found}")
        return None


_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%", re.ASCII)


def share(reader: Reader, node: Node, what: str) -> float | None:
    """Read a percentage below 100 %; return it as a share in [0, 1)."""
    parts = _SHARE.fullmatch(node.text) if isinstance(node, Scalar) else None
    if parts is not None and float(parts[1]) < 100:
        return float(parts[1]) / 100
    reader.report(node, f"{what}: a percentage below 100, such as 10%; found {show(node)}")
    return None


_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def clock(reader: Reader, node: Node, what: str) -> int | None:
    """Read a time of day; return its minutes from midnight. ``24:00`` is the day's end."""
    words = node.text if isinstance(node, Scalar) else ""
    if words == "24:00":
        return 24 * 60
    parts = _CLOCK.fullmatch(words)
    if parts is None:
        reader.report(node, f'{what}: a time of day, such as "22:00"; found {show(node)}')
        return None
    return int(parts[1]) * 60 + int(parts[2])


def day_or_date(reader: Reader, node: Node, what: str) -> str | None:
    """Read a date, or a month and a day: one of every year, or of every leap year."""
    words = node.text if isinstance(node, Scalar) else ""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", words, re.ASCII):
            return date.fromisoformat(words).isoformat()
        if re.fullmatch(r"\d{2}-\d{2}", words, re.ASCII):
            return (
                date.fromisoformat(f"{_LEAP_YEAR}-{words}")
                .isoformat()
                .removeprefix(f"{_LEAP_YEAR}-")
            )
    except ValueError:
        pass
    required = f'{what}: a date, such as 2026-12-24, or "12-24" of every year'
    reader.report(node, f"{required}; found {show(node)}")
    return None


_LEAP_YEAR = 2024


def zone(reader: Reader, node: Node, what: str) -> str | None:
    """Read the name of an IANA time zone."""
    name = node.text if isinstance(node, Scalar) else ""
    if name in zones.zone_names():
        return name
    close = get_close_matches(name, zones.zone_names(), n=1, cutoff=0.6)
    hint = f": did you mean {close[0]!r}?" if close else ""
    found = f"{show(node)}{hint}"
    reader.report(node, f"{what}: an IANA time zone, such as Europe/Berlin; found {found}")
    return None


def customer_or_zone(reader: Reader, node: Node, what: str) -> str | None:
    """Read the name of a zone, or ``customer`` for each customer's own."""
    if isinstance(node, Scalar) and node.value == CUSTOMER:
        return CUSTOMER
    return zone(reader, node, what)


def plain(node: Node) -> Any:
    """Return *node* as the JSON value that it is."""
    match node:
        case Scalar(value=value):
            return value
        case Items(items=items):
            return [plain(item) for item in items]
        case Mapping(entries=entries):
            return {key: plain(entry) for key, entry in entries.items()}


def hash_of(node: Node) -> str:
    """Return 16 hex digits that follow from *node* as it is written, whatever the order of keys."""
    written = json.dumps(plain(node), separators=(",", ":"), sort_keys=True)
    return blake2b(written.encode(), digest_size=16).hexdigest()[:_DIGITS]


_DIGITS = 16
