"""Running scenarios one after another, each on a stage of its own, whatever becomes of them."""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path
from random import Random

from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.local.stage import LocalStage
from tests.chaos.rows import Entry, NotRunError, Row
from tests.chaos.stage import Shop, Stage

NOT_RUN = "not run: "


def run(entry: Entry, injections: int, *, bootstrap: str | None, seed: int, shop: Shop) -> Row:
    """Run one scenario; an error of it is a wrong row, with its account on stderr.

    Args:
        bootstrap: The broker to run it on; ``None`` for the world of one directory.
    """
    # By name, so that a row has the same chances whichever others are run.
    # That a broker is gone is no news where it is killed on purpose.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    random = Random(seed ^ zlib.crc32(entry.name.encode()))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="triggerstream-chaos-") as directory:
        stage: Stage
        if bootstrap is None:
            stage = LocalStage(Path(directory), random, shop)
        else:
            stage = KafkaStage(bootstrap, Path(directory), random, shop)
        try:
            row = asyncio.run(_awaited(entry, stage, injections))
        except NotRunError as error:
            return Row(entry.name, 0, 0, 0, 0, None, f"{NOT_RUN}{error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the other rows are run
            traceback.print_exc(file=sys.stderr)
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            return Row(entry.name, injections, 0, 1, 0, None, f"broke off: {said}")
    stage.say(f"{entry.name}: {time.monotonic() - began:.0f} s")
    return row


async def _awaited(entry: Entry, stage: Stage, injections: int) -> Row:
    return await entry.scenario(stage, injections)


def was_run(row: Row) -> bool:
    return not row.note.startswith(NOT_RUN)
