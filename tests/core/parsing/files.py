"""Trigger files for tests: a trigger with one thing about it changed, and its problems."""

from __future__ import annotations

from textwrap import dedent

from triggerstream.core.model import Pattern, Trigger
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.errors import TriggerFileError


def trigger_of(text: str) -> Trigger:
    """Return the one trigger in *text*."""
    (trigger,) = parse_ruleset({"t.yaml": dedent(text)}).triggers
    return trigger


def pattern_of(when: str) -> Pattern:
    """Return the pattern that *when*, in flow style, says."""
    return trigger_of(f"trigger: t\nwhen: {when}\n").when


def problems_of(text: str) -> list[str]:
    """Return the problems of one file, without its name: ``line:col: message``."""
    return problems_in({"t.yaml": dedent(text)})


def problems_in(files: dict[str, str]) -> list[str]:
    """Return the problems of *files*, those of ``t.yaml`` without the file's name."""
    try:
        parse_ruleset(files)
    except TriggerFileError as error:
        return [str(problem).removeprefix("t.yaml:") for problem in error.problems]
    return []


def problems_when(when: str) -> list[str]:
    """Return the problems of a trigger with this pattern; it starts at column 7 of line 2."""
    return problems_of(f"trigger: t\nwhen: {when}\n")
