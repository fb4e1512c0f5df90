"""Fixture files: ``*.test.yaml`` beside the triggers, a list of tests each.

.. code-block:: yaml

    - test: fires an hour after the last cart event
      events:
        - {at: 0m, customer: c1, event: add_to_cart, data: {total: 80}}
      until: 3h
      expect:
        - {trigger: cart-abandonment, at: 1h, customer: c1}

Times are durations from `authoring.fixtures.BASE`, such as ``0m`` or ``1d2h``, or RFC 3339 moments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingABC
from difflib import get_close_matches
from typing import Any

import orjson

from triggerstream.authoring.emails import ExpectedEmail
from triggerstream.authoring.fixtures import BASE, Expected, Fixture
from triggerstream.core.durations import UNITS
from triggerstream.core.parsing.nodes import Items, Mapping, Node, Scalar, read_documents
from triggerstream.core.reasons import SuppressionReason
from triggerstream.core.timestamps import format_moment, parse_moment
from triggerstream.errors import Problem, TriggerFileError

SUFFIX = ".test.yaml"

TEST = ("test", "events", "until", "expect", "only")
EVENT = {
    "customer": "customer_id",
    "event": "event_type",
    "at": "timestamp",
    "data": "event_data",
    "id": "event_id",
    "source": "source",
    "received": "received_at",
    "session": "session_id",
    "device": "device_info",
    "location": "location_data",
    "metadata": "metadata",
}
"""Keys of an event, and what they are called in the event's JSON."""
_MAPPINGS = ("data", "device", "location", "metadata")
EXPECTED = ("trigger", "at", "customer", "kind", "reason", "email")
EMAIL = ("subject", "contains", "lacks")

_OFFSET = re.compile(r"(?:[0-9]{1,9}(?:ms|[smhdw]))+", re.ASCII)
_PART = re.compile(r"([0-9]+)(ms|[smhdw])", re.ASCII)

_TESTS = "a list of tests, each beginning with '- test:'"
_A_TIME = "a time such as 0m, 1d2h or 2026-01-05T10:00:00Z"


Triggers = MappingABC[str, int]
"""The ids of triggers, with how many e-mails each of them sends when it fires."""


def parse_fixtures(file: str, text: str, triggers: Triggers | None = None) -> list[Fixture]:
    """Return the tests of *file*.

    Args:
        triggers: Those that decisions may be expected of; ``None`` where they are not known.

    Raises:
        TriggerFileError: With every problem of the file; its author corrects it.
    """
    reader = _Reader(file, triggers)
    tests: list[Fixture] = []
    documents = read_documents(text, reader.report)
    if not documents and not reader.problems:
        reader.report(1, 1, f"{_TESTS}; found nothing")
    for document in documents:
        for node in reader.items(document, _TESTS):
            fixture = reader.test(node)
            if fixture is not None:
                tests.append(fixture)
    if reader.problems:
        raise TriggerFileError(reader.problems)
    return tests


