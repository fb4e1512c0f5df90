"""What a process's parts tell each other on Kafka."""

from __future__ import annotations

from pathlib import Path

from triggerstream.ops.client_id import client_id_of
from triggerstream.ops.settings import Settings
from triggerstream.processes.detecting import DETECTING, detect
from triggerstream.processes.kafka import KafkaWorld


async def test_another_ruleset_wakes_every_partition(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    world = KafkaWorld(settings, DETECTING)
    world._identity = client_id_of(settings.http, 1)
    detect(world.keyed)
    app = world._build_app()
    woken: list[str] = []
    for topic, reading in app.edge.readings.items():
        reading.look = lambda topic=topic: woken.append(topic)  # type: ignore[method-assign, misc]

    world.rulesets.on_newest()

    assert woken == [world.topic("events"), world.topic("inbox")]
