"""A directory of triggers, as text, to a `RulesetSource`, or every problem of every file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from triggerstream.core.conditions.expressions import read_by
from triggerstream.core.conditions.numbers import numbers_in, path_of, tables_in
from triggerstream.core.conditions.paths import PROFILE, name_in_profile, names_in_template
from triggerstream.core.conditions.unnamed import asked_of, named_segments, paths_of, segments_of
from triggerstream.core.events.derived import CHANGED, DATE, ENTERED, FIRED, LEFT
from triggerstream.core.model import (
    Attribute,
    Change,
    Condition,
    DateOf,
    Named,
    Policy,
    Published,
    RulesetSource,
    Segment,
    types_of,
)
from triggerstream.core.parsing.documents.attributes import (
    PlacedAttribute,
    check_attributes,
    read_attribute,
)
from triggerstream.core.parsing.documents.definitions import (
    ATTRIBUTE,
    SEGMENT,
    TRIGGER,
    VALUE,
    define,
    is_misplaced,
    kind_of,
    names_of,
    settle_all,
)
from triggerstream.core.parsing.documents.policy import read_policy
from triggerstream.core.parsing.documents.schemas import FILE as SCHEMAS
from triggerstream.core.parsing.documents.schemas import parse_schemas
from triggerstream.core.parsing.documents.segments import (
    PlacedSegment,
    check_segments,
    read_segment,
)
from triggerstream.core.parsing.documents.standard import names_in, standard
from triggerstream.core.parsing.documents.triggers import PlacedTrigger, read_trigger
from triggerstream.core.parsing.documents.values import (
    PlacedValue,
    check_values,
    in_force,
    read_published,
    read_value,
    value_reads,
)
from triggerstream.core.parsing.names import Told, check_names, check_rings
from triggerstream.core.parsing.patterns.dates import check_dates
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Mapping as MappingNode
from triggerstream.core.parsing.source.nodes import Node, Scalar, read_documents
from triggerstream.core.parsing.source.reader import Reader
from triggerstream.errors import Problem, TriggerFileError

TemplateCheck = Callable[[str, str, str], Sequence[tuple[int, int, str]]]
"""Takes a template's name, its part and its source; returns (line, column, what is wrong)."""

POLICY = "policy.yaml"
PARTS = ("subject", "text", "html")


def parse_ruleset(
    files: Mapping[str, str],
    template_check: TemplateCheck | None = None,
    *,
    is_published: bool = False,
    is_whole: bool = False,
) -> RulesetSource:
    """Return what *files* say.

    Args:
        files: Text by path from the directory's root, with ``/``: triggers and what has a name
            (``*.yaml``), the policy
            (``policy.yaml``), templates (``templates/NAME/PART.liquid``), what is asked of
            events (``schemas.yaml``, ``schemas/TYPE.json``). Fixtures (``*.test.yaml``) and all
            else are left alone.
        template_check: Tells what is wrong with a template's source.
        is_published: They have been published: what only authors are told is left out
            (`Reader.refuse`).
        is_whole: They are all files of their directory: a template that is not among them is none.
            A file alone may name templates that lie beside it.

    Raises:
        TriggerFileError: Something is wrong; it carries every problem of every file.
    """
    problems: list[Problem] = []
    documents: list[tuple[Reader, Node]] = []
    policy, asked_at = _policy(files, problems)
    readers: list[Reader] = []
    root = Reader("", problems, policy=policy, is_published=is_published)
    for path in sorted(files):
        if path.endswith("/policy.yaml"):
            message = "policy.yaml: in the directory itself, for there is one; found it below"
            problems.append(Problem(path, 1, 1, message))
        elif path.endswith(f"/{SCHEMAS}") and not is_published:
            message = f"{SCHEMAS}: in the directory itself, for there is one; found it below"
            problems.append(Problem(path, 1, 1, message))
        elif is_triggers(path):
            reader = root.beside(path)
            readers.append(reader)
            found = read_documents(files[path], reader.report_at)
            documents += [(reader, document) for document in found]
    published = read_published(files, problems)
    values = _values(root, documents, published)
    triggers, known, segments = _read(root, documents)
    problems.sort(key=lambda problem: problem.file)  # of each, as they were found
    _check_ids(triggers, problems)
    if not is_published:
        _check_number(triggers, policy.most.triggers, problems)
    templates = _templates(files, problems, template_check)
    check_attributes(known, problems)
    check_segments(segments, problems)
    unnamed = [
        PlacedSegment(reader.file, segment, node)
        for reader in readers
        for segment, node in reader.unnamed
    ]
    segments += {each.segment.name: each for each in unnamed}.values()
    changes = {
        change.name: (change, reader.file, node)
        for reader in readers
        for change, node in reader.changes
    }
    dates = {date.name: date for reader in readers for date, _ in reader.dates}
    if asked_at is not None:
        is_read = _names_read(triggers, known, segments, values, templates)
        is_read.update(changes, [date.attribute for date in dates.values()])
        own = [placed.attribute.name for placed in known]
        known += standard(root.beside(POLICY), asked_at, policy.attributes, own, is_read)
    check_values(values, [placed.attribute.name for placed in known], problems)
    check_dates(readers, {each.attribute.name: each.attribute for each in known})
    told = _told(readers, triggers, known, segments, values)
    told += [_change_told(*each) for each in changes.values() if each[0].of is not None]
    check_rings(told, problems)
    if is_whole:
        names = {
            "trigger": [placed.trigger.id for placed in triggers],
            "segment": [each.segment.name for each in segments if each.segment.name[:1] != "~"],
        }
        check_names([*readers, *root.defined.readers], names, problems)
    schemas = parse_schemas(files, problems)
    if is_whole or any(_template_place(path) for path in files):
        _check_templates(triggers, templates, problems)
    if problems:
        raise TriggerFileError(problems)
    return RulesetSource(
        tuple(placed.trigger for placed in triggers),
        policy,
        templates,
        schemas,
        tuple(placed.attribute for placed in known),
        tuple(placed.segment for placed in segments),
        tuple(change for change, _, _ in changes.values()),
        tuple(dates.values()),
        names_of(root, triggers),
        tuple(placed.value for placed in values),
    )


