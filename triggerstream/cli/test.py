"""``test``: the fixtures beside the triggers, run by the engine itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import print_json, say
from triggerstream.cli.trigger_files import TriggerFiles
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.authoring.fixtures import Result


def run_tests(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Directories of trigger files, or single *.test.yaml files in them."),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run the fixtures beside the triggers; exit 1 if one fails."""
    results = [result for path in paths for result in _run(path)]
    failed = sum(not result.is_ok for result in results)
    if json:
        print_json([_as_json(result) for result in results])
    else:
        for result in results:
            _print(result)
    say(f"{len(results) - failed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


def _run(path: Path) -> list[Result]:
    from triggerstream.authoring.fixtures import run_fixture

    # A single file of tests is about the triggers beside it.
    alone = path.name if path.is_file() else None
    files = TriggerFiles(path.parent if alone else path)
    fixtures = files.fixtures(only=alone)
    if not fixtures:
        msg = f"{path}: at least one test in a file *.test.yaml; found none"
        raise UsageError(msg)
    ruleset = files.ruleset()
    return [run_fixture(fixture, ruleset) for fixture in fixtures]


def _print(result: Result) -> None:
    fixture = result.fixture
    print(f"{'ok    ' if result.is_ok else 'FAILED'} {fixture.where}: {fixture.name}")
    if result.is_ok:
        return
    for problem in result.problems:
        print(f"         {problem}")
    print("         - expected   + got")
    for line in result.diff():
        print(f"         {line}")


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "test": result.fixture.name,
        "file": result.fixture.file,
        "line": result.fixture.line,
        "ok": result.is_ok,
        "problems": list(result.problems),
        "diff": [] if result.is_ok else result.diff(),
    }
