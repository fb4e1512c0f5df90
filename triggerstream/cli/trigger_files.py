"""Trigger files for the commands that take them, with problems named as seen from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from triggerstream.errors import Problem, TriggerFileError, UsageError

if TYPE_CHECKING:
    from triggerstream.authoring.fixtures import Fixture
    from triggerstream.core.rulesets.ruleset import Ruleset

T = TypeVar("T")


class TriggerFiles:
    """The files of a directory of triggers, or one file alone.

    Each method raises `TriggerFileError` with every problem that it finds, under the files' names
    as they are seen from the current directory.
    """

    def __init__(self, path: Path) -> None:
        from triggerstream.authoring.files import read_files

        if not path.exists():
            msg = f"{path}: a directory of trigger files, or one file; found nothing"
            raise UsageError(msg)
        self._root = path.parent if path.is_file() else path
        self.texts: Mapping[str, str] = self._here(lambda: read_files(path))

    def ruleset(self) -> Ruleset:
        """Return the triggers, compiled, with every template checked."""
        from triggerstream.core.rulesets.ruleset import load_ruleset

        return self._here(lambda: load_ruleset(self.texts, template_check=_check_template))

    def fixtures(self, only: str | None = None) -> list[Fixture]:
        """Return the tests of all fixture files, or of the one named *only*."""
        from triggerstream.authoring.fixture_files import SUFFIX, parse_fixtures

        found: list[Fixture] = []
        problems: list[Problem] = []
        for name in sorted(self.texts):
            if name.endswith(SUFFIX) and only in (None, name):
                try:
                    found.extend(parse_fixtures(str(self._root / name), self.texts[name]))
                except TriggerFileError as error:
                    problems.extend(error.problems)
        if problems:
            raise TriggerFileError(problems)
        return found

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


def _check_template(name: str, part: str, source: str) -> Sequence[tuple[int, int, str]]:
    """Return what is wrong with a template; without any, Liquid is not even imported."""
    from triggerstream.channels.templates import check_template

    return check_template(name, part, source)
