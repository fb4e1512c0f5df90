"""Apache Kafka's jars, fetched once through Maven into a cache outside of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local_kafka.errors import LocalKafkaError

POM = Path(__file__).with_name("pom.xml")
JAVA = 17
"""The oldest Java that Kafka's broker runs on."""
_DOWNLOAD_LIMIT_S = 600


def kafka_version() -> str:
    """Return the pinned version, as the pom names it."""
    found = re.search(r"<kafka\.version>(.+?)</kafka\.version>", POM.read_text(encoding="utf-8"))
    if found is None:
        msg = f"{POM}: a <kafka.version> is required; found none"
        raise LocalKafkaError(msg)
    return found[1]


def missing_tools() -> list[str]:
    """Return what a local Kafka needs and is not on the path, in words."""
    missing = []
    java = java_version()
    if java is None or java < JAVA:
        found = "none" if java is None else f"Java {java}"
        missing.append(f"Java {JAVA} or later (found {found})")
    if not cached() and shutil.which("mvn") is None:
        missing.append("Maven (found none)")
    return missing


def java_version() -> int | None:
    """Return the major version of the Java on the path, or ``None`` where there is none."""
    java = shutil.which("java")
    if java is None:
        return None
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    return None if found is None else int(found[1])


def cached() -> bool:
    """Return whether the jars are here already."""
    return _libs().is_dir()


def fetch() -> Path:
    """Return the directory of the jars, after fetching them if need be.

    Raises:
        LocalKafkaError: Maven is not here, or could not get them.
    """
    libs = _libs()
    if libs.is_dir():
        return libs
    maven = shutil.which("mvn")
    if maven is None:
        msg = "Apache Kafka is fetched with Maven: 'mvn' is required on the path; found none"
        raise LocalKafkaError(msg)
    print(f"fetching Apache Kafka {kafka_version()} (about 45 MB, once)", file=sys.stderr)  # noqa: T201 - a person waits
    libs.parent.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the rename is one step, and half a download is never found.
    with tempfile.TemporaryDirectory(dir=libs.parent, prefix="fetching-") as directory:
        fetched = Path(directory) / "libs"
        _copy_dependencies(maven, Path(directory), fetched)
        try:
            fetched.rename(libs)
        except OSError:
            if not libs.is_dir():  # else somebody else was faster, with the same jars
                raise
    return libs


def _libs() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "triggerstream" / f"kafka-{kafka_version()}"


def _copy_dependencies(maven: str, directory: Path, target: Path) -> None:
    # On a copy of the pom: Maven writes beside the one that it is given.
    pom = shutil.copy(POM, directory)
    command = [maven, "-B", "-q", "-f", pom, "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_DOWNLOAD_LIMIT_S, check=False
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        what = f"Apache Kafka {kafka_version()}"
        msg = f"Maven could not fetch {what} (exit {done.returncode}):\n{said}"
        raise LocalKafkaError(msg)
