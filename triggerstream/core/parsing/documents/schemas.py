"""Reading ``schemas.yaml`` and ``schemas/TYPE.json``: what the doors ask of events."""

from __future__ import annotations

import json
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from typing import Any, NoReturn

from triggerstream.core.events.bodies import checked
from triggerstream.core.model import ON_INVALID, UNKNOWN, SchemaRules, TypeRule
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import MAX_BYTES, Items, Mapping, Node, read_documents
from triggerstream.core.parsing.source.reader import Fields, Reader
from triggerstream.core.records.record import Rejected
from triggerstream.core.schemas.bounds import Fault
from triggerstream.core.schemas.compile import compile_schema
from triggerstream.core.schemas.keywords import Pointer
from triggerstream.errors import Problem

FILE = "schemas.yaml"
FOLDER = "schemas"
SUFFIX = ".json"

KEYS = ("unknown", "types", "aliases")
TYPE_KEYS = ("on_invalid", "sources")


def type_of_schema(path: str) -> str | None:
    """Return the event type whose schema stands at *path*, or ``None`` if none does."""
    match path.split("/"):
        case [folder, name] if folder == FOLDER and name.endswith(SUFFIX) and name != SUFFIX:
            return name.removesuffix(SUFFIX)
    return None


def parse_schemas(files: MappingABC[str, str], problems: list[Problem]) -> SchemaRules | None:
    """Return what *files*, text by path, say of schemas; ``None`` where they say nothing of them.

    What is wrong is added to *problems*.
    """
    schemas: dict[str, dict[str, Any] | bool] = {}
    for path in sorted(files):
        name = type_of_schema(path)
        if name is not None:
            schema = read_schema(Reader(path, problems), files[path])
            schemas[name] = True if schema is None else schema
    rules = _rules(Reader(FILE, problems), files.get(FILE, ""), schemas)
    if rules is None and schemas:
        rules = SchemaRules(schemas=schemas)
    return rules


# ── schemas.yaml ────────────────────────────────────────────────────────────────────────────


def _rules(
    reader: Reader, text: str, schemas: dict[str, dict[str, Any] | bool]
) -> SchemaRules | None:
    documents = read_documents(text, reader.report_at)
    if not documents:
        return None
    for more in documents[1:]:
        reader.report(more, "schemas: one document; found another")
    fields = reader.mapping(documents[0], "schemas", KEYS)
    types = fields.read("types", _types) or {}
    aliases = fields.read("aliases", _aliases) or {}
    if "aliases" in fields:
        _check_aliases(reader, fields["aliases"], aliases, types, schemas)
    unknown = fields.read("unknown", read.choice(UNKNOWN)) or SchemaRules().unknown
    return SchemaRules(unknown, types, aliases, schemas)


def _types(reader: Reader, node: Node, what: str) -> dict[str, TypeRule]:
    return {
        name: _rule(reader.mapping(each, f"{what}: {name}", TYPE_KEYS))
        for name, each in _named(reader, node, what, "event types and what is asked of each")
    }


def _rule(fields: Fields) -> TypeRule:
    on_invalid = fields.read("on_invalid", read.choice(ON_INVALID)) or TypeRule().on_invalid
    return TypeRule(on_invalid, fields.read("sources", read.texts))


def _aliases(reader: Reader, node: Node, what: str) -> dict[str, str]:
    required = "names of event types and what each stands for"
    return {
        name: read.text(reader, each, f"{what}: {name}") or ""
        for name, each in _named(reader, node, what, required)
    }


def _named(reader: Reader, node: Node, what: str, required: str) -> Sequence[tuple[str, Node]]:
    if isinstance(node, Mapping):
        for name, place in node.keys.items():
            if not name.strip():
                reader.report(place, f"{what}: an event type; found an empty text")
        return list(node.entries.items())
    reader.report(node, f"{what}: a mapping of {required}; found {read.show(node)}")
    return ()


def _check_aliases(
    reader: Reader,
    node: Node,
    aliases: MappingABC[str, str],
    types: MappingABC[str, TypeRule],
    schemas: MappingABC[str, Any],
) -> None:
    """Check that no alias has rules, which nothing would be held to, and none leads to another."""
    places = node.keys if isinstance(node, Mapping) else {}
    for name, meant in aliases.items():
        if meant in aliases:
            required = f"aliases: {name}: a type that is not an alias itself"
            reader.report(places[name], f"{required}; found {meant!r}")
        rules = "types" if name in types else f"{FOLDER}/{name}{SUFFIX}" if name in schemas else ""
        if rules:
            required = "aliases: a name without rules of its own, for it is replaced before"
            reader.report(places[name], f"{required}; found {name!r}, which has some in {rules}")


# ── schemas/TYPE.json ───────────────────────────────────────────────────────────────────────


def read_schema(reader: Reader, text: str) -> dict[str, Any] | bool | None:
    """Return the JSON Schema in *text*, or ``None`` after telling what is wrong with it."""
    found = _read_json(reader, text)
    if found is _WRONG:
        return None
    if not isinstance(found, (dict, bool)):
        reader.report_at(1, 1, f"a JSON Schema: an object; found {json.dumps(found)[:80]}")
        return None
    compiled = compile_schema(found)
    if not isinstance(compiled, list):
        return found
    for fault, (line, col) in zip(compiled, _places(text, compiled), strict=True):
        reader.report_at(line, col, fault.message)
    return None


_WRONG = object()


class _TwiceError(Exception):
    """An object has a key twice: whoever reads it takes one of the two, nobody knows which."""


def _read_json(reader: Reader, text: str) -> Any:
    try:
        checked(text.encode(), MAX_BYTES)
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except Rejected as rejected:
        reader.report_at(1, 1, rejected.detail)
    except json.JSONDecodeError as error:
        reader.report_at(error.lineno, error.colno, f"valid JSON; {error.msg}")
    except ValueError as error:
        reader.report_at(1, 1, f"valid JSON; {str(error)[:80]}")
    except _TwiceError as error:
        told: list[tuple[int, int, str]] = []
        read_documents(_as_yaml(text), lambda *each: told.append(each))
        for line, col, message in told or [(1, 1, f"each key once; found {error} again")]:
            reader.report_at(line, col, message)
    return _WRONG


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _TwiceError(repr(twice[:80]))
    return found


def _no_number(name: str) -> NoReturn:
    msg = f"a number; found {name}"
    raise ValueError(msg)


def _places(text: str, faults: Sequence[Fault]) -> list[tuple[int, int]]:
    """Return where each of *faults* stands: JSON is YAML, whose nodes know their places."""
    documents = read_documents(_as_yaml(text), lambda *_: None)
    return [_place(documents[0], fault.at) if documents else (1, 1) for fault in faults]


def _place(node: Node, at: Pointer) -> tuple[int, int]:
    found = node
    for step in at:
        if isinstance(node, Mapping) and str(step) in node.entries:
            found, node = node.keys[str(step)], node.entries[str(step)]
        elif isinstance(node, Items) and str(step).isdecimal() and int(step) < len(node.items):
            found = node = node.items[int(step)]
        else:
            break
    return found.line, found.col


def _as_yaml(text: str) -> str:
    """Return *text* without tabs, by which YAML does not indent; in JSON none is in a text."""
    return text.replace("\t", " ")
