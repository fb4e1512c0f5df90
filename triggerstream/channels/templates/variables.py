"""What a template reads of an event and a customer, and where it has thought of what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Nil
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.context import RenderContext
from liquid.expression import Expression

from triggerstream.channels.templates.environment import line_col, parse
from triggerstream.channels.templates.values import ACTION, KNOWN
from triggerstream.core.conditions.paths import MAPPINGS


class Variable(msgspec.Struct, frozen=True):
    """One place where a template reads a value.

    Attributes:
        path: As a trigger file would write it after its root: ``event.event_data.items[].name``,
            with ``[]`` for each item of a list, and ``[*]`` where another value names the key.
        line: Counted from 1, as is *column*.
        guarded: Rendering goes on where the value is missing: there is a ``default``, or it is
            read only to be compared, or only where it is known to be there.
    """

    path: str
    line: int
    column: int
    guarded: bool

    @property
    def can_be_missing(self) -> bool:
        """Whether it depends on the event or the customer that there is such a value."""
        root, _, rest = self.path.partition(".")
        name = root.partition("[")[0]
        if "[*]" in self.path:
            return True
        if not rest:
            return name == "events" and name != root
        first, _, deeper = rest.partition(".")
        if name == "event":
            return bool(deeper) and first in MAPPINGS
        if name == "action":
            return first not in ACTION or bool(deeper)
        return name in ("events", "profile")


def variables_of(part: str, source: str) -> list[Variable]:
    """Return the variables that a part of a template reads, in order of position.

    Names that the template gives itself are followed to what they stand for where that is a path;
    others that it makes are left out. What never has a value is told by `check_template`.

    Raises:
        LiquidError: *source* is no template.
    """
    template = parse(part, source)
    reader = _Reader(RenderContext(template))
    reader.read_all(template.nodes, {}, frozenset())
    found = [
        Variable(path, *line_col(source, index), guarded) for index, path, guarded in reader.found
    ]
    return sorted(found, key=lambda each: (each.line, each.column))


Names = Mapping[str, str | None]
"""What names of the template stand for: a path, or ``None`` for a value of its own."""


class _Reader:
    """Walks a template, knowing which paths have a value where it stands."""

    def __init__(self, context: RenderContext) -> None:
        self._context = context
        self._given: dict[str, str | None] = {}
        self.found: list[tuple[int, str, bool]] = []

    def read_all(self, nodes: Iterable[Node], names: Names, sure: frozenset[str]) -> None:
        for node in nodes:
            self._read(node, names, sure)

    def _read(self, node: Node, names: Names, sure: frozenset[str]) -> None:
        if isinstance(node, IfNode | UnlessNode):
            self._branches(node, names, sure)
        elif isinstance(node, ForNode | TablerowNode):
            self._loop(node, names, sure)
        elif isinstance(node, CaseNode):
            self._compared(node.expressions(), names, sure)
            for child in node.children(self._context):
                self._compared(child.expressions(), names, sure)
                self.read_all(child.children(self._context), names, sure)
        elif isinstance(node, AssignNode):
            self._assign(node, names, sure)
        else:
            for expression in node.expressions():
                self._value(expression, names, sure)
            self.read_all(node.children(self._context), names, sure)
        if isinstance(node, CaptureNode):
            self._given[node.name] = None

    def _assign(self, node: AssignNode, names: Names, sure: frozenset[str]) -> None:
        """Follow a path under its new name: a missing value is no error before that is read."""
        path = _bare_path(node.expression)
        if path is None:
            self._value(node.expression, names, sure)
        else:
            self._note(path, names, sure, guarded=True)
        self._given[node.name] = None if path is None else self._path(path, names)

    def _branches(self, node: IfNode | UnlessNode, names: Names, sure: frozenset[str]) -> None:
        known = sure
        here = self._true(node.condition, names)
        self._compared([node.condition], names, sure)
        if isinstance(node, IfNode):
            self._read(node.consequence, names, sure | here)
        else:
            self._read(node.consequence, names, sure)
            known = sure | here  # what follows an `unless` is where its condition holds
        for other in node.alternatives:
            if isinstance(other, ConditionalBlockNode):
                self._compared([other.expression], names, known)
                self._read(other.block, names, known | self._true(other.expression, names))
        if node.default:
            self._read(node.default, names, known)

    def _loop(self, node: ForNode | TablerowNode, names: Names, sure: frozenset[str]) -> None:
        loop = node.expression
        for expression in loop.children():
            self._value(expression, names, sure)
        path = _bare_path(loop.iterable)
        items = None if path is None else self._path(path, names)
        inner = {
            **names,
            loop.identifier: None if items is None else f"{items}[]",
            "forloop": None,
            "tablerowloop": None,
        }
        self._read(node.block, inner, sure)
        if isinstance(node, ForNode) and node.default:
            self._read(node.default, names, sure)

    def _value(self, expression: Expression, names: Names, sure: frozenset[str]) -> None:
        """Note what is read to be printed, looped over or kept."""
        if isinstance(expression, Path):
            self._note(expression, names, sure, guarded=False)
        elif isinstance(expression, FilteredExpression):
            filters = expression.filters or []
            defaulted = bool(filters) and filters[0].name == "default"
            (self._compared if defaulted else self._values)([expression.left], names, sure)
            for each in filters:
                read = self._compared if each.name == "in_zone" else self._values
                read([arg.value for arg in each.args], names, sure)
        else:
            self._values(expression.children(), names, sure)

    def _values(
        self, expressions: Iterable[Expression], names: Names, sure: frozenset[str]
    ) -> None:
        for expression in expressions:
            self._value(expression, names, sure)

    def _compared(
        self, expressions: Iterable[Expression], names: Names, sure: frozenset[str]
    ) -> None:
        """Note what is only asked about: a missing value is no error there."""
        for expression in expressions:
            if isinstance(expression, Path):
                self._note(expression, names, sure, guarded=True)
            else:
                self._compared(expression.children(), names, sure)

    def _note(self, path: Path, names: Names, sure: frozenset[str], *, guarded: bool) -> None:
        self._values([part for part in path.path if isinstance(part, Path)], names, sure)
        full = self._path(path, names)
        if full is not None:
            known = guarded or full in sure or any(_is_below(each, full) for each in sure)
            self.found.append((path.token.start_index, full, known))

    def _path(self, path: Path, names: Names) -> str | None:
        """Return the path from its root, or ``None`` where it begins in the template's own."""
        root, *rest = path.path
        start: str | None = str(root)
        if root in names:
            start = names[str(root)]
        elif root in self._given:
            start = self._given[str(root)]
        if start is None or start.partition(".")[0].partition("[")[0] not in KNOWN:
            return None
        return start + "".join(map(_step, rest))

    def _true(self, condition: Expression, names: Names) -> frozenset[str]:
        """Return the paths that have a value where *condition* holds."""
        if isinstance(condition, BooleanExpression):
            return self._true(condition.expression, names)
        if isinstance(condition, LogicalAndExpression):
            return self._true(condition.left, names) | self._true(condition.right, names)
        if isinstance(condition, LogicalOrExpression):
            return self._true(condition.left, names) & self._true(condition.right, names)
        return frozenset(filter(None, (self._path(each, names) for each in _needed(condition))))


