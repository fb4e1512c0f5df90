"""A stage on a real Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.kafka_trial import KafkaTrial
from tests.chaos.senders.watch import Watch
from tests.chaos.stage import TRIGGERS, Shop, Stage
from tests.chaos.trial import Line
from tests.e2e.deployment import SHORT_SESSION, Deployment


class KafkaStage(Stage):
    """One scenario's.

    Args:
        bootstrap: The broker that the rows share. Who breaks a broker starts one of their own.
    """

    partitions = 4
    largest = 16 << 20

    def __init__(self, bootstrap: str, directory: Path, random: Random, shop: Shop) -> None:
        super().__init__(directory, random, shop)
        self.bootstrap = bootstrap

    def deployment(
        self,
        name: str = "deployment",
        *,
        triggers: Path = TRIGGERS,
        partitions: int = partitions,
        settings: Mapping[str, str] | None = None,
        bootstrap: str | None = None,
    ) -> Deployment:
        """Return an installation in a directory of its own. Use it as a context manager."""
        directory = self.directory / name
        directory.mkdir()
        return Deployment(
            bootstrap or self.bootstrap,
            directory,
            triggers,
            partitions=partitions,
            settings={**SHORT_SESSION, **(settings or {})},
        )

    @asynccontextmanager
    async def trial(self, lines: Sequence[Line], **options: Any) -> AsyncIterator[KafkaTrial]:
        with self.deployment() as deployment:
            async with KafkaTrial(self, deployment, lines, **options) as trial:
                yield trial

    @asynccontextmanager
    async def sending(
        self,
        name: str,
        triggers: Path,
        settings: Mapping[str, str],
        senders: Sequence[str],
        **options: Any,
    ) -> AsyncIterator[tuple[Deployment, Watch]]:
        """As `Stage.sending`. Options are ``bootstrap``, another broker, and ``gate``, the address
        by which the senders, and only they, reach it."""
        with self.deployment(
            name, triggers=triggers, settings=settings, bootstrap=options.get("bootstrap")
        ) as deployment:
            if (gate := options.get("gate")) is not None:
                through = {"TRIGGERSTREAM_KAFKA__BOOTSTRAP": gate}
                deployment.environments.update(dict.fromkeys(senders, through))
            deployment.worker()
            for each in senders:
                deployment.sender(each)
            for each in ("worker", *senders):
                await deployment.wait_until_reading(each, 240)
            async with Watch(deployment) as watch:
                yield deployment, watch
