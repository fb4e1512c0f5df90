"""The way in over HTTP, before whichever log there is: it is the same in both worlds, and knows
nothing of Kafka's client."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from triggerstream.ingest.app import build_app
from triggerstream.ingest.door import Door
from triggerstream.ingest.gathering import Append
from triggerstream.ingest.keys import Keys
from triggerstream.ingest.limits import Limits
from triggerstream.ingest.server import Server
from triggerstream.ops.ingest_metrics import IngestMetrics
from triggerstream.ops.metrics import Children
from triggerstream.ops.settings import Ingest
from triggerstream.processes.schemas import NewestSchemas
from triggerstream.stream.ports import Rulesets


def keys_of(ingest: Ingest, directory: Path | None = None) -> Keys:
    """Return the keys that the settings name; a relative path stands below *directory*.

    Raises:
        SettingsError: The file is none of keys.
    """
    path = ingest.keys
    if path is not None and directory is not None:
        path = directory / path
    return Keys(path, time.monotonic)


def build_server(
    ours: Ingest,
    keys: Keys,
    *,
    log: Append,
    rulesets: Rulesets,
    children: Children,
    partitions: int,
    behind: Callable[[], int] = lambda: 0,
) -> Server:
    """Return what takes requests and appends to *log*, asking of events what the newest of
    *rulesets* asks.

    Args:
        behind: How many events are not decided yet, where this process knows.
    """
    secret, limits = ours.user_secret, Limits()
    door = Door(
        log=log,
        keys=keys,
        now=lambda: time.time_ns() // 1_000_000,
        observer=IngestMetrics(children),
        schemas=NewestSchemas(rulesets),
        limits=limits,
        partitions=partitions,
        behind=behind,
        user_secret=None if secret is None else secret.get_secret_value().encode(),
    )
    return Server(build_app(door), host=ours.host, port=ours.port, limits=limits)
