"""The pages of ``docs/reference/``, made from the code: ``python -m deploy.reference``.

A page that is written by hand is wrong after the next change. These are made of what the code
says of itself, and a test compares them, so that neither can be changed alone.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from triggerstream import errors
from triggerstream.cli.commands import app
from triggerstream.ops import settings
from triggerstream.ops.catalogue import CATALOGUE
from triggerstream.stream import shutdown
from triggerstream.stream.kafka import topics

PAGES = Path(__file__).parents[1] / "docs" / "reference"
MADE = "<!-- Made by `make docs` from the code; a change here is lost. -->"


def pages() -> dict[str, str]:
    """Return the text of every page, by file name."""
    made = {
        "commands.md": commands(),
        "exit-codes.md": exit_codes(),
        "metrics.md": metrics(),
        "settings.md": settings_page(),
        "topics.md": topics_page(),
    }
    return {name: f"{text.rstrip()}\n" for name, text in made.items()}


def main() -> None:
    """Write the pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


# ── commands ────────────────────────────────────────────────────────────────────────────────


def commands() -> str:
    """Return each command as its ``--help`` says it."""
    parts = ["# Commands", MADE, "Data goes to stdout, talk and progress to stderr.", ""]
    root = typer.main.get_command(app)
    for path, command in _leaves(root, ("triggerstream",)):
        context = command.context_class(command, info_name=" ".join(path), terminal_width=90)
        parts += [f"## {' '.join(path[1:])}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(parts)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "commands"):
        if command.invoke_without_command and len(path) > 1:
            yield path, command
        for name, each in command.commands.items():
            if not each.hidden:
                yield from _leaves(each, (*path, name))
    else:
        yield path, command


# ── exit codes ──────────────────────────────────────────────────────────────────────────────


def exit_codes() -> str:
    """Return the exit codes, each with the errors that end so, and who acts."""
    own: dict[int, list[str]] = {
        0: ["Done, or told to stop."],
        shutdown.STUCK: [_doc_of(shutdown, "STUCK")],
        shutdown.UNFORESEEN: [_doc_of(shutdown, "UNFORESEEN"), "Of a command: it has findings."],
    }
    for name, found in vars(errors).items():
        is_error = isinstance(found, type) and issubclass(found, errors.TriggerstreamError)
        if is_error and found is not errors.TriggerstreamError:
            own.setdefault(found.exit_code, []).append(f"`{name}`: {_line(found.__doc__)}")
    rows = [(str(code), "<br>".join(own[code])) for code in sorted(own)]
    return "\n".join(["# Exit codes", MADE, "", *_table(("code", "what it means"), rows)])


# ── metrics ─────────────────────────────────────────────────────────────────────────────────


def metrics() -> str:
    """Return every metric."""
    rows = [
        (f"`{each.full_name}`", each.type, ", ".join(each.labels), each.help) for each in CATALOGUE
    ]
    header = ("metric", "type", "labels", "what it counts")
    told = "Each process serves them at `/metrics`. No label holds a customer."
    return "\n".join(["# Metrics", MADE, "", told, "", *_table(header, rows)])


# ── settings ────────────────────────────────────────────────────────────────────────────────


def settings_page() -> str:
    """Return every setting, group by group."""
    parts = [
        "# Settings",
        MADE,
        "",
        "Environment variables, read at start. A wrong or an unknown one is an error. A secret may",
        "stand in a file, which the same variable with `_FILE` behind it names.",
        "",
    ]
    for title, group, prefix in _groups(settings.Settings, "Process", settings.PREFIX):
        parts += [f"## {title}", "", _line(group.__doc__), ""]
        parts += [*_table(("variable", "required is", "default"), _rows(group, prefix)), ""]
    return "\n".join(parts)


def _groups(
    group: type[BaseModel], title: str, prefix: str
) -> Iterator[tuple[str, type[BaseModel], str]]:
    yield title, group, prefix
    for name, field in group.model_fields.items():
        if _is_group(field.annotation):
            yield from _groups(field.annotation, name, f"{prefix}{name.upper()}__")  # type: ignore[arg-type]  # a group, as was asked


def _is_group(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _rows(group: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    told = _docs_of_fields(group)
    for name, field in group.model_fields.items():
        if _is_group(field.annotation):
            continue
        required = (field.description or "").rstrip(".")
        more = told.get(name, "")
        yield f"`{prefix}{name.upper()}`", f"{required}. {more}".strip(), _default(field.default)


def _docs_of_fields(group: type[BaseModel]) -> dict[str, str]:
    """Return what stands below a field, or of it under ``Attributes:`` of the docstring."""
    tree = ast.parse(inspect.getsource(group))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for before, after in pairwise(body):
        match before, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                found[name] = _line(text)
    _, _, attributes = inspect.cleandoc(group.__doc__ or "").partition("Attributes:\n")
    name = ""
    for line in attributes.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, first = line.strip().partition(": ")
            found[name] = first.replace("``", "`")
        elif line.strip() and name:
            found[name] += f" {line.strip()}".replace("``", "`")
    return found


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value in (None, "", (), {}):
        return "none"
    return f"`{value}`"


# ── topics ──────────────────────────────────────────────────────────────────────────────────


def topics_page() -> str:
    """Return the topics that a worker makes, as it makes them."""
    names = topics.Topics()
    made = topics.wanted_topics(names, settings.Kafka().partitions, header_clock=False)
    rows = [
        (
            f"`{each.name}`",
            str(each.partitions),
            ", ".join(f"`{key}={value}`" for key, value in sorted(each.config.items())),
        )
        for each in made
    ]
    told = (
        "A worker or sender makes those that are missing, where it may, as `triggerstream topics "
        "create` does. Where one that it touches differs, it says so when it starts, and does not "
        "start where that would lose something ([the topics](../operations/topics.md)). The number "
        "of partitions is the setting `TRIGGERSTREAM_KAFKA__PARTITIONS` where it is more than one, "
        "and fixed for life."
    )
    header = ("topic", "partitions", "settings")
    return "\n".join(["# Topics", MADE, "", told, "", *_table(header, rows)])


# ── parts ───────────────────────────────────────────────────────────────────────────────────


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = list(header)
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _line(text: str | None) -> str:
    """Return a docstring's first paragraph as one line, without its Attributes."""
    paragraph = inspect.cleandoc(text or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())


def _doc_of(module: ModuleType, constant: str) -> str:
    """Return the docstring below a module's *constant*."""
    body = ast.parse(inspect.getsource(module)).body
    for before, after in pairwise(body):
        names = [each.id for each in ast.walk(before) if isinstance(each, ast.Name)]
        match after:
            case ast.Expr(value=ast.Constant(value=str() as text)) if constant in names:
                return _line(text)
    return ""


if __name__ == "__main__":
    main()
