"""The sender: what sends, on Kafka."""

from __future__ import annotations

from triggerstream.ops.settings import Settings
from triggerstream.processes.kafka import KafkaWorld
from triggerstream.processes.loop import run
from triggerstream.processes.sending import DRAIN, open_sending


def run_sender(settings: Settings) -> int:
    """Run a sender until it is told to stop; return its exit code."""

    async def main() -> int:
        async with (
            open_sending(settings) as sending,
            KafkaWorld(settings, sending.role) as world,
        ):
            calls = sending.send(world.keyed)
            code = await world.serve()
            await calls.drain(DRAIN)
            return code

    return run(main)
