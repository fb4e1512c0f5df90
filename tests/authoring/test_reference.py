"""``docs/fixtures.md`` says what fixtures are: its examples pass, its words are all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triggerstream.authoring import fixture_files, fixtures
from triggerstream.authoring.fixture_runs import run_fixture
from triggerstream.cli.test import told
from triggerstream.cli.trigger_files import emails_of
from triggerstream.core.reasons import SuppressionReason
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.timestamps import format_moment

TEXT = (Path(__file__).parents[2] / "docs" / "fixtures.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
TRIGGERS = {f"{n}.yaml": each for n, each in enumerate(EXAMPLES) if "\ntrigger:" in each}
TEMPLATES = dict(re.findall(r"```liquid\n(templates/.*?)\n(.*?)\n```", TEXT, re.DOTALL))
TESTS = [each for each in EXAMPLES if "- test:" in each]
NAMES = [line for each in TESTS for line in re.findall(r"^- test: (.*)$", each, re.MULTILINE)]


@pytest.mark.parametrize("name", NAMES)
def test_every_example_passes(name: str) -> None:
    ruleset = load_ruleset(TRIGGERS | TEMPLATES)
    ids = emails_of(ruleset)
    tests = [test for each in TESTS for test in fixture_files.parse_fixtures("f", each, ids)]
    (test,) = [test for test in tests if test.name == name]

    result = run_fixture(test, ruleset)

    assert (result.problems, result.notes, result.got) == ((), (), test.expect)
    assert result.rendered == sum(map(len, test.emails))


def test_there_are_examples_of_triggers_and_tests() -> None:
    assert (len(TRIGGERS), len(TESTS), len(NAMES)) == (1, 3, 6)


@pytest.mark.parametrize(
    "words",
    [
        fixture_files.TEST,
        tuple(fixture_files.EVENT),
        fixture_files.EXPECTED,
        fixture_files.EMAIL,
        tuple(SuppressionReason),
        tuple(fixtures.SHOWN),
    ],
    ids=lambda words: words[0],
)
def test_every_word_is_explained(words: tuple[str, ...]) -> None:
    explained = set(re.findall(r"`([a-z_]+)`", TEXT))

    assert [word for word in words if word not in explained] == []


def test_an_event_says_all_keys_in_one_example() -> None:
    (example,) = [each for each in TESTS if "all that an event may say" in each]

    assert set(re.findall(r"^ {4}[- ] (\w+):", example, re.MULTILINE)) == set(fixture_files.EVENT)


def passes(test: str) -> bool:
    (fixture,) = fixture_files.parse_fixtures("f", test)
    return run_fixture(fixture, load_ruleset(TRIGGERS)).is_ok


@pytest.mark.parametrize(("source", "fires"), [("web", False), ("shop", True)])
def test_an_event_comes_again_only_from_one_source(source: str, fires: bool) -> None:
    again = "{trigger: big-order, customer: c1, at: 1m, reason: condition}"

    assert passes(f"""
- test: an id twice
  events:
    - {{at: 0m, customer: c1, event: purchase, id: x, source: web, data: {{total: 600}}}}
    - {{at: 1m, customer: c1, event: purchase, id: x, source: {source}, data: {{total: 600}}}}
  expect:
    - {{trigger: big-order, customer: c1, at: 0m, reason: condition}}
    {f"- {again}" if fires else ""}
""")


@pytest.mark.parametrize(
    ("last", "fires"),
    [
        ("{at: 1h9s999ms, customer: c2, event: seen}", False),
        ("{at: 1h10s, customer: c2, event: seen}", True),
        ("{at: 1h, customer: c1, event: seen}", True),
    ],
)
def test_a_log_that_ends_with_its_last_event_fires_what_is_known_by_then(
    last: str, fires: bool
) -> None:
    firing = "{trigger: cart-abandonment, customer: c1, at: 1h}"

    assert passes(f"""
- test: without until
  events:
    - {{at: 0m, customer: c1, event: add_to_cart, data: {{cart_id: k1}}}}
    - {last}
  expect: [{firing if fires else ""}]
""")


def test_times_count_from_where_it_says() -> None:
    assert format_moment(fixtures.BASE) == "2026-01-05T10:00:00.000Z"
    assert "from Monday, 5 January 2026, 10:00 UTC" in TEXT


CART = """\
trigger: cart-abandonment
when: {sequence: [{event: add}, {absent: buy, for: 1h}]}
then: [{email: {template: cart}}]
"""
FAILING = """\
- test: fires an hour after the cart was filled
  events:
    - {at: 0m, customer: c1, event: add}
  until: 3h
  expect:
    - {trigger: cart-abandonment, customer: c1, at: 1h}

- test: greets by name
  events:
    - {at: 0m, customer: c1, event: identify, data: {first_name: Ada}}
    - {at: 0m, customer: c1, event: add}
  until: 3h
  expect:
    - trigger: cart-abandonment
      customer: c1
      at: 1h
      email: {subject: "Your cart, Ada", contains: "Hello, Ada"}
"""


def test_what_a_failure_of_a_message_looks_like_is_what_it_says() -> None:
    texts = {"subject": "Your cart", "text": "Hello {{ profile.first_name }}"}
    files = {f"templates/cart/{part}.liquid": text for part, text in texts.items()}
    ruleset = load_ruleset({"cart.yaml": CART} | files)

    found = fixture_files.parse_fixtures("cart.test.yaml", FAILING, emails_of(ruleset))
    lines = [line for each in found for line in told(run_fixture(each, ruleset))]

    assert "\n".join(lines) in TEXT
