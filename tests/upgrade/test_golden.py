"""States of format 3, as the code before format 4 stored them, are gone on with.

They were made by ``python -m tests.upgrade.before``, with the code of commit 42782a2.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from tests.upgrade import before, half
from tests.upgrade.before import CONSTRUCTS, STORIES, Story
from triggerstream.core.detection.describe import describe
from triggerstream.core.keyed import header
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.model import EventPattern
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state import codec

FORMAT = 3
"""Of the golden states, for ever."""


class Told(msgspec.Struct):
    """A story, decided by the present code.

    Attributes:
        before: The lines that are contained in the golden states.
        after: The others.
        whole: The decisions on all lines, in one piece.
        start: Those on the lines *before*.
        rest: Those of going on from the golden states.
        stored: The states of all customers after that.
    """

    ruleset: Ruleset
    before: list[bytes]
    after: list[bytes]
    whole: list[bytes]
    start: list[bytes]
    rest: list[bytes]
    stored: dict[bytes, bytes]


def tell(story: Story) -> Told:
    ruleset, lines = half.read_triggers(story.triggers), half.read_log(story.log)
    store = MemoryStore()
    values, record = before.golden(story)
    store.write(values, partition_record=record, changelog_offset=0)
    second = half.Half(store, ruleset, [])
    second.apply(lines, len(lines))
    second.run_until(story.end)
    second.checkpoint()
    return Told(
        ruleset,
        lines[: story.golden],
        lines[story.golden :],
        whole=before.replayed(ruleset, lines, story.end),
        start=before.replayed(ruleset, lines[: story.golden], None),
        rest=second.decided,
        stored=store.values,
    )


@pytest.fixture(name="told", scope="module", params=STORIES, ids=lambda story: story.name)
def _told(request: pytest.FixtureRequest) -> Told:
    return tell(request.param)


@pytest.fixture(name="constructs", scope="module")
def _constructs() -> Told:
    return tell(CONSTRUCTS)


def test_what_was_decided_before_and_is_decided_now_is_what_one_replay_decides(told: Told) -> None:
    assert min(len(told.start), len(told.rest)) > 400
    assert told.start + told.rest == told.whole


def test_whoever_is_heard_of_again_is_stored_in_the_present_format(told: Told) -> None:
    heard = {orjson.loads(line)["customer_id"].encode() for line in told.after}

    assert heard
    assert {header.unpack(told.stored[customer])[0] for customer in heard} == {codec.FORMAT}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_golden_states_stay_in_their_format(story: Story) -> None:
    values, _ = before.golden(story)

    assert {header.unpack(value)[0] for value in values.values()} == {FORMAT}


def test_every_construct_is_half_done_in_the_golden_states(constructs: Told) -> None:
    """Each pattern fires afterwards by an event that the golden states contain."""
    contained = {orjson.loads(line)["event_id"] for line in constructs.before}
    fired = [each for each in map(orjson.loads, constructs.rest) if each["kind"] == "firing"]

    half_done = {each["trigger"] for each in fired if not contained.isdisjoint(each["events"])}

    triggers = constructs.ruleset.triggers
    at_once = {name for name, each in triggers.items() if type(each.source.when) is EventPattern}
    assert triggers.keys() - half_done == at_once
    assert at_once == {"cooldown", "holdout", "most", "profile"}
    assert {each["trigger"] for each in fired} == triggers.keys()


def test_every_limit_goes_on_from_the_golden_states(constructs: Told) -> None:
    suppressed = [orjson.loads(line) for line in constructs.rest]

    reasons = {each["reason"] for each in suppressed if each["kind"] == "suppressed"}

    assert reasons == {"cooldown", "max_per_customer", "condition"}


def test_the_golden_states_are_described_as_what_the_present_code_has_by_then(
    constructs: Told,
) -> None:
    """People see the same progress, of all patterns and instances, and the same waits."""
    fresh = MemoryStore()
    first = half.Half(fresh, constructs.ruleset, [])
    first.apply(constructs.before, len(constructs.before))
    first.checkpoint()
    values, _ = before.golden(CONSTRUCTS)

    described = describe_all(values, constructs.ruleset)

    assert len(described) == 15
    assert described == describe_all(fresh.values, constructs.ruleset)


def describe_all(values: dict[bytes, bytes], ruleset: Ruleset) -> dict[str, Any]:
    states = (codec.load(name.decode(), value) for name, value in values.items())
    return {state.customer_id: describe(state, ruleset) for state in states}
