"""``deploy``: put a directory of triggers in force."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerstream.cli.output import say
from triggerstream.cli.startup import ask, find
from triggerstream.cli.test import summary, told
from triggerstream.cli.trigger_files import TriggerFiles

if TYPE_CHECKING:
    from triggerstream.core.rulesets.ruleset import Ruleset


def deploy(
    directory: Annotated[Path, typer.Argument(help="A directory of trigger files.")],
    from_version: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="VERSION",
            help="The version that this one was made from; refused if another is in force.",
        ),
    ] = None,
    no_test: Annotated[
        bool, typer.Option("--no-test", help="Do not run the directory's tests before.")
    ] = False,
) -> None:
    """Check, test and publish a directory of triggers.

    A project's triggers may be in its folder `triggers`. They go to the Kafka that
    TRIGGERSTREAM_KAFKA__BOOTSTRAP names; where that is not set, to the directory's own
    installation, if `triggerstream up` has run there. What detects puts them in force. Says what
    changes, and prints the version: the one in force where nothing does. Exits 1, with nothing
    published, if anything is wrong or a test fails.
    """
    from triggerstream.cli.up import triggers_of

    files = TriggerFiles(triggers_of(directory), must_be_whole=True)
    texts = _authored(files)
    ruleset = files.sound_ruleset()
    _test(files, ruleset, run=not no_test)
    _, installation = find(directory, is_deployed=True)
    from triggerstream.installation.publish import publish

    review = Review()
    version = ask(installation, publish(installation, texts, from_version, review))
    if review.is_same:
        say(f"nothing changed: {directory} is in force as version {version}")
    else:
        say(f"published {directory} as version {version}")
    print(version)


def _authored(files: TriggerFiles) -> dict[str, str]:
    """Leave out of *files* what was computed, and say so; return what is to be published."""
    from triggerstream.authoring.files import COMPUTED

    texts = {name: text for name, text in files.texts.items() if name != COMPUTED}
    if len(texts) < len(files.texts):
        say(f"{COMPUTED} is left out: what is computed is no author's to publish")
        files.texts = texts
    return texts


def _test(files: TriggerFiles, ruleset: Ruleset, *, run: bool) -> None:
    """Run the directory's tests; end the command if one fails."""
    fixtures = files.fixtures(ruleset=ruleset)
    if not run or not fixtures:
        return
    results = files.run(fixtures, ruleset)
    failed = [result for result in results if not result.is_ok]
    for result in failed:
        say("\n".join(told(result)))
    say(summary(results))
    if failed:
        say("nothing is deployed; --no-test deploys all the same")
        raise typer.Exit(1)


class Review:
    """Says what changes against the ruleset in force."""

    def __init__(self) -> None:
        self.is_same = False

    def __call__(self, in_force: Ruleset | None, coming: Ruleset) -> bool:
        from triggerstream.core.rulesets.diff import diff, tell

        difference = diff(in_force, coming)
        self.is_same = difference.is_same
        lines = tell(difference)
        for line in lines:
            say(line)
        if not lines and not self.is_same:
            say("only comments, layout or tests changed: customers keep everything")
        return not self.is_same
