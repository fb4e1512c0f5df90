"""The wheel: its engine compiled by mypyc where that is possible, and plain Python elsewhere.

The sources are the same: what is compiled, is compiled as it stands, and decides the same
(``make test`` runs the tests of the core both ways). ``TRIGGERSTREAM_COMPILE`` says what is wanted:

=======  ===========================================================================================
not set  compiled where a C compiler, mypy and setuptools are at hand; else plain Python, which the
         build says, and ``triggerstream --version`` of what it made
``1``    compiled, or the build fails
``0``    plain Python
=======  ===========================================================================================

What a compiler does not take although there is one fails the build in any case. An editable
install runs from its sources, and so is plain Python.
"""

from __future__ import annotations

import json
import os
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SWITCH = "TRIGGERSTREAM_COMPILE"
NOTE = "triggerstream/built.json"
"""What a wheel says of itself; `triggerstream.ops.build` reads it."""
LIBRARY = "triggerstream"
"""All modules are in one library, ``triggerstream__mypyc``, beside the package: they call each
other without going through Python."""

COMPILED = (
    "triggerstream.core.conditions.compile",
    "triggerstream.core.conditions.expressions",
    "triggerstream.core.conditions.paths",
    "triggerstream.core.derive.changes",
    "triggerstream.core.derive.attributes.compile",
    "triggerstream.core.derive.attributes.computed",
    "triggerstream.core.derive.calendar.dated",
    "triggerstream.core.derive.attributes.folds",
    "triggerstream.core.derive.attributes.points",
    "triggerstream.core.derive.segments",
    "triggerstream.core.derive.sessions",
    "triggerstream.core.derive.sight",
    "triggerstream.core.derive.view",
    "triggerstream.core.derive.visit",
    "triggerstream.core.derive.calendar.whereabouts",
    "triggerstream.core.derive.attributes.windows",
    "triggerstream.core.detection.adopt",
    "triggerstream.core.detection.advance",
    "triggerstream.core.detection.budget",
    "triggerstream.core.detection.dating",
    "triggerstream.core.detection.derived",
    "triggerstream.core.detection.engine",
    "triggerstream.core.detection.firing",
    "triggerstream.core.detection.membership",
    "triggerstream.core.detection.reading",
    "triggerstream.core.detection.timers",
    "triggerstream.core.detection.visiting",
    "triggerstream.core.detection.watch",
    "triggerstream.core.events.decode",
    "triggerstream.core.expressions.compare",
    "triggerstream.core.expressions.compile",
    "triggerstream.core.expressions.functions",
    "triggerstream.core.expressions.logic",
    "triggerstream.core.keyed.cache",
    "triggerstream.core.keyed.cuts",
    "triggerstream.core.keyed.entry",
    "triggerstream.core.keyed.partition",
    "triggerstream.core.patterns.aggregates",
    "triggerstream.core.patterns.base",
    "triggerstream.core.patterns.combine",
    "triggerstream.core.patterns.count",
    "triggerstream.core.patterns.event",
    "triggerstream.core.patterns.per",
    "triggerstream.core.patterns.progress",
    "triggerstream.core.patterns.sequence",
    "triggerstream.core.patterns.short_cuts",
    "triggerstream.core.patterns.steps",
    "triggerstream.core.patterns.trend",
    "triggerstream.core.rulesets.ruleset",
    "triggerstream.core.state.codec",
    "triggerstream.core.state.customer",
    "triggerstream.replay.driver",
    "triggerstream.stream.kafka.batch",
)
"""Modules where compiling pays (``docs/decisions/0007``). None holds what msgspec decodes: it reads
annotations, which mypyc does not keep."""


class BuildError(Exception):
    """The wheel that was asked for cannot be made."""


