"""What does not fit together: schemas, and the triggers beside them.

Each is a warning and no problem: events that are written straight to ``events`` are renamed by no
alias and checked by no schema, so that there may be such ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from triggerstream.authoring.lint import Warned
from triggerstream.authoring.schema_fields import fields_of, rules_out
from triggerstream.authoring.walk import Walk
from triggerstream.core.events.decode import IDENTIFY
from triggerstream.core.model import RulesetSource, SchemaRules
from triggerstream.core.parsing.directory import is_triggers
from triggerstream.core.parsing.documents.schemas import FILE, FOLDER, SUFFIX
from triggerstream.core.parsing.source.nodes import Mapping as MappingNode
from triggerstream.core.parsing.source.nodes import Node, Scalar, read_documents
from triggerstream.core.parsing.source.reader import show
from triggerstream.core.rulesets.named import named_types
from triggerstream.errors import Problem

DATA = "event_data"


def lint_schemas(files: Mapping[str, str], source: RulesetSource) -> list[Warned]:
    """Return what does not fit, in the order of files and places.

    Args:
        files: Text by path; they have been read, as *source*, without a problem.
    """
    rules = source.schemas
    if rules is None:
        return []
    found = list(_names(files, rules, named_types(source.triggers)))
    for path, text in files.items():
        if is_triggers(path):
            linter = _Linter(path, rules)
            for document in _documents(text):
                if isinstance(document, MappingNode):
                    linter.trigger(document)
            found += linter.found
    return sorted(found, key=lambda warned: warned.problem[:3])


def _documents(text: str) -> list[Node]:
    return read_documents(text, lambda *_: None)


# ── types that nobody knows ─────────────────────────────────────────────────────────────────


def _names(
    files: Mapping[str, str], rules: SchemaRules, named: Collection[str]
) -> Iterator[Warned]:
    """Warn of types that are named in ``schemas.yaml`` alone, and of schemas whose name is nearly
    that of a type."""
    known = {*rules.schemas, *named, IDENTIFY}
    for document in _documents(files.get(FILE, "")):
        entries = document.entries if isinstance(document, MappingNode) else {}
        for what, node in entries.items():
            if what in ("types", "aliases") and isinstance(node, MappingNode):
                for name, at in _said(what, node):
                    if name not in known and not (what == "aliases" and name in rules.types):
                        yield _unknown(Problem(FILE, at.line, at.col, what), name, known)
    without = set(named) - set(rules.schemas) - set(rules.aliases)
    for name in sorted(rules.schemas):
        if name not in named and _near(name, without):
            yield _unknown(Problem(f"{FOLDER}/{name}{SUFFIX}", 1, 1, "schema"), name, without)


def _said(what: str, node: MappingNode) -> Iterator[tuple[str, Node]]:
    for key, value in node.entries.items():
        if what == "types":
            yield key, node.keys[key]
        elif isinstance(value, Scalar):
            yield value.text, value


def _unknown(place: Problem, name: str, known: Collection[str]) -> Warned:
    required = "a type that a trigger names, or that has a schema"
    message = f"{place.message}: {required}; found {name!r}{_near(name, known)}"
    return Warned("unknown_type", place._replace(message=message))


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f": did you mean {near[0]!r}?" if near else ""


# ── triggers ────────────────────────────────────────────────────────────────────────────────


class _Linter(Walk):
    def __init__(self, file: str, rules: SchemaRules) -> None:
        self._file = file
        self._rules = rules
        self.found: list[Warned] = []

    def types(self, what: str, scalars: Sequence[Scalar]) -> None:
        together = {scalar.text for scalar in scalars}
        for scalar in scalars:
            meant = self._rules.aliases.get(scalar.text)
            if meant is not None and meant not in together:
                found = f"found {show(scalar)}, which is renamed {meant!r} where it comes in"
                self._warn("alias", scalar, f"{what}: a type that is no alias; {found}")

    def path(self, what: str, node: Scalar, types: Sequence[str]) -> None:
        root, *steps = node.text.split(".")
        through_lists = what == "per"
        if root == DATA and forbidden(self._rules, types, steps, through_lists=through_lists):
            said = f"{what}: " if what else ""
            message = f"{said}{allowed(self._rules, types)}; found {show(node)}"
            self._warn("forbidden_field", node, message)

    def _warn(self, code: str, node: Node, message: str) -> None:
        self.found.append(Warned(code, Problem(self._file, node.line, node.col, message)))


def forbidden(
    rules: SchemaRules,
    types: Sequence[str],
    steps: Sequence[str],
    *,
    through_lists: bool = False,
) -> bool:
    """Return whether the schema of each of *types* rules out what is at *steps* in the data."""
    return bool(types) and all(
        name in rules.schemas and rules_out(rules.schemas[name], steps, through_lists=through_lists)
        for name in types
    )


def allowed(rules: SchemaRules, types: Sequence[str]) -> str:
    """Return what is required of a field of *types*, which have schemas."""
    known = dict.fromkeys(field for name in types for field in fields_of(rules.schemas[name]))
    some = ", ".join(list(known)[:8]) or "none"
    return f"a field that the schema of {' or '.join(dict.fromkeys(types))} allows ({some})"
