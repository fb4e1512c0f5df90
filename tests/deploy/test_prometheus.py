"""What Prometheus watches is what the processes tell."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from triggerstream.ops.catalogue import BY_NAME, PREFIX, conservation_alert

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"
_SUFFIXES = ("_bucket", "_sum", "_count")


@pytest.fixture(name="alerts")
def _alerts() -> dict[str, dict[str, Any]]:
    groups = YAML(typ="safe").load(PROMETHEUS / "alerts.yml")["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@pytest.mark.covers("M3")
def test_every_metric_in_an_alert_is_in_the_catalogue(alerts: dict[str, dict[str, Any]]) -> None:
    text = " ".join(rule["expr"] for rule in alerts.values())
    named = set(re.findall(rf"\b{PREFIX}(\w+)", text))

    unknown = {
        name
        for name in named
        if name not in BY_NAME
        and not any(
            name.removesuffix(suffix) in BY_NAME and BY_NAME[name.removesuffix(suffix)].buckets
            for suffix in _SUFFIXES
            if name.endswith(suffix)
        )
    }
    assert named
    assert unknown == set()


def test_every_label_in_an_alert_is_the_metrics_or_prometheus_own(
    alerts: dict[str, dict[str, Any]],
) -> None:
    text = " ".join(rule["expr"] for rule in alerts.values())
    own = {"job", "instance", "process"}
    of_metrics = {label for metric in BY_NAME.values() for label in metric.labels}

    grouped = re.findall(r"\bby \(([^)]+)\)", text)
    named = {label.strip() for labels in grouped for label in labels.split(",")}

    assert named <= own | of_metrics


def test_the_conservation_law_is_alerted_on_as_the_catalogue_states_it(
    alerts: dict[str, dict[str, Any]],
) -> None:
    alert = alerts["TriggerstreamConservationBroken"]

    assert alert["expr"].split() == conservation_alert().split()
    assert alert["for"]


def test_every_alert_says_how_bad_it_is_and_what_it_means(
    alerts: dict[str, dict[str, Any]],
) -> None:
    for name, rule in alerts.items():
        assert rule["labels"]["severity"] in {"critical", "warning"}, name
        assert rule["annotations"]["summary"], name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_rules_and_configuration() -> None:
    for command in ("rules", "config"):
        file = PROMETHEUS / {"rules": "alerts.yml", "config": "prometheus.yml"}[command]
        done = subprocess.run(
            ["promtool", "check", command, str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
