"""Liquid as templates know it: its syntax, its bounds, and where its errors are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from liquid import Environment
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidSyntaxError, OutputStreamLimitError
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.template import BoundTemplate
from liquid.undefined import FalsyStrictUndefined
from liquid.utils import ReadOnlyChainMap

from triggerstream.channels.base import shorten
from triggerstream.channels.templates import bounds
from triggerstream.channels.templates.bounds import BoundError
from triggerstream.channels.templates.filters import OWN, bounded
from triggerstream.core.zones import zone
from triggerstream.errors import TriggerstreamError

if TYPE_CHECKING:
    from liquid.ast import Node

PARTS = ("subject", "text", "html")

UTC: ZoneInfo = zone("UTC")  # type: ignore[assignment]  # it is in every tzdata


class TemplateError(TriggerstreamError):
    """A template cannot be rendered for this firing; its author corrects it.

    Attributes:
        template: Its name.
        part: ``subject``, ``text`` or ``html``; ``None`` where it is the template as a whole.
        line: Counted from 1, as is *column*; both ``None`` where no place is known.
        problem: What was required and what was found, in one line.
    """

    def __init__(
        self,
        problem: str,
        template: str,
        part: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        self.problem = shorten(problem)
        self.template = template
        self.part = part
        self.line = line
        self.column = column
        name = repr(template) if part is None else f"{template}/{part}"
        place = "" if line is None else f"line {line}: "
        super().__init__(f"template {name}: {place}{self.problem}")


class OutOfMemoryError(TemplateError):
    """Rendering was refused memory; so may be the next one in the same process."""


class Context(RenderContext):
    """What one rendering has used up, and the zone of customers that name none.

    Only the values that are handed in can be read: Liquid's own ``now`` and ``today`` are the
    machine's clock.
    """

    __slots__ = ("_iterations", "_work", "zone")

    def __init__(self, template: BoundTemplate, **options: Any) -> None:
        super().__init__(template, **options)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        self.zone = UTC
        self._iterations = 0
        self._work = 0

    def spend(self, work: int) -> None:
        """Count *work* that a filter does.

        Raises:
            BoundError: All filters together do more than `bounds.WORK`.
        """
        self._work += work
        if self._work > bounds.WORK:
            raise BoundError("what all filters take and make", bounds.WORK, "more")

    def loop(self, namespace: Any, forloop: Any) -> Any:
        self._iterations += forloop.length
        if self._iterations > bounds.ITERATIONS:
            what = "the number of rounds of all loops"
            raise BoundError(what, bounds.ITERATIONS, self._iterations)
        return super().loop(namespace, forloop)


class _Range(RangeLiteral):
    """A range that is refused before anything counts through it."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        numbers = super().evaluate(context)
        # Not its length, which does not exist beyond 64 bits.
        if numbers.stop - numbers.start > bounds.RANGE:
            count = numbers.stop - numbers.start
            found = count if count < 10**15 else "more"
            raise BoundError("a range of numbers", bounds.RANGE, found, token=self.token)
        return numbers


class _Environment(Environment):
    template_class = type("_Template", (BoundTemplate,), {"context_class": Context})
    loop_iteration_limit = bounds.ITERATIONS
    local_namespace_limit = 1_000_000
    output_stream_limit = bounds.OUTPUT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        # There is nothing to include: a template's parts stand alone.
        del self.tags["include"], self.tags["render"]
        self.filters.update(OWN)
        self.filters = {name: bounded(name, each) for name, each in self.filters.items()}

    def from_string(self, source: str, *args: Any, **options: Any) -> BoundTemplate:
        _require_readable(source)
        template = super().from_string(source, *args, **options)
        for node in nodes_of(template):
            for expression in expressions_of(node):
                if type(expression) is RangeLiteral:
                    # The parser makes them itself, and asks nobody of what class.
                    expression.__class__ = _Range
        return template


_PLAIN = _Environment(undefined=FalsyStrictUndefined)
_HTML = _Environment(undefined=FalsyStrictUndefined, autoescape=True)


def environment_of(part: str) -> Environment:
    """Return the Liquid of a *part*: values are escaped in HTML, and nowhere else."""
    return _HTML if part == "html" else _PLAIN


@lru_cache(maxsize=256)
def parse(part: str, source: str) -> BoundTemplate:
    """Return *source* parsed.

    Raises:
        LiquidError: It is no template.
    """
    return environment_of(part).from_string(source)


def render(template: BoundTemplate, values: dict[str, Any], customers: ZoneInfo) -> str:
    """Return *template* filled in with *values*.

    Args:
        customers: The zone of customers that name none.

    Raises:
        LiquidError: A variable that it prints has no value, or it goes over a bound.
    """
    context = Context(template, globals=template.make_globals(values))
    context.zone = customers
    output = LimitedStringIO(limit=bounds.OUTPUT)
    template.render_with_context(context, output)
    return output.getvalue()


# ── what is in a template ───────────────────────────────────────────────────────────────────


def nodes_of(template: BoundTemplate) -> Iterator[Node]:
    """Yield every node of *template*, in the order of its text."""
    context = RenderContext(template)
    pending = list(reversed(template.nodes))
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(list(node.children(context))))


def expressions_of(node: Node) -> Iterator[Expression]:
    """Yield every expression of *node* itself, with those inside of them."""
    pending = list(node.expressions())
    while pending:
        expression = pending.pop()
        yield expression
        pending.extend(expression.children())


# ── reading ─────────────────────────────────────────────────────────────────────────────────

_LONG_BLANK = re.compile(r"\s{100,}")
_OPENERS = re.compile(r"\{%-?\s{0,99}(raw|doc)\s{0,99}-?%\}")


def _require_readable(source: str) -> None:
    """Refuse what the tokenizer of Liquid takes time for that grows faster than the text.

    Those are long runs of white space inside of a tag, and tags that are never closed.
    """
    if len(source) > bounds.SOURCE:
        message = f"the source of a part is limited to {bounds.SOURCE:,} characters"
        raise LiquidSyntaxError(f"{message}; found {len(source):,}", token=None)
    for blank in _LONG_BLANK.finditer(source):
        before, after = source[: blank.start()][-3:], source[blank.end() :][:3]
        if before.rstrip("-").endswith(("{{", "{%")) or after.lstrip("-").startswith(("}}", "%}")):
            message = "at most 100 blanks inside of a tag; found more"
            raise LiquidSyntaxError(message, token=None)
    for kind in ("raw", "doc"):
        end = source.rfind(f"end{kind}")
        opened = [found for found in _OPENERS.finditer(source) if found.group(1) == kind]
        if sum(found.start() > end for found in opened) > 1:
            raise LiquidSyntaxError(f"expected tag 'end{kind}', found end of file", token=None)


# ── errors ──────────────────────────────────────────────────────────────────────────────────


def message_of(error: LiquidError) -> str:
    """Return what *error* says, in one line."""
    if isinstance(error, OutputStreamLimitError):
        return f"what a part prints is limited to {bounds.OUTPUT:,} bytes; found more"
    return " ".join(str(error.message).split())


def place_of(error: LiquidError) -> tuple[int, int] | None:
    """Return line and column of *error*, from 1, or ``None`` where it has no place."""
    context = error.context()
    return (context[0], context[1] + 1) if context else None


def line_col(source: str, index: int) -> tuple[int, int]:
    """Return line and column of the character number *index*, from 1."""
    line = source.count("\n", 0, index) + 1
    return line, index - (source.rfind("\n", 0, index) + 1) + 1
