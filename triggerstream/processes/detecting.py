"""The keyed process that detects, and takes the inbox in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

from triggerstream.authoring.files import read_files
from triggerstream.core.detection.detect import Detect
from triggerstream.core.rulesets.ruleset import content_hash
from triggerstream.errors import ConflictError
from triggerstream.processes.keyed import Keyed, Role
from triggerstream.processes.schemas import NewestSchemas
from triggerstream.stream.intake import Intake
from triggerstream.stream.ports import Input
from triggerstream.stream.rulesets import publish_through

_log = logging.getLogger(__name__)

INBOX: Final = "inbox"
DETECTING: Final = Role("detect", "worker", "events", downstream="actions")


def detect(keyed: Keyed) -> None:
    """Have *keyed*, whose role is `DETECTING`, detect, and take the inbox in."""
    world = keyed.world

    def build_intake(consumer: Input) -> Intake:
        return Intake(
            keyed.log,
            consumer,
            inbox=world.topic(INBOX),
            count=partial(_count, keyed),
            schemas=NewestSchemas(world.rulesets),
            count_failed=keyed.metrics.schemas_failed,
        )

    keyed.decide_with(Detect(world.topic("events")), marks=True)
    keyed.also_read(INBOX, build_intake)


def _count(keyed: Keyed, reasons: Mapping[str, int]) -> None:
    """Count and tell what the intake rejected, by reason."""
    keyed.metrics.rejected(INBOX, reasons)
    keyed.notices.rejected(INBOX, reasons)


async def publish_first(keyed: Keyed, triggers: Path) -> None:
    """Publish the directory *triggers*, unless a ruleset is in force."""
    files = read_files(triggers)
    rulesets = keyed.world.rulesets
    newest = rulesets.newest()
    if newest is not None:
        version, content = newest
        if content == content_hash(files):
            _log.info("ruleset %d is in force, and is what %s holds", version, triggers)
        else:
            _log.warning(
                "ruleset %d is in force, and %s is another one, which is not published: "
                "`triggerstream deploy %s` puts it in force",
                version, triggers, triggers,
            )  # fmt: skip
        return
    try:
        version = await publish_through(keyed.log.append, rulesets, files, 0)
        _log.info("published %s as ruleset %d", triggers, version)
    except ConflictError:
        _log.info("another worker was first to publish a ruleset")
