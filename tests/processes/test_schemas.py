"""Which rules the doors of a process go by."""

from __future__ import annotations

from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.processes.schemas import NewestSchemas


class Published:
    """The `Rulesets` port, with the versions that the test puts there."""

    def __init__(self) -> None:
        self.rulesets: dict[int, Ruleset] = {}
        self.last = 0
        self.asked = 0

    def publish(self, rules: str | None, *, is_here: bool = True) -> None:
        self.last += 1
        files = {"t.yaml": "{trigger: t, when: {event: a}}"}
        if rules is not None:
            files["schemas.yaml"] = rules
        if is_here:
            self.rulesets[self.last] = load_ruleset(files, version=self.last)

    def newest(self) -> tuple[int, str] | None:
        return (self.last, "hash") if self.last else None

    def get(self, version: int) -> Ruleset | None:
        self.asked += 1
        return self.rulesets.get(version)

    async def wait_for(self, version: int) -> Ruleset:
        return self.rulesets[version]


def test_before_anything_is_published_nothing_is_asked() -> None:
    assert NewestSchemas(Published())() is None


def test_the_newest_counts_as_soon_as_it_is_published() -> None:
    published = Published()
    newest = NewestSchemas(published)

    published.publish("unknown: flag")
    first = newest()
    assert first is published.rulesets[1].schemas is not None

    published.publish("unknown: reject")
    assert newest() is published.rulesets[2].schemas is not first

    published.publish(None)
    assert newest() is None


def test_the_last_one_counts_until_the_newest_is_here() -> None:
    published = Published()
    newest = NewestSchemas(published)
    published.publish("unknown: flag")
    first = newest()

    published.publish("unknown: reject", is_here=False)

    assert newest() is first is not None


def test_the_same_version_is_looked_up_once() -> None:
    published = Published()
    published.publish("unknown: flag")
    newest = NewestSchemas(published)

    assert newest() is newest() is not None
    assert published.asked == 1
