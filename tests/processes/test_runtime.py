"""What a process's parts tell each other."""

from __future__ import annotations

from pathlib import Path

from triggerstream.core.detection.detect import Detect
from triggerstream.ops.client_id import client_id_of
from triggerstream.ops.settings import Settings
from triggerstream.processes.runtime import Runtime


async def test_another_ruleset_wakes_every_partition(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    runtime = Runtime(settings, name="detect", title="worker", input_topic="events")
    runtime._identity = client_id_of(settings.http, 1)
    app = runtime.build(Detect("events"), marks=True)
    woken: list[str] = []
    for topic, reading in app.edge.readings.items():
        reading.look = lambda topic=topic: woken.append(topic)  # type: ignore[method-assign, misc]

    runtime.rulesets.on_newest()

    assert woken == [app.main_topic]