class CompiledEngine(BuildHookInterface[Any]):
    """Adds the compiled modules to a wheel, and to every wheel how it was made."""

    PLUGIN_NAME = "custom"
    _built: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self._built = tempfile.TemporaryDirectory(prefix="triggerstream-")
        try:
            self._build(Path(self._built.name), build_data)
        except BuildError as error:
            self.app.abort(str(error))

    def _build(self, built: Path, build_data: dict[str, Any]) -> None:
        why_plain = self._why_plain()
        if not why_plain:
            for library in compile_engine(built):
                build_data["force_include"][str(library)] = library.relative_to(built).as_posix()
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
        note = built / "built.json"
        compiled = () if why_plain else COMPILED
        note.write_text(json.dumps({"compiled": compiled, "why_plain": why_plain}), "utf-8")
        build_data["force_include"][str(note)] = NOTE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._built is not None:
            self._built.cleanup()

    def _why_plain(self) -> str:
        """Return why the wheel is to be plain Python, or ``""``."""
        wanted = os.environ.get(SWITCH, "")
        if wanted == "0":
            return f"{SWITCH} was 0"
        if wanted not in {"", "1"}:
            raise BuildError(f"{SWITCH}: required is 0, 1 or nothing; found {wanted!r}")
        try:
            find_compilers()
        except BuildError as missing:
            said = f"{missing}" + (f" ({missing.__cause__})" if missing.__cause__ else "")
            if wanted:
                raise BuildError(f"{SWITCH}=1: required is a compiled engine, but {said}") from None
            self.app.display_warning(f"triggerstream is built in plain Python: {said}")
            return str(missing)
        return ""


def find_compilers() -> None:
    """Compile nothing much.

    Raises:
        BuildError: It cannot be done here. The text names nothing of this machine.
    """
    try:
        import mypyc.build  # noqa: F401, PLC0415 - only a compiled wheel needs it
        from setuptools import Extension  # noqa: PLC0415
    except ImportError as error:
        raise BuildError("mypy and setuptools were not at hand") from error
    with tempfile.TemporaryDirectory(prefix="triggerstream-") as scratch, in_directory(scratch):
        source = Path("tried.c")
        source.write_text("#include <Python.h>\nPyObject *PyInit_tried(void) { return NULL; }\n")
        try:
            _run_compiler([Extension("tried", [source.name])], scratch)
        except BuildError as error:
            if not Path(sysconfig.get_path("include"), "Python.h").exists():
                raise BuildError("the headers of this Python were not at hand") from error
            raise BuildError("no working C compiler was at hand") from error


def compile_engine(into: Path) -> list[Path]:
    """Compile the engine; return the libraries, which lie under *into* as the package does.

    Raises:
        BuildError: mypyc or the compiler does not take it.
    """
    from mypyc.build import mypycify  # noqa: PLC0415 - only a compiled wheel needs it

    sources = [f"{name.replace('.', '/')}.py" for name in COMPILED]
    scratch = str(into / "scratch")
    try:
        # From the root, where mypy finds its settings, and where sources have names that are the
        # same on every machine. What is not compiled is for `make check` to judge.
        with in_directory(ROOT):
            modules = mypycify(
                ["--follow-imports=silent", f"--cache-dir={scratch}", *sources],
                opt_level="3",
                debug_level="0",
                target_dir=scratch,
                group_name=LIBRARY,
            )
            made = _run_compiler(modules, str(into))
    except (BuildError, SystemExit) as error:
        why = "mypyc refuses it, as told above" if isinstance(error, SystemExit) else error
        raise BuildError(
            f"the engine cannot be compiled: {why}. {SWITCH}=0 builds it in plain Python, which "
            "decides the same"
        ) from error
    return sorted(map(Path, made))


def _run_compiler(extensions: list[Any], into: str) -> list[str]:
    """Build *extensions* below *into*; return the files that this makes."""
    from setuptools import Distribution  # noqa: PLC0415 - only a compiled wheel needs it
    from setuptools.errors import BaseError, CCompilerError  # noqa: PLC0415

    distribution = Distribution({"name": LIBRARY, "ext_modules": extensions})
    command: Any = distribution.get_command_obj("build_ext")
    command.build_lib, command.build_temp = into, str(Path(into, "scratch"))
    try:
        command.ensure_finalized()
        command.run()
    except (BaseError, CCompilerError) as error:
        raise BuildError(str(error)) from error
    made: list[str] = command.get_outputs()
    return made


@contextmanager
def in_directory(path: str | Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
