"""Publishing a ruleset from a command: it is read what is in force, asked, appended, read again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from triggerstream.core.records.record import Record
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.installation.port import Installation
from triggerstream.stream.following import Follower, Start
from triggerstream.stream.rulesets import PublishedRulesets, base_of, publish_through

RULESETS = "rulesets"

Review = Callable[[Ruleset | None, Ruleset], bool]
"""Takes the ruleset in force, if any is, and the one that is to follow it; returns whether that is
published."""


async def publish(
    installation: Installation,
    files: Mapping[str, str],
    from_version: int | None,
    review: Review | None = None,
) -> int:
    """Publish *files* as the version after *from_version*, and return its number. What was computed
    under that one is carried on.

    Args:
        files: Text by file name, checked by the caller.
        from_version: The version that it was made from; ``None``: whichever is newest.
        review: Asked before; where it says no, nothing is published, and the version in force is
            returned.

    Raises:
        ConflictError: Another version is newest, or has just become so.
        ProtocolError: It could not be appended.
    """
    await installation.make_rulesets_topic()
    rulesets = PublishedRulesets()
    async with installation.follow((RULESETS,)) as follower:
        await follower.begin(Start(from_beginning=True))
        await _take(rulesets, [record async for _, record in follower.history()])
        await rulesets.begin()
        base = base_of(rulesets, from_version)
        content = rulesets.behind(base, files)
        if review is not None and not review(rulesets.get(base), load_ruleset(content)):
            return base
        async with installation.entrance() as entrance:
            reading = asyncio.create_task(_read_on(follower, rulesets))
            try:
                return await publish_through(entrance.append, rulesets, content, base)
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading


async def _read_on(follower: Follower, rulesets: PublishedRulesets) -> None:
    while True:
        await _take(rulesets, [record for _, record in await follower.coming()])
        await asyncio.sleep(0)


async def _take(rulesets: PublishedRulesets, records: Sequence[Record]) -> None:
    if records:
        await rulesets.take(records, records[-1].offset + 1)
