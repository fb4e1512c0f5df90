"""A trigger as its author wrote it: immutable, validated, with durations in milliseconds.

The types mirror the YAML (`docs/triggers.md`). Parsing makes them, compiling turns them into
matchers, and nothing else knows them. Each pattern is a tagged struct, so that its encoding is
canonical and can be hashed: a trigger's progress is kept under that fingerprint.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Operator = Literal[
    "equals",
    "not_equals",
    "greater_than",
    "less_than",
    "greater_than_or_equal",
    "less_than_or_equal",
    "contains",
    "not_contains",
    "in_list",
    "not_in_list",
    "exists",
    "between",
    "starts_with",
    "matches",
]
Comparator = Literal["at_least", "more_than", "at_most", "exactly"]
COMPARATORS: dict[str, Callable[[float, float], bool]] = {
    "at_least": operator.ge,
    "more_than": operator.gt,
    "at_most": operator.le,
    "exactly": operator.eq,
}
Aggregate = Literal["sum", "average", "distinct"]


class _Node(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Base of what can be hashed."""


# ── numbers ─────────────────────────────────────────────────────────────────────────────────


class Table(_Node, frozen=True):
    """A number that goes by the text at the path *by*; or, where *by* is `SEGMENT`, by the first of
    the segments in *cases* that the customer is in."""

    by: str
    cases: tuple[tuple[str, int | float], ...]
    default: int | float


SEGMENT = "segment"
"""In the place of a path: the segments of the customer."""


class InForce:
    """What a named value comes to. It is no part of what is said by its name, so that it may change
    without what detects being another one: see `unfingerprinted`."""

    __slots__ = ("said",)

    def __init__(self, said: float | Table) -> None:
        self.said = said

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InForce) and self.said == other.said

    def __hash__(self) -> int:
        return hash(self.said)


def unfingerprinted(value: object) -> None:
    """Leave what is in force out of a fingerprint: the ``enc_hook`` of their encoders."""
    if not isinstance(value, InForce):
        raise TypeError(f"a part of a definition; found {type(value).__name__}")


class Named(_Node, frozen=True):
    """A number that has a name."""

    name: str
    in_force: InForce


Number = int | float | Table | Named


class Computed(_Node, frozen=True):
    """A number that is computed from what an attribute is for all customers.

    Attributes:
        statistic: ``percentile``, or ``sigma``: so many standard deviations above the mean.
        of: The path of the attribute.
        group: The path of what there is a number of its own for.
        sample: Customers without whom nothing is computed.
        default: The number until something is.
    """

    statistic: Literal["percentile", "sigma"]
    parameter: int | float
    of: str
    default: int | float
    group: str | None = None
    least: int | float | None = None
    most: int | float | None = None
    sample: int = 100


class Value(_Node, frozen=True):
    """A number with a document of its own."""

    name: str
    said: int | float | Table | Computed


class Published(msgspec.Struct, frozen=True):
    """What was computed for a value, for all customers and by group."""

    number: int | float
    groups: dict[str, int | float] = {}
    n: int = 0
    computed_at: Any = None
    source: Any = msgspec.field(default=None, name="from")


# ── conditions ──────────────────────────────────────────────────────────────────────────────


class Test(_Node, frozen=True):
    """One operator on one dot path, such as ``event_data.total greater_than 50``."""

    path: str
    operator: Operator
    operand: Any


class AllOf(_Node, frozen=True):
    conditions: tuple[Condition, ...]


class AnyOf(_Node, frozen=True):
    conditions: tuple[Condition, ...]


class Negation(_Node, frozen=True):
    condition: Condition


class Expression(_Node, frozen=True):
    """A text of the subset of CEL (`core.expressions`), in the one spelling of all texts that
    differ in spaces, line breaks, quotes and the writing of numbers only."""

    text: str


class TimeOfDay(_Node, frozen=True):
    """Local time in ``[start, end)``, minutes from midnight; wraps midnight where start >= end."""

    start: int
    end: int
    zone: str = "customer"


class DayOfWeek(_Node, frozen=True):
    """Local weekday, 0 = Monday."""

    days: tuple[int, ...]
    zone: str = "customer"


class DateRange(_Node, frozen=True):
    """Local date in ``[first, last]``: ISO dates, of which either may be open; or of every year,
    month and day such as ``12-01``, which may wrap."""

    first: str | None = None
    last: str | None = None
    zone: str = "customer"


