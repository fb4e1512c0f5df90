"""An installation that began in one directory goes on on Kafka, and decides as if it had been there
all along."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.e2e.deployment import Bootstrapped, Deployment
from tests.e2e.installation import Installation
from tests.e2e.sinks import open_sinks
from tests.e2e.test_promise import (
    SHOP,
    TRIGGERS,
    UNTIL,
    everything_is_delivered,
    not_fired,
    told_as_suppressed,
)
from tests.e2e.told import decided
from triggerstream.authoring.files import read_files
from triggerstream.core.records.record import Produce
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.errors import WorldChangedError
from triggerstream.replay.driver import replay_lines
from triggerstream.stream.local.moved import Moved

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(240)]

MOVED = WorldChangedError.exit_code


class Grown(Deployment):
    """The installation on Kafka, with what it told before it was moved."""

    before: Installation

    async def read(self, short: str) -> list[Any]:
        return [*await self.before.read(short), *await super().read(short)]

    def move(self, *options: str) -> subprocess.Popen[str]:
        """Begin to move what was before."""
        return subprocess.Popen(
            [sys.executable, "-m", "triggerstream", "move", *options, str(self.before.directory)],
            env=self.before.environment | self.settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def moved(self, *options: str) -> tuple[int, str, str]:
        """Move to the end; return exit code, what is said on stdout, and on stderr."""
        moving = self.move(*options)
        out, err = moving.communicate(timeout=120)
        return moving.returncode, out, err


@pytest.fixture(scope="module", name="shop")
def _shop() -> list[bytes]:
    return gzip.decompress(SHOP.read_bytes()).splitlines()


@pytest.fixture(name="triggers")
def _triggers(tmp_path: Path) -> Path:
    return shutil.copytree(TRIGGERS, tmp_path / "shop")


@pytest.mark.parametrize("kills", [0, 6])
async def test_half_the_shop_here_and_half_on_kafka_is_the_shop(
    kafka: Bootstrapped, tmp_path: Path, triggers: Path, shop: list[bytes], kills: int
) -> None:
    """The engine is killed with work before it; and the move, too, again and again."""
    half = len(shop) // 2
    async with open_sinks() as sinks:
        with (
            Installation(triggers, sinks.settings) as here,
            Grown(kafka.bootstrap, tmp_path, TRIGGERS, settings=sinks.settings) as there,
        ):
            there.before = here
            here.engine()
            await here.produce(shop[:half])
            await here.kill_engine()
            for kill in range(kills):
                moving = there.move("--to-kafka")
                await asyncio.sleep(0.6 + 0.35 * kill)
                moving.kill()
                moving.communicate()
            if kills and (place := here.place.moved()) is not None and not place.is_done:
                assert here.run("engine", ".").returncode == MOVED

            code, out, err = there.moved("--to-kafka", "--json")

            assert (code, here.place.moved() is not None) in {(0, True), (MOVED, True)}, err
            if code == 0:
                report = msgspec.json.decode(out)
                assert report["to"]["is_done"] is True
                assert report["states"]["detect"] > 500
            refused = here.run("up", ".")
            assert refused.returncode == MOVED
            assert f"has moved to the Kafka at {kafka.bootstrap}" in refused.stderr

            there.worker("w1")
            there.worker("w2")
            there.sender()
            await there.wait_until_reading("w1")
            await there.produce(shop[half:])
            await there.tick(UNTIL)
            await there.wait_until_done("detect", "events")

            ruleset = load_ruleset(read_files(TRIGGERS), version=1)
            lines = list(replay_lines(ruleset, shop, until=UNTIL))
            expected = decided(line for line in lines if line["kind"] == "firing")
            assert decided(await there.firings()) == expected
            suppressed = Counter(not_fired(line) for line in lines if line["kind"] == "suppressed")
            assert await told_as_suppressed(there) == suppressed
            await everything_is_delivered(there, sinks, expected)


class TestRefusals:
    @pytest.fixture(name="here")
    def _here(self, triggers: Path) -> Installation:
        return Installation(triggers)

    @pytest.fixture(name="there")
    def _there(self, kafka: Bootstrapped, tmp_path: Path, here: Installation) -> Grown:
        there = Grown(kafka.bootstrap, tmp_path, TRIGGERS)
        there.before = here
        return there

    async def played(self, here: Installation, shop: list[bytes]) -> None:
        here.up()
        await here.produce(shop[:2000])

    async def test_one_that_runs_is_not_moved(
        self, here: Installation, there: Grown, shop: list[bytes]
    ) -> None:
        with here:
            await self.played(here, shop)

            code, _, err = there.moved("--to-kafka")

            assert code == 2
            assert "required is an installation that no other process runs" in err
            assert here.stop() == 0

    async def test_topics_that_hold_something_are_not_moved_to(
        self, here: Installation, there: Grown, shop: list[bytes]
    ) -> None:
        with here:
            await self.played(here, shop)
            assert here.stop() == 0
            assert there.run("topics", "create").returncode == 0
            await there.produce(shop[2000:2001])

            code, _, err = there.moved("--to-kafka")
            here.up()
            await here.ready()

            assert code == MOVED
            assert f"found records in {there.topic('events')}" in err
            assert here.stop() == 0

    async def test_nobody_is_moved_under_a_worker_that_runs(
        self, here: Installation, there: Grown, shop: list[bytes]
    ) -> None:
        with here, there:
            await self.played(here, shop)
            assert here.stop() == 0
            there.worker()
            await there.wait_until_reading("worker")

            code, _, err = there.moved("--to-kafka")

            assert code == MOVED
            assert f"in the group {there.prefix}.detect" in err

    async def test_a_move_elsewhere_than_the_one_that_was_begun_is_refused_until_that_is_abandoned(
        self, here: Installation, there: Grown, shop: list[bytes]
    ) -> None:
        with here:
            await self.played(here, shop)
            assert here.stop() == 0
            with here.place:
                here.place.move_to(Moved("other:9092", "other", 3, {"events": "", "actions": ""}))

            started = here.run("engine", ".")
            code, _, err = there.moved("--to-kafka")
            abandoned = there.moved("--abandon")
            then = there.moved("--to-kafka")
            too_late = there.moved("--abandon")

            assert (started.returncode, code) == (MOVED, MOVED)
            assert "a move to the Kafka at other:9092, topics other.* has begun" in err
            assert abandoned[0] == 0
            assert then[0] == 0, then[2]
            assert "moved to the Kafka at" in then[1]
            assert too_late[0] == 2


@pytest.mark.covers("C13")
async def test_where_the_broker_is_the_clock_waits_go_on_and_nothing_is_sent_twice(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    """Carts are left here, and what follows is due there; what was sent is not sent again."""
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "cart.yaml").write_text(
        "trigger: cart\nwhen:\n  sequence:\n    - event: cart\n    - absent: purchase\n"
        "      for: 10s\nthen: [{log: {message: waited}}]\n"
    )
    (directory / "view.yaml").write_text(
        "trigger: view\nwhen: {event: view}\nlimits: {max_per_customer: 1}\n"
        "then: [{log: {message: seen}}]\n"
    )
    (directory / "policy.yaml").write_text("allowed_lateness: 0s\nconsent: {log: none}\n")
    settings = {"TRIGGERSTREAM_CLOCK": "broker"}

    def events(name: str, count: int, of: str = "first") -> list[bytes]:
        return [
            msgspec.json.encode(
                {"event_id": f"{of}-{name}-{n}", "customer_id": f"c{n}", "event_type": name}
            )
            for n in range(count)
        ]

    def customer(event: bytes) -> bytes:
        name: str = msgspec.json.decode(event)["customer_id"]
        return name.encode()

    with (
        Installation(directory, settings) as here,
        Grown(kafka.bootstrap, tmp_path, directory, settings=settings) as there,
    ):
        there.before = here
        here.up()
        await here.append(
            [
                Produce("events", 0, msgspec.json.decode(each)["customer_id"].encode(), each)
                for each in [*events("view", 20), *events("cart", 20)]
            ]
        )
        await here.append([Produce("inbox", 0, None, each) for each in events("late", 5)])
        assert here.stop() == 0
        code, _, err = there.moved("--to-kafka")
        assert code == 0, err
        there.worker("w1")
        there.sender()
        await there.wait_until_reading("w1")
        for each in events("view", 20, of="second"):
            await there.produce_raw(each, customer(each))

        ends: dict[str, str] = {}
        deadline = time.monotonic() + 60
        while len(ends) < 40 and time.monotonic() < deadline:
            for end in await there.deliveries():
                outcome: str = end["outcome"]
                assert ends.setdefault(end["action_id"], outcome) == outcome
            await there.wait_until_done("send", "actions")

        firings = decided(await there.firings())
        assert Counter(each["trigger"] for each in firings.values()) == {"view": 20, "cart": 20}
        assert Counter(ends.values()) == {"sent": 40}
        assert [each["trigger"] for each in await here.firings()] == ["view"] * 20
