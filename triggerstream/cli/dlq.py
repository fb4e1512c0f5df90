"""``dlq``: what could not be read, why, and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerstream.cli.output import print_json, print_table, say
from triggerstream.cli.startup import Dir, ask, find
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.core.records.dead_letters import Letter
    from triggerstream.installation.port import Installation

app = typer.Typer(help="Dead letters: list them, show them.", no_args_is_help=True)

Of = Annotated[
    str, typer.Option("--of", metavar="TOPIC", help="Whose dead letters: events or actions.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_letters(of: Of = "events", json: Json = False, directory: Dir = None) -> None:
    """Count the dead letters of an installation by reason."""
    from triggerstream.installation.letters import read_letters

    installation = _find(of, directory)

    async def count() -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        async for letter in read_letters(installation, f"{of}.dlq"):
            seen = found.setdefault(letter.reason, [0, letter.offset, letter.offset])
            seen[0] += 1
            seen[2] = letter.offset
        return found

    found = ask(installation, count(), f"{of}.dlq")
    columns = ["reason", "letters", "first", "last"]
    rows = [[reason, *found[reason]] for reason in sorted(found)]
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif rows:
        print_table(columns, rows)
    say(f"{sum(seen[0] for seen in found.values())} dead letters of {of}")


@app.command("show")
def show_letters(
    of: Of = "events",
    offset: Annotated[
        int | None, typer.Option("--offset", help="Only the letter at this offset.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Only letters with this reason.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many.")] = 20,
    width: Annotated[
        int, typer.Option("--bytes", min=1, help="Show at most so many bytes of each value.")
    ] = 2000,
    json: Json = False,
    directory: Dir = None,
) -> None:
    """Show dead letters of an installation, one by one.

    Where each came from, why it is here, and its raw bytes, escaped. With --json each is one line,
    whole.
    """
    from triggerstream.core.records.dead_letters import as_json
    from triggerstream.installation.letters import read_letters

    installation = _find(of, directory)

    async def take() -> list[Letter]:
        taken: list[Letter] = []
        async for letter in read_letters(installation, f"{of}.dlq"):
            if offset in (None, letter.offset) and reason in (None, letter.reason):
                taken.append(letter)
            if len(taken) >= limit:
                break
        return taken

    letters = ask(installation, take(), f"{of}.dlq")
    for letter in letters:
        if json:
            print_json(as_json(letter))
        else:
            _print(letter, width)
    if not letters:
        say(f"no such dead letter of {of}")
        raise typer.Exit(1)


def _find(of: str, directory: Path | None) -> Installation:
    if of not in ("events", "actions"):
        msg = f"--of: required is events or actions; found {of!r}"
        raise UsageError(msg)
    _, installation = find(directory)
    return installation


def _print(letter: Letter, width: int) -> None:
    from triggerstream.cli.dead_letters import printable
    from triggerstream.core.records.dead_letters import ORIGIN

    def line(name: str, content: str) -> None:
        print(f"  {name:<8} {content}")

    print(f"letter {letter.offset} of partition {letter.partition}")
    origin = " ".join(f"{name} {letter.notes[name]}" for name in ORIGIN if name in letter.notes)
    line("from", printable(origin.encode(), width))
    for name, note in letter.notes.items():
        if name not in ORIGIN:
            line(name, printable(note.encode(), width))
    line("key", printable(letter.key, width))
    for name, content in letter.headers:
        line("header", f"{printable(name.encode(), width)}: {printable(content, width)}")
    line("value", printable(letter.value, width))
