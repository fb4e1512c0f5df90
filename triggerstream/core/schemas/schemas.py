"""`Schemas`: what a ruleset asks of events at the doors.

Events that come in by the inbox or over HTTP are checked, once, before they are in ``events``.
What stands in ``events`` is never checked: whoever may write there has been trusted, and a replay
of the log must find the events that were decided on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from jsonschema_rs import ValidationError

from triggerstream.core.conditions.operators import compile_operator
from triggerstream.core.events.decode import IDENTIFY
from triggerstream.core.events.fields import seen
from triggerstream.core.model import SchemaRules, TypeRule
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.schemas.compile import Compiled, compile_schema
from triggerstream.core.schemas.told import tell

OTHER: Final = "other"
"""The label of types and sources that the ruleset does not declare: a label never carries what a
stranger wrote."""
TELLING: Final = 20_000
"""Schemas of a schema times bytes of body, up to which its branches are run to their ends to say
why none holds: 30 ms where all of the body is items that fail."""

_DEFAULT = TypeRule()


class Checked(NamedTuple):
    """What a door found.

    Attributes:
        event_type: What the event is called from here on: what its alias stands for.
        flags: Why it would have been rejected, if the ruleset did not let it in: reasons of
            `RejectReason`.
    """

    event_type: str
    flags: tuple[str, ...]


class Schemas:
    """The rules of one ruleset, compiled. Immutable.

    Args:
        rules: They have been checked.
        named: The types that its triggers name: nobody who names them can call them unknown.

    Attributes:
        known: The types that are no unknown ones: those with a schema, with an entry under
            ``types``, that an alias stands for, or that a trigger names; and ``identify``.
    """

    def __init__(self, rules: SchemaRules, named: Iterable[str]) -> None:
        self._unknown = rules.unknown
        self._aliases = rules.aliases
        self._rules = rules.types
        self._compiled = {name: _compiled(each) for name, each in rules.schemas.items()}
        self._sources = {
            name: compile_operator("in_list", list(rule.sources))
            for name, rule in rules.types.items()
            if rule.sources is not None
        }
        self._declared = frozenset((*rules.types, *rules.schemas))
        self._labels = frozenset(
            source for rule in rules.types.values() for source in rule.sources or ()
        )
        self.known = frozenset((*self._declared, *rules.aliases.values(), *named, IDENTIFY))

    def name_of(self, event_type: str) -> str:
        """Return what events of this type are called: the same, unless it is an alias."""
        return self._aliases.get(event_type, event_type)

    def check(
        self,
        event_type: str,
        source: str | None,
        data: Mapping[str, Any] | None,
        *,
        size: int = 0,
    ) -> Checked:
        """Return what to call an event, and what is odd about it.

        Its alias is replaced first; then its source is looked at, its type, and its data.

        Args:
            data: Its ``event_data``; ``None`` is checked as an empty object, since missing equals
                null (semantics 26).
            size: Of the body that they stand in, in bytes: of great ones it is not always said
                why they do not fit.

        Raises:
            Rejected: With ``forbidden_source``, ``unknown_type`` or ``schema``: the producer
                corrects it.
        """
        event_type = self.name_of(event_type)
        may_write = self._sources.get(event_type)
        if may_write is not None and not may_write(source):
            raise Rejected(RejectReason.FORBIDDEN_SOURCE, self._of_source(event_type, source))
        compiled = self._compiled.get(event_type)
        if compiled is None:
            if event_type in self.known or self._unknown == "accept":
                return Checked(event_type, ())
            if self._unknown == "flag":
                return Checked(event_type, (RejectReason.UNKNOWN_TYPE,))
            detail = f"event_type: a type that the ruleset knows; found {seen(event_type)}"
            raise Rejected(RejectReason.UNKNOWN_TYPE, detail)
        values = {} if data is None else data
        if compiled.validator.is_valid(values):
            return Checked(event_type, ())
        if self._rules.get(event_type, _DEFAULT).on_invalid == "flag":
            return Checked(event_type, (RejectReason.SCHEMA,))
        raise Rejected(RejectReason.SCHEMA, _why(compiled, values, size))

    def label_of_type(self, event_type: str) -> str:
        """Return *event_type*, or what its alias stands for, if it is declared; else `OTHER`."""
        event_type = self._aliases.get(event_type, event_type)
        return event_type if event_type in self._declared else OTHER

    def label_of_source(self, source: str | None) -> str:
        """Return *source* if some type names it; else `OTHER`."""
        return source if source is not None and source in self._labels else OTHER

    def _of_source(self, event_type: str, source: str | None) -> str:
        allowed = self._rules[event_type].sources or ()
        some = " or ".join(allowed[:5])
        return f"source: {some}, for {event_type}; found {seen(source)}"


def _compiled(schema: dict[str, Any] | bool) -> Compiled:
    found = compile_schema(schema)
    if isinstance(found, Compiled):
        return found
    msg = f"a schema that has been checked; found {found[0].message}"
    raise ValueError(msg)


def _why(compiled: Compiled, data: Mapping[str, Any], size: int) -> str:
    """Return why *data*, which are not valid, are not."""
    schemas, has_branches = compiled.cost
    if has_branches and schemas * size > TELLING:
        return f"event_data: what its schema asks for; found other data, in {size:,} bytes"
    try:
        compiled.validator.validate(data)
    except ValidationError as error:
        return tell(error)
    return "event_data: what its schema asks for; found other data"
