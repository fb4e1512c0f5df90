"""Reading values: numbers that have a name, and what was computed for some of them (75 to 77)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final, Literal, cast

import msgspec

from triggerstream.core.conditions.numbers import path_of
from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.model import Computed, InForce, Published, Table, Value
from triggerstream.core.parsing.conditions import numbers
from triggerstream.core.parsing.conditions.conditions import path_is_right
from triggerstream.core.parsing.documents.triggers import trigger_id
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader
from triggerstream.errors import Problem

VALUE: Final = numbers.VALUE
FILE: Final = ".values.json"
STATISTICS: Final = ("percentile", "sigma")
KINDS: Final = ("number", numbers.BY, *STATISTICS)
COMPUTED_KEYS: Final = (
    VALUE, *STATISTICS, "of", "group", "sample", "least", "most", "default",
)  # fmt: skip
MOST: Final = 100


class PlacedValue(msgspec.Struct, frozen=True):
    """A value with the places that checks over all files want."""

    file: str
    value: Value
    name_at: Node
    of_at: Node | None = None


def read_value(reader: Reader, node: Node) -> PlacedValue | None:
    """Return the value in the document *node*, after telling all its problems."""
    entries = reader.mapping(node, VALUE, tuple(getattr(node, "entries", ()))).node.entries
    kinds = [kind for kind in KINDS if kind in entries]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        slips = [] if kinds else [read.suggest_key(kind, entries) for kind in KINDS]
        required = f"value: exactly one of {read.one_of(KINDS)} beside it"
        reader.report(node, f"{required}; found {found}{next(filter(None, slips), '')}")
        return None
    (kind,) = kinds
    keys = {"number": (VALUE, "number"), numbers.BY: tuple(entries)}.get(kind, COMPUTED_KEYS)
    fields = reader.mapping(node, VALUE, keys)
    name = fields.need(VALUE, trigger_id) or ""
    said: float | Table | Computed | None
    if kind == "number":
        said = fields.read("number", read.number)
    elif kind == numbers.BY:
        said = numbers.table_of(fields, (VALUE,))
    else:
        said = _computed(fields, kind)
    value = Value(name, 0 if said is None else said)
    return PlacedValue(reader.file, value, entries[VALUE], entries.get("of"))


def _computed(fields: Fields, kind: str) -> Computed | None:
    reader = fields.reader
    parameter = fields.read(kind, read.number)
    if kind == "percentile" and parameter is not None and not 0 < parameter <= 100:
        required = "percentile: a number above 0, of at most 100"
        reader.report(fields[kind], f"{required}; found {parameter}")
    of, group = fields.need("of", _path), fields.read("group", _path)
    least, most = fields.read("least", read.number), fields.read("most", read.number)
    default = fields.need("default", read.number)
    if least is not None and most is not None and least > most:
        reader.report(fields["most"], f"most: at least 'least' ({least}); found {most}")
    sample = fields.read("sample", read.whole(1)) or 100
    if parameter is None or of is None or default is None:
        return None
    statistic = cast("Literal['percentile', 'sigma']", kind)
    return Computed(statistic, parameter, of, default, group, least, most, sample)


def _path(reader: Reader, node: Node, what: str) -> str | None:
    path = read.text(reader, node, what)
    if path is None or not isinstance(node, Scalar):
        return None
    if not path.startswith(f"{PROFILE}."):
        required = f"{what}: a value of the profile, such as profile.views_24h"
        reader.report(node, f"{required}; found {path!r}")
        return None
    return path if path_is_right(reader, node) else None


def in_force(value: Value, published: Mapping[str, Published]) -> InForce:
    """Return what *value* comes to: of one that is computed, what was, or else its default.

    With a group it is a table from the beginning, with no case yet: so where none may stand, that
    is told to its author, and not by the process that is to take a publication up.
    """
    said = value.said
    if not isinstance(said, Computed):
        return InForce(said)
    told = published.get(value.name)
    number, groups = (said.default, {}) if told is None else (told.number, told.groups)
    if said.group is None:
        return InForce(number)
    return InForce(Table(said.group, tuple(sorted(groups.items())), number))


def value_reads(value: Value) -> list[str]:
    """Return the paths that a value is computed of, or goes by; nothing of an event's matters."""
    said = value.said
    if isinstance(said, Computed):
        return [said.of, *([] if said.group is None else [said.group])]
    return [path_of(said)] if isinstance(said, Table) else []


def read_published(files: Mapping[str, str], problems: list[Problem]) -> dict[str, Published]:
    """Return what was computed, by the name of its value."""
    text = files.get(FILE)
    if text is None:
        return {}
    try:
        found = msgspec.json.decode(text, type=dict[str, Published])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        form = '{"NAME": {"number": 6, "groups": {}}}'
        problems.append(Problem(FILE, 1, 1, f"what was computed, such as {form}; found {error}"))
        return {}
    return {
        name: each
        for name, each in found.items()
        if all(map(isfinite, [each.number, *each.groups.values()]))
    }


# ── over all files ──────────────────────────────────────────────────────────────────────────


def check_values(
    placed: Sequence[PlacedValue], attributes: Sequence[str], problems: list[Problem]
) -> None:
    """Check that each name is one value's, that what is computed is of an attribute, and that there
    are not too many."""
    first: dict[str, PlacedValue] = {}
    for each in placed:
        reader, name = Reader(each.file, problems), each.value.name
        known = first.setdefault(name, each)
        if known is not each and name:
            where = f"{known.file}:{known.name_at.line}"
            message = f"value: a name of its own; found {name!r}, as in {where}"
            reader.report(each.name_at, message)
        said = each.value.said
        if isinstance(said, Computed) and each.of_at is not None:
            of = said.of.removeprefix(f"{PROFILE}.")
            if of not in attributes:
                required = "of: an attribute that has a document, so that it is kept of everybody"
                hint = read.suggest(of, attributes)
                reader.report(each.of_at, f"{required}; found {said.of}{hint}")
    if len(placed) > MOST:
        last = placed[MOST]
        message = f"value: at most {MOST}; found {len(placed)}"
        Reader(last.file, problems).report(last.name_at, message)
