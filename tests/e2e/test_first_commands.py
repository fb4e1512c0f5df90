"""Each command as the first one that a Kafka sees: one sentence, at once, the right exit code."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.deployment import Bootstrapped, Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.alone, pytest.mark.timeout(120)]

WITHIN = 5.0
"""Seconds within which somebody who waits must be told."""


@pytest.mark.parametrize(
    ("command", "topic"),
    [
        (("dlq", "list"), "events.dlq"),
        (("dlq", "show", "--of", "actions"), "actions.dlq"),
        (("inspect", "c1"), "events"),
    ],
    ids=["dlq list", "dlq show", "inspect"],
)
def test_what_needs_a_topic_says_which_is_missing(
    kafka: Bootstrapped, tmp_path: Path, command: tuple[str, ...], topic: str
) -> None:
    with Deployment(kafka.bootstrap, tmp_path, tmp_path) as deployment:
        began = time.monotonic()
        ran = deployment.run(*command)
        took = time.monotonic() - began

        name = deployment.topic(topic)

    assert ran.stderr == (
        f"triggerstream: required is the topic {name}; {kafka.bootstrap} has no such topic: "
        "has a `triggerstream worker` run here yet, with this prefix?\n"
    )
    assert (ran.returncode, ran.stdout) == (69, "")
    assert took < WITHIN


def test_deploying_may_come_first(kafka: Bootstrapped, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("trigger: a\nwhen: {event: a}\nthen: [{log: {}}]\n")
    with Deployment(kafka.bootstrap, tmp_path, tmp_path) as deployment:
        began = time.monotonic()
        ran = deployment.run("deploy", str(tmp_path))
        took = time.monotonic() - began

    assert (ran.returncode, ran.stdout) == (0, "1\n")
    assert "metadata" not in ran.stderr
    assert took < WITHIN
