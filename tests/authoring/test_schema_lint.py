"""Schemas beside triggers and templates: what does not fit is told at its place."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from triggerstream.authoring.schema_fields import rules_out
from triggerstream.authoring.schema_lint import lint_schemas
from triggerstream.authoring.schema_templates import lint_templates
from triggerstream.channels.templates.check import check_template
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.schemas.compile import Compiled, compile_schema

CLOSED = """{
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "cart": {"properties": {"id": {"type": ["string", "null"]}}},
        "items": {"items": {"properties": {"sku": {}}, "additionalProperties": false}}
    },
    "additionalProperties": false
}"""


def warned(trigger: str, rules: str = "", template: str = "", **schemas: str) -> list[str]:
    """Return the warnings: ``file:line:col: message [code]``."""
    files = {"t.yaml": dedent(trigger).strip(), "schemas.yaml": rules}
    files |= {f"schemas/{name}.json": text for name, text in schemas.items()}
    if template:
        files |= {f"templates/hi/{part}.liquid": template for part in ("subject", "text")}
    source = parse_ruleset(files, check_template)
    found = [*lint_schemas(files, source), *lint_templates(source)]
    return [f"{each.problem} [{each.code}]" for each in found]


class TestNames:
    def test_what_a_trigger_names_or_a_schema_describes_is_not_warned_of(self) -> None:
        rules = """
            types: {purchase: {}, refund: {}, identify: {}}
            aliases: {order: purchase, back: refund}
        """

        assert warned("{trigger: t, when: {event: purchase}}", rules, refund="{}") == []

    def test_a_type_that_nobody_knows_is(self) -> None:
        rules = "types: {purchse: {}}\naliases: {order: purchas, x: zebra}"

        said = "a type that a trigger names, or that has a schema; found"
        meant = ": did you mean 'purchase'?"
        assert warned("{trigger: t, when: {event: purchase}}", rules) == [
            f"schemas.yaml:1:9: types: {said} 'purchse'{meant} [unknown_type]",
            f"schemas.yaml:2:18: aliases: {said} 'purchas'{meant} [unknown_type]",
            f"schemas.yaml:2:30: aliases: {said} 'zebra' [unknown_type]",
        ]

    def test_an_alias_may_stand_for_a_type_that_has_rules_alone(self) -> None:
        rules = "types: {zebra: {}}\naliases: {horse: zebra}"

        assert len(warned("{trigger: t, when: {event: a}}", rules)) == 1  # the rules themselves

    def test_a_schema_whose_name_is_nearly_a_types_is(self) -> None:
        (found,) = warned("{trigger: t, when: {event: purchase}}", purchas="{}", refund="{}")

        assert found == (
            "schemas/purchas.json:1:1: schema: a type that a trigger names, or that has a schema; "
            "found 'purchas': did you mean 'purchase'? [unknown_type]"
        )

    def test_without_schemas_nothing_is_said(self) -> None:
        assert warned("{trigger: t, when: {event: purchase}}") == []


class TestAliases:
    RULES = "aliases: {order: purchase}"

    def test_a_trigger_that_waits_for_one_never_sees_what_comes_in(self) -> None:
        found = warned("{trigger: t, when: {event: [a, order]}, until: order}", self.RULES)

        said = "a type that is no alias; found 'order', which is renamed 'purchase' where it comes"
        assert [each for each in found if "[alias]" in each] == [
            f"t.yaml:1:32: event: {said} in [alias]",
            f"t.yaml:1:48: until: {said} in [alias]",
        ]

    def test_one_that_waits_for_both_sees_it(self) -> None:
        assert warned("{trigger: t, when: {event: [order, purchase]}}", self.RULES) == []


class TestFields:
    SAID = "a field that the schema of buy allows (total, cart, items); found"

    @pytest.mark.covers("E8")
    def test_a_condition_on_one_that_is_ruled_out_is_warned_of(self) -> None:
        trigger = """
            trigger: t
            when:
              event: buy
              where: {event_data.totl: {exists: true}, event_data.total: {exists: true}}
              per: event_data.who
            if: {not: {any: [{event_data.cart.id.x: {equals: 1}}, {profile.x: {equals: 1}}]}}
        """

        assert warned(trigger, buy=CLOSED) == [
            f"t.yaml:4:11: {self.SAID} 'event_data.totl' [forbidden_field]",
            f"t.yaml:5:8: per: {self.SAID} 'event_data.who' [forbidden_field]",
            f"t.yaml:6:19: {self.SAID} 'event_data.cart.id.x' [forbidden_field]",
        ]

    def test_one_that_another_type_may_have_is_not(self) -> None:
        trigger = "{trigger: t, when: {event: [buy, see], where: {event_data.x: {exists: true}}}}"

        assert warned(trigger, buy=CLOSED) == []
        assert warned(trigger, buy=CLOSED, see="{}") == []
        assert len(warned(trigger, buy=CLOSED, see="false")) == 1

    TEMPLATE = (
        "{{ event.event_data.total | default: 1 }}{{ event.event_data.name | default: 1 }}"
        "{{ events.last.event_data.more | default: 1 }}{{ event.metadata.x | default: 1 }}"
        "{% for i in event.event_data.items %}{{ i.sku }}{{ i.name }}{% endfor %}"
    )

    @pytest.mark.parametrize(
        "when",
        ["{event: buy}", "{sequence: [{event: see}, {event: buy}]}", "{any: [{event: buy}]}"],
    )
    def test_a_template_that_reads_one_is_warned_of(self, when: str) -> None:
        trigger = f"{{trigger: t, when: {when}, then: [{{email: {{template: hi}}}}]}}"

        found = warned(trigger, template=self.TEMPLATE, buy=CLOSED)

        assert found[:3] == [
            f"templates/hi/subject.liquid:1:{col}: {self.SAID} {path} [forbidden_field]"
            for col, path in [
                (45, "event.event_data.name"),
                (85, "events.last.event_data.more"),
                (214, "event.event_data.items[].name"),
            ]
        ]
        assert len(found) == 6  # the same in its text

    def test_a_template_is_held_against_the_last_event_alone(self) -> None:
        when = "{sequence: [{event: buy}, {event: see}]}"
        trigger = f"{{trigger: t, when: {when}, then: [{{email: {{template: hi}}}}]}}"

        assert warned(trigger, template=self.TEMPLATE, buy=CLOSED) == []


@pytest.mark.parametrize(
    ("schema", "path", "is_ruled_out"),
    [
        ({}, "a", False),
        (True, "a", False),
        (False, "a", True),
        ({"properties": {"a": False}}, "a", True),
        ({"properties": {"a": {}}, "additionalProperties": False}, "a.b.c", False),
        ({"additionalProperties": False}, "a", True),
        ({"additionalProperties": False, "patternProperties": {"b": True}}, "a", False),
        ({"additionalProperties": {"type": "null"}}, "a", False),
        ({"additionalProperties": {"type": "null"}}, "a.b", True),
        ({"type": ["array", "null"]}, "a", True),
        ({"type": ["object", "null"]}, "a", False),
        ({"properties": {"a": {"items": {"type": "string"}}}}, "a.[]", False),
        ({"properties": {"a": {"items": {"type": "string"}}}}, "a.[].b", True),
        ({"properties": {"a": {"prefixItems": [{}], "items": False}}}, "a.[]", False),
        ({"allOf": [{}, {"additionalProperties": False}]}, "a", True),
        ({"anyOf": [{"additionalProperties": False}]}, "a", False),
        ({"$defs": {"x": {"additionalProperties": False}}, "$ref": "#/$defs/x"}, "a", True),
    ],
)
def test_a_field_is_ruled_out_where_it_is_certain(
    schema: Any, path: str, is_ruled_out: bool
) -> None:
    compiled = compile_schema(schema)

    assert rules_out(schema, path.split(".")) == is_ruled_out
    assert isinstance(compiled, Compiled)
    if is_ruled_out:  # and so says the library
        value: Any = 1
        for step in reversed(path.split(".")):
            value = [value] if step == "[]" else {step: value}
        assert not compiled.validator.is_valid(value)


@pytest.mark.parametrize(
    ("schema", "path", "is_ruled_out"),
    [
        ({"properties": {"a": {"items": {"required": ["b"]}}}}, "a.b", False),
        ({"properties": {"a": {"type": "array"}}}, "a.b", False),
        ({"properties": {"a": {"type": "array", "items": {"type": "string"}}}}, "a.b", True),
        ({"properties": {"a": {"type": "array", "items": {"type": "array"}}}}, "a.b", True),
        ({"properties": {"a": {"type": "string"}}}, "a.b", True),
        ({"type": "array"}, "a", True),
    ],
)
def test_a_field_of_the_items_of_a_list_is_one_that_per_finds(
    schema: Any, path: str, is_ruled_out: bool
) -> None:
    assert rules_out(schema, path.split("."), through_lists=True) == is_ruled_out


def test_a_schema_lets_per_through_its_lists() -> None:
    trigger = "{{trigger: t, when: {{event: purchase, per: {}}}}}"
    listed = CLOSED.replace('"items": {"items"', '"items": {"type": "array", "items"')
    listed = listed.replace('{"properties": {"sku"', '{"type": "object", "properties": {"sku"')

    assert warned(trigger.format("event_data.items.sku"), purchase=listed) == []
    (one,) = warned(trigger.format("event_data.items.skuu"), purchase=listed)
    assert "event_data.items.skuu" in one


class TestExpressions:
    def test_a_field_that_the_schema_rules_out_is_warned_of_at_its_place(self) -> None:
        trigger = """
            trigger: t
            when:
              event: purchase
              where: >-
                event_data.total > 5
                && has(event_data.totl)
                && event_data.items.exists(i, i.sku == "x" && i.skuu == "y")
                && event_data.items[0].name == "z"
            if: {not: {expr: "event_data.tottal > 5"}}
        """

        found = warned(trigger, purchase=CLOSED)

        allowed = "a field that the schema of purchase allows (total, cart, items)"
        assert found == [
            f"t.yaml:6:12: {allowed}; found 'event_data.totl' [forbidden_field]",
            f"t.yaml:7:51: {allowed}; found 'event_data.items[].skuu' [forbidden_field]",
            f"t.yaml:8:8: {allowed}; found 'event_data.items[].name' [forbidden_field]",
            f"t.yaml:9:19: {allowed}; found 'event_data.tottal' [forbidden_field]",
        ]
