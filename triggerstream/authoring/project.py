"""A new project of trigger files: one of the starters, written where nothing stands yet."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from triggerstream.errors import UsageError

STARTERS = ("shop", "saas", "b2b", "empty")
"""A shop's carts; a SaaS's trials; a B2B company's leads; one trigger to begin with."""

_HERE = "triggerstream.authoring.starters"
_COMMON = "common"
_HIDDEN = {"gitignore": ".gitignore"}
"""Names that would be taken for files of this package's own."""


def starter(name: str) -> dict[str, str]:
    """Return the files of the starter *name*: text by path, with ``/``.

    Raises:
        UsageError: There is no such starter; its caller names one of `STARTERS`.
    """
    if name not in STARTERS:
        msg = f"--template: required is one of {', '.join(STARTERS)}; found {name!r}"
        raise UsageError(msg)
    root = files(_HERE)
    return dict(_texts(root / _COMMON)) | dict(_texts(root / name))


def write_project(directory: Path, name: str) -> list[Path]:
    """Write the starter *name* into *directory*, and return what was written, in order.

    Nothing that is there is touched: all files are written, or none.

    Raises:
        UsageError: There is no such starter, or one of its files is there already, or the directory
            cannot be written to.
    """
    wanted = {directory / path: text for path, text in sorted(starter(name).items())}
    there = [path for path in wanted if path.exists()]
    if there:
        names = ", ".join(path.relative_to(directory).as_posix() for path in there)
        msg = (
            f"{directory}: required is a directory without the files of the starter; found {names}"
        )
        raise UsageError(msg)
    written: list[Path] = []
    try:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        msg = f"{directory}: required is a directory that can be written to; found: {error}"
        raise UsageError(msg) from error
    return written


def _texts(folder: Traversable, below: str = "") -> Iterator[tuple[str, str]]:
    for each in sorted(folder.iterdir(), key=lambda found: found.name):
        name = f"{below}{_HIDDEN.get(each.name, each.name)}"
        if each.is_dir():
            if each.name != "__pycache__":
                yield from _texts(each, f"{name}/")
        else:
            yield name, each.read_text(encoding="utf-8")