def _bare_path(expression: Expression) -> Path | None:
    """Return the path that *expression* is, if it is one and nothing is done to its value."""
    while isinstance(expression, FilteredExpression) and not expression.filters:
        expression = expression.left
    return expression if isinstance(expression, Path) else None


def _needed(condition: Expression) -> Iterator[Path]:
    """Yield the paths of one comparison that have a value where it holds."""
    if isinstance(condition, Path):
        yield condition
    elif isinstance(condition, ContainsExpression):
        # What is missing contains nothing.
        if isinstance(condition.left, Path):
            yield condition.left
    elif isinstance(condition, GtExpression | GeExpression | LtExpression | LeExpression):
        # What is missing is neither more nor less than a value.
        sides = (condition.left, condition.right)
        if not any(isinstance(side, Nil) for side in sides):
            paths = [side for side in sides if isinstance(side, Path)]
            yield from paths if len(paths) == 1 else ()
    elif isinstance(condition, EqExpression | NeExpression):
        # What equals a value is there, and so is what differs from null.
        wants_null = isinstance(condition, NeExpression)
        for path, other in (
            (condition.left, condition.right),
            (condition.right, condition.left),
        ):
            literal = not isinstance(other, Path)
            if isinstance(path, Path) and literal and isinstance(other, Nil) == wants_null:
                yield path


def _is_below(path: str, other: str) -> bool:
    return path.startswith((f"{other}.", f"{other}["))


def _step(step: object) -> str:
    if isinstance(step, Path):
        return "[*]"
    return f"[{step}]" if isinstance(step, int) else f".{step}"
