"""Rulesets: what is indexed, in which order, and what identifies a detection."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from tests.core.detection.customers import ruleset_of
from triggerstream.core.conditions.paths import compile_per
from triggerstream.core.events.event import Event
from triggerstream.core.model import RulesetSource
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.rulesets.compile import fingerprint
from triggerstream.core.rulesets.ruleset import Ruleset, build_ruleset, content_hash, load_ruleset
from triggerstream.errors import TriggerFileError


def ids(ruleset: Ruleset, event_type: str) -> list[str]:
    return [trigger.id for _, trigger in ruleset.interests[event_type].looks]


def test_an_event_type_finds_the_triggers_that_it_concerns_by_priority_and_id() -> None:
    ruleset = ruleset_of(
        """
        {trigger: low, priority: low, when: {event: [A, B]}}
        ---
        {trigger: b, when: {sequence: [{event: A}, {absent: X, for: 1h}]}}
        ---
        {trigger: a, when: {all: [{event: B}, {count: A, at_least: 2}]}}
        ---
        {trigger: now, priority: critical, when: {event: A}}
        """
    )

    assert ids(ruleset, "A") == ["now", "a", "b", "low"]
    assert ids(ruleset, "B") == ["a", "low"]
    assert ids(ruleset, "X") == ["b"]
    assert ruleset.interests.keys() == {"A", "B", "X"}


def test_goals_are_found_by_their_types() -> None:
    ruleset = ruleset_of("{trigger: t, when: {event: A}, until: [P, Q]}")

    assert [goal.trigger for goal in ruleset.interests["P"].goals] == ["t"]
    assert ruleset.interests["P"].looks == ()


@pytest.mark.covers("E3")
def test_triggers_that_are_off_are_known_but_not_evaluated() -> None:
    ruleset = ruleset_of("{trigger: t, mode: off, when: {event: A}, until: P}")

    assert ruleset.triggers == {}
    assert ruleset.interests == {}
    assert [trigger.id for trigger in ruleset.source.triggers] == ["t"]


def test_a_ruleset_has_the_version_and_the_hash_of_its_content() -> None:
    files = {"a.yaml": "{trigger: t, when: {event: A}}"}

    ruleset = load_ruleset(files, version=3)

    assert ruleset.version == 3
    assert ruleset.hash == content_hash(files) == "23728cac92ffc3cc622b46694a307489"


def test_the_hash_does_not_depend_on_the_order_of_files() -> None:
    assert content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    assert content_hash({"a": "1", "b": "2"}) != content_hash({"a": "2", "b": "1"})


def test_an_empty_ruleset_decides_nothing() -> None:
    assert build_ruleset(RulesetSource(())).interests == {}


def test_wrong_files_make_no_ruleset() -> None:
    with pytest.raises(TriggerFileError):
        load_ruleset({"a.yaml": "{trigger: t}"})


# ── what identifies a detection ─────────────────────────────────────────────────────────────

COUNT = "{count: A, at_least: 3, within: 1h}"


def print_of(rest: str) -> bytes:
    (trigger,) = parse_ruleset({"t.yaml": f"{{trigger: t, {rest}}}"}).triggers
    return fingerprint(trigger)


@pytest.mark.parametrize(
    "edited",
    [
        f"when: {COUNT}, name: Another",
        f"when: {COUNT}, priority: low, mode: shadow",
        f"when: {COUNT}, limits: {{cooldown: 1h}}",
        f"when: {COUNT}, if: {{event_data.n: {{equals: 1}}}}, then: [{{log: {{}}}}], until: P",
        "when: {within: 60m, at_least: 3, count: A}",
    ],
)
def test_what_is_not_the_detection_keeps_its_fingerprint(edited: str) -> None:
    assert print_of(edited) == print_of(f"when: {COUNT}")


@pytest.mark.parametrize(
    "edited",
    [
        "when: {count: A, at_least: 4, within: 1h}",
        "when: {count: A, more_than: 3, within: 1h}",
        "when: {count: A, at_least: 3, within: 2h}",
        "when: {count: B, at_least: 3, within: 1h}",
        "when: {count: A, at_least: 3, within: 1h, where: {event_data.n: {equals: 1}}}",
        "when: {count: A, at_least: 3, within: 1h, per: event_data.k}",
    ],
)
def test_another_detection_has_another_fingerprint(edited: str) -> None:
    assert print_of(edited) != print_of(f"when: {COUNT}")


def test_a_fingerprint_is_the_same_in_every_version() -> None:
    assert print_of(f"when: {COUNT}").hex() == "f34c68be476e0aaf"


# ── instances ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "instance"),
    [
        pytest.param("17", "17", id="text is itself"),
        pytest.param(17, "17", id="a whole number"),
        pytest.param(17.0, "17", id="a whole float"),
        pytest.param(-0.0, "0", id="minus nothing"),
        pytest.param(1.5, "1.5", id="another number"),
        pytest.param(1e300, str(int(1e300)), id="its decimal digits, however many"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param("", "", id="empty text"),
        pytest.param(None, None, id="null"),
        pytest.param([1], "1", id="a list of one"),
        pytest.param([1, "1", 1.0], "1", id="a list of one, more than once"),
        pytest.param(["b", 1, "a", "b"], ("b", "1", "a"), id="a list"),
        pytest.param(["a", None, {"b": 1}, ["c"]], "a", id="what is no value in a list"),
        pytest.param([None, ["c"]], None, id="a list without values"),
        pytest.param([], None, id="an empty list"),
        pytest.param({"a": 1}, None, id="an object"),
    ],
)
def test_instances_are_text(value: Any, instance: str | tuple[str, ...] | None) -> None:
    event = Event("c", "A", "0", 0, event_data={"k": value})

    assert compile_per("event_data.k")(event) == instance


@pytest.mark.parametrize(
    ("data", "instance"),
    [
        pytest.param({"items": [{"id": 2}, {"id": 1}, {"id": 2}]}, ("2", "1"), id="a list"),
        pytest.param({"items": {"id": 2}}, "2", id="an object"),
        pytest.param({"items": [{"id": ["a", "b"]}, {"id": "c"}]}, ("a", "b", "c"), id="in a list"),
        pytest.param({"items": [{"no": 1}, 7, None, [{"id": 3}], {"id": 4}]}, "4", id="no values"),
        pytest.param({"items": []}, None, id="an empty list"),
        pytest.param({"items": 7}, None, id="no object"),
        pytest.param({}, None, id="nothing"),
        pytest.param(None, None, id="no data"),
    ],
)
def test_a_path_of_per_leads_through_lists(
    data: dict[str, Any] | None, instance: str | tuple[str, ...] | None
) -> None:
    event = Event("c", "A", "0", 0, event_data=data)

    assert compile_per("event_data.items.id")(event) == instance


def test_a_missing_value_names_no_instance() -> None:
    assert compile_per("event_data.k")(Event("c", "A", "0", 0)) is None


class TestSchemas:
    """What a ruleset asks of events at the doors."""

    TRIGGERS = """
        {trigger: t, mode: off, when: {any: [{event: A}, {sequence: [{event: B}, {event: C}]}]}}
        ---
        {trigger: u, when: {all: [{count: D, at_least: 2}, {event: E}]}, until: P}
        """

    def test_where_no_file_says_anything_nothing_is_asked(self) -> None:
        assert ruleset_of(self.TRIGGERS).schemas is None

    def test_what_its_triggers_name_in_any_place_and_mode_is_known(self) -> None:
        files = {"t.yaml": dedent(self.TRIGGERS), "schemas.yaml": "unknown: reject"}

        schemas = load_ruleset(files).schemas

        assert schemas is not None
        assert schemas.known == {*"ABCDEP", "identify"}

    def test_they_are_part_of_its_content(self) -> None:
        files = {"t.yaml": "{trigger: t, when: {event: A}}"}
        before = load_ruleset(files)

        after = load_ruleset({**files, "schemas/A.json": "{}", "schemas.yaml": "unknown: flag"})

        assert before.hash != after.hash
        assert before.detections == after.detections

    def test_a_schema_that_cannot_be_read_stops_a_ruleset(self) -> None:
        with pytest.raises(TriggerFileError, match=r"schemas/A\.json:1:10: type: one of array"):
            load_ruleset({"schemas/A.json": '{"not": {"type": "strng"}}'}, version=1)


# ── expressions ─────────────────────────────────────────────────────────────────────────────


def _fingerprint_of(text: str) -> bytes:
    (trigger,) = parse_ruleset({"t.yaml": text}).triggers
    return fingerprint(trigger)


def test_how_an_expression_is_spaced_quoted_and_broken_is_no_part_of_the_detection() -> None:
    one = """
        trigger: t
        when:
          event: A
          where: event_data.x>50.0&&source=='web'
    """
    other = """
        trigger: t
        when:
          event: A
          where:
            expr: |
              event_data.x > 5e1
                && source == "web"
    """

    assert _fingerprint_of(one) == _fingerprint_of(other)
    assert _fingerprint_of(one) != _fingerprint_of(one.replace("50", "51"))
    assert _fingerprint_of(one) != _fingerprint_of(one.replace("web", "app"))
    assert _fingerprint_of(one) != _fingerprint_of(one.replace("web", "we b"))
    assert _fingerprint_of(one) != _fingerprint_of(one.replace("&&", "||"))


def test_an_expression_under_if_is_no_part_of_it_at_all() -> None:
    one = "{trigger: t, when: {event: A}, if: event_data.x > 50}"

    assert _fingerprint_of(one) == _fingerprint_of("{trigger: t, when: {event: A}}")


def test_the_fingerprint_of_an_expression_stays() -> None:
    text = "{trigger: t, when: {event: A, where: 'event_data.x > 50 && source == \"web\"'}}"

    assert _fingerprint_of(text).hex() == "8d8ba70037ecc2fc"
