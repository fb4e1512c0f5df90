"""``schemas.yaml`` and ``schemas/TYPE.json``: what they mean, and what is wrong with a schema."""

from __future__ import annotations

import pytest

from tests.core.parsing.files import problems_in
from triggerstream.core.model import SchemaRules, TypeRule
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.parsing.source.nodes import MAX_BYTES

HERE = "schemas/purchase.json"


def problems(schema: str) -> list[str]:
    """Return the problems of a schema: ``line:col: message``."""
    return [each.removeprefix(f"{HERE}:") for each in problems_in({HERE: schema})]


def test_they_mean_what_they_say() -> None:
    text = """
        unknown: reject
        types:
          purchase: {on_invalid: flag, sources: [server, till]}
          refund: {sources: server}
          seen: {}
        aliases: {abandoned_cart: cart_abandonment, cart_add: cart_added}
    """
    schema = '{"type": "object"}'

    found = parse_ruleset({"schemas.yaml": text, HERE: schema, "schemas/all ok.json": "true"})

    assert found.schemas == SchemaRules(
        unknown="reject",
        types={
            "purchase": TypeRule("flag", ("server", "till")),
            "refund": TypeRule("reject", ("server",)),
            "seen": TypeRule("reject", None),
        },
        aliases={"abandoned_cart": "cart_abandonment", "cart_add": "cart_added"},
        schemas={"purchase": {"type": "object"}, "all ok": True},
    )


def test_schemas_alone_are_enough() -> None:
    assert parse_ruleset({HERE: "{}"}).schemas == SchemaRules(schemas={"purchase": {}})


@pytest.mark.parametrize("files", [{}, {"schemas.yaml": "# soon"}, {"schemas/README.md": "{"}])
def test_where_nothing_is_said_nothing_is_asked(files: dict[str, str]) -> None:
    assert parse_ruleset(files).schemas is None


def test_rules_stand_in_the_directory_itself() -> None:
    (told,) = problems_in({"more/schemas.yaml": "unknown: flag"})

    assert told == (
        "more/schemas.yaml:1:1: schemas.yaml: in the directory itself, for there is one; "
        "found it below"
    )


def test_triggers_that_were_published_in_a_file_of_that_name_stay_in_force() -> None:
    files = {"more/schemas.yaml": "{trigger: t, when: {event: a}}"}

    assert len(parse_ruleset(files, is_published=True).triggers) == 1


def test_an_alias_has_no_schema_of_its_own() -> None:
    (told,) = problems_in({"schemas.yaml": "aliases: {purchase: bought}", HERE: "{}"})

    assert told == (
        "schemas.yaml:1:11: aliases: a name without rules of its own, for it is replaced before; "
        "found 'purchase', which has some in schemas/purchase.json"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: valid JSON; Expecting value"),
        ('{"type":\n  }', "2:3: valid JSON; Expecting value"),
        ('{"minimum": NaN}', "1:1: valid JSON; a number; found NaN"),
        ("[1]", "1:1: a JSON Schema: an object; found [1]"),
        ("7", "1:1: a JSON Schema: an object; found 7"),
        ('{"a": 1,\n "a": 2}', "2:2: the key 'a' once; found it again, after line 1"),
        ("[" * 201 + "]" * 201, "1:1: JSON of at most 200 levels; found 201"),
        (" " * (MAX_BYTES + 1), f"1:1: at most {MAX_BYTES} bytes; found {MAX_BYTES + 1}"),
        ('{"minimum": ' + "9" * 5000 + "}", "1:1: valid JSON; Exceeds the limit (4300 digits)"),
    ],
    ids=["nothing", "syntax", "no number", "a list", "a number", "twice", "deep", "long", "digits"],
)
def test_what_is_no_schema_is_told_with_its_place(text: str, told: str) -> None:
    (problem,) = problems(text)

    assert problem.startswith(told)


def test_every_fault_of_a_schema_is_told_at_its_place() -> None:
    text = """{
\t"type": "object",
\t"requred": ["a"],
\t"properties": {
\t\t"a": {"anyOf": [
\t\t\t{"format": "mail"}, {"$ref": "http://a.example/b"}]}
\t}
}"""

    elsewhere = "$ref: a place in the same file, such as '#/$defs/NAME'; found 'http://a.example/b'"

    assert problems(text) == [
        "3:2: a keyword of JSON Schema; found 'requred': did you mean 'required'?",
        "6:5: format: one that is checked; found 'mail': did you mean 'email'?",
        f"6:25: {elsewhere}",
    ]


def test_what_the_library_finds_is_told_at_its_place() -> None:
    (told,) = problems('{"properties": {\n "a": {"type": "strng"}}}')

    assert told == (
        "2:8: type: one of array, boolean, integer, null, number, object, string, "
        "or a list of them; found 'strng'"
    )


def test_tabs_indent_as_spaces_do() -> None:
    assert [each[:4] for each in problems('\n\t{"format": "mail"}')] == ["2:3:"]


def test_where_no_place_is_known_it_is_the_files() -> None:
    """JSON may put a colon on a line of its own, YAML may not."""
    assert [each[:4] for each in problems('{"format"\n:"mail"}')] == ["1:1:"]


def test_all_files_are_told_at_once() -> None:
    found = problems_in({"schemas.yaml": "unknown: x", HERE: "[]", "t.yaml": "trigger: t"})

    assert [each.partition(":")[0] for each in found] == ["schemas.yaml", HERE, "1"]