def _values(
    root: Reader, documents: Sequence[tuple[Reader, Node]], published: Mapping[str, Published]
) -> list[PlacedValue]:
    """Return the values among *documents*: first of all, for they stand in the place of numbers."""
    found = [read_value(reader, node) for reader, node in documents if kind_of(node) == VALUE]
    values = [each for each in found if each is not None]
    root.defined.values = {
        each.value.name: in_force(each.value, published) for each in values if each.value.name
    }
    return values


def _names_read(
    triggers: Sequence[PlacedTrigger],
    known: Sequence[PlacedAttribute],
    segments: Sequence[PlacedSegment],
    values: Sequence[PlacedValue],
    templates: Mapping[str, Mapping[str, str]],
) -> set[str]:
    """Return the names in the profile that anything reads."""
    conditions = [placed.trigger.condition for placed in triggers]
    conditions += [each for placed in segments for each in _conditions(placed.segment)]
    found = {name_in_profile(path) for each in conditions for path in paths_of(each)}
    found.update(map(name_in_profile, _looked_up(triggers, values)))
    found.update([name for placed in known for name in names_in(placed.attribute)])
    for parts in templates.values():
        found.update([name for each in parts.values() for name in names_in_template(each)])
    for trigger in [placed.trigger for placed in triggers]:
        for action in trigger.actions:
            fields = action.options.get("fields")
            found.update(fields if isinstance(fields, list) else ())
    return found


def _looked_up(triggers: Sequence[PlacedTrigger], values: Sequence[PlacedValue]) -> Iterator[str]:
    """Yield the paths that the numbers of triggers go by, and those that values are computed of."""
    for placed in triggers:
        for number in placed.trigger.numbers:
            yield from map(path_of, tables_in(number))
    for each in values:
        yield from value_reads(each.value)


def _read(
    root: Reader, documents: Sequence[tuple[Reader, Node]]
) -> tuple[list[PlacedTrigger], list[PlacedAttribute], list[PlacedSegment]]:
    """Return the triggers, attributes and segments among *documents*, after what they may use by
    name."""
    placed: dict[str, list[tuple[Reader, Node]]] = {TRIGGER: [], ATTRIBUTE: [], SEGMENT: []}
    for reader, node in documents:
        kind = kind_of(node)
        if kind == TRIGGER and is_misplaced(reader, node):
            continue
        if kind in placed:
            placed[kind].append((reader, node))
        elif kind != VALUE and isinstance(node, MappingNode):
            define(reader, node, kind)
    settle_all(root)
    attributes = [read_attribute(reader, node) for reader, node in placed[ATTRIBUTE]]
    return (
        [read_trigger(reader, node) for reader, node in placed[TRIGGER]],
        [each for each in attributes if each is not None],
        [read_segment(reader, node) for reader, node in placed[SEGMENT]],
    )


