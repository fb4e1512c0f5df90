"""What outlives every layout of the code: fingerprints, hashes and the bytes of a replay.

A fingerprint that changes drops the progress of every customer, and one byte of a replay that
changes is another decision. Who changes a number here says why, in the commit that does.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset

SHOP = Path(__file__).parents[2] / "examples" / "shop"
TRIGGERS = SHOP / "triggers"

FINGERPRINTS = {
    "payment-trouble": "cd2908ad00266e5a",
    "cart-abandonment": "cfec0b21a2b86331",
    "checkout-friction": "f977b7d03b62390d",
    "purchase-intent": "9987f99c567894f9",
    "wishlist-reminder": "d4bc2d608c408530",
    "browsing-intensity": "148e036f2db5fd86",
    "win-back": "b433b4983e56daa4",
}


@pytest.fixture(name="shop", scope="module")
def _shop() -> Ruleset:
    return load_ruleset(
        {
            path.relative_to(TRIGGERS).as_posix(): path.read_text(encoding="utf-8")
            for path in TRIGGERS.rglob("*.yaml")
            if not path.name.endswith(".test.yaml")
        }
    )


def test_the_fingerprints_of_the_shops_triggers_stay(shop: Ruleset) -> None:
    assert {name: each.fingerprint.hex() for name, each in shop.triggers.items()} == FINGERPRINTS


def test_what_the_shops_ruleset_detects_has_one_hash(shop: Ruleset) -> None:
    assert shop.detections.hex() == "9d750673137cb9e8"


def test_the_shops_half_year_is_replayed_byte_for_byte_as_ever() -> None:
    command = (sys.executable, "-m", "triggerstream", "replay", "--triggers", str(TRIGGERS))
    with gzip.open(SHOP / "events.jsonl.gz") as log:
        done = subprocess.run((*command, "-"), input=log.read(), capture_output=True, check=True)

    assert hashlib.sha256(done.stdout).hexdigest() == (
        "fcb4606dda0c558e8f8cdade1b31bcfecce363c5d5536afa2fda6f0b010ab65d"
    )
