"""Publishing a ruleset from a command: what is in force, who comes first, and what is told."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from triggerstream.core.model import CountPattern, Named
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.errors import ConflictError
from triggerstream.installation.local import LocalInstallation
from triggerstream.installation.publish import publish

NOW = 1_772_359_200_000


def files(name: str) -> dict[str, str]:
    return {f"{name}.yaml": f"trigger: {name}\nwhen: {{event: {name}}}\nthen: [{{log: {{}}}}]\n"}


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> LocalInstallation:
    return LocalInstallation(tmp_path, now=lambda: NOW)


class Seen:
    """Reviews what is in force, and says whether to go on."""

    def __init__(self, *, goes_on: bool = True) -> None:
        self.triggers: list[list[str]] = []
        self._goes_on = goes_on

    def __call__(self, in_force: Ruleset | None, _coming: Ruleset) -> bool:
        triggers = [] if in_force is None else in_force.source.triggers
        self.triggers.append([trigger.id for trigger in triggers])
        return self._goes_on


async def test_each_version_follows_the_one_in_force(shop: LocalInstallation) -> None:
    seen = Seen()

    versions = [await publish(shop, files(name), None, seen) for name in ("a", "b", "a")]

    assert versions == [1, 2, 3]
    assert seen.triggers == [[], ["a"], ["b"]]


async def test_what_is_reviewed_and_not_wanted_is_not_published(shop: LocalInstallation) -> None:
    await publish(shop, files("a"), None)

    assert await publish(shop, files("b"), None, Seen(goes_on=False)) == 1
    assert await publish(shop, files("b"), 1) == 2


@pytest.mark.parametrize("base", [0, 2])
async def test_another_version_than_that_in_force_is_no_base(
    shop: LocalInstallation, base: int
) -> None:
    await publish(shop, files("a"), None)
    seen = Seen()

    with pytest.raises(ConflictError, match=f"made from version {base}; in force is version 1"):
        await publish(shop, files("b"), base, seen)

    assert seen.triggers == []


async def test_of_two_at_the_same_time_the_first_wins_and_the_other_is_told(
    shop: LocalInstallation, tmp_path: Path
) -> None:
    def somebody_else_is_quicker(_in_force: Ruleset | None, _coming: Ruleset) -> bool:
        other = LocalInstallation(tmp_path, now=lambda: NOW)
        thread = threading.Thread(target=lambda: asyncio.run(publish(other, files("b"), None)))
        thread.start()
        thread.join()
        return True

    with pytest.raises(ConflictError, match="version 1 was published by somebody else"):
        await publish(shop, files("a"), None, somebody_else_is_quicker)

    seen = Seen(goes_on=False)
    assert await publish(shop, files("a"), None, seen) == 1
    assert seen.triggers == [["b"]]


NUMBERS = '{"busy":{"number":9,"n":400},"quiet":{"number":2}}'


def computing(percentile: int) -> dict[str, str]:
    """Two values, of which one is computed as *percentile* says, each with who asks for it."""
    documents = ["attribute: views\ncount: view\nwithin: 1d\n"]
    for name, said in (("busy", 95), ("quiet", percentile)):
        documents += [
            f"value: {name}\npercentile: {said}\nof: profile.views\ndefault: 6\n",
            f"trigger: {name}\nwhen: {{count: view, at_least: {{value: {name}}}}}\n",
        ]
    return {"v.yaml": "---\n".join(documents)}


async def test_what_was_computed_is_carried_on_for_values_that_say_the_same(
    shop: LocalInstallation,
) -> None:
    told: list[list[object]] = []

    def note(_in_force: Ruleset | None, coming: Ruleset) -> bool:
        patterns = [each.source.when for each in coming.triggers.values()]
        thresholds = [each.threshold for each in patterns if isinstance(each, CountPattern)]
        told.append([each.in_force.said for each in thresholds if isinstance(each, Named)])
        return True

    await publish(shop, computing(5) | {".values.json": NUMBERS}, None, note)
    await publish(shop, computing(10), None, note)
    await publish(shop, computing(10), None, note)
    await publish(shop, computing(10) | {".values.json": "{}"}, None, note)
    await publish(shop, computing(10), None, note)

    assert told == [[9, 2], [9, 6], [9, 6], [6, 6], [6, 6]]