# ── which file is what ──────────────────────────────────────────────────────────────────────


def is_policy(path: str) -> bool:
    """Return whether *path* is the contact policy's: there is one, at the root."""
    return path == POLICY


def is_triggers(path: str) -> bool:
    """Return whether there are triggers in *path*: they may be in any file that is no other."""
    is_other = path.endswith(".test.yaml") or is_policy(path) or path == SCHEMAS
    return path.endswith(".yaml") and not is_other


def _template_place(path: str) -> tuple[str, str] | None:
    """Return the name and the file name of the template at *path*, or ``None`` if it is none."""
    match path.split("/"):
        case ["templates", name, part]:
            return name, part
    return None


# ── policy ──────────────────────────────────────────────────────────────────────────────────


def _policy(files: Mapping[str, str], problems: list[Problem]) -> tuple[Policy, Node | None]:
    """Return the policy, and where it asks for attributes that ship, if it does."""
    path = next(filter(is_policy, files), None)
    if path is None:
        return Policy(), None
    reader = Reader(path, problems)
    documents: list[Node] = read_documents(files[path], reader.report_at)
    if not documents:
        return Policy(), None
    for more in documents[1:]:
        reader.report(more, "policy: one document; found another")
    policy = read_policy(reader, documents[0])
    top = documents[0]
    return policy, top.entries.get("attributes") if isinstance(top, MappingNode) else None


def _told(
    readers: Sequence[Reader],
    triggers: Sequence[PlacedTrigger],
    known: Sequence[PlacedAttribute],
    segments: Sequence[PlacedSegment],
    values: Sequence[PlacedValue],
) -> list[Told]:
    """Return what all documents tell and read."""
    told = [
        _date_told(date, reader.file, node) for reader in readers for date, node in reader.dates
    ]
    told += [_trigger_told(each) for each in triggers]
    told += [_attribute_told(each) for each in known]
    told += [_segment_told(each) for each in segments]
    return told + [_value_told(each) for each in values]


def _trigger_told(placed: PlacedTrigger) -> Told:
    trigger = placed.trigger
    reads = (*types_of(trigger.when), *_numbers_told(trigger.when))
    told = (FIRED + trigger.id,)
    return Told("trigger", trigger.id, placed.file, placed.id_at, told, reads)


def _attribute_told(placed: PlacedAttribute) -> Told:
    attribute = placed.attribute
    told = (f"{PROFILE}.{attribute.name}", CHANGED + attribute.name)
    reads = [*_folded(attribute), *_asked([case.condition for case in attribute.cases])]
    if attribute.text is not None:
        reads += map(_name_at, read_by(attribute.text))
    return Told("attribute", attribute.name, placed.file, placed.name_at, told, tuple(reads))


def _value_told(placed: PlacedValue) -> Told:
    value = placed.value
    reads = tuple(map(_name_at, value_reads(value)))
    return Told("value", value.name, placed.file, placed.name_at, (f"value:{value.name}",), reads)


def _date_told(date: DateOf, file: str, at: Node) -> Told:
    return Told("date", date.name, file, at, (DATE + date.name,), (f"{PROFILE}.{date.attribute}",))


def _change_told(change: Change, file: str, at: Node) -> Told:
    reads = () if change.of is None else _folded(change.of)
    return Told("changed", change.name, file, at, (CHANGED + change.name,), reads)


def _folded(attribute: Attribute) -> tuple[str, ...]:
    minus = () if attribute.minus is None else attribute.minus.types
    numbers = _numbers_told((attribute.on, attribute.minus))
    return (*attribute.on.types, *minus, *numbers)


def _numbers_told(said: object) -> list[str]:
    """Return what the numbers in a definition go by, in the words of `Told.types`."""
    found: list[str] = []
    for number in numbers_in(said):
        if isinstance(number, Named):
            found.append(f"value:{number.name}")
        for table in tables_in(number):
            found += [f"segment:{name}" for name in segments_of(table)] or [_name_at(table.by)]
    return found


