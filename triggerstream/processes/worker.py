"""The worker: detects on Kafka, and takes the inbox in."""

from __future__ import annotations

from pathlib import Path

from triggerstream.ops.settings import Settings
from triggerstream.processes.detecting import DETECTING, detect, publish_first
from triggerstream.processes.kafka import KafkaWorld
from triggerstream.processes.loop import run


def run_worker(settings: Settings, triggers: Path | None) -> int:
    """Run a worker until it is told to stop; return its exit code.

    Args:
        triggers: A directory of triggers, published where none are in force yet.

    Raises:
        TriggerFileError: *triggers* has problems.
    """

    async def main() -> int:
        async with KafkaWorld(settings, DETECTING) as world:
            if triggers is not None:
                await publish_first(world.keyed, triggers)
            detect(world.keyed)
            return await world.serve()

    return run(main)
