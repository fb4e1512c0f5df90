"""The engine, compiled as a wheel may have it, decides as it does in Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"


@pytest.fixture(name="compiled", scope="module")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where a package with a compiled engine lies."""
    compiler = str(sysconfig.get_config_var("CC")).split()[0]
    if shutil.which(compiler) is None and not os.environ.get("CI"):
        pytest.skip(f"no C compiler: {compiler}")
    there = tmp_path_factory.mktemp("compiled")
    shutil.copytree(ROOT / "triggerstream", there / "triggerstream")
    build = "import pathlib, hatch_build; hatch_build.compile_engine(pathlib.Path({!r}))"
    run(ROOT, "-c", build.format(str(there)))
    return there


def run(package: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_compiled_engine_decides_on_half_a_year_as_an_interpreted_one(compiled: Path) -> None:
    replay = ("-m", "triggerstream", "replay", "--triggers", str(SHOP / "triggers"))
    log = str(SHOP / "events.jsonl.gz")

    decided = run(compiled, *replay, log)

    assert decided.count("\n") > 100
    assert decided == run(ROOT, *replay, log)


def test_it_is_the_compiled_engine_that_is_imported(compiled: Path) -> None:
    imports = "from triggerstream.core.detection import engine, slots"

    where = run(compiled, "-c", f"{imports}; print(engine.__file__, slots.__file__)")

    assert where.count(".so") == 2
