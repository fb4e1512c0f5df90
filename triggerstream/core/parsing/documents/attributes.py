"""Reading attributes: named values, folded over a customer's events or following from others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

import msgspec

from triggerstream.core.conditions.expressions import read_by
from triggerstream.core.conditions.operators import number_of
from triggerstream.core.conditions.paths import PROFILE, reads_profile
from triggerstream.core.model import AT, Attribute, Case, Condition, Cut, EventPattern, Head
from triggerstream.core.parsing.conditions.conditions import event_field, where_of
from triggerstream.core.parsing.conditions.customer import check_paths, condition_on_customer
from triggerstream.core.parsing.conditions.expressions import value_of
from triggerstream.core.parsing.conditions.window import window
from triggerstream.core.parsing.patterns import happenings
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader
from triggerstream.errors import Problem

HEADS: Final = ("count", "sum", "first", "last", "top", "points", "case", "expr")
"""What an attribute may be; the key that says it stands beside `attribute`."""
KEYS: Final = {
    "count": ("attribute", "count", "where", "distinct", "within", "start"),
    "sum": ("attribute", "sum", "on", "minus", "within", "start"),
    "first": ("attribute", "first", "on", "as", "start"),
    "last": ("attribute", "last", "on", "as", "within", "start"),
    "top": ("attribute", "top", "on"),
    "points": ("attribute", "points", "half_life", "start"),
    "case": ("attribute", "case"),
    "expr": ("attribute", "expr"),
}
CUTS: Final = ("day", "week", "month")
CASE_KEYS: Final = ("if", "then")
MOST_CASES: Final = 50
MOST: Final = 200
LONGEST_TEXT: Final = 256
"""Bytes of a text that is a value."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_RESERVED: Final = frozenset(
    {
        "email", "phone", "devices", "language", "timezone", "country", "unsubscribed",
        "preferences", "pause_until", "session", "segments",
    }
)  # fmt: skip
_RESERVED_END: Final = "_consent"


class PlacedAttribute(msgspec.Struct, frozen=True):
    """An attribute with the places that checks over all files want."""

    file: str
    attribute: Attribute
    name_at: Node
    start_at: Node | None


def read_attribute(reader: Reader, node: Node) -> PlacedAttribute | None:
    """Return the attribute in the document *node*, after telling all its problems."""
    if not isinstance(node, Mapping):
        return None
    head = _head(reader, node)
    if head is None:
        return None
    fields = reader.mapping(node, head, KEYS[head])
    name = fields.need("attribute", _name) or ""
    name_at = node.entries.get("attribute", node)
    if head in {"case", "expr"}:
        found = _computed(fields, name, head)
        return PlacedAttribute(reader.file, found, name_at, None)
    within = fields.read("within", window)
    start, start_path = _start(reader, fields, head)
    cut = fields.read("as", read.choice(CUTS))
    path = _path(fields, head)
    if cut is not None and path != AT:
        reader.report(
            fields.key("as"),
            f"as: beside '{head}: at', whose moment it cuts; found it beside another",
        )
    attribute = Attribute(
        name=name,
        head=cast("Head", "distinct" if "distinct" in fields else head),
        on=_on(fields, head),
        path=path,
        within=within,
        minus=fields.read("minus", happenings.happening),
        cut=cast("Cut", cut),
        start=start,
        start_path=start_path,
        points=tuple(fields.read("points", weights) or ()),
        half_life=fields.need("half_life", read.duration) if head == "points" else None,
    )
    if "distinct" in fields and within is None:
        reader.report(fields.key("distinct"), "distinct: beside 'within'; found it without")
    start_at = fields["start"] if start_path is not None else None
    return PlacedAttribute(reader.file, attribute, name_at, start_at)


def _head(reader: Reader, node: Mapping) -> str | None:
    found = [head for head in HEADS if head in node.entries]
    if len(found) == 1:
        return found[0]
    required = f"attribute: one of {read.one_of(HEADS)} beside it"
    if found:
        reader.report(node.keys[found[1]], f"{required}; found {' and '.join(found)}")
        return None
    reader.report(node, f"{required}; found {read.show(node)}")
    return None


def _name(reader: Reader, node: Node, what: str) -> str | None:
    name = read.text(reader, node, what)
    if name is None:
        return None
    if _NAME.fullmatch(name) is None:
        required = f"{what}: a name of at most 64 letters, digits, '_' and '-'"
        reader.report(node, f"{required}, such as lifetime_value; found {read.show(node)}")
    elif name in _RESERVED or name.endswith(_RESERVED_END):
        required = f"{what}: a name that has no meaning of its own"
        reader.report(node, f"{required}; found {name!r}, which is the customer's or the engine's")
    return name


def _on(fields: Fields, head: str) -> EventPattern:
    if head == "count":
        counted = fields.read("count", happenings.happening) or happenings.NOBODY
        return happenings.narrowed(counted, where_of(fields))
    if head == "points":
        node = fields["points"]
        types = tuple(node.entries) if isinstance(node, Mapping) else ()
        return EventPattern(types)
    return fields.need("on", happenings.happening) or happenings.NOBODY