class SinceLast(_Node, frozen=True):
    """How long ago the moment at *path* was, a path of the profile: at least, or less than, so
    long. *of* is the unnamed attribute that keeps it there, if one does."""

    path: str
    of: Attribute | None
    duration: int
    is_least: bool


class InSegment(_Node, frozen=True):
    """The customer is in one of the segments *names*."""

    names: tuple[str, ...]


class Held(_Node, frozen=True):
    """The unnamed attribute *of*, which stands at *path* in the profile, stands so to *value*."""

    path: str
    of: Attribute
    value: str | int | float | bool | Table | Named
    operator: Operator = "equals"


class Counted(_Node, frozen=True):
    """A threshold for the unnamed attribute *of*, which stands at *path* in the profile."""

    path: str
    of: Attribute
    comparator: Comparator
    threshold: Number


Condition = (
    Test
    | AllOf
    | AnyOf
    | Negation
    | Expression
    | TimeOfDay
    | DayOfWeek
    | DateRange
    | InSegment
    | Held
    | SinceLast
    | Counted
)

# ── patterns ────────────────────────────────────────────────────────────────────────────────


class EventPattern(_Node, frozen=True):
    types: tuple[str, ...]
    where: Condition | None = None


AT = "at"
"""In the place of a path: the moment itself."""

Head = Literal[
    "count", "sum", "distinct", "instances", "first", "last", "top", "points", "case", "expr"
]
Cut = Literal["day", "week", "month"]


class Case(_Node, frozen=True):
    """A value, and the condition under which it is one; without a condition it always is."""

    then: str | int | float | bool
    condition: Condition | None = None


class Attribute(_Node, frozen=True):
    """A named value that is folded over the events *on*; or one that follows from others, which
    has no events.

    Attributes:
        head: What it comes to; ``instances`` counts the events of each value at *path*, as text,
            which a condition asks for the one at hand.
        path: What is summed up, told apart or kept of each; or `AT`.
        within: How far back it looks; ``None``: over all there ever were.
        minus: Events of which the same path is subtracted.
        cut: What a moment is cut to.
        start: What it begins with; *start_path*: where in the profile that stands.
        points: By event type, what one event adds to the score.
        half_life: How long until a score is worth half.
        cases: Of a `case`: the first whose condition holds says the value.
        text: Of an `expr`: the expression, in the spelling of `Expression`.
    """

    name: str
    head: Head
    on: EventPattern
    path: str | None = None
    within: int | None = None
    minus: EventPattern | None = None
    cut: Cut | None = None
    start: str | int | float | bool | None = None
    start_path: str | None = None
    points: tuple[tuple[str, float], ...] = ()
    half_life: int | None = None
    cases: tuple[Case, ...] = ()
    text: str | None = None


class Change(_Node, frozen=True):
    """The value *name* of the profile is watched; or, under that name, what events bring, which the
    unnamed attribute *of* keeps."""

    name: str
    of: Attribute | None


Every = Literal["year", "month", "once"]
Feb29 = Literal["feb28", "mar1"]

LONGEST_SHIFT = 400
"""Days, either way, that the day of a series may be shifted by."""


class Series(_Node, frozen=True):
    """Which days follow from a date, and when each is told.

    Attributes:
        shift: Whole days of the calendar from the day of the series to the one it is told on: below
            zero before it, above zero after it, at most `LONGEST_SHIFT` either way.
        at: The local time at which it is told, minutes from midnight, in ``[0, 1440)``.
        feb29: What 29 February is in other years; for ``year`` only.
    """

    every: Every = "year"
    shift: int = 0
    at: int = 9 * 60
    feb29: Feb29 = "feb28"


class DateOf(_Node, frozen=True):
    """The days of *series* that follow from the value *attribute* of the profile are waited for,
    and told as *name*."""

    name: str
    attribute: str
    series: Series


class Segment(_Node, frozen=True):
    """A condition (``is``) with edges; *leave* says when who is inside leaves."""

    name: str
    condition: Condition
    leave: Condition | None = None
    existing: Literal["silent", "tell"] = "silent"


class CountPattern(_Node, frozen=True):
    """A threshold in a window; *path* is the aggregated field where there is an *aggregate*."""

    types: tuple[str, ...]
    comparator: Comparator
    threshold: Number
    where: Condition | None = None
    within: int = DAY
    aggregate: Aggregate | None = None
    path: str | None = None


