"""``docs/triggers.md`` says what the parser knows: examples are read, its words are all there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triggerstream.core.conditions.calendar import DAYS
from triggerstream.core.conditions.operators import OPERATORS
from triggerstream.core.conditions.paths import FIELDS, MAPPINGS
from triggerstream.core.model import CHANNELS, MODES, PRIORITIES, TYPES, Policy
from triggerstream.core.parsing.conditions.conditions import (
    CALENDAR,
    COMBINATIONS,
    EXPRESSION,
    ROOTS,
)
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.parsing.documents.policy import CAP_KEYS, CONSENTS
from triggerstream.core.parsing.documents.policy import KEYS as POLICY_KEYS
from triggerstream.core.parsing.documents.triggers import KEYS as TRIGGER_KEYS
from triggerstream.core.parsing.documents.triggers import LIMIT_KEYS
from triggerstream.core.parsing.patterns.check import MOST_HELD
from triggerstream.core.parsing.patterns.patterns import KEYS as PATTERN_KEYS
from triggerstream.core.parsing.patterns.patterns import STEP_KEYS

REFERENCE = Path(__file__).parents[3] / "docs/triggers.md"
TEXT = REFERENCE.read_text(encoding="utf-8")
EXAMPLES = [
    example
    for example in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    if "- test:" not in example
]
(POLICY,) = [each for each in EXAMPLES if each.startswith("# policy.yaml")]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_can_be_read(example: str) -> None:
    path = "policy.yaml" if example.startswith("# policy.yaml") else "t.yaml"

    parse_ruleset({"policy.yaml": POLICY, path: example})


def test_the_example_of_the_policy_has_every_key() -> None:
    assert set(re.findall(r"^(\w+):", POLICY, re.MULTILINE)) == set(POLICY_KEYS)


@pytest.mark.parametrize(
    "words",
    [
        *(TRIGGER_KEYS, LIMIT_KEYS, POLICY_KEYS, CAP_KEYS, CONSENTS, OPERATORS, CHANNELS, TYPES),
        *(PRIORITIES, MODES, CALENDAR, COMBINATIONS, (EXPRESSION,), MAPPINGS, FIELDS, ROOTS),
        *PATTERN_KEYS.values(),
        *STEP_KEYS.values(),
    ],
    ids=lambda words: words[0],
)
def test_every_word_of_the_language_is_explained(words: tuple[str, ...]) -> None:
    explained = set(re.findall(r"`([a-z_]+)`", TEXT))

    assert [word for word in words if word not in explained] == []


def test_every_day_and_the_bounds_are_named() -> None:
    assert f"[{', '.join(DAYS)}]" in TEXT
    assert f"may ask for {MOST_HELD:,} at most, `more_than` for {MOST_HELD - 1}" in TEXT


def test_defaults_are_as_the_model_has_them() -> None:
    policy = Policy()

    assert (policy.allowed_lateness, policy.max_skew, policy.expiry) == (
        10_000,
        300_000,
        259_200_000,
    )
    assert policy.timezone == "UTC"
    assert policy.consent == {"email": "opt_in", "sms": "opt_in", "push": "opt_in"}
