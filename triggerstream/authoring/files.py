"""A directory of triggers, read from disk to text by path."""

from __future__ import annotations

from pathlib import Path

from triggerstream.errors import Problem, TriggerFileError

YAML = ".yaml"
LIQUID = ".liquid"
TEMPLATES = "templates"
JSON = ".json"
SCHEMAS = "schemas"
COMPUTED = ".values.json"
"""What was computed for values: written by a command, not by an author."""

_NOTHING = {"", "...", "~", "null", "Null", "NULL"}
"""Lines of a YAML file that say nothing; the words are those of its core schema for null."""


def read_files(directory: Path) -> dict[str, str]:
    """Return the text of each file of *directory* that belongs to a ruleset.

    These are ``*.yaml`` at any depth (triggers, fixtures, the policy, what is asked of events), all
    that is in ``templates/``, ``schemas/*.json``, and `COMPUTED`. Paths are relative to
    *directory*, with ``/``, so that the same files make the same ruleset wherever they lie.
    *directory* may be a single file too.

    Raises:
        TriggerFileError: A file cannot be read, is not UTF-8, or is named as one that it is not, or
            there is none; their author corrects them.
    """
    if directory.is_file():
        _check_kind(directory)
        return _texts([directory], directory.parent)
    return _texts(_wanted(directory), directory)


def says_nothing(text: str) -> bool:
    """Return whether *text* has nothing but comments, as a file that was never filled in."""
    lines = (line.removeprefix("---").partition("#")[0].strip() for line in text.splitlines())
    return all(line in _NOTHING for line in lines)


def _wanted(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise TriggerFileError([Problem("", 1, 1, "a directory or file; found nothing")])
    entries = sorted(directory.rglob("*"))
    found = [path for path in entries if path.is_file()]
    wanted = [path for path in found if _belongs(path.relative_to(directory))]
    passed_over = [
        path for path in entries if not path.is_file() and _belongs(path.relative_to(directory))
    ]
    _check(directory, found, wanted, passed_over)
    return wanted


def _check_kind(file: Path) -> None:
    """Refuse a single file of a kind that nobody would look at."""
    if file.suffix != YAML:
        required = f"a file of triggers or tests, or the policy (*{YAML}), or a directory of them"
        raise TriggerFileError([Problem(file.name, 1, 1, f"{required}; found {file.name!r}")])


def _belongs(path: Path) -> bool:
    if path.as_posix() == COMPUTED:
        return True
    if _is_hidden(path):
        return False
    if path.parts[0] == SCHEMAS and path.suffix == JSON:
        return len(path.parts) == 2
    return path.suffix == YAML or (path.parts[0] == TEMPLATES and len(path.parts) == 3)


def _is_below_schemas(path: Path) -> bool:
    is_schema = path.parts[0] == SCHEMAS and path.suffix == JSON
    return is_schema and not _is_hidden(path)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _check(directory: Path, found: list[Path], wanted: list[Path], passed_over: list[Path]) -> None:
    """Refuse a directory that is not one of triggers, and files that would be passed over."""
    problems = [
        Problem(
            path.relative_to(directory).as_posix(), 1, 1, f"a name that ends in {YAML}; found .yml"
        )
        for path in found
        if path.suffix == ".yml"
    ]
    problems += [
        Problem(path.relative_to(directory).as_posix(), 1, 1, f"a file; found {_kind(path)}")
        for path in passed_over
    ]
    problems += [
        Problem(
            path.relative_to(directory).as_posix(),
            1,
            1,
            f"a part of a template at {TEMPLATES}/NAME/PART{LIQUID}; found it elsewhere",
        )
        for path in found
        if path.suffix == LIQUID and path not in wanted
        if not _is_hidden(path.relative_to(directory))
    ]
    problems += [
        Problem(
            path.relative_to(directory).as_posix(),
            1,
            1,
            f"a schema at {SCHEMAS}/TYPE{JSON}; found it elsewhere",
        )
        for path in found
        if _is_below_schemas(path.relative_to(directory)) and path not in wanted
    ]
    if not problems and not any(path.suffix == YAML for path in wanted):
        message = f"at least one trigger file (*{YAML}); found none"
        problems.append(Problem("", 1, 1, message))
    if problems:
        raise TriggerFileError(problems)


def _kind(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return f"a link to {str(path.readlink())!r}, where there is nothing"
    return "a directory" if path.is_dir() else "something else"


def _texts(paths: list[Path], root: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        try:
            texts[name] = _without_returns(path.read_bytes().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            problems.append(_not_utf8(name, error))
        except OSError as error:
            problems.append(Problem(name, 1, 1, f"a file that can be read; found {error.strerror}"))
    if problems:
        raise TriggerFileError(problems)
    return texts


def _without_returns(text: str) -> str:
    """Return *text* with Unix line ends, so that a checkout elsewhere makes the same ruleset."""
    return text.replace("\r\n", "\n")


def _not_utf8(name: str, error: UnicodeDecodeError) -> Problem:
    before = error.object[: error.start]
    line = before.count(b"\n") + 1
    col = len(before) - (before.rfind(b"\n") + 1) + 1
    byte = error.object[error.start]
    return Problem(name, line, col, f"UTF-8; found byte 0x{byte:02x}")
