"""The dead letters of an installation, from the first that is kept to where they end now."""

from __future__ import annotations

from collections.abc import AsyncIterator

from triggerstream.core.records.dead_letters import Letter, as_letter
from triggerstream.installation.port import Installation
from triggerstream.stream.following import Start


async def read_letters(installation: Installation, topic: str) -> AsyncIterator[Letter]:
    """Yield the letters of *topic* that are there now, in the order of their appending."""
    async with installation.follow((topic,)) as follower:
        await follower.begin(Start(from_beginning=True))
        async for _, record in follower.history():
            yield as_letter(
                record.partition, record.offset, record.key, record.value, record.headers
            )
