"""The demo and the shop that it plays agree."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from triggerstream.authoring.files import read_files
from triggerstream.cli.demo import demo
from triggerstream.core.model import (
    AbsentStep,
    AllPattern,
    AnyPattern,
    Pattern,
    RulesetSource,
    SequencePattern,
)
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.demo.run import TAIL
from triggerstream.demo.stage import ENDPOINTS
from triggerstream.errors import UsageError

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture(name="shop")
def _shop() -> RulesetSource:
    return parse_ruleset(read_files(SHOP / "triggers"))


def longest_wait(pattern: Pattern) -> int:
    match pattern:
        case SequencePattern(steps=steps):
            waits = [step.duration or 0 for step in steps if isinstance(step, AbsentStep)]
            return max(waits, default=0)
        case AllPattern(children=children) | AnyPattern(children=children):
            return max(longest_wait(child) for child in children)
        case _:
            return 0


def test_every_webhook_of_the_shop_has_an_endpoint(shop: RulesetSource) -> None:
    asked = {
        action.options["endpoint"]
        for trigger in shop.triggers
        for action in trigger.actions
        if action.channel == "webhook"
    }

    assert asked == set(ENDPOINTS)


def test_the_clock_runs_on_until_all_waits_and_their_actions_are_due(shop: RulesetSource) -> None:
    for trigger in shop.triggers:
        last = max((action.after for action in trigger.actions), default=0)
        assert longest_wait(trigger.when) + last + shop.policy.expiry < TAIL, trigger.id


def test_there_are_at_least_six_triggers(shop: RulesetSource) -> None:
    assert len(shop.triggers) >= 6


def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    for name in ("triggerstream.demo.main", "triggerstream.demo.sinks", "triggerstream.demo.run"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    with pytest.raises(UsageError, match=r"not found is aiosmtpd.*triggerstream\[demo\]"):
        demo()
