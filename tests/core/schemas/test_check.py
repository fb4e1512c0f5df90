"""`Schemas.check`: what an event is called, whether it may come in, and what is said if not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.model import SchemaRules, TypeRule
from triggerstream.core.records.record import Rejected
from triggerstream.core.schemas.schemas import OTHER, TELLING, Schemas
from triggerstream.core.schemas.told import LONGEST

PURCHASE = {
    "type": "object",
    "required": ["order_id"],
    "properties": {"order_id": {"type": "string"}, "total": {"type": "number", "minimum": 0}},
}


def schemas(schema: Any = PURCHASE, named: tuple[str, ...] = (), **rules: Any) -> Schemas:
    return Schemas(SchemaRules(schemas={"purchase": schema}, **rules), named)


def verdict(rules: Schemas, event_type: str, source: str | None = "web", data: Any = None) -> str:
    with pytest.raises(Rejected) as raised:
        rules.check(event_type, source, data)
    return str(raised.value)


class TestData:
    def test_what_fits_comes_in(self) -> None:
        assert schemas().check("purchase", None, {"order_id": "1", "more": [1]}) == ("purchase", ())

    @pytest.mark.covers("A4")
    def test_what_does_not_is_told_with_its_path(self) -> None:
        data = {"order_id": "1", "total": "ten"}

        assert verdict(schemas(), "purchase", data=data) == (
            "schema: event_data.total: a number; found 'ten'"
        )

    def test_no_data_are_an_empty_object(self) -> None:
        nothing: tuple[dict[str, Any] | None, ...] = (None, {})
        for data in nothing:
            assert verdict(schemas(), "purchase", data=data) == (
                "schema: event_data.order_id: required; found nothing"
            )
        assert schemas({"type": "object"}).check("purchase", None, None).flags == ()

    def test_it_may_be_flagged_instead(self) -> None:
        rules = schemas(types={"purchase": TypeRule(on_invalid="flag")})

        assert rules.check("purchase", None, {}) == ("purchase", ("schema",))
        assert rules.check("purchase", None, {"order_id": ""}).flags == ()

    @pytest.mark.parametrize(
        ("schema", "value", "said"),
        [
            ({"type": ["string", "null"]}, 5, "null or a text; found 5"),
            ({"minimum": 1}, 0, "at least 1; found 0"),
            ({"maximum": 1.5}, 2, "at most 1.5; found 2"),
            ({"exclusiveMinimum": 1}, 1, "more than 1; found 1"),
            ({"exclusiveMaximum": 1}, 1, "less than 1; found 1"),
            ({"multipleOf": 5}, 7, "a multiple of 5; found 7"),
            ({"minLength": 3}, "ab", "at least 3 characters; found 'ab'"),
            ({"maxLength": 1}, "ab", "at most 1 characters; found 'ab'"),
            ({"minItems": 2}, [1], "a list of at least 2; found a list of 1"),
            ({"maxItems": 1}, [1, 2], "a list of at most 1; found a list of 2"),
            ({"minProperties": 1}, {}, "at least 1 fields; found an object"),
            ({"maxProperties": 0}, {"b": 1}, "at most 0 fields; found an object"),
            ({"uniqueItems": True}, [1, 1], "items that differ; found a list of 2"),
            ({"enum": ["a", 1, None]}, True, "one of 'a', 1, null; found true"),
            ({"const": {"b": 1}}, None, '{"b":1}; found nothing'),
            ({"pattern": "^a"}, "b", "a text that matches '^a'; found 'b'"),
            ({"format": "email"}, "b", "the format email; found 'b'"),
            ({"not": {}}, 1, "what 'not' of its schema asks for; found 1"),
            (False, 1, "nothing; found 1"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_each_kind_has_words(self, schema: Any, value: Any, said: str) -> None:
        rules = schemas({"properties": {"a": schema}})

        assert verdict(rules, "purchase", data={"a": value}) == f"schema: event_data.a: {said}"

    def test_fields_that_its_schema_does_not_name_are_named(self) -> None:
        rules = schemas({"properties": {"c": True}, "additionalProperties": False})

        assert verdict(rules, "purchase", data={"c": 0, "b\x1b[0m": 2}) == (
            "schema: event_data: no other fields than its schema names; found 'b\\x1b[0m'"
        )

    def test_a_schema_without_fields_allows_none(self) -> None:
        rules = schemas({"additionalProperties": False})

        assert verdict(rules, "purchase", data={"a": "b"}) == (
            "schema: event_data: no field, by its schema; found one with 'b'"
        )

    def test_a_path_through_lists_and_odd_names_can_be_read(self) -> None:
        rules = schemas({"additionalProperties": {"items": {"type": "null"}}})

        assert verdict(rules, "purchase", data={"a b\x1b": [None, 1]}) == (
            "schema: event_data.'a b\\x1b'[1]: null; found 1"
        )


class TestBounds:
    @pytest.mark.parametrize(
        "data",
        [
            {"order_id": "1", "total": "x" * 100_000},
            {"order_id": ["x" * 1000] * 100},
            {"order_id": {"x" * 1000: "y" * 1000}},
        ],
        ids=["text", "list", "object"],
    )
    def test_no_body_is_quoted(self, data: dict[str, Any]) -> None:
        assert len(verdict(schemas(), "purchase", data=data)) < 200

    def test_a_schema_cannot_make_a_long_detail(self) -> None:
        def nested(leaf: Any, levels: int, key: str = "") -> Any:
            for _ in range(levels):
                leaf = {key: {"x" * 40: leaf}} if key else {"x" * 40: leaf}
            return leaf

        def told(leaf: Any, levels: int, value: Any) -> str:
            rules = schemas(nested(leaf, levels, "properties"))
            return verdict(rules, "purchase", data=nested(value, levels)).removeprefix("schema: ")

        long = told({"enum": [f"{n}{'e' * 200}" for n in range(9)]}, 6, "y" * 500)
        assert (len(long), long[-1]) == (LONGEST, "…")
        assert told({"type": "null"}, 6, 1).endswith("x: null; found 1")
        assert told({"type": "null"}, 7, 1).endswith("x.…: null; found 1")

    def test_of_many_errors_one_is_looked_for(self) -> None:
        """Were all gathered, 50,000 would be made for one sentence."""
        rules = schemas({"properties": {"l": {"items": {"type": "null"}}}})

        assert verdict(rules, "purchase", data={"l": [1] * 50_000}) == (
            "schema: event_data.l[0]: null; found 1"
        )

    def test_why_no_branch_holds_of_a_great_body_is_not_looked_for(self) -> None:
        branch = {"properties": {"l": {"items": {"type": "null"}}}}
        rules = schemas({"anyOf": [branch, branch]})  # seven schemas
        data = {"l": [1] * 10}
        most = TELLING // 7

        def said(size: int) -> str:
            with pytest.raises(Rejected) as raised:
                rules.check("purchase", None, data, size=size)
            return raised.value.detail

        assert said(most) == "event_data: what 'anyOf' of its schema asks for; found an object"
        assert said(most + 1) == (
            "event_data: what its schema asks for; found other data, in 2,858 bytes"
        )

    @given(
        st.dictionaries(
            st.sampled_from(["a", "b"]),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.integers(10**300, 10**400)
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.text(st.characters(exclude_categories=["Cs"])),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
            ),
        )
    )
    def test_whatever_comes_it_is_in_or_rejected(self, data: dict[str, Any]) -> None:
        rules = schemas(
            {
                "properties": {
                    "a": {"type": "number", "multipleOf": 0.01, "maximum": 1e10},
                    "b": {"anyOf": [{"format": "email"}, {"uniqueItems": True}]},
                },
                "unevaluatedProperties": False,
            }
        )

        try:
            told = str(rules.check("purchase", None, data))
        except Rejected as rejected:
            told = str(rejected)

        assert told.startswith(("Checked(event_type='purchase', flags=())", "schema: event_data"))


class TestSources:
    RULES = schemas(True, types={"purchase": TypeRule(sources=("server", "till"))})

    @pytest.mark.covers("A6")
    def test_one_that_may_write_a_type_does(self) -> None:
        assert self.RULES.check("purchase", "till", None).flags == ()

    @pytest.mark.covers("A6")
    @pytest.mark.parametrize(
        ("source", "found"),
        [("web", "'web'"), (None, "nothing"), ("Server", "'Server'"), ("s\x1b", "'s\\x1b'")],
    )
    def test_another_does_not(self, source: str | None, found: str) -> None:
        assert verdict(self.RULES, "purchase", source) == (
            f"forbidden_source: source: server or till, for purchase; found {found}"
        )

    def test_flagging_data_lets_no_other_source_in(self) -> None:
        rule = TypeRule(on_invalid="flag", sources=("server",))

        assert verdict(schemas(types={"purchase": rule}), "purchase").startswith("forbidden_source")

    def test_a_type_without_sources_is_anybodys(self) -> None:
        assert self.RULES.check("seen", None, None).flags == ()


class TestTypes:
    @pytest.mark.covers("A4")
    @pytest.mark.parametrize(("unknown", "flags"), [("accept", ()), ("flag", ("unknown_type",))])
    def test_an_unknown_one_is_accepted_or_flagged(
        self, unknown: str, flags: tuple[str, ...]
    ) -> None:
        assert schemas(unknown=unknown).check("sen", None, None) == ("sen", flags)

    @pytest.mark.covers("A4")
    def test_an_unknown_one_is_rejected(self) -> None:
        assert verdict(schemas(unknown="reject"), "sen\x1b") == (
            "unknown_type: event_type: a type that the ruleset knows; found 'sen\\x1b'"
        )

    @pytest.mark.parametrize("name", ["declared", "meant", "alias", "named", "identify"])
    def test_what_the_ruleset_names_anywhere_is_known(self, name: str) -> None:
        rules = schemas(
            named=("named",),
            unknown="reject",
            types={"declared": TypeRule()},
            aliases={"alias": "meant"},
        )

        assert rules.check(name, None, {}).flags == ()


class TestAliases:
    RULES = schemas(
        types={"purchase": TypeRule(sources=("server",))},
        aliases={"order": "purchase"},
        unknown="reject",
    )

    @pytest.mark.covers("A4")
    def test_one_is_replaced_by_what_it_stands_for(self) -> None:
        assert self.RULES.check("order", "server", {"order_id": "1"}) == ("purchase", ())

    def test_what_is_asked_of_that_is_asked_of_it(self) -> None:
        assert verdict(self.RULES, "order", "server", {}).startswith("schema: ")
        assert verdict(self.RULES, "order", "web").startswith("forbidden_source: ")


class TestLabels:
    RULES = TestAliases.RULES

    def test_they_are_those_that_the_ruleset_declares(self) -> None:
        assert self.RULES.label_of_type("order") == "purchase"
        assert self.RULES.label_of_source("server") == "server"

    def test_what_a_stranger_writes_is_none(self) -> None:
        assert self.RULES.label_of_type("c1@example.org") == OTHER
        assert [self.RULES.label_of_source(each) for each in ("c1", None)] == [OTHER, OTHER]
