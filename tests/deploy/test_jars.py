"""What a local Kafka needs, and how it says that something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local_kafka import jars


@pytest.fixture(name="path")
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path with nothing on it, and a cache with nothing in it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return programs


def put(path: Path, name: str, says: str = "") -> None:
    program = path / name
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n", encoding="utf-8")
    program.chmod(0o755)


def test_all_that_is_missing_is_told(path: Path) -> None:
    assert jars.missing_tools() == ["Java 17 or later (found none)", "Maven (found none)"]


@pytest.mark.parametrize(
    ("says", "missing"),
    [
        pytest.param('openjdk version "17.0.15" 2025-04-15', [], id="just new enough"),
        pytest.param('openjdk version "21" 2023-09-19', [], id="newer, without a dot"),
        pytest.param('openjdk version "16.0.2"', ["Java 17 or later (found Java 16)"], id="older"),
        pytest.param('java version "1.8.0_401"', ["Java 17 or later (found Java 8)"], id="old"),
    ],
)
def test_java_must_be_new_enough(path: Path, says: str, missing: list[str]) -> None:
    put(path, "java", says)
    put(path, "mvn")

    assert jars.missing_tools() == missing


def test_maven_is_not_needed_for_jars_that_are_here(path: Path, tmp_path: Path) -> None:
    put(path, "java", 'openjdk version "17"')
    (tmp_path / "cache" / "triggerstream" / f"kafka-{jars.kafka_version()}").mkdir(parents=True)

    assert jars.missing_tools() == []


def test_the_pom_pins_a_kafka_of_the_fourth_generation() -> None:
    assert jars.kafka_version().startswith("4.")
