"""The shop's half-year: the engine decides as the reference does, ids included."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from ruamel.yaml import YAML

from tests.reference.evaluator import evaluate
from tests.reference.stories import Json
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.replay.driver import replay_lines

SHOP = Path(__file__).parents[2] / "examples" / "shop"
TRIGGERS = SHOP / "triggers"
END = 1_735_689_600_000
"""2025-01-01T00:00:00Z: every absence has ended, those of a month included."""


def documents() -> tuple[list[Json], Json]:
    """Return the shop's triggers and its policy."""
    yaml = YAML(typ="safe", pure=True)
    files = [path for path in TRIGGERS.rglob("*.yaml") if not path.name.endswith(".test.yaml")]
    policy = TRIGGERS / "policy.yaml"
    triggers = [
        document for path in files if path != policy for document in yaml.load_all(path.read_text())
    ]
    return triggers, yaml.load(policy.read_text())


def test_the_shops_log_is_decided_alike() -> None:
    texts = {
        path.relative_to(TRIGGERS).as_posix(): path.read_text()
        for path in TRIGGERS.rglob("*")
        if path.is_file()
    }
    with gzip.open(SHOP / "events.jsonl.gz") as log:
        lines = log.read().splitlines()
    triggers, policy = documents()

    decided = replay_lines(load_ruleset(texts), lines, until=END)
    expected = evaluate(triggers, list(map(json.loads, lines)), until=END, policy=policy)

    assert [json.loads(json.dumps(line)) for line in decided] == expected
    assert {line["trigger"] for line in expected} == {trigger["trigger"] for trigger in triggers}
