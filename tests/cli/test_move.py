"""``move``: what it refuses before it asks a broker, and giving it up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from triggerstream.stream.local.directory import Directory
from triggerstream.stream.local.moved import Moved

BEGUN = Moved("kafka:9092", "shop", 8, {"events": "e", "actions": "a"})


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> Path:
    with Directory(tmp_path):
        return tmp_path


def begin(directory: Path, moved: Moved) -> None:
    with Directory(directory) as place:
        place.move_to(moved)


@pytest.mark.parametrize(
    ("flags", "found"), [((), "neither"), (("--to-kafka", "--abandon"), "both")]
)
def test_what_is_meant_must_be_said(
    run: Run, directory: Path, flags: tuple[str, ...], found: str
) -> None:
    ran = run("move", directory, *flags)

    assert ran.code == 2
    assert f"required is --to-kafka or --abandon; found {found}" in ran.err


def test_a_directory_without_an_installation_is_refused_and_left_alone(
    run: Run, tmp_path: Path
) -> None:
    ran = run("move", tmp_path, "--to-kafka")

    assert ran.code == 2
    assert not list(tmp_path.iterdir())


def test_the_brokers_must_be_named(run: Run, directory: Path) -> None:
    ran = run("move", directory, "--to-kafka")

    assert ran.code == 2
    assert "TRIGGERSTREAM_KAFKA__BOOTSTRAP: required are the brokers to move to" in ran.err


def test_brokers_that_do_not_answer_are_told_and_nothing_has_begun(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIGGERSTREAM_KAFKA__BOOTSTRAP", "127.0.0.1:1")

    ran = run("move", directory, "--to-kafka")

    assert ran.code == 69
    with Directory(directory) as place:
        assert place.moved() is None


def test_a_move_that_was_begun_can_be_given_up(run: Run, directory: Path) -> None:
    begin(directory, BEGUN)

    ran = run("move", directory, "--abandon")

    assert ran.code == 0, ran.err
    assert "the Kafka at kafka:9092, topics shop.*" in ran.err
    with Directory(directory) as place:
        assert place.moved() is None


def test_where_none_was_begun_there_is_nothing_to_give_up(run: Run, directory: Path) -> None:
    ran = run("move", directory, "--abandon")

    assert ran.code == 1
    assert "no move was begun" in ran.err


def test_what_has_moved_cannot_be_given_up(run: Run, directory: Path) -> None:
    begin(directory, Moved("kafka:9092", "shop", 8, {}, is_done=True))

    ran = run("move", directory, "--abandon")

    assert ran.code == 2
    assert Directory(directory).moved() is not None
