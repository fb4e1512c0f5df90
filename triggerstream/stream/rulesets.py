"""The published rulesets as a process knows them: what the topic says, and what of it is compiled.

Whoever reads the topic gives its records to `PublishedRulesets.take`: `kafka.rulesets` and
`local.rulesets` do. What the records mean, and which version follows which, is
`core.rulesets.published`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from triggerstream.core.records.record import Produce, Record
from triggerstream.core.rulesets.carried import carry_on
from triggerstream.core.rulesets.published import Head, Published, pack
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.errors import ConflictError, ProtocolError, TriggerstreamError

_log = logging.getLogger(__name__)

KEPT: Final = 32
"""Compiled rulesets kept in memory; partitions far apart in the log may need several."""
CAUGHT_UP_WITHIN: Final = 60.0
"""Seconds within which the topic must have been read to its end."""


class PublishedRulesets:
    """The `Rulesets` port, fed by whoever reads the topic.

    Attributes:
        on_newest: Called when another ruleset has become the newest.
    """

    def __init__(self, load: Callable[..., Ruleset] = load_ruleset) -> None:
        self.on_newest: Callable[[], None] = lambda: None
        self._load = load
        self._published = Published()
        self._compiled: dict[int, Ruleset] = {}
        self._changed = asyncio.Condition()
        self._newest: tuple[int, str] | None = None
        self._following = 0
        """The offset behind all that has been taken."""

    # ── the port ────────────────────────────────────────────────────────────────────────────

    def newest(self) -> tuple[int, str] | None:
        return self._newest

    def get(self, version: int) -> Ruleset | None:
        ruleset = self._compiled.pop(version, None)
        if ruleset is not None:
            self._compiled[version] = ruleset  # the youngest again: the oldest are forgotten
        return ruleset

    async def wait_for(self, version: int) -> Ruleset:
        async with self._changed:
            await self._changed.wait_for(lambda: version in self._published.heads)
        found = self.get(version)
        return await self._compile(version) if found is None else found

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    async def take(self, records: Iterable[Record], following: int) -> int | None:
        """Take the topic's next *records*, with which it has been read as far as *following*;
        return the newest version that they complete, if they do."""
        version: int | None = None
        for record in records:
            version = self._published.take(record.key, record.value) or version
        self._following = following
        async with self._changed:
            self._changed.notify_all()
        return version

    async def begin(self) -> None:
        """Put the newest of what was taken in force, if there is one.

        Raises:
            TriggerstreamError: It cannot be loaded by this version of the code.
        """
        if self._published.newest:
            await self._put_in_force(self._published.newest)

    async def try_in_force(self, version: int) -> None:
        """Put *version* in force, which has come while the process runs."""
        try:
            await self._put_in_force(version)
        except TriggerstreamError:
            # Not marked by us. Where another process does, `wait_for` raises and stops us.
            _log.exception("ruleset %d cannot be loaded, and is left out", version)

    async def _put_in_force(self, version: int) -> None:
        await self._compile(version)
        self._newest = (version, self._published.heads[version].hash)
        self.on_newest()

    async def _compile(self, version: int) -> Ruleset:
        files = self._published.files(version)
        ruleset = await asyncio.to_thread(self._load, files, version=version)
        self._compiled[version] = ruleset
        for forgotten in list(self._compiled)[:-KEPT]:
            del self._compiled[forgotten]
        return ruleset

    # ── publishing ──────────────────────────────────────────────────────────────────────────

    def behind(self, base: int, files: Mapping[str, str]) -> dict[str, str]:
        """Return *files* as they are published behind the version *base*, 0 for none: with what was
        computed under it, and is no author's to write (`carry_on`)."""
        return carry_on(files, self._published.files(base)) if base else dict(files)

    def was_refused(self, head: Head) -> bool:
        """Return whether *head*, which has been appended, lost against another deployment."""
        return self._published.heads.get(head.version) != head

    async def read_until(self, offset: int) -> None:
        """Return when the topic has been read beyond *offset*.

        Raises:
            ProtocolError: It was not, within `CAUGHT_UP_WITHIN`.
        """
        try:
            async with asyncio.timeout(CAUGHT_UP_WITHIN), self._changed:
                await self._changed.wait_for(lambda: self._following > offset)
        except TimeoutError as error:
            message = f"rulesets: offset {offset} was not read within {CAUGHT_UP_WITHIN} s"
            raise ProtocolError(message) from error


async def publish_through(
    append: Callable[[list[Produce]], Awaitable[Awaitable[Any]]],
    rulesets: PublishedRulesets,
    files: Mapping[str, str],
    from_version: int | None,
) -> int:
    """Publish *files* as the version after *from_version*, and return its number.

    Args:
        append: Of the log that *rulesets* is read from.
        files: Text by file name, checked by the caller.
        from_version: The version that it was made from; ``None``: whichever is newest.

    Raises:
        ConflictError: Another version is newest, or has just become so.
        ProtocolError: It could not be appended.
    """
    base = base_of(rulesets, from_version)
    head, records = pack(files, base)
    written = await append([Produce("rulesets", 0, key, value) for key, value in records])
    answers = await written
    await rulesets.read_until(answers[-1].base_offset + answers[-1].count - 1)
    if rulesets.was_refused(head):
        message = f"version {head.version} was published by somebody else at the same time"
        raise ConflictError(message)
    return head.version


def base_of(rulesets: PublishedRulesets, from_version: int | None) -> int:
    """Return the version in force, 0 for none.

    Raises:
        ConflictError: It is not *from_version*, if that says one.
    """
    newest = rulesets.newest()
    base = newest[0] if newest is not None else 0
    if from_version is not None and from_version != base:
        message = (
            f"this ruleset was made from version {from_version}; in force is version {base}. "
            "Bring in what changed, and deploy again"
        )
        raise ConflictError(message)
    return base