class EventStep(_Node, frozen=True):
    """A step to fill, *times* times; gaps are measured from the previous event step."""

    types: tuple[str, ...]
    where: Condition | None = None
    after: int | None = None
    before: int | None = None
    times: int = 1


class AbsentStep(_Node, frozen=True):
    """What must not happen; *duration* (``for``) may be left out in the middle only."""

    types: tuple[str, ...]
    where: Condition | None = None
    duration: int | None = None


class SequencePattern(_Node, frozen=True):
    """Steps in order. First is an `EventStep`, and at the end at most one `AbsentStep` stands; two
    are neighbours only where ``strict`` adds one to one that has a duration, and both hold."""

    steps: tuple[EventStep | AbsentStep, ...]
    within: int = DAY
    restart: bool = False


class AllPattern(_Node, frozen=True):
    children: tuple[Pattern, ...]
    within: int = DAY


class AnyPattern(_Node, frozen=True):
    children: tuple[Pattern, ...]


class TrendPattern(_Node, frozen=True):
    """How many events there are in *recent*, against *factor* of what the *baseline* before it lets
    expect; *least* is how many the baseline must have. A bucket is an eighth of *recent*, and
    *baseline* a whole number of them."""

    types: tuple[str, ...]
    direction: Literal["below", "above"]
    factor: Number
    where: Condition | None = None
    recent: int = 7 * DAY
    baseline: int = 28 * DAY
    least: int = 8


Pattern = EventPattern | CountPattern | SequencePattern | AllPattern | AnyPattern | TrendPattern


def types_of(pattern: Pattern) -> Iterator[str]:
    """Yield the types that *pattern* looks at, also those that must be absent."""
    match pattern:
        case AllPattern(children=children) | AnyPattern(children=children):
            for child in children:
                yield from types_of(child)
        case SequencePattern(steps=steps):
            for step in steps:
                yield from step.types
        case _:
            yield from pattern.types


# ── triggers ────────────────────────────────────────────────────────────────────────────────

PRIORITIES = ("critical", "high", "medium", "low")
TYPES = ("behavioral", "transactional", "lifecycle", "contextual", "predictive")
MODES = ("live", "shadow", "off")
CHANNELS = ("email", "sms", "push", "in_app", "webhook", "segment", "task", "profile", "log")
"""The words for channels: what consent and caps may be said of."""
BUILT = ("email", "webhook", "log")
"""The channels that this version has: what an action may name."""


class Limits(msgspec.Struct, frozen=True):
    """Per trigger and customer; *holdout* is a share in [0, 1)."""

    cooldown: int | None = None
    max_per_customer: int | None = None
    holdout: float = 0.0


class ActionSpec(msgspec.Struct, frozen=True):
    """One entry of ``then``."""

    channel: str
    template: str | None = None
    after: int = 0
    options: dict[str, Any] = {}


class Trigger(msgspec.Struct, frozen=True):
    """One trigger. *condition* is its ``if``, *goal* its ``until``; *numbers* are those that its
    ``when`` and its ``if`` look up."""

    id: str
    when: Pattern
    name: str
    type: str = "behavioral"
    priority: str = "medium"
    mode: str = "live"
    per: str | None = None
    condition: Condition | None = None
    limits: Limits = Limits()
    actions: tuple[ActionSpec, ...] = ()
    goal: EventPattern | None = None
    numbers: tuple[Table | Named, ...] = ()


# ── policy ──────────────────────────────────────────────────────────────────────────────────


class QuietHours(msgspec.Struct, frozen=True):
    """No marketing message in local ``[start, end)``, minutes from midnight; may wrap."""

    start: int
    end: int
    zone: str = "customer"


class Cap(msgspec.Struct, frozen=True):
    """At most *limit* sends a customer in any ``(t - window, t]``.

    *channel* ``None`` counts all channels together. *types* are the trigger types it counts and
    limits; transactional messages are outside of the default cap.
    """

    limit: int
    window: int
    channel: str | None = None
    types: tuple[str, ...] = ("behavioral", "lifecycle", "contextual", "predictive")
    on_cap: Literal["drop", "defer"] = "drop"


DEFAULT_CAPS = (Cap(limit=1, window=DAY, channel="email"),)


MOST_TRIGGERS = 5_000


class Most(msgspec.Struct, frozen=True):
    """Bounds that a directory sets itself: *triggers*, up to `MOST_TRIGGERS`."""

    triggers: int = 1_000


