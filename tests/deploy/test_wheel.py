"""The wheel: compiled where that is possible, plain Python elsewhere, and never in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hatch_build import COMPILED, NOTE, SWITCH, BuildError, find_compilers
from triggerstream import __version__

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE", "triggerstream")
NO_COMPILER = {"CC": "/nowhere/cc"}
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--verbose")


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path) -> Path:
    """What a wheel is made of, somewhere else."""
    there = tmp_path / "checkout"
    there.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, there / name)
    return there


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != SWITCH}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, "PYTHONPATH": str(cwd), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def build(checkout: Path, **environment: str) -> tuple[int, str]:
    """Build the wheel of *checkout* into it; return the exit code, and what was said."""
    wheel = (*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(checkout), ".")
    done = run(*wheel, cwd=checkout, **environment)
    return done.returncode, done.stdout


def unpacked(checkout: Path) -> Path:
    """Return a directory with all that is in the wheel, and nothing else."""
    (wheel,) = checkout.glob("*.whl")
    there = checkout.parent / "unpacked"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(there)
    return there


def version_of(package: Path) -> str:
    return run(sys.executable, "-m", "triggerstream", "--version", cwd=package).stdout


def tag_of(package: Path) -> str:
    (file,) = package.glob("*.dist-info/WHEEL")
    return file.read_text(encoding="utf-8").partition("Tag: ")[2].strip()


def test_a_wheel_is_compiled_and_names_nothing_of_where_it_was_built(checkout: Path) -> None:
    try:
        find_compilers()
    except BuildError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))

    code, said = build(checkout)

    assert code == 0, said
    package = unpacked(checkout)
    libraries = list(package.rglob("*.so"))
    assert len(libraries) == len(COMPILED) + 1
    assert not tag_of(package).endswith("-any")
    assert version_of(package) == f"triggerstream {__version__} (compiled)\n"
    contents = b"".join(path.read_bytes() for path in (*libraries, package / NOTE))
    assert b"triggerstream/core/detection/engine.py" in contents  # as tracebacks name it
    assert str(checkout.parent).encode() not in contents
    assert b"/triggerstream-" not in contents  # where hatch_build.py works


def test_without_a_compiler_a_wheel_is_plain_python_and_says_so(checkout: Path) -> None:
    code, said = build(checkout, **NO_COMPILER)

    assert code == 0, said
    assert "built in plain Python: no working C compiler was at hand (" in said
    package = unpacked(checkout)
    assert tag_of(package) == "py3-none-any"
    assert list(package.rglob("*.so")) == []
    why = "no working C compiler was at hand when it was built"
    assert version_of(package) == f"triggerstream {__version__} (pure Python: {why})\n"


def test_a_wheel_that_must_not_be_compiled_is_not(checkout: Path) -> None:
    code, said = build(checkout, **{SWITCH: "0"})

    assert code == 0, said
    assert f"(pure Python: {SWITCH} was 0 when it was built)" in version_of(unpacked(checkout))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1", f"{SWITCH}=1: required is a compiled engine, but no working C compiler was at hand"),
        ("yes", f"{SWITCH}: required is 0, 1 or nothing; found 'yes'"),
    ],
)
def test_a_wheel_that_cannot_be_as_it_must_is_none(checkout: Path, wanted: str, found: str) -> None:
    code, said = build(checkout, **NO_COMPILER, **{SWITCH: wanted})

    assert code != 0
    assert found in said
    assert list(checkout.glob("*.whl")) == []


def test_what_mypyc_refuses_ends_the_build_whatever_was_wanted(checkout: Path) -> None:
    with (checkout / f"{COMPILED[0].replace('.', '/')}.py").open("a", encoding="utf-8") as source:
        source.write('\nWRONG: int = "no number"\n')
    compiling = "import pathlib, hatch_build; hatch_build.compile_engine(pathlib.Path('made'))"

    done = run(sys.executable, "-c", compiling, cwd=checkout)

    assert done.returncode != 0
    assert 'variable has type "int"' in done.stdout
    assert f"mypyc refuses it, as told above. {SWITCH}=0 builds it in plain Python" in done.stdout


def test_an_editable_install_runs_from_its_sources(checkout: Path) -> None:
    editable = "from hatchling.build import build_editable; build_editable('.')"

    done = run(sys.executable, "-c", editable, cwd=checkout, **{SWITCH: "1"})

    assert done.returncode == 0, done.stdout
    names = {path.name for path in unpacked(checkout).rglob("*") if path.is_file()}
    assert {name for name in names if name.endswith((".so", ".json"))} == set()
    assert any(name.endswith(".pth") for name in names)
