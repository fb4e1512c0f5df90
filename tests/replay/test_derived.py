"""What is derived, in a replay: its lines, and the same by any number of jobs."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.replay.driver import replay_lines

START = 1_767_225_600_000

TRIGGERS = """
trigger: cart-abandonment
when: {sequence: [{event: cart_added}, {absent: purchase, for: 1h}]}
---
trigger: help
when: {entered: high-abandoners}
---
trigger: changed
when: {changed: event_data.page, on: view, within: 1h}
---
segment: high-abandoners
is: {count: {fired: cart-abandonment}, more_than: 1, within: 7d}
leave: {since_last: {event: view, at_least: 2d}}
"""


def log(number: int) -> list[bytes]:
    """Return *number* events of twenty customers over some weeks."""
    drawn = random.Random(number)
    at, lines = START, []
    for index in range(number):
        at += drawn.randrange(2_400_000)
        lines.append(
            msgspec.json.encode(
                {
                    "event_id": str(index),
                    "customer_id": f"c{drawn.randrange(20)}",
                    "event_type": drawn.choice(["cart_added", "purchase", "view", "other"]),
                    "timestamp": at,
                    "event_data": {"page": drawn.randrange(3)},
                }
            )
        )
    return lines


def test_an_edge_is_a_line() -> None:
    ruleset = load_ruleset({"t.yaml": TRIGGERS})

    lines = list(replay_lines(ruleset, log(1500)))

    edges = [line for line in lines if line["kind"] == "segment"]
    assert edges[0].keys() == {"kind", "segment", "change", "customer_id", "at"}
    assert {line["change"] for line in edges} == {"entered", "left"}
    assert {line["trigger"] for line in lines if line["kind"] == "firing"} == {
        "cart-abandonment",
        "help",
        "changed",
    }


@pytest.mark.parametrize("jobs", ["2", "3"])
def test_any_number_of_jobs_prints_the_same(jobs: str, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TRIGGERS)
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(log(1500)))
    command = (sys.executable, "-m", "triggerstream", "replay", "--triggers", str(tmp_path))
    one, several = (
        subprocess.run(
            (*command, "--jobs", each, str(tmp_path / "log.jsonl")), capture_output=True, check=True
        ).stdout
        for each in ("1", jobs)
    )

    assert one == several
    assert one.count(b'"kind":"segment"') > 10
