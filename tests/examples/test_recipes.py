"""The recipes each pass their tests, and ``docs/recipes.md`` says which are shipped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "recipes"
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")

FILES = {
    path.name.removesuffix(".yaml")
    for path in RECIPES.glob("[os]*.yaml")
    if not path.name.endswith(".test.yaml")
}
ROWS = dict(re.findall(r"^\| ([OS]\d+) \| .*? \| (.*) \|$", PAGE, re.MULTILINE))


def triggerstream(*words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "triggerstream", *words)
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(name="tests", scope="module")
def _tests() -> list[dict[str, Any]]:
    """What the command tells of each test."""
    told: list[dict[str, Any]] = json.loads(triggerstream("test", str(RECIPES), "--json").stdout)
    return told


def those_of(recipe: str, tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in tests if Path(each["file"]).name == f"{recipe}.test.yaml"]


def test_they_are_valid() -> None:
    assert triggerstream("validate", "--strict", str(RECIPES)).returncode == 0


@pytest.mark.parametrize("recipe", sorted(FILES))
def test_a_recipe_passes_its_tests(recipe: str, tests: list[dict[str, Any]]) -> None:
    own = those_of(recipe, tests)

    assert len(own) >= 2
    assert [each for each in own if not each["ok"]] == []


def test_no_test_is_of_another_file(tests: list[dict[str, Any]]) -> None:
    assert sum(len(those_of(recipe, tests)) for recipe in FILES) == len(tests)


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param("o1-cart-abandonment", marks=pytest.mark.covers("C11")),
        pytest.param("o1-cart-abandonment-24h", marks=pytest.mark.covers("C11")),
        pytest.param("o2-checkout-left", marks=pytest.mark.covers("C12")),
        pytest.param("o3-viewed-not-bought", marks=pytest.mark.covers("C10")),
        pytest.param("o4-wishlist-revisit", marks=pytest.mark.covers("C9")),
        pytest.param("o6-abandons-often", marks=pytest.mark.covers("C24", "I2", "I4")),
        pytest.param("o7-buys-often", marks=pytest.mark.covers("C24", "I2")),
        pytest.param("o18-tier-up", marks=pytest.mark.covers("I7")),
        pytest.param("o27-country-changed", marks=pytest.mark.covers("B20")),
        pytest.param("o28-device-switched", marks=pytest.mark.covers("B21")),
        pytest.param("o5-loyalty-perk", marks=pytest.mark.covers("D6")),
        pytest.param("o23-engagement-decline", marks=pytest.mark.covers("D5")),
        pytest.param("o8-many-views", marks=pytest.mark.covers("C2")),
        pytest.param("o9-viewed-again", marks=pytest.mark.covers("C15")),
        pytest.param("o10-trial-no-upgrade", marks=pytest.mark.covers("C13")),
        pytest.param("o11-content-follow-up", marks=pytest.mark.covers("C14")),
        pytest.param("o14-payment-failed", marks=pytest.mark.covers("G15")),
        pytest.param("o15-refund-retention", marks=pytest.mark.covers("I12")),
        pytest.param("o16-welcome-unopened", marks=pytest.mark.covers("C23")),
        pytest.param("o17-milestone", marks=pytest.mark.covers("I6")),
        pytest.param("o19-win-back", marks=pytest.mark.covers("I8")),
        pytest.param("o20-anniversary", marks=pytest.mark.covers("I9")),
        pytest.param("o20-birthday", marks=pytest.mark.covers("I9")),
        pytest.param("o21-referral", marks=pytest.mark.covers("I10")),
        pytest.param("o22-long-visit", marks=pytest.mark.covers("D11")),
        pytest.param("o24-churn-risk", marks=pytest.mark.covers("I8", "L1")),
        pytest.param("o25-vip", marks=pytest.mark.covers("L2")),
        pytest.param("o26-reactivation", marks=pytest.mark.covers("D4", "L3")),
        pytest.param("s1-viewed-and-carted", marks=pytest.mark.covers("B14")),
        pytest.param("s2-after-category", marks=pytest.mark.covers("B16")),
        pytest.param("s2-category-affinity", marks=pytest.mark.covers("D12")),
        pytest.param("s2-form-abandoned", marks=pytest.mark.covers("D11")),
        pytest.param("s2-whitepaper-then-demo", marks=pytest.mark.covers("C8")),
        pytest.param("s3-three-abandonments", marks=pytest.mark.covers("C3", "C24")),
        pytest.param("s4-threshold-by-tier", marks=pytest.mark.covers("C17")),
        pytest.param("s4-abandons-by-tier", marks=pytest.mark.covers("C17", "C18")),
        pytest.param("s6-not-mailed-lately", marks=pytest.mark.covers("B8")),
        pytest.param("s2-repeat-visits", marks=pytest.mark.covers("C22")),
        pytest.param("s9-deep-visit", marks=pytest.mark.covers("D8")),
        pytest.param("s7-at-risk", marks=pytest.mark.covers("I2", "I4")),
        pytest.param("s12-price-dropped", marks=pytest.mark.covers("B15", "B17", "C23")),
        pytest.param("s14-christmas", marks=pytest.mark.covers("B22")),
        pytest.param("s17-burst-of-clicks", marks=pytest.mark.covers("C19")),
    ],
)
def test_what_a_recipe_shows_of_the_catalogue(recipe: str, tests: list[dict[str, Any]]) -> None:
    """On both sides of each boundary: its fixtures hold what is just inside and exactly on it."""
    own = those_of(recipe, tests)

    assert own
    assert all(each["ok"] for each in own)


@pytest.mark.alone
def test_all_of_them_take_less_than_fifteen_seconds() -> None:
    began = time.monotonic()
    assert triggerstream("test", str(RECIPES)).returncode == 0

    assert time.monotonic() - began < 15


def test_the_page_lists_every_recipe() -> None:
    recipes = [f"O{number}" for number in range(1, 29)]
    assert list(ROWS) == recipes + [f"S{number}" for number in range(1, 21)]


@pytest.mark.parametrize("row", ROWS)
def test_the_page_says_which_recipe_is_shipped_and_what_the_others_wait_for(row: str) -> None:
    shipped = {name for name in FILES if name.startswith(f"{row.lower()}-")}
    linked = set(re.findall(r"\[(.+?)\]\(\.\./examples/recipes/\1\.yaml\)", ROWS[row]))

    assert linked == shipped
    assert ROWS[row].startswith("shipped: " if shipped else "waits for ")
