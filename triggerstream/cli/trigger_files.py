"""Trigger files for the commands that take them, with problems named as seen from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from triggerstream.errors import Problem, TriggerFileError, UsageError

if TYPE_CHECKING:
    from triggerstream.authoring.fixtures.fixture import Fixture, Result
    from triggerstream.authoring.lint import Warned
    from triggerstream.authoring.observed import Observed
    from triggerstream.core.rulesets.ruleset import Ruleset

T = TypeVar("T")


class TriggerFiles:
    """The files of a directory of triggers, or one file alone.

    Each method raises `TriggerFileError` with every problem that it finds, under the files' names
    as they are seen from the current directory.

    Attributes:
        texts: Text by path from the directory's root.
        is_whole: It is a directory: what its files name must be among them.
    """

    def __init__(self, path: Path, *, must_be_whole: bool = False) -> None:
        """Read the files.

        Args:
            must_be_whole: One file alone is refused: what is put in force takes the place of all.

        Raises:
            UsageError: There is nothing at *path*, or one file where that is refused.
        """
        from triggerstream.authoring.files import read_files

        if not path.exists():
            msg = f"{path}: a directory of trigger files, or one file; found nothing"
            raise UsageError(msg)
        self.is_whole = path.is_dir()
        if must_be_whole and not self.is_whole:
            msg = (
                f"{path}: a directory of trigger files is required, for what is put in force takes "
                "the place of all that is; found one file"
            )
            raise UsageError(msg)
        self._root = path if self.is_whole else path.parent
        self.texts: Mapping[str, str] = self._here(lambda: read_files(path))

    def ruleset(self) -> Ruleset:
        """Return the triggers, compiled, with every template checked by itself."""
        return self._here(self._ruleset)

    def _ruleset(self) -> Ruleset:
        from triggerstream.core.rulesets.ruleset import load_ruleset

        problems = self._empty_files()
        try:
            ruleset = load_ruleset(
                self.texts, template_check=_check_template, is_whole=self.is_whole
            )
        except TriggerFileError as error:
            problems += error.problems
        if problems:
            raise TriggerFileError(problems)
        return ruleset

    def sound_ruleset(self) -> Ruleset:
        """Return what `ruleset` does, for who is about to put it in force: what templates print and
        a customer may lack is a problem, too."""
        return self._here(self._sound_ruleset)

    def _sound_ruleset(self) -> Ruleset:
        ruleset = self._ruleset()
        if ruleset.source.templates:
            from triggerstream.authoring.gaps import gaps

            if problems := gaps(ruleset.source):
                raise TriggerFileError(problems)
        return ruleset

    @property
    def folder(self) -> str:
        """What stands before the names of files, as problems show them."""
        return str(self._root / "x")[:-1]

    def _empty_files(self) -> list[Problem]:
        """Tell of files of triggers that say nothing: one was forgotten, or commented out."""
        from triggerstream.authoring.files import says_nothing
        from triggerstream.core.parsing.directory import is_triggers

        return [
            Problem(name, 1, 1, "a trigger, beginning with 'trigger:'; found nothing")
            for name, text in self.texts.items()
            if is_triggers(name) and says_nothing(text)
        ]

    def fixtures(self, only: str | None = None, ruleset: Ruleset | None = None) -> list[Fixture]:
        """Return the tests of all fixture files, or of the one named *only*.

        Args:
            ruleset: Whose triggers and segments tests may name; ``None`` where it is not known.
        """
        from triggerstream.authoring.fixtures.parse import SUFFIX, parse_fixtures

        triggers = None if ruleset is None else emails_of(ruleset)
        segments = None if ruleset is None else {each.name for each in ruleset.source.segments}
        computed = None if ruleset is None else computed_in(ruleset)
        found: list[Fixture] = []
        problems: list[Problem] = []
        for name in sorted(self.texts):
            if name.endswith(SUFFIX) and only in (None, name):
                try:
                    place = str(self._root / name)
                    text = self.texts[name]
                    found.extend(parse_fixtures(place, text, triggers, segments, computed))
                except TriggerFileError as error:
                    problems.extend(error.problems)
        if problems:
            raise TriggerFileError(problems)
        return found

    def run(self, fixtures: Sequence[Fixture], ruleset: Ruleset) -> list[Result]:
        """Return what comes of *fixtures*, which are of *ruleset*."""
        from triggerstream.authoring.fixtures.run import run_fixture

        return [
            run_fixture(each, self._under(each, ruleset) if each.values else ruleset, self.folder)
            for each in fixtures
        ]

    def _under(self, fixture: Fixture, ruleset: Ruleset) -> Ruleset:
        """Return *ruleset* with the numbers of *fixture* in force."""
        from triggerstream.core.rulesets.carried import computed
        from triggerstream.core.rulesets.ruleset import load_ruleset

        return load_ruleset(computed(self.texts, fixture.values), is_whole=self.is_whole)

    def warnings(self, observed: Observed) -> list[Warned]:
        """Return what is odd about triggers, which have no problem, beside events."""
        from triggerstream.authoring.lint import lint
        from triggerstream.core.parsing.directory import is_triggers

        return [
            warned
            for name, text in sorted(self.texts.items())
            if is_triggers(name)
            for warned in lint(str(self._root / name), text, observed)
        ]

    def schema_warnings(self, ruleset: Ruleset) -> list[Warned]:
        """Return what does not fit together in schemas, policy and *ruleset*, which has no
        problem."""
        from triggerstream.authoring.unread import lint_keep

        found = lint_keep(self.texts, ruleset.source)
        if ruleset.schemas is None:
            return self._placed(found)
        from triggerstream.authoring.schema_lint import lint_schemas

        found += lint_schemas(self.texts, ruleset.source)
        if ruleset.source.templates:
            from triggerstream.authoring.schema_templates import lint_templates

            found += lint_templates(ruleset.source)
        return self._placed(found)

    def _placed(self, found: list[Warned]) -> list[Warned]:
        return [
            warned._replace(
                problem=warned.problem._replace(file=str(self._root / warned.problem.file))
            )
            for warned in found
        ]

    def _here(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except TriggerFileError as error:
            raise TriggerFileError(
                [
                    problem._replace(file=str(self._root / problem.file))
                    for problem in error.problems
                ]
            ) from error


def emails_of(ruleset: Ruleset) -> dict[str, int]:
    """Return how many e-mails each trigger of *ruleset* sends, by id: also of those that are
    ``off``."""
    return {
        trigger.id: sum(action.channel == "email" for action in trigger.actions)
        for trigger in ruleset.source.triggers
    }


def computed_in(ruleset: Ruleset) -> set[str]:
    """Return the names of the values of *ruleset* that are computed."""
    from triggerstream.core.model import Computed

    return {each.name for each in ruleset.source.values if isinstance(each.said, Computed)}


def _check_template(name: str, part: str, source: str) -> Sequence[tuple[int, int, str]]:
    """Return what is wrong with a template; without any, Liquid is not even imported."""
    from triggerstream.channels.templates import check_template

    return check_template(name, part, source)
