"""``validate``: every problem of trigger and fixture files, at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import escaped, print_json, printable_lines, say
from triggerstream.cli.trigger_files import TriggerFiles
from triggerstream.errors import Problem, TriggerFileError, UsageError

if TYPE_CHECKING:
    from triggerstream.authoring.lint import Warned
    from triggerstream.authoring.observed import Observed
    from triggerstream.core.model import Attribute, DateOf, Trigger
    from triggerstream.core.rulesets.ruleset import Ruleset


def validate(
    paths: Annotated[
        list[Path], typer.Argument(help="Directories of trigger files, or single files.")
    ],
    events: Annotated[
        str | None,
        typer.Option(
            "--events",
            metavar="FILE",
            help="Warn of types and fields that these events never hold: JSON Lines, a .jsonl or "
            ".jsonl.gz file, or - for stdin.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings, too.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the problems and warnings as JSON.")
    ] = False,
    expand: Annotated[
        bool,
        typer.Option(
            "--expand",
            help="Print each trigger's when and if in full: names, behavior, strict and debounce "
            "as what they stand for; and the attributes, those that ship among them.",
        ),
    ] = False,
) -> None:
    """Check trigger files, templates, policy, schemas and fixtures.

    Problems go to stdout, warnings and what was seen to stderr. Exits 1 if anything is wrong.
    """
    if json and expand:
        msg = "--expand prints YAML, and --json JSON: one of them is required; found both"
        raise UsageError(msg)
    observed = None if events is None else _observe(events)
    found = _Found()
    for path in paths:
        found.look_at(path, observed)
    if json:
        print_json([_as_json(problem) for problem in found.problems] + _warnings(found))
    else:
        for problem in found.problems:
            print(escaped(str(problem)))
        for warned in found.warned:
            say(f"{warned.problem} [{warned.code}]")
        for name in found.unread:
            say(f"nobody reads {name}")
    if found.problems:
        say(_some(len(found.problems), "problem"))
        raise typer.Exit(1)
    if expand:
        from triggerstream.authoring.expand import expand as expanded
        from triggerstream.authoring.expand_attributes import attribute_said

        more = map(attribute_said, found.attributes)
        text = expanded(found.triggers, found.dates, more)
        print("\n".join(printable_lines(text)), end="")
    warnings = f", {_some(len(found.warned), 'warning')}" if found.warned else ""
    say(f"{found.told_seen()}: no problems{warnings}")
    if found.warned and strict:
        raise typer.Exit(1)


class _Found:
    """What was seen in the files, and what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warned: list[Warned] = []
        self.triggers: list[Trigger] = []
        self.dates: list[DateOf] = []
        self.unread: list[str] = []
        self.attributes: list[Attribute] = []
        self._seen: Counter[str] = Counter()

    def look_at(self, path: Path, observed: Observed | None) -> None:
        try:
            files = TriggerFiles(path)
        except TriggerFileError as error:
            self.problems += error.problems
            return
        named: Ruleset | None = None
        try:
            ruleset = files.sound_ruleset()
        except TriggerFileError as error:
            self.problems += error.problems
        else:
            # Beside a file alone there may be others, whose triggers its tests name.
            named = ruleset if files.is_whole else None
            self.triggers += ruleset.source.triggers
            self.dates += ruleset.source.dates
            self.attributes += ruleset.source.attributes
            self._seen["trigger"] += len(ruleset.source.triggers)
            self._seen["attribute"] += len(ruleset.source.attributes)
            named_ones = [each for each in ruleset.source.segments if each.name[:1] != "~"]
            self._seen["segment"] += len(named_ones)
            self._seen["value"] += len(ruleset.source.values)
            self._seen["template"] += len(ruleset.source.templates)
            self._seen["policy"] += "policy.yaml" in files.texts
            rules = ruleset.source.schemas
            self._seen["schema"] += 0 if rules is None else len(rules.schemas)
            self.warned += files.schema_warnings(ruleset)
            if files.is_whole:
                self._look_for_unread(ruleset, observed)
            if observed is not None:
                self.warned += files.warnings(observed)
        try:
            self._seen["test"] += len(files.fixtures(ruleset=named))
        except TriggerFileError as error:
            self.problems += error.problems

    def _look_for_unread(self, ruleset: Ruleset, observed: Observed | None) -> None:
        from triggerstream.authoring.unread import unread

        found = unread(ruleset.source, observed)
        self.unread += [f"attribute {name}" for name in found.attributes]
        self.unread += [
            f"profile.{name}" + ("" if found.is_kept else ", which is not kept")
            for name in found.said
        ]

    def told_seen(self) -> str:
        """Return how many there are of each kind, of which there is any."""
        told = [_some(number, kind) for kind, number in self._seen.items() if number]
        return ", ".join(told) or "nothing"


def _observe(events: str) -> Observed:
    from triggerstream.authoring.observed import observe
    from triggerstream.cli.output import with_progress
    from triggerstream.replay.sources import LineSource

    source = LineSource(events)
    observed = observe(
        with_progress(source, "reading", position=lambda: (source.read, source.size))
    )
    if observed.rejected:
        say(f"{events}: {_some(observed.rejected, 'line')} passed over: no events")
    if not observed.events:
        say(f"{events}: no events, so nothing can be said of types and fields")
    return observed


def _some(number: int, kind: str) -> str:
    plural = {"policy": "policies"}.get(kind, f"{kind}s")
    return f"{number} {kind if number == 1 else plural}"


def _as_json(problem: Problem) -> dict[str, Any]:
    return problem._asdict()


def _warnings(found: _Found) -> list[dict[str, Any]]:
    return [
        {**_as_json(warned.problem), "severity": "warning", "code": warned.code}
        for warned in found.warned
    ]
