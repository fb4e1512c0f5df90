"""The worker: detects, and takes the inbox in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from triggerstream.authoring.files import read_files
from triggerstream.core.detection.detect import Detect
from triggerstream.core.rulesets.ruleset import content_hash
from triggerstream.errors import ConflictError
from triggerstream.ops.settings import Settings
from triggerstream.processes.runtime import Runtime, run
from triggerstream.processes.schemas import NewestSchemas
from triggerstream.stream.intake import Intake
from triggerstream.stream.kafka.rulesets import publish_through
from triggerstream.stream.ports import Input

_log = logging.getLogger(__name__)

INBOX = "inbox"


def run_worker(settings: Settings, triggers: Path | None) -> int:
    """Run a worker until it is told to stop; return its exit code.

    Args:
        triggers: A directory of triggers, published where none are in force yet.

    Raises:
        TriggerFileError: *triggers* has problems.
    """

    async def main() -> int:
        async with Runtime(
            settings, name="detect", title="worker", input_topic="events", downstream="actions"
        ) as runtime:
            if triggers is not None:
                await _publish_first(runtime, triggers)

            def build_intake(consumer: Input) -> Intake:
                return Intake(
                    runtime.log,
                    consumer,
                    inbox=runtime.topics.name(INBOX),
                    count=partial(_count, runtime),
                    schemas=NewestSchemas(runtime.rulesets),
                    count_failed=runtime.metrics.schemas_failed,
                )

            app = runtime.build(
                Detect(runtime.topics.name("events")), marks=True, others={INBOX: build_intake}
            )
            return await runtime.serve(app)

    return run(main)


def _count(runtime: Runtime, reasons: Mapping[str, int]) -> None:
    """Count and tell what the intake rejected, by reason."""
    runtime.metrics.rejected(INBOX, reasons)
    runtime.notices.rejected(INBOX, reasons)


async def _publish_first(runtime: Runtime, triggers: Path) -> None:
    files = read_files(triggers)
    newest = runtime.rulesets.newest()
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
        version = await publish_through(runtime.log.append, runtime.rulesets, files, 0)
        _log.info("published %s as ruleset %d", triggers, version)
    except ConflictError:
        _log.info("another worker was first to publish a ruleset")
