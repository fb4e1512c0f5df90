"""`read_files`: what of a directory belongs to a ruleset, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from triggerstream.authoring.files import read_files
from triggerstream.errors import TriggerFileError


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def problems(path: Path) -> list[str]:
    with pytest.raises(TriggerFileError) as caught:
        read_files(path)
    return [str(problem) for problem in caught.value.problems]


def test_triggers_policy_fixtures_and_templates_are_read_by_relative_path(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "cart.yaml": b"a",
            "cart.test.yaml": b"b",
            "policy.yaml": b"c",
            "more/deep/x.yaml": b"d",
            "templates/hello/text.liquid": b"e",
            "schemas.yaml": b"f",
            "schemas/purchase.json": b"g",
            "schemas/README.md": b"not read",
            ".values.json": b"h",
            ".other.json": b"not read",
            "more/.values.json": b"not read",
            "more/purchase.json": b"not read",
            "README.md": b"not read",
            ".hidden/x.yaml": b"not read",
            ".x.yaml": b"not read",
        },
    )

    assert read_files(tmp_path) == {
        "cart.yaml": "a",
        "cart.test.yaml": "b",
        "policy.yaml": "c",
        "more/deep/x.yaml": "d",
        "templates/hello/text.liquid": "e",
        "schemas.yaml": "f",
        "schemas/purchase.json": "g",
        ".values.json": "h",
    }


def test_a_schema_that_would_be_passed_over_is_refused(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"a.yaml": b"a", "schemas/more/purchase.json": b"{}", "schemas/.old/x.json": b"not read"},
    )

    assert problems(tmp_path) == [
        "schemas/more/purchase.json:1:1: a schema at schemas/TYPE.json; found it elsewhere"
    ]


def test_a_single_file_is_read_alone(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": b"a", "b.yaml": b"b"})

    assert read_files(tmp_path / "a.yaml") == {"a.yaml": "a"}


def test_line_ends_and_marks_of_other_systems_make_no_other_ruleset(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": b"\xef\xbb\xbfone\r\ntwo\r\n"})

    assert read_files(tmp_path) == {"a.yaml": "one\ntwo\n"}


def test_bytes_that_are_no_utf8_are_told_with_their_place(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": b"one\ntw\xffo\n", "b.yaml": b"\xff", "c.yaml": b"fine"})

    assert problems(tmp_path) == [
        "a.yaml:2:3: UTF-8; found byte 0xff",
        "b.yaml:1:1: UTF-8; found byte 0xff",
    ]


def test_a_name_that_would_be_passed_over_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": b"a", "sub/b.yml": b"b"})

    assert problems(tmp_path) == ["sub/b.yml:1:1: a name that ends in .yaml; found .yml"]


@pytest.mark.parametrize("name", ["templates/text.liquid", "hello/text.liquid"])
def test_a_template_that_would_be_passed_over_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"a.yaml": b"a", name: b"b", ".old/text.liquid": b"hidden"})

    assert problems(tmp_path) == [
        f"{name}:1:1: a part of a template at templates/NAME/PART.liquid; found it elsewhere"
    ]


def test_what_is_named_like_a_file_and_is_none_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": b"a", "old.yaml/b.yaml": b"b", "target.yaml": b"c"})
    (tmp_path / "away.yaml").symlink_to("gone.yaml")
    (tmp_path / "templates" / "hello" / "html.liquid").mkdir(parents=True)
    (tmp_path / "here.yaml").symlink_to("target.yaml")

    assert problems(tmp_path) == [
        "away.yaml:1:1: a file; found a link to 'gone.yaml', where there is nothing",
        "old.yaml:1:1: a file; found a directory",
        "templates/hello/html.liquid:1:1: a file; found a directory",
    ]


def test_a_link_to_a_file_is_one(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": b"a"})
    (tmp_path / "b.yaml").symlink_to("a.yaml")

    assert read_files(tmp_path) == {"a.yaml": "a", "b.yaml": "a"}


@pytest.mark.parametrize("name", ["events.jsonl", "text.liquid", "a.yml"])
def test_a_single_file_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: b"{}"})

    assert problems(tmp_path / name) == [
        (
            f"{name}:1:1: a file of triggers or tests, or the policy (*.yaml), or a directory of "
            f"them; found {name!r}"
        )
    ]


def test_a_directory_without_triggers_is_the_wrong_one(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": b"x"})

    assert problems(tmp_path) == [":1:1: at least one trigger file (*.yaml); found none"]


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == [":1:1: a directory or file; found nothing"]
