"""The demo, on a real Kafka: a few days of the shop's, from the command to its end."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Protocol

import pytest

from deploy.local_kafka.run import BOOTSTRAP

SHOP = Path(__file__).parents[2] / "examples" / "shop"
EVENTS = 2_000

pytestmark = pytest.mark.kafka


class Kafka(Protocol):
    bootstrap: str


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Path:
    with (
        gzip.open(SHOP / "events.jsonl.gz", "rb") as all_of_them,
        gzip.open(tmp_path / "events.jsonl.gz", "wb") as first,
    ):
        first.writelines(islice(all_of_them, EVENTS))
    (tmp_path / "triggers").symlink_to(SHOP / "triggers")
    return tmp_path


def demo(shop: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "triggerstream", "demo", "--shop", str(shop)]
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.long
def test_the_demo_tells_what_was_sent_and_what_was_not(
    kafka: Kafka, shop: Path, tmp_path: Path
) -> None:
    states = tmp_path / "states"
    states.mkdir()

    done = demo(shop, {BOOTSTRAP: kafka.bootstrap, "TMPDIR": str(states)})

    assert done.returncode == 0, done.stderr
    assert "cart-abandonment" in done.stdout
    assert "Subject: " in done.stdout
    assert re.search(r"actions matched = .* sent .* \+ 0 pending", done.stdout), done.stdout
    assert "0 of them more than once; 0 were refused" in done.stdout
    assert list(states.iterdir()) == []


def test_a_shop_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = demo(tmp_path, {BOOTSTRAP: "127.0.0.1:1"})

    assert done.returncode == 2
    assert f"{tmp_path / 'events.jsonl.gz'}: required are gzipped events" in done.stderr
    assert "Traceback" not in done.stderr