class Purchase(msgspec.Struct, frozen=True):
    """What a purchase is: the event types, and the path of what it is worth."""

    events: tuple[str, ...]
    value: str | None = None


class Quality(msgspec.Struct, frozen=True):
    """What makes a session a good one.

    Attributes:
        depth: Events, above 0, at which the half for depth is full.
        seconds: Seconds, above 0, at which the half for time is full.
        events: What an event of each type adds.
    """

    depth: int = 10
    seconds: int = 600
    events: dict[str, float] = msgspec.field(
        default_factory=lambda: {"purchase_completed": 1.0, "cart_added": 0.3}
    )


class SessionPolicy(msgspec.Struct, frozen=True):
    """``policy.session``; durations in milliseconds.

    Attributes:
        gap: A session is over this long after its last event.
        longest: An event this long after the first begins another session.
    """

    gap: int = 30 * MINUTE
    longest: int = 12 * HOUR
    quality: Quality = Quality()


class Policy(msgspec.Struct, frozen=True):
    """``policy.yaml``: what holds for all triggers of a ruleset.

    Attributes:
        activity: The event types of what customers do themselves, not what is done to them.
        consent: By channel: ``opt_in`` wants the profile's ``<channel>_consent`` to be true for
            marketing (any type but transactional) and not false for transactional messages,
            ``opt_out`` wants it not to be false, ``none`` asks nothing.
        expiry: How long after its due time an action may still be sent.
        most: How large the directory may become.
        keep: Of profiles only the attributes that the ruleset reads are kept, and these; ``None``
            keeps all.
        attributes: The names of those that ship with the language and are asked for.
        record_suppressed: Whether each match that does not fire is told on the topic of
            deliveries, with its reason; it is counted in any case.
    """

    allowed_lateness: int = 10_000
    max_skew: int = 300_000
    backfill_before: int | None = None
    timezone: str = "UTC"
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = DEFAULT_CAPS
    consent: dict[str, str] = msgspec.field(
        default_factory=lambda: dict.fromkeys(("email", "sms", "push"), "opt_in")
    )
    expiry: int = 3 * DAY
    record_suppressed: bool = True
    keep: tuple[str, ...] | None = None
    activity: tuple[str, ...] = ()
    most: Most = Most()
    purchase: Purchase | None = None
    session: SessionPolicy = SessionPolicy()
    attributes: tuple[str, ...] = ()


# ── schemas ─────────────────────────────────────────────────────────────────────────────────

UNKNOWN = ("accept", "flag", "reject")
ON_INVALID = ("reject", "flag")


class TypeRule(msgspec.Struct, frozen=True):
    """What ``schemas.yaml`` says of one event type.

    Attributes:
        sources: Those that may write it; ``None``: any, and none at all.
    """

    on_invalid: str = "reject"
    sources: tuple[str, ...] | None = None


class SchemaRules(msgspec.Struct, frozen=True):
    """``schemas.yaml`` and ``schemas/TYPE.json``: what the doors ask of events.

    Attributes:
        unknown: What becomes of an event whose type nobody knows.
        aliases: By the name that a producer says: the name that it means.
        schemas: By event type: a JSON Schema of its ``event_data``, decoded.
    """

    unknown: str = "accept"
    types: dict[str, TypeRule] = {}
    aliases: dict[str, str] = {}
    schemas: dict[str, dict[str, Any] | bool] = {}


class Name(msgspec.Struct, frozen=True):
    """A condition or a pattern that has a name.

    Attributes:
        says: What stands under the name, as JSON.
        users: The ids of the triggers in which it is used, also within others.
    """

    kind: str
    name: str
    says: bytes
    users: tuple[str, ...] = ()


class RulesetSource(msgspec.Struct, frozen=True):
    """All that a directory of triggers says: the result of parsing, before compiling.

    What is said by name has been replaced in the triggers.
    """

    triggers: tuple[Trigger, ...]
    policy: Policy = Policy()
    templates: dict[str, dict[str, str]] = {}
    """By name: part (``subject``, ``text``, ``html``) to Liquid source."""
    schemas: SchemaRules | None = None
    """``None`` where no file says anything of it: then the doors ask nothing."""
    attributes: tuple[Attribute, ...] = ()
    segments: tuple[Segment, ...] = ()
    changes: tuple[Change, ...] = ()
    dates: tuple[DateOf, ...] = ()
    names: tuple[Name, ...] = ()
    """What is said by name, by kind and name."""
    values: tuple[Value, ...] = ()
