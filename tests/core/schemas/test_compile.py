"""What is asked of ``jsonschema-rs`` beyond what it would do by itself, and what a schema may not
say."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from triggerstream.core.schemas.bounds import DEEPEST, MOST, follow
from triggerstream.core.schemas.compile import Compiled, compile_schema
from triggerstream.core.schemas.keywords import DRAFTS, FORMATS


def compiled(schema: dict[str, Any] | bool) -> Compiled:
    found = compile_schema(schema)
    assert isinstance(found, Compiled), found
    return found


def holds(schema: dict[str, Any] | bool, value: Any) -> bool:
    return compiled(schema).validator.is_valid(value)


def faults(schema: dict[str, Any] | bool) -> list[str]:
    """Return what is wrong with *schema*, each after where it stands."""
    found = compile_schema(schema)
    assert isinstance(found, list)
    return [f"{'/'.join(map(str, fault.at))}: {fault.message}" for fault in found]


class TestNothingIsFetched:
    @pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$recursiveRef"])
    @pytest.mark.parametrize("kind", ["http", "file", "beside"])
    def test_a_reference_out_of_the_file_is_refused_before_anybody_follows_it(
        self, keyword: str, kind: str, tmp_path: Path
    ) -> None:
        (tmp_path / "other.json").write_text("true")
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0)
            there = {
                "http": f"http://127.0.0.1:{server.getsockname()[1]}/other.json",
                "file": (tmp_path / "other.json").as_uri(),
                "beside": "other.json",
            }[kind]

            (fault,) = faults({"properties": {"a": {keyword: there}}})

            assert fault.startswith(f"properties/a/{keyword}: ")
            assert "in the same file" in fault or "into the same file" in fault
            with pytest.raises(BlockingIOError):
                server.accept()

    def test_the_library_itself_is_offline_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Were a reference to slip through, it would be refused there."""
        monkeypatch.setattr("triggerstream.core.schemas.compile.faults", lambda _: [])
        monkeypatch.setattr("triggerstream.core.schemas.bounds.follow", lambda *_: True)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(0)
            there = f"http://127.0.0.1:{server.getsockname()[1]}/x.json"

            (fault,) = faults({"$ref": there})

            assert "Retrieval is disabled" in fault
            with pytest.raises(BlockingIOError):
                server.accept()

    def test_the_name_of_a_schema_moves_no_reference(self) -> None:
        schema = {
            "$id": "http://127.0.0.1:9/purchase.json",
            "$defs": {"id": {"type": "integer"}},
            "properties": {"a": {"$ref": "#/$defs/id"}},
        }

        assert holds(schema, {"a": 1})
        assert not holds(schema, {"a": "1"})

    def test_a_draft_that_nobody_knows_is_not_looked_up(self) -> None:
        (fault,) = faults({"$schema": "http://127.0.0.1:9/x"})

        assert fault == (
            "$schema: $schema: a draft of JSON Schema, such as "
            "https://json-schema.org/draft/2020-12/schema; found 'http://127.0.0.1:9/x'"
        )


class TestDrafts:
    def test_the_newest_is_meant_where_none_is_said(self) -> None:
        schema = {"prefixItems": [{"type": "integer"}]}

        assert not holds(schema, ["a"])
        assert holds({"$schema": "http://json-schema.org/draft-07/schema#", **schema}, ["a"])

    @pytest.mark.parametrize("draft", DRAFTS)
    @pytest.mark.parametrize("end", ["", "#"])
    def test_each_is_known_and_checks_formats(self, draft: str, end: str) -> None:
        schema = {"$schema": f"{draft}{end}", "format": "email"}

        assert holds(schema, "a@b.example")
        assert not holds(schema, "a")


class TestFormats:
    @pytest.mark.parametrize("name", sorted(FORMATS))
    def test_each_that_may_be_named_is_one_that_the_library_checks(self, name: str) -> None:
        assert holds({"format": name}, 5)  # of texts alone
        assert not holds({"format": name}, "(\\ %{")

    def test_one_that_nobody_checks_is_refused(self) -> None:
        assert faults({"properties": {"a": {"format": "emial"}}}) == [
            "properties/a/format: format: one that is checked; found 'emial': did you mean 'email'?"
        ]
        assert faults({"format": "int64"}) == ["format: format: one that is checked; found 'int64'"]


