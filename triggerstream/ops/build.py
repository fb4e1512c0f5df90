"""What this package is: its version, and whether its engine is compiled.

A wheel says how it was made in ``built.json`` (``hatch_build.py``). Where the package runs from its
sources there is no such file. It does not matter to what is decided, only to what that costs.
"""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

import triggerstream

NOTE: Final = "built.json"
PACKAGE: Final = Path(triggerstream.__file__).parent


class Build(msgspec.Struct, frozen=True):
    """What is written in ``built.json``.

    Attributes:
        compiled: The modules that were compiled, by their full names.
        why_plain: Why there are none; ``""`` where there are some.
    """

    compiled: tuple[str, ...]
    why_plain: str


class Engine(msgspec.Struct, frozen=True):
    """The engine that runs here.

    Attributes:
        kind: ``compiled`` or ``python``.
        why: Why it is not compiled; ``""`` where it is.
    """

    kind: str
    why: str

    def __str__(self) -> str:
        return f"pure Python: {self.why}" if self.why else self.kind


def engine(package: Path = PACKAGE) -> Engine:
    """Return what is imported when the engine is, without importing it."""
    try:
        build = msgspec.json.decode((package / NOTE).read_bytes(), type=Build)
    except FileNotFoundError:
        return Engine("python", "run from its sources")
    if not build.compiled:
        return Engine("python", f"{build.why_plain} when it was built")
    plain = [name for name in build.compiled if not _is_compiled(name)]
    if plain:
        return Engine("python", f"sources stand before what was compiled of {plain[0]}")
    return Engine("compiled", "")


def version_line() -> str:
    """Return the version for people, such as ``triggerstream 1.2.3 (compiled)``."""
    return f"triggerstream {triggerstream.__version__} ({engine()})"


def _is_compiled(module: str) -> bool:
    found = find_spec(module)
    return (
        found is not None
        and found.origin is not None
        and found.origin.endswith(tuple(EXTENSION_SUFFIXES))
    )
