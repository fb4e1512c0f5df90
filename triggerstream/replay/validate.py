"""Every problem of every trigger file in some directories, at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from triggerstream.core.triggers.parse import TemplateCheck, parse_ruleset
from triggerstream.errors import Problem, TriggerFileError
from triggerstream.replay.files import read_files


def problems_in(
    paths: Iterable[Path], *, template_check: TemplateCheck | None = None
) -> list[Problem]:
    """Return the problems of the trigger files in *paths*, directories or single files.

    Each path is a ruleset of its own. The problems name files as they are seen from where the
    command was called.
    """
    return [problem for path in paths for problem in _problems(path, template_check)]


def _problems(path: Path, template_check: TemplateCheck | None) -> list[Problem]:
    try:
        parse_ruleset(read_files(path), template_check)
    except TriggerFileError as error:
        root = path if path.is_dir() else path.parent
        return [problem._replace(file=str(root / problem.file)) for problem in error.problems]
    return []
