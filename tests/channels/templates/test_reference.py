"""``docs/templates.md`` says what is so: its examples are rendered, its words and numbers are all
there."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from triggerstream.channels.templates import TemplateError, Templates, check_template
from triggerstream.channels.templates import bounds as bounds_of_a_part
from triggerstream.channels.templates.dates import _NUMBERS, _SHORT, _TEXTS
from triggerstream.channels.templates.environment import environment_of
from triggerstream.channels.templates.processes import CPU, MEMORY
from triggerstream.channels.templates.values import ACTION, EVENT, KNOWN
from triggerstream.core.decisions import Action, Firing
from triggerstream.core.model import Trigger
from triggerstream.core.rulesets.ruleset import load_ruleset

TEXT = (Path(__file__).parents[3] / "docs/templates.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```liquid\n(.*?)\n```\n```(text|error)\n(.*?)\n```", TEXT, re.DOTALL)


class Given(msgspec.Struct):
    profile: dict[str, object]
    events: tuple[str, ...]
    event: msgspec.Raw


def trigger() -> Trigger:
    (found,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (compiled,) = load_ruleset({"t.yaml": found}).triggers.values()
    return compiled.source


def firing() -> tuple[Firing, Action]:
    (found,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    given = msgspec.json.decode(found, type=Given)
    (spec,) = trigger().actions
    action = Action("a" * 32, spec.channel, spec.template, options=spec.options)
    fired = Firing(
        firing_id="f" * 32,
        trigger=trigger().id,
        customer_id="c1",
        at=1_772_359_200_000,
        instance=None,
        events=given.events,
        actions=(action,),
        event=given.event,
        profile=given.profile,
    )
    return fired, action


@pytest.mark.parametrize(("source", "kind", "expected"), EXAMPLES)
def test_every_example_is_rendered_as_it_says(source: str, kind: str, expected: str) -> None:
    templates = Templates({"cart": {"text": source}}, names={trigger().id: trigger().name})
    try:
        content = templates.render("cart", *firing())
    except TemplateError as error:
        assert kind == "error"
        assert str(error) == expected  # noqa: PT017
    else:
        assert kind == "text"
        assert content.text == expected
        assert check_template("cart", "text", source) == []


def test_all_examples_are_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```liquid") > 12


def test_every_name_is_explained() -> None:
    words = {*KNOWN, *EVENT, *ACTION}
    words.update(*(fields for fields in KNOWN.values() if fields))

    explained = set(re.findall(r"`(?:action\.)?([a-z_]+)`", TEXT))
    assert words - explained == set()


def test_the_filters_are_those_that_there_are() -> None:
    section = TEXT[TEXT.index("## Filters") : TEXT.index("In HTML every value")]

    assert set(re.findall(r"`([a-z0-9_]+)`", section)) == set(environment_of("text").filters)


def test_the_directives_are_those_that_there_are() -> None:
    section = TEXT[TEXT.index("| directives of") : TEXT.index("After `%` may stand")]

    assert set(re.findall(r"`%:?(.)`", section)) == {*_NUMBERS, *_TEXTS, *_SHORT}


def test_the_limits_are_those_that_hold() -> None:
    section = TEXT[TEXT.index("## Limits") : TEXT.index("```liquid\n{{ (1..1000000000)")]
    environment = environment_of("text")

    assert re.findall(r"\| ([\d,]+)[ a-z]* \|$", section, re.MULTILINE) == [
        f"{most:,}"
        for most in (
            bounds_of_a_part.SOURCE,
            bounds_of_a_part.OUTPUT,
            bounds_of_a_part.ITERATIONS,
            bounds_of_a_part.RANGE,
            bounds_of_a_part.VALUE,
            bounds_of_a_part.WORK,
            environment.local_namespace_limit,
            bounds_of_a_part.DIGITS,
            environment.block_nesting_limit,
        )
    ]
    assert f"{CPU:g} seconds of processor time" in TEXT
    assert f"{MEMORY >> 20} MiB of memory" in TEXT
