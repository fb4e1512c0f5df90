"""The wheel: pure Python, or with the engine compiled where ``TRIGGERSTREAM_COMPILE=1`` says so.

    TRIGGERSTREAM_COMPILE=1 pip wheel --no-build-isolation --no-deps .

needs a C compiler, setuptools and mypy (its mypyc) in the environment. The sources are the same:
what is compiled, is compiled as it stands, and decides the same (``tests/core/test_compiled.py``).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
COMPILED = (
    "detection/adopt",
    "detection/budget",
    "detection/engine",
    "detection/timers",
    "detection/firing",
    "events/decode",
    "keyed/cache",
    "keyed/cuts",
    "keyed/partition",
    "patterns/aggregates",
    "patterns/base",
    "patterns/combine",
    "patterns/count",
    "patterns/event",
    "patterns/progress",
    "patterns/sequence",
    "patterns/steps",
    "patterns/per",
    "rulesets/ruleset",
    "state/codec",
    "state/customer",
)
"""Modules of the core where compiling pays (``docs/decisions/0007``). None holds what msgspec
decodes: it reads annotations, which mypyc does not keep."""


class CompiledEngine(BuildHookInterface[Any]):
    """Adds the compiled modules to a wheel that asks for them."""

    PLUGIN_NAME = "custom"
    _built: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if os.environ.get("TRIGGERSTREAM_COMPILE") != "1" or version == "editable":
            return
        self._built = built = Path(tempfile.mkdtemp(prefix="triggerstream-"))
        for library in compile_engine(built):
            build_data["force_include"][str(library)] = str(library.relative_to(built))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._built is not None:
            shutil.rmtree(self._built)


def compile_engine(into: Path) -> list[Path]:
    """Compile the engine; return the libraries, which lie under *into* as the package does."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only here is a compiler needed
    from setuptools import Distribution  # noqa: PLC0415

    sources = [f"triggerstream/core/{name}.py" for name in COMPILED]
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        modules = mypycify(sources, opt_level="3", target_dir=str(into / "c"))
        command = Distribution({"name": "triggerstream", "ext_modules": modules}).get_command_obj(
            "build_ext"
        )
        command.build_lib, command.build_temp = str(into), str(into / "c")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return sorted(into.rglob("*.so"))
