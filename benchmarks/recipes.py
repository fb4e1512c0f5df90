"""What each recipe keeps of a customer, in bytes of a stored state.

    python benchmarks/recipes.py [--json]

Each recipe of ``examples/recipes`` is a ruleset by itself, with the policy that it stands under,
and all of them are one, too. Under each stand three customers:

- *seen*: one event an hour ago, of the type that leaves most;
- *active*: 30 days with ten events a day, of the types that the recipe hears, drawn at random; the
  last an hour ago;
- *cold*: the active one 200 days later, when windows are empty and timers are over. What is due is
  done as its time comes, as a worker does.

Told is how much more is stored than of the same customer under a trigger that hears nothing: what
all customers take, their newest ids and the header, is the first row. Events bear the fields that
recipes read, with values of usual lengths, and ids of 32 characters. No time is measured: the
figures are the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.load import Line
from benchmarks.rounds import show
from triggerstream.authoring.files import read_files
from triggerstream.core.detection.detect import Detect
from triggerstream.core.events.derived import SIGN
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.record import KIND, Kind
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset

RECIPES: Final = Path(__file__).parents[1] / "examples" / "recipes"
POLICY: Final = "policy.yaml"
NOTHING: Final = "trigger: hears-nothing\nwhen: {event: nothing-of-the-kind}\n"
START: Final = 1_700_000_000_000
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
DAYS, A_DAY = 30, 10
KINDS: Final = ("seen", "active", "cold")
_TICK: Final = ((KIND, Kind.TICK),)


def rulesets() -> dict[str, dict[str, str]]:
    """Return the files of each ruleset, by its name."""
    files = read_files(RECIPES)
    shared = {path: text for path, text in files.items() if not _is_recipe(path)}
    found = {"no recipe": {POLICY: shared[POLICY], "nothing.yaml": NOTHING}}
    for path, text in sorted(files.items()):
        if _is_recipe(path):
            found[path.removesuffix(".yaml")] = shared | {path: text}
    found["all recipes"] = files
    return found


def _is_recipe(path: str) -> bool:
    return "/" not in path and path != POLICY and not path.endswith(".test.yaml")


def types_of(ruleset: Ruleset) -> list[str]:
    """Return the types of events from outside that *ruleset* hears."""
    return sorted([name for name in ruleset.interests if not name.startswith(SIGN)])


def stored(ruleset: Ruleset, types: list[str], kind: str) -> int:
    """Return how many bytes are stored of a customer of a *kind* who does events of *types*."""
    if kind == "seen":
        return max([_stored(ruleset, [event_type], [1]) for event_type in types])
    draw = random.Random(7)
    drawn = [draw.choice(types) for _ in range(DAYS * A_DAY)]
    return _stored(ruleset, drawn, [1] if kind == "active" else [1, *range(24, 24 * 200, 24)])


def _stored(ruleset: Ruleset, drawn: list[str], hours: list[int]) -> int:
    """Return what is stored after events of the types *drawn*, so many *hours* after the last."""
    partition: Partition[Any, Any] = Partition(
        Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
    )
    times = [START + n // A_DAY * DAY + n % A_DAY * HOUR for n in range(len(drawn))]
    lines = [
        Line(number, at, _event(event_type, number, at))
        for number, (event_type, at) in enumerate(zip(drawn, times, strict=True))
    ]
    ticks = [times[-1] + hour * HOUR for hour in hours]
    lines += [Line(len(drawn) + n, at, None, _TICK) for n, at in enumerate(ticks)]
    assert partition.apply(in_columns(lines)) == len(lines)
    (value,) = partition.cut().values.values()
    return len(value or b"")


def _event(event_type: str, number: int, at: int) -> bytes:
    data = {
        "cart_id": f"cart-{number // A_DAY:06}",
        "order_id": f"order-{number // A_DAY:06}",
        "product_id": f"product-{number % 9:05}",
        "category": ("audio", "video", "phones")[number % 3],
        "feature": f"feature-{number % 7}",
        "element": f"element-{number % 7}",
        "form": "contact",
        "total": 19.9 + number % 7,
        "seconds": 400,
        "score": 0.5,
        "old_price": 19.9,
        "new_price": 9.9,
        "old_rank": 1,
        "new_rank": 2,
        "tier": "silver",
        "email_consent": True,
    }
    return orjson.dumps(
        {
            "event_id": f"{number:032x}",
            "customer_id": "customer-0000001",
            "event_type": event_type,
            "source": "server",
            "timestamp": at,
            "session_id": f"session-{number // A_DAY:06}",
            "event_data": data,
            "device_info": {"type": "mobile"},
            "location_data": {"country": "DE"},
        }
    )


def measure() -> dict[str, dict[str, int]]:
    """Return bytes by ruleset and kind of customer; of each recipe, those that it adds."""
    found: dict[str, dict[str, int]] = {}
    nothing = load_ruleset({"nothing.yaml": NOTHING})
    for name, files in rulesets().items():
        ruleset = load_ruleset(files)
        types = types_of(ruleset) or ["page_view"]
        of = {kind: stored(ruleset, types, kind) for kind in KINDS}
        if name != "no recipe":
            without = {kind: stored(nothing, types, kind) for kind in KINDS}
            of = {kind: of[kind] - without[kind] for kind in KINDS}
        found[name] = of
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    found = measure()
    if asked.json:
        print(json.dumps({"bytes": found}))
        return
    show(
        "bytes of a stored state",
        ("recipe", *KINDS),
        [(name, *(f"{of[kind]:,}" for kind in KINDS)) for name, of in found.items()],
    )


if __name__ == "__main__":
    main()
