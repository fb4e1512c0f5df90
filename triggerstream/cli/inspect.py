"""``inspect``: what is remembered of one customer, asked of the processes that own it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import escaped, print_json, say
from triggerstream.cli.startup import Dir, ask, find
from triggerstream.errors import UnreachableError

if TYPE_CHECKING:
    from triggerstream.installation.port import Remembered


def inspect(
    customer: Annotated[str, typer.Argument(help="A customer_id.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    directory: Dir = None,
) -> None:
    """Show what an installation remembers of a customer.

    Progress, open waits and limits, asked of what detects; sends and caps, asked of what sends: on
    Kafka a worker and a sender, else the `triggerstream up` of the directory. Exits 1 where nothing
    is remembered, and 69 where that is not known, since nobody owns the customer now.
    """
    _, installation = find(directory)
    answers = ask(installation, installation.inspect(customer), "events", "actions")
    for told in dict.fromkeys(each.why_unknown for each in answers.values() if each.why_unknown):
        say(told)
    known = {process: each.found for process, each in answers.items() if each.found is not None}
    if json:
        print_json(known)
    else:
        for process, found in known.items():
            print(f"{process}:")
            _print(found, "  ")
    if not known:
        told, code = nothing_known(customer, answers)
        say(told)
        raise typer.Exit(code)


def nothing_known(customer: str, answers: Mapping[str, Remembered]) -> tuple[str, int]:
    """Return what is said, and the exit code, where no answer in *answers* remembers *customer*.

    What could not be asked may know of something.
    """
    asked = [name for name, answer in answers.items() if not answer.why_unknown]
    if len(asked) == len(answers):
        return f"nothing is remembered of {customer!r}", 1
    if asked:
        told = f"nothing is remembered of {customer!r} by {', '.join(asked)}; of the rest see above"
    else:
        told = f"whether anything is remembered of {customer!r} is not known"
    return told, UnreachableError.exit_code


def _print(value: Any, indent: str) -> None:
    """Print mappings and lists as an indented outline, each name and each value on one line."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value, start=1)
    for name, content in pairs:
        if isinstance(content, dict | list) and content:
            print(f"{indent}{escaped(str(name))}:")
            _print(content, f"{indent}  ")
        else:
            print(f"{indent}{escaped(str(name))}: {escaped(str(content))}")