def _path(fields: Fields, head: str) -> str | None:
    if head == "count":
        return fields.read("distinct", event_field)
    if head == "points":
        return None
    node = fields[head]
    if head in {"first", "last"} and isinstance(node, Scalar) and node.value == AT:
        return AT
    return fields.read(head, event_field)


def weights(reader: Reader, node: Node, what: str) -> list[tuple[str, float]] | None:
    """Read what an event of each type adds to a score, from -1 to 1."""
    if not isinstance(node, Mapping) or not node.entries:
        form = "{page_view: 0.02, message_unsubscribed: -0.5}"
        reader.report(node, f"{what}: a mapping of types, such as {form}; found {read.show(node)}")
        return None
    found: list[tuple[str, float]] = []
    for name, place in node.entries.items():
        value = read.number(reader, place, name)
        if value is not None and not -1 <= value <= 1:
            reader.report(place, f"{name}: a number from -1 to 1; found {read.show(place)}")
        found.append((name, float(value or 0)))
    return found


def _start(
    reader: Reader, fields: Fields, head: str
) -> tuple[str | int | float | bool | None, str | None]:
    """Read what an attribute begins with: a value, or where in the profile it stands."""
    if "start" not in fields:
        return None, None
    node = fields["start"]
    if "within" in fields:
        reader.report(fields.key("start"), "start: beside no 'within'; found both")
    if not isinstance(node, Scalar) or node.value is None:
        required = "start: a value, or a path, such as profile.orders_before"
        reader.report(node, f"{required}; found {read.show(node)}")
        return None, None
    value = node.value
    if isinstance(value, str) and reads_profile(value) and value != PROFILE:
        return None, value
    if head in {"count", "sum", "points"} and (isinstance(value, str) or number_of(value) is None):
        required = f"start: a number for a {head}, or a path, such as profile.orders_before"
        reader.report(node, f"{required}; found {read.show(node)}")
        return None, None
    return value, None


def _computed(fields: Fields, name: str, head: str) -> Attribute:
    """Read an attribute that follows from others."""
    if head == "case":
        cases = fields.read("case", _cases) or ()
        return Attribute(name, "case", happenings.NOBODY, cases=cases)
    text = fields.read("expr", value_of)
    if text is not None:
        check_paths(fields.reader, fields["expr"], "expr", read_by(text))
    return Attribute(name, "expr", happenings.NOBODY, text=text)


def _cases(reader: Reader, node: Node, what: str) -> tuple[Case, ...]:
    form = "cases, such as {if: {profile.orders: {equals: 0}}, then: new}"
    items = reader.items(node, what, form)
    if len(items) > MOST_CASES:
        reader.report(node, f"{what}: at most {MOST_CASES} cases; found {len(items)}")
    found: list[Case] = []
    for item in items:
        fields = reader.mapping(item, what, CASE_KEYS)
        condition = cast("Condition | None", fields.read("if", condition_on_customer))
        then = cast("str | int | float | bool | None", fields.need("then", _value))
        if "if" not in fields and item is not items[-1] and "then" in fields:
            required = f"{what}: 'if' in every case but the last"
            reader.report(item, f"{required}; found none, so that those behind it are never asked")
        found.append(Case("" if then is None else then, condition))
    return tuple(found)


def _value(reader: Reader, node: Node, what: str) -> str | int | float | bool | None:
    """Read a value as attributes have them."""
    value = node.value if isinstance(node, Scalar) else None
    is_short = not isinstance(value, str) or len(value.encode()) <= LONGEST_TEXT
    if isinstance(value, str) and reads_profile(value):
        remedy = "an attribute that is an 'expr' reads others"
        reader.refuse(node, f"{what}: a value as it stands; found {read.show(node)}: {remedy}")
    if isinstance(value, str | int | float | bool) and is_short:
        return value
    required = f"{what}: a text of at most {LONGEST_TEXT} bytes, a number, true or false"
    reader.report(node, f"{required}; found {read.show(node)}")
    return None


# ── over all files ──────────────────────────────────────────────────────────────────────────


def check_attributes(placed: Sequence[PlacedAttribute], problems: list[Problem]) -> None:
    """Check that each name is one attribute's, that each begins with a plain one, and that there
    are not too many."""
    first: dict[str, PlacedAttribute] = {}
    for each in placed:
        name = each.attribute.name
        known = first.setdefault(name, each)
        if known is not each and name:
            where = f"{known.file}:{known.name_at.line}"
            message = f"attribute: a name of its own; found {name!r}, as in {where}"
            Reader(each.file, problems).report(each.name_at, message)
    for each in placed:
        path = each.attribute.start_path
        if path is not None and each.start_at is not None and path.split(".")[1] in first:
            message = f"start: an attribute that is not declared; found {path}, which is"
            Reader(each.file, problems).report(each.start_at, message)
    if len(placed) > MOST:
        last = placed[MOST]
        message = f"attribute: at most {MOST}; found {len(placed)}"
        Reader(last.file, problems).report(last.name_at, message)
