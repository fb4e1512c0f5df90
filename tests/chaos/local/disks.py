"""Faults of the one disk that everything is on: full, and damaged."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.chaos.disks import CUSTOMERS, DAMAGES, EACH, browsing, fill, small_disk
from tests.chaos.local.stage import LocalStage
from tests.chaos.local.trial import LocalTrial
from tests.chaos.rows import Row
from tests.chaos.trial import LIMIT, POLL, lines_of, until
from triggerstream.errors import StateFormatError, StoreError, WorldChangedError
from triggerstream.processes.supervisor import STAYS_DOWN

FULL = StoreError.exit_code
SIZE_MB = 48
"""Of the disk, for each time that it is full: about twice what the load takes by then."""
_SPREAD = 6.0
_PATIENCE = 3.0
"""Seconds for which a full disk is watched: no engine may be started."""
WAITS = "waits until"
"""What a supervisor says that waits for room."""


async def full(stage: LocalStage, times: int) -> Row:
    """No byte is free: the engine stops, with the exit code of its disk, nothing is acknowledged,
    and it is not started again until there is room; then it goes on. Every other time the engine
    is killed on the full disk, and so has to start on one."""
    lines = lines_of(browsing(CUSTOMERS, EACH * times))
    with small_disk(stage.directory / "installation" / "home", SIZE_MB * (times + 1)):
        async with stage.trial(lines, allowed={FULL}) as trial:
            for number in range(times):
                await trial.ready()
                before = trial.deployment.codes().count(FULL)
                ballast = trial.deployment.directory / "ballast"
                await asyncio.to_thread(fill, ballast)
                if number % 2:
                    trial.deployment.strike_engine()
                async with trial.load(1 / times, _SPREAD):
                    await _waits_for_room(trial, before + 1)
                    await trial.sleep_up_to(3)
                    ballast.unlink()
                    await trial.recovered()
            return await trial.row("F8 disk full", times)


async def _waits_for_room(trial: LocalTrial, times: int) -> None:
    """Return when an engine has ended by the disk for as many *times*, and its supervisor has been
    seen to wait."""
    installation = trial.deployment

    async def has_stopped() -> bool:
        code = installation.has_ended()
        assert code is None, f"up has ended with {code}"
        return installation.codes().count(FULL) >= times

    await until(has_stopped, 60)
    said = f"engine {WAITS}"

    async def is_told() -> bool:
        return installation.tails().count(said) >= times

    await until(is_told, 60)
    for _ in range(round(_PATIENCE / POLL)):
        assert installation.running_engine() is None, "an engine runs on a full disk"
        await asyncio.sleep(POLL)


# ── damage ──────────────────────────────────────────────────────────────────────────────────

Damage = Callable[[Path, Random], None]
KNOWN = {StateFormatError.exit_code, WorldChangedError.exit_code}
"""How an installation may end whose files are damaged; a supervisor leaves it at that."""
REMEDY = "from a backup"
_PAGE = 4096


def _in_store(name: str, damage: Damage) -> Damage:
    def damaged(state: Path, random: Random) -> None:
        damage(state / name / "0", random)

    damaged.__name__ = f"{name}{damage.__name__}"
    return damaged


def _overwrite(path: Path, start: int, length: int, random: Random) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(random.randbytes(length))


def log_of_its_store(state: Path, random: Random) -> None:
    """Overwrite bytes in the middle of RocksDB's own log, which a killed engine leaves."""
    log = max((state / "send" / "0").glob("*.log"), key=lambda path: path.stat().st_size)
    size = log.stat().st_size
    assert size > 1000, "the store has no log that anything is in"
    _overwrite(log, random.randrange(size // 4, size // 2), 16, random)


def head_of_the_log(state: Path, random: Random) -> None:
    _overwrite(state / "log.db", 0, 100, random)


def pages_of_the_log(state: Path, random: Random) -> None:
    """Overwrite every other page of the log, but the first two."""
    log = state / "log.db"
    for page in range(2, log.stat().st_size // _PAGE, 2):
        _overwrite(log, page * _PAGE, _PAGE, random)


def half_of_the_log(state: Path, _: Random) -> None:
    log = state / "log.db"
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size // 2 // _PAGE * _PAGE)


def records_of_the_log(state: Path, random: Random) -> None:
    """Flip a byte in each of the last pages, where the last records are."""
    log = state / "log.db"
    content = bytearray(log.read_bytes())
    for page in range(len(content) // _PAGE * 3 // 4, len(content) // _PAGE):
        content[page * _PAGE + random.randrange(200, _PAGE)] ^= 0xFF
    log.write_bytes(content)


def log_beside_the_log(state: Path, random: Random) -> None:
    """Overwrite what SQLite has not yet moved into the file: it then believes in nothing of it."""
    _overwrite(state / "log.db-wal", 32, 64, random)


STOPPED: tuple[Damage, ...] = (
    *(_in_store("detect" if n % 2 else "send", each) for n, each in enumerate(DAMAGES)),
    head_of_the_log,
    pages_of_the_log,
    half_of_the_log,
    records_of_the_log,
)
"""Done to an installation that was stopped in order."""
KILLED: tuple[Damage, ...] = (log_of_its_store, log_beside_the_log)
"""To one that was killed."""


async def damaged(stage: LocalStage, times: int) -> Row:
    """Files are damaged while nothing runs. Whoever meets it says so, ends for good with the exit
    code for it, and decides nothing; what was backed up is put back, and goes on. What nobody meets
    changes no decision."""
    async with stage.trial(allowed=KNOWN) as trial:
        met = 0
        damages = [*KILLED, *STOPPED]
        for number in range(times):
            damage = damages[number % len(damages)]
            await trial.play(1 / (times + 1), 1.0)
            await trial.recovered()
            trial.recoveries.pop()  # from nothing
            if damage in KILLED:
                trial.deployment.strike_engine()
                await trial.end_without_supervisor()
            else:
                await trial.stop()
            met += await _is_met(trial, damage)
            trial.deployment.up()
            await trial.ready()
            await trial.recovered()
        trial.notes.append(f"{met} of {times} damages were met")
        if met < times / 2:
            trial.broken.append("most damages were not met: nothing is shown")
        return await trial.row("F9 files damaged", times)


async def _is_met(trial: LocalTrial, damage: Damage) -> bool:
    """Damage, try to go on, and put back what was there; return whether the damage was met."""
    installation = trial.deployment
    state = installation.place.path
    backup = trial.stage.directory / "backup"
    shutil.copytree(state, backup)
    damage(state, trial.stage.random)
    said, arrived = installation.tails().count(REMEDY), len(trial.sinks.mails)
    installation.up()
    load = asyncio.create_task(installation.produce(trial.following(50)))
    try:
        code = await _code(trial, load)
        if code is None:
            await trial.stop()
            trial.broken += await _decided_otherwise(trial, damage)
            return False
        if code not in KNOWN or code not in STAYS_DOWN:
            trial.broken.append(f"{damage.__name__}: up ended with {code}")
        elif installation.tails().count(REMEDY) == said:
            last = [line for line in installation.tails().splitlines() if "stopping: " in line][-1:]
            trial.broken.append(f"{damage.__name__}: it says nothing of a backup: {last}")
        trial.broken += await _decided_otherwise(trial, damage)
        return True
    finally:
        load.cancel()
        trial.broken += _sent_again(trial, damage, arrived)
        shutil.rmtree(state)
        backup.rename(state)


async def _code(trial: LocalTrial, load: asyncio.Task[None]) -> int | None:
    """Return what ``up`` ended with, or ``None`` where the load has come to be contained."""
    installation = trial.deployment
    async with asyncio.timeout(LIMIT):
        while (code := installation.has_ended()) is None:
            if load.done():
                load.result()
                if installation.contained("detect") >= installation.end_offset("events"):
                    return None
            await asyncio.sleep(POLL)
    return code


def _sent_again(trial: LocalTrial, damage: Damage, arrived: int) -> list[str]:
    """Return what was sent again on what was damaged; and forget what was sent: whoever puts a
    backup back has those messages sent again."""
    mails = trial.sinks.mails
    again = len(set(mails[:arrived]) & set(mails[arrived:]))
    del mails[arrived:]
    return [f"{damage.__name__}: {again} mails were sent again"] if again else []


async def _decided_otherwise(trial: LocalTrial, damage: Damage) -> list[str]:
    """Return what was decided on what was damaged and is not what must be, as far as the log can
    be read."""
    try:
        firings = await trial.deployment.firings()
    except (WorldChangedError, AssertionError):
        return []
    expected = trial.stage.expected
    extra = sum(firing["firing_id"] not in expected for firing in firings)
    return [f"{damage.__name__}: {extra} firings that must not be"] if extra else []