class _Reader:
    """Reads nodes and collects what is wrong with them; what is wrong reads as ``None``."""

    def __init__(self, file: str, triggers: Triggers | None) -> None:
        self._file = file
        self._triggers = triggers
        self.problems: list[Problem] = []

    def report(self, line: int, col: int, message: str) -> None:
        self.problems.append(Problem(self._file, line, col, message))

    def test(self, node: Node) -> Fixture | None:
        before = len(self.problems)
        entries = self._mapping(node, TEST, required=("test", "events", "expect"))
        name = self._text(entries.get("test"), "the test's name")
        events, lines = self._events(entries.get("events"))
        items = self.items(entries.get("expect"), "a list of decisions ([] for none)")
        expect = [self._expected(item) for item in items]
        until = self._time(entries.get("until"))
        only = self._only(entries.get("only"))
        if len(self.problems) > before:
            return None
        return Fixture(
            name=name or "",
            file=self._file,
            line=node.line,
            events=tuple(events),
            lines=tuple(lines),
            expect=tuple(each[0] for each in expect if each is not None),
            until=until,
            only=only,
            expect_lines=tuple(item.line for item in items),
            emails=tuple(each[1] for each in expect if each is not None),
        )

    def items(self, node: Node | None, required: str) -> tuple[Node, ...]:
        if isinstance(node, Items):
            return node.items
        self._wrong(node, required)
        return ()

    def _events(self, node: Node | None) -> tuple[list[bytes], list[int]]:
        events: list[bytes] = []
        lines: list[int] = []
        for item in self.items(node, "a list of events"):
            entries = self._mapping(item, tuple(EVENT), required=("at", "customer", "event"))
            event = {EVENT[key]: self._field(key, value) for key, value in entries.items()}
            events.append(orjson.dumps(event))
            lines.append(item.line)
        return events, lines

    def _field(self, key: str, node: Node) -> Any:
        if key in ("at", "received"):
            moment = self._time(node)
            return None if moment is None else format_moment(moment)
        if key in _MAPPINGS:
            if not isinstance(node, Mapping):
                self._wrong(node, f"a mapping as {key!r}")
            return _plain(node)
        return self._text(node, f"a text as {key!r}")

    def _expected(self, node: Node) -> tuple[Expected, tuple[ExpectedEmail, ...]] | None:
        entries = self._mapping(node, EXPECTED, required=("trigger", "at", "customer"))
        trigger = self._trigger(entries.get("trigger"))
        customer = self._text(entries.get("customer"), "a customer's id")
        at = self._time(entries.get("at"))
        reason = self._one_of(entries.get("reason"), tuple(SuppressionReason))
        default = "firing" if reason is None else "suppressed"
        kind = self._one_of(entries.get("kind"), ("firing", "suppressed")) or default
        if kind == "firing" and reason is not None:
            self._wrong(entries["reason"], "no reason where the kind is firing")
        if kind == "suppressed" and "reason" not in entries:
            self.report(node.line, node.col, "a reason where the kind is suppressed; found none")
        emails = self._emails(entries.get("email"), trigger, kind)
        if trigger is None or customer is None or at is None:
            return None
        expected = Expected(trigger=trigger, customer=customer, at=at, kind=kind, reason=reason)
        return expected, emails

    def _emails(
        self, node: Node | None, trigger: str | None, kind: str
    ) -> tuple[ExpectedEmail, ...]:
        """Read what is expected of a firing's e-mails: of one a mapping, of several a list."""
        if node is None:
            return ()
        if kind != "firing":
            self._wrong(node, "an e-mail of a firing", f": what is {kind} sends none")
            return ()
        nodes = node.items if isinstance(node, Items) else (node,)
        number = None if self._triggers is None else self._triggers.get(trigger or "")
        if number == 0:
            self._wrong(node, f"a trigger that sends an e-mail as {trigger!r}")
        elif number is not None and number != len(nodes):
            form = "a mapping" if number == 1 else f"a list of {number} mappings"
            found = f"{len(nodes)}" if isinstance(node, Items) else "a mapping"
            required = f"{form}, for {trigger!r} sends {number}"
            self.report(node.line, node.col, f"{required}; found {found}")
        return tuple(self._email(each) for each in nodes)

    def _email(self, node: Node) -> ExpectedEmail:
        entries = self._mapping(node, EMAIL)
        subject = entries.get("subject")
        return ExpectedEmail(
            line=node.line,
            subject=None if subject is None else self._text(subject, "a text as 'subject'"),
            contains=self._texts(entries.get("contains"), "contains"),
            lacks=self._texts(entries.get("lacks"), "lacks"),
        )

    def _texts(self, node: Node | None, key: str) -> tuple[str, ...]:
        """Read a text, or a list of texts."""
        if node is None:
            return ()
        nodes = node.items if isinstance(node, Items) else (node,)
        texts = [self._text(each, f"a text, or a list of texts, as {key!r}") for each in nodes]
        return tuple(filter(None, texts))

    def _only(self, node: Node | None) -> frozenset[str] | None:
        if node is None:
            return None
        names = self.items(node, "a list of trigger ids")
        return frozenset(self._trigger(name) or "" for name in names)

    def _trigger(self, node: Node | None) -> str | None:
        name = self._text(node, "a trigger's id")
        if name is not None and self._triggers is not None and name not in self._triggers:
            close = get_close_matches(name, sorted(self._triggers), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            self._wrong(node, "a trigger of this directory", f": there is no such trigger{hint}")
        return name

    # ── values; one that is left out reads as ``None`` and is no problem here ───────────────

    def _mapping(
        self, node: Node, known: tuple[str, ...], required: tuple[str, ...] = ()
    ) -> dict[str, Node]:
        """Return the known keys of *node* with their values."""
        if not isinstance(node, Mapping):
            self._wrong(node, f"a mapping with {', '.join(required or known)}")
            return {}
        for key, where in node.keys.items():
            if key not in known:
                close = get_close_matches(key, known, n=1)
                remedy = f"; did you mean {close[0]!r}?" if close else ""
                message = f"one of {', '.join(known)}; found {key!r}{remedy}"
                self.report(where.line, where.col, message)
        missing = [key for key in required if key not in node.entries]
        if missing:
            keys = ", ".join(map(repr, missing))
            self.report(
                node.line, node.col, f"the key{'s' * (len(missing) > 1)} {keys}; found none"
            )
        return {key: value for key, value in node.entries.items() if key in known}

    def _text(self, node: Node | None, required: str) -> str | None:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
            return node.value
        is_bare = isinstance(node, Scalar) and node.value not in (None, "")
        self._wrong(node, required, ": put it in quotes" if is_bare else "")
        return None

    def _one_of(self, node: Node | None, known: tuple[str, ...]) -> str | None:
        if node is None:
            return None
        if isinstance(node, Scalar) and node.value in known:
            return str(node.value)
        self._wrong(node, f"one of {', '.join(known)}")
        return None

    def _time(self, node: Node | None) -> int | None:
        text = node.value if isinstance(node, Scalar) else None
        if isinstance(text, str):
            if _OFFSET.fullmatch(text):
                parts = _PART.findall(text)
                return BASE + sum(int(number) * UNITS[unit] for number, unit in parts)
            try:
                return parse_moment(text)
            except ValueError:
                pass
        self._wrong(node, _A_TIME)
        return None

    def _wrong(self, node: Node | None, required: str, remedy: str = "") -> None:
        if node is not None:
            self.report(node.line, node.col, f"{required}; found {_shown(node)}{remedy}")


def _plain(node: Node) -> Any:
    """Return what *node* says, without where it stands."""
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.entries.items()}
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return node.value


def _shown(node: Node) -> str:
    if isinstance(node, Scalar):
        return repr(node.text[:80]) if node.value is not None else "nothing"
    return "a mapping" if isinstance(node, Mapping) else "a list"
