"""What runs says whether it is compiled, and why it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from triggerstream import __version__
from triggerstream.ops.build import Engine, engine

ROOT = Path(__file__).parents[2]
SAID = {"python": "pure Python: run from its sources", "compiled": "compiled"}


def of(package: Path, note: str) -> Engine:
    (package / "built.json").write_text(note, encoding="utf-8")
    return engine(package)


def test_the_version_says_which_engine_runs(pytestconfig: pytest.Config) -> None:
    command = [sys.executable, "-m", "triggerstream", "--version"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    said = SAID[pytestconfig.getoption("--engine")]
    assert done.stdout == f"triggerstream {__version__} ({said})\n"


def test_where_nothing_was_compiled_the_wheel_knows_why(tmp_path: Path) -> None:
    found = of(tmp_path, '{"compiled": [], "why_plain": "no compiler was at hand"}')

    assert found == Engine("python", "no compiler was at hand when it was built")
    assert str(found) == "pure Python: no compiler was at hand when it was built"


def test_what_was_compiled_is_compiled(tmp_path: Path) -> None:
    found = of(tmp_path, '{"compiled": ["msgspec._core"], "why_plain": ""}')

    assert found == Engine("compiled", "")


def test_what_was_compiled_and_is_imported_as_python_is_not(tmp_path: Path) -> None:
    modules = '["msgspec._core", "triggerstream.errors"]'

    found = of(tmp_path, f'{{"compiled": {modules}, "why_plain": ""}}')

    assert found == Engine(
        "python", "sources stand before what was compiled of triggerstream.errors"
    )
