"""A new project: each starter is sound, tested and decides something; nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from triggerstream.authoring.project import STARTERS, starter, write_project
from triggerstream.errors import UsageError


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_validates_passes_its_tests_and_fires(
    run: Run, tmp_path: Path, name: str
) -> None:
    write_project(tmp_path, name)
    triggers, events = tmp_path / "triggers", tmp_path / "events.jsonl"

    assert run("validate", triggers).code == 0
    assert run("test", triggers).code == 0
    replayed = run("replay", "--triggers", triggers, events, "--until", "2026-04-01T00:00:00Z")
    assert (replayed.code, "firing" in replayed.out) == (0, True)


def test_a_starter_has_what_a_project_needs() -> None:
    for name in STARTERS:
        assert {".gitignore", "README.md", "events.jsonl", "triggers/policy.yaml"} <= set(
            starter(name)
        )


def test_what_is_there_is_not_touched_and_nothing_is_written_beside_it(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")

    with pytest.raises(UsageError, match=r"without the files of the starter; found README\.md"):
        write_project(tmp_path, "shop")

    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_where_not_all_can_be_written_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "triggers").write_text("a file where a directory is wanted")

    with pytest.raises(UsageError, match="required is a directory that can be written to"):
        write_project(tmp_path, "shop")

    assert [path.name for path in tmp_path.iterdir()] == ["triggers"]


def test_there_are_so_many_starters(run: Run, tmp_path: Path) -> None:
    ran = run("init", tmp_path, "--template", "bank")

    assert (ran.code, ran.out) == (2, "")
    assert "required is one of shop, saas, b2b, empty; found 'bank'" in ran.err


def test_the_command_prints_what_it_wrote_and_what_to_do_next(run: Run, tmp_path: Path) -> None:
    ran = run("init", tmp_path / "mine", "--template", "saas")

    written = [str(path) for path in sorted((tmp_path / "mine").rglob("*")) if path.is_file()]
    assert (ran.code, sorted(ran.out.splitlines())) == (0, written)
    assert "next: triggerstream validate" in ran.err
