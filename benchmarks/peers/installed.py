"""Installs a peer into the user's cache, once: what is pinned here, and nothing for the project."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
_FLINK = HERE / "flink"
_LIMIT_S = 900


def python_of(name: str) -> Path:
    """Return the interpreter of an environment with ``requirements-NAME.txt``; make it if need be.

    The process ends with what pip said where it could not be made.
    """
    requirements = HERE / f"requirements-{name}.txt"
    directory = _cached(name, [requirements])
    ready = directory / "ready"
    python = directory / "bin" / "python"
    if not ready.exists():
        print(f"installing {', '.join(requirements.read_text().split())} (once)", file=sys.stderr)
        venv.create(directory, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--requirement", str(requirements)])
        ready.touch()
    return python


def versions(name: str) -> str:
    """Return what is pinned for the peer *name*: ``flink``, or what has a requirements file."""
    if name == "flink":
        pom = (_FLINK / "pom.xml").read_text(encoding="utf-8")
        return ", ".join(
            f"{part} {version}" for part, version in re.findall(r"<(\S+)\.version>(.+?)<", pom)
        )
    pinned = (HERE / f"requirements-{name}.txt").read_text(encoding="utf-8").split()
    return ", ".join(each.replace("==", " ") for each in pinned)


def flink_class_path() -> str:
    """Return the class path of the Flink jobs; fetch Flink and compile them if need be.

    The process ends with what Maven said where it could not.
    """
    sources = sorted(path for path in _FLINK.rglob("*") if path.is_file())
    directory = _cached("flink", sources)
    if not directory.exists():
        maven = shutil.which("mvn")
        if maven is None:
            sys.exit("Apache Flink is fetched with Maven: 'mvn' is required on the path; none here")
        print("fetching Apache Flink (about 90 MB, once) and compiling the jobs", file=sys.stderr)
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Beside its final place, so that the rename is one step, and half of it is never found.
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix="building-") as building:
            project = shutil.copytree(_FLINK, Path(building) / "flink")
            command = [maven, "-B", "-q", "-f", str(project / "pom.xml")]
            command += ["compile", "dependency:copy-dependencies", "-DincludeScope=runtime"]
            _run([*command, f"-DoutputDirectory={project / 'libs'}"])
            project.rename(directory)
    return f"{directory / 'target' / 'classes'}:{directory / 'libs' / '*'}"


def _cached(name: str, sources: list[Path]) -> Path:
    """Return a directory of its own for what is made of *sources* as they are now."""
    digest = hashlib.blake2b(digest_size=6)
    for source in sources:
        digest.update(source.read_bytes())
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "triggerstream" / f"peers-{name}-{digest.hexdigest()}"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
