"""The worker: detects, and takes the inbox in."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from triggerstream.authoring.files import read_files
from triggerstream.core.detection.detect import Detect
from triggerstream.errors import ConflictError
from triggerstream.ops.settings import Settings
from triggerstream.processes.runtime import Runtime, run
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
            settings, name="detect", input_topic="events", downstream="actions"
        ) as runtime:
            if triggers is not None:
                await _publish_first(runtime, triggers)

            def build_intake(consumer: Input) -> Intake:
                return Intake(
                    runtime.log,
                    consumer,
                    inbox=runtime.topics.name(INBOX),
                    count=partial(runtime.metrics.rejected, INBOX),
                )

            app = runtime.build(
                Detect(runtime.topics.name("events")), marks=True, others={INBOX: build_intake}
            )
            return await runtime.serve(app)

    return run(main)


async def _publish_first(runtime: Runtime, triggers: Path) -> None:
    newest = runtime.rulesets.newest()
    if newest is not None:
        _log.info("ruleset %d is in force: %s is not published", newest[0], triggers)
        return
    try:
        version = await publish_through(
            runtime.log.append, runtime.rulesets, read_files(triggers), 0
        )
        _log.info("published %s as ruleset %d", triggers, version)
    except ConflictError:
        _log.info("another worker was first to publish a ruleset")
