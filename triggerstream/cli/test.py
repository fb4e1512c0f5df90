"""``test``: the fixtures beside the triggers, run by the engine itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import escaped, print_json, say
from triggerstream.cli.trigger_files import TriggerFiles
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.authoring.fixtures.fixture import Result


def run_tests(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Directories of trigger files, or single *.test.yaml files in them."),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run the fixtures beside the triggers.

    Every message that they lead to is rendered. Exits 1 if a test fails.
    """
    results = [result for path in paths for result in _run(path)]
    if json:
        print_json([_as_json(result) for result in results])
    else:
        for result in results:
            print("\n".join(told(result)))
    say(summary(results))
    if not all(result.is_ok for result in results):
        raise typer.Exit(1)


def _run(path: Path) -> list[Result]:
    # A single file of tests is about the triggers beside it.
    alone = path.name if path.is_file() else None
    files = TriggerFiles(path.parent if alone else path)
    # What is wrong with the tests themselves is told before what is wrong with the triggers.
    if not files.fixtures(only=alone):
        msg = f"{path}: at least one test in a file *.test.yaml; found none"
        raise UsageError(msg)
    ruleset = files.ruleset()
    fixtures = files.fixtures(only=alone, ruleset=ruleset)
    return files.run(fixtures, ruleset)


def summary(results: Sequence[Result]) -> str:
    """Return how many passed and failed, and how many messages were rendered, if any."""
    failed = sum(not result.is_ok for result in results)
    rendered = sum(result.rendered for result in results)
    messages = f"; {rendered} message{'s' * (rendered != 1)} rendered" if rendered else ""
    return f"{len(results) - failed} passed, {failed} failed{messages}"


def told(result: Result) -> list[str]:
    """Return the lines that tell *result*: of a failed one, why."""
    fixture = result.fixture
    lines = [f"{'ok    ' if result.is_ok else 'FAILED'} {fixture.where}: {escaped(fixture.name)}"]
    if result.is_ok:
        return lines
    details = [line for each in result.problems for line in each.split("\n")]
    details += result.notes
    if result.fixture.expect == result.got:
        pass  # the decisions are right
    elif result.is_reordered:
        details.append("the decisions are those expected, in another order: the log's is")
        details += [f"  {decision}" for decision in result.got]
    else:
        details += ["- expected   + got", *result.diff()]
    return lines + [f"         {escaped(line)}" for line in details]


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "test": result.fixture.name,
        "file": result.fixture.file,
        "line": result.fixture.line,
        "ok": result.is_ok,
        "problems": list(result.problems),
        "notes": list(result.notes),
        "rendered": result.rendered,
        "diff": [] if result.is_ok else result.diff(),
    }