def _segment_told(placed: PlacedSegment) -> Told:
    segment = placed.segment
    name = segment.name
    told = (ENTERED + name, LEFT + name, f"segment:{name}")
    reads = tuple(_asked(_conditions(segment)))
    return Told("segment", name, placed.file, placed.name_at, told, reads)


def _conditions(segment: Segment) -> tuple[Condition | None, ...]:
    return segment.condition, segment.leave


def _asked(conditions: Iterable[Condition | None]) -> Iterator[str]:
    """Yield what *conditions* on the customer hear of, in the words of `Told.types`."""
    for condition in conditions:
        yield from map(_name_at, paths_of(condition))
        yield from [f"segment:{each}" for each in named_segments(condition)]
        yield from _numbers_told(condition)
        for attribute in asked_of(condition):
            yield from _folded(attribute)


def _name_at(path: str) -> str:
    return ".".join(path.split(".")[:2])


# ── over all files ──────────────────────────────────────────────────────────────────────────


def _check_ids(triggers: Sequence[PlacedTrigger], problems: list[Problem]) -> None:
    first: dict[str, PlacedTrigger] = {}
    for placed in triggers:
        known = first.setdefault(placed.trigger.id, placed)
        if known is not placed and placed.trigger.id:
            where = f"{known.file}:{known.id_at.line}"
            message = f"trigger: an id of its own; found {placed.trigger.id!r}, as in {where}"
            Reader(placed.file, problems).report(placed.id_at, message)


def _check_number(triggers: Sequence[PlacedTrigger], most: int, problems: list[Problem]) -> None:
    """Check that the directory has not outgrown what it allows itself (83)."""
    if len(triggers) <= most:
        return
    off = [placed.trigger.id for placed in triggers if placed.trigger.mode == "off"]
    more = f" and {len(off) - _SHOWN} more" if len(off) > _SHOWN else ""
    unused = f"; switched off are {', '.join(off[:_SHOWN])}{more}" if off else ""
    beyond = triggers[most]
    required = f"trigger: at most {most:,} in a directory ('most' in policy.yaml)"
    Reader(beyond.file, problems).report(
        beyond.id_at, f"{required}; found {len(triggers):,}{unused}"
    )


_SHOWN = 20


def _templates(
    files: Mapping[str, str], problems: list[Problem], template_check: TemplateCheck | None
) -> dict[str, dict[str, str]]:
    templates: dict[str, dict[str, str]] = {}
    for path in sorted(files):
        place = _template_place(path)
        if place is None:
            continue
        name, file_name = place
        part = file_name.removesuffix(".liquid")
        if part not in PARTS or part == file_name:
            known = [f"{each}.liquid" for each in PARTS]
            found = f"{file_name!r}{read.suggest(file_name, known)}"
            message = f"templates: files named {read.one_of(known)}; found {found}"
            problems.append(Problem(path, 1, 1, message))
            continue
        templates.setdefault(name, {})[part] = files[path]
        if template_check is not None:
            problems += [Problem(path, *each) for each in template_check(name, part, files[path])]
    return templates


def _check_templates(
    triggers: Sequence[PlacedTrigger],
    templates: Mapping[str, Mapping[str, str]],
    problems: list[Problem],
) -> None:
    """Check that the template of every e-mail is there, with the parts that it needs."""
    for placed in triggers:
        reader = Reader(placed.file, problems)
        for name in placed.templates:
            _check_template(reader, name, templates)


def _check_template(
    reader: Reader, place: Scalar, templates: Mapping[str, Mapping[str, str]]
) -> None:
    name = place.text
    if name not in templates:
        known = ", ".join(sorted(templates)) or "there are none"
        make = f": make templates/{name}/subject.liquid, and text.liquid or html.liquid beside it"
        remedy = read.suggest(name, templates) or make
        reader.report(
            place, f"template: one of those in templates/ ({known}); found {name!r}{remedy}"
        )
        return
    parts = templates[name]
    if "subject" not in parts or not ("text" in parts or "html" in parts):
        required = f"subject.liquid, and text.liquid or html.liquid, in templates/{name}"
        found = read.one_of(f"{part}.liquid" for part in sorted(parts)).replace(" or ", " and ")
        reader.report(place, f"template: {required}, for an e-mail; found {found}")
