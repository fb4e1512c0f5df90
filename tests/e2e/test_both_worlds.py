"""The commands of ``docs/without-a-kafka-client.md``, on Kafka and in a directory alike."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.installation import Installation
from triggerstream.core.records.record import Produce
from triggerstream.installation.find import find_installation
from triggerstream.ops.settings import load_settings

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

PAGE = Path(__file__).parents[2] / "docs" / "without-a-kafka-client.md"
ROOT = PAGE.parents[1]
ROW = re.compile(
    r"^\| (?P<wish>[^|]+) \| `triggerstream (?P<command>[^`]+)` \| \[.*\]\((?P<page>.+)\) "
    r"\| `(?P<file>.+)::(?P<test>\w+)` \|$",
    re.MULTILINE,
)
TRIGGERS = """
trigger: welcome
when: {event: signed_up}
limits: {cooldown: 1h}
then: [{log: {}}, {webhook: {endpoint: nowhere}}]
"""
EVENTS = """\
{"customer_id": "ada", "event_type": "signed_up"}
{"customer_id": "cy", "event_type": "signed_up"}
"""
SHOWS = {
    "send ada signed_up plan=pro": ["sent 1 event of 1 customer, all acknowledged ("],
    "send bob signed_up plan=pro --watch": [
        "  bob       welcome       fired        log, webhook  ",
        "  bob       welcome       sent         log  ",
        "decided, and all that came of it has ended\n",
    ],
    "send events.jsonl": ["sent 2 events of 2 customers, all acknowledged\n"],
    "tail decisions": [
        "  ada       welcome       fired        log, webhook  ",
        "  ada       welcome       not fired    cooldown",
        "  cy        welcome       fired        log, webhook  ",
    ],
    "tail deliveries": [
        "  cy        welcome       sent         log  ",
        "  cy        welcome       failed       webhook: no_provider",
    ],
    "tail --customer ada --since 1h": [
        "  ada       welcome       fired        log, webhook  ",
        "  ada       welcome       not fired    cooldown",
        "  ada       welcome       sent         log  ",
    ],
    "inspect ada": ["detect:\n  customer_id: ada\n", "send:\n  customer_id: ada\n"],
    "dlq list": ["bad_json", "1 dead letters of events\n"],
    "dlq show --reason bad_json": ["letter 0 of partition 0\n", "  value    nonsense\n"],
    "deploy .": ["nothing changed: . is in force as version 1\n"],
    "erase ada --wait": ["to be forgotten: ada (", "forgotten\n"],
}
"""What each command of the page shows, in its order."""


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "welcome.yaml").write_text(TRIGGERS)
    (project / "events.jsonl").write_text(EVENTS)
    return project


@pytest.fixture(
    name="world", params=[pytest.param("kafka", marks=pytest.mark.kafka), "a directory"]
)
def _world(
    request: pytest.FixtureRequest, project: Path, tmp_path: Path
) -> Iterator[Deployment | Installation]:
    """An installation that is starting."""
    settings = {"TRIGGERSTREAM_CLOCK": "broker"}
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka").bootstrap
        with Deployment(
            bootstrap, tmp_path, project, partitions=2, settings=settings
        ) as deployment:
            deployment.worker()
            deployment.sender()
            yield deployment
    else:
        with Installation(project, settings) as installation:
            installation.up()
            yield installation


async def is_ready(world: Deployment | Installation) -> None:
    if isinstance(world, Installation):
        await world.ready()
    else:
        await world.wait_until_reading("worker")
        await world.wait_until_reading("sender")


async def run(
    world: Deployment | Installation, project: Path, command: str
) -> CompletedProcess[str]:
    """Run *command* as somebody would who stands in *project*."""
    words = shlex.split(command)
    if words[0] == "tail":
        words.append("--no-follow")
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "triggerstream", *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), **world.settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def all_is_done(world: Deployment | Installation) -> None:
    for process, topic in (("detect", "inbox"), ("detect", "events"), ("send", "actions")):
        await world.wait_until_done(process, topic)


async def somebody_appends_nonsense(world: Deployment | Installation, project: Path) -> None:
    found = find_installation(load_settings(world.settings), project, is_deployed=True)
    async with found.entrance() as entrance:
        await (await entrance.append([Produce("inbox", 0, b"eve", b"nonsense")]))


def test_each_line_of_the_page_has_a_page_and_tests_that_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = list(ROW.finditer(text))

    assert len(rows) == text.count("\n| ") - 1, "all but the head are read"
    assert [row["command"] for row in rows] == list(SHOWS)
    for row in rows:
        assert (PAGE.parent / row["page"]).exists()
        assert f"def {row['test']}(" in (ROOT / row["file"]).read_text(encoding="utf-8")


async def test_every_command_of_the_page_does_what_it_says(
    world: Deployment | Installation, project: Path
) -> None:
    await is_ready(world)
    await somebody_appends_nonsense(world, project)

    for command, words in SHOWS.items():
        ran = await run(world, project, command)
        shown = ran.stdout + ran.stderr
        assert ran.returncode == 0, (command, shown)
        assert [each for each in words if each not in shown] == [], (command, shown)
        await all_is_done(world)

    gone = await run(world, project, "inspect ada")
    assert (gone.returncode, gone.stdout) == (1, ""), gone.stdout
    assert gone.stderr == "nothing is remembered of 'ada'\n"


async def test_what_was_appended_while_nothing_ran_is_decided_when_it_runs(project: Path) -> None:
    """In a directory; on Kafka it is the broker that keeps it."""
    settings = {"TRIGGERSTREAM_CLOCK": "broker"}
    with Installation(project, settings) as world:
        world.up()
        await is_ready(world)
        assert world.stop() == 0

        sent = await run(world, project, "send ada signed_up")
        waiting = await run(world, project, "send bob signed_up --watch --for 1s")
        ordered = await run(world, project, "erase cy --wait --for 1s")
        asked = await run(world, project, "inspect ada")
        assert (sent.returncode, waiting.returncode) == (0, 1)
        assert waiting.stderr.endswith(
            "after 1 s nobody has decided all of it, which stands in events: is `triggerstream up "
            ".` running?\n"
        )
        assert ordered.returncode == 1
        assert "is not known that these are forgotten: cy. The order stands in" in ordered.stderr
        assert asked.returncode == 69

        world.up()
        await is_ready(world)
        await all_is_done(world)
        tailed = await run(world, project, "tail decisions")
        assert [line.split()[1:4] for line in tailed.stdout.splitlines()][-2:] == [
            ["ada", "welcome", "fired"],
            ["bob", "welcome", "fired"],
        ]


async def test_an_engine_that_was_killed_is_not_asked(project: Path) -> None:
    """In a directory: what it has left names it still."""
    with Installation(project, {"TRIGGERSTREAM_CLOCK": "broker"}) as world:
        engine = world.engine()
        await is_ready(world)
        engine.kill()
        engine.wait()

        sent = await run(world, project, "send ada signed_up")
        asked = await run(world, project, "inspect ada")

    assert (sent.returncode, asked.returncode) == (0, 69), sent.stderr
    assert asked.stderr.startswith(".: no engine runs here now that could be asked; start ")