class TestPatterns:
    def test_a_pattern_takes_linear_time(self) -> None:
        """A backtracking engine takes 2^200,000 steps for it, or gives up."""
        assert not holds({"pattern": "^(a+)+$"}, "a" * 200_000 + "b")
        assert holds({"pattern": "^(a+)+$"}, "a" * 200_000)

    @pytest.mark.parametrize("pattern", ["(?=a)b", "(?<!a)b", r"(a)\1", "(", "(a{1000}){1000}"])
    @pytest.mark.parametrize("keyword", ["pattern", "patternProperties"])
    def test_what_no_linear_engine_of_bounded_size_takes_is_refused(
        self, pattern: str, keyword: str
    ) -> None:
        schema = {keyword: pattern if keyword == "pattern" else {pattern: True}}

        (fault,) = faults(schema)

        assert f"{keyword}: a regular expression of bounded size, without look-around" in fault

    def test_it_is_found_anywhere_in_a_text_as_json_schema_has_it(self) -> None:
        assert holds({"pattern": "b"}, "abc")


class TestBounds:
    def test_a_reference_in_the_file_is_followed(self) -> None:
        schema = {
            "definitions": {"a/b ~": {"type": "integer"}},
            "properties": {"x": {"$ref": "#/definitions/a~1b%20~0"}},
        }

        assert not holds(schema, {"x": "1"})

    @pytest.mark.parametrize(
        "schema",
        [
            {"properties": {"a": {"$ref": "#"}}},
            {"properties": {"a": {"items": {"$ref": "#/properties/a"}}}},
            {
                "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}},
                "$ref": "#/$defs/a",
            },
        ],
        ids=["root", "itself", "each other"],
    )
    def test_one_that_leads_back_to_itself_is_refused(self, schema: dict[str, Any]) -> None:
        (fault,) = faults(schema)

        assert "$ref: a schema that does not lead back to itself; found '#" in fault

    def test_a_few_lines_cannot_be_many_schemas(self) -> None:
        """30 doublings: 2^30 schemas."""
        names = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}

        (fault,) = faults({"$defs": {**names, "d30": True}, "$ref": "#/$defs/d0"})

        assert "at most 1,000 schemas, references followed; found more" in fault

    def test_the_number_of_schemas_has_a_bound(self) -> None:
        def wide(number: int) -> dict[str, Any]:
            return {"properties": {str(n): True for n in range(number)}}

        assert compiled(wide(MOST - 1)).cost == (MOST, False)
        assert "at most 1,000 schemas" in faults(wide(MOST))[0]

    def test_their_depth_has_a_bound(self) -> None:
        def deep(levels: int) -> dict[str, Any]:
            schema: dict[str, Any] = {}
            for _ in range(levels - 1):
                schema = {"not": schema}
            return schema

        assert compiled(deep(DEEPEST)).cost.schemas == DEEPEST
        assert "at most 100 schemas within each other" in faults(deep(DEEPEST + 1))[0]

    def test_definitions_that_nothing_refers_to_cost_nothing(self) -> None:
        assert compiled({"$defs": {str(n): True for n in range(2 * MOST)}}).cost == (1, False)

    @pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
    def test_branches_are_noted(self, keyword: str) -> None:
        assert compiled({"properties": {"a": {keyword: [True, True]}}}).cost == (4, True)

    @pytest.mark.parametrize("reference", ["#/nope", "#/required/0", "#/properties/a/5", 7, "#a"])
    def test_one_to_no_schema_is_refused(self, reference: Any) -> None:
        schema = {"required": ["a"], "properties": {"a": {"items": [True]}}}

        assert len(faults({**schema, "allOf": [{"$ref": reference}]})) == 1

    def test_an_item_of_a_list_can_be_referred_to(self) -> None:
        assert follow({"anyOf": [True, {"type": "null"}]}, "#/anyOf/1") == {"type": "null"}


class TestWords:
    def test_a_keyword_that_is_nearly_one_is_refused(self) -> None:
        schema = {"properties": {"requred": True, "a": {"requred": []}}, "owner": "shop", "x-a": 1}

        (fault,) = faults(schema)

        assert fault == (
            "properties/a/requred: a keyword of JSON Schema; found 'requred': "
            "did you mean 'required'?"
        )

    @pytest.mark.parametrize(
        ("schema", "fault"),
        [
            ({"nullable": True}, "nullable: type: 'null' among its types; found 'nullable', which"),
            ({"type": "strng"}, "type: type: one of array, boolean, integer, null, number, object"),
            ({"type": ["a"]}, "type: type: one of array"),
            ({"minimum": "5"}, "minimum: a JSON Schema; minimum: "),
            ({"properties": {"a": 5}}, "properties/a: a JSON Schema; a: 5 is not of type"),
            ({"not": {"$id": "a"}}, "not/$id: references by place"),
            ({"$anchor": "a"}, "$anchor: references by place"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_place(self, schema: dict[str, Any], fault: str) -> None:
        (told,) = faults(schema)

        assert told.startswith(fault)
        assert len(told) < 400

    def test_all_is_told_at_once(self) -> None:
        assert len(faults({"properties": {"a": {"format": "x"}, "b": {"requred": 1}}})) == 2
